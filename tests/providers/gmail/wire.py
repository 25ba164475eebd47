"""A server that answers with exact bytes, or misbehaves, for what the stand-in would never say."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

REQUEST_BYTES_MAX = 65_536
TOKEN_JSON = b'{"access_token": "t", "expires_in": 3599, "token_type": "Bearer"}'


class Wire:
    """Answers every request to `/token` with a token, every other with `answer`; then closes.

    `answer` None: the connection is cut after the request. `hang`: no answer ever comes.
    """

    def __init__(self) -> None:
        self.base_url = ""
        self.token_answer: bytes = answer(200, TOKEN_JSON)
        self.answer: bytes | None = answer(200, b"{}")
        self.is_hanging = False
        self.requests: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            request = await _request(reader)
            is_token = request.startswith(b"POST /token")
            if not is_token:
                self.requests.append(request)
            if self.is_hanging and not is_token:
                await reader.read()
            given = self.token_answer if is_token else self.answer
            if given is not None:
                writer.write(given)
                await writer.drain()
        writer.close()


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")), 0
    )
    assert length <= REQUEST_BYTES_MAX
    return head + await reader.readexactly(length)


def answer(status: int, body: bytes, *headers: str, length: int | None = None) -> bytes:
    """An HTTP/1.1 answer; `length` may lie."""
    lines = [
        f"HTTP/1.1 {status} X",
        "content-type: application/json",
        f"content-length: {len(body) if length is None else length}",
        "connection: close",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[Wire]:
    """The server, listening."""
    wire = Wire()
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    wire.base_url = f"http://{host}:{port}"
    try:
        yield wire
    finally:
        server.close()
