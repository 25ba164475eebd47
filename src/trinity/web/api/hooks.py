"""What the doors for providers' own messages share: a bounded body, whose account it is, and one answer for every refusal."""

from uuid import UUID

from litestar import Request, Response

REFUSAL = {"code": "webhook_refused"}
"""One answer for everything that is refused: which check said no is for our record, not for who tries."""


async def bounded(request: Request, bytes_max: int) -> bytes:  # type: ignore[type-arg]
    """The body up to one byte more than is taken: a larger one is refused, and never held whole."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > bytes_max:
            break
    return bytes(body[: bytes_max + 1])


def account_in(text: str) -> UUID | None:
    """The account that an address names; None where it names none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def answer(*, is_taken: bool) -> Response[dict[str, str]]:
    """200 for what was taken, 400 for all else."""
    return Response({"received": "yes"} if is_taken else REFUSAL, status_code=200 if is_taken else 400)
