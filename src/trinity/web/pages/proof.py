"""Proof: the seven properties, verification in place, and the packet to take away."""

from uuid import UUID

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Stream

from trinity.errors import NotFound
from trinity.web.context import PageRequest, web_of
from trinity.web.guards import member
from trinity.web.stream import Page, answer

KINDS = ("tool-call", "run")


@get("/proof", guards=[member], include_in_schema=False)
async def proofs(request: PageRequest) -> Response[str] | Stream:
    """Everything that was executed, with its proof state."""

    async def draw() -> Page:
        found = await web_of(request).desk.provable(request.user)
        return Page("proofs.html", "Proof", "proof", {"calls": found}, frozenset({"sent"}))

    return await answer(request, draw)


@get("/proof/{kind:str}/{id_:uuid}", guards=[member], include_in_schema=False)
async def proof(request: PageRequest, kind: FromPath[str], id_: FromPath[UUID]) -> Response[str] | Stream:
    """The proof of one effect or run; `?verify=now` exports the packet and verifies it on the spot."""
    demand_kind(kind)
    web = web_of(request)
    is_asked = request.query_params.get("verify") == "now"
    verification = await web.desk.verify(request.user, kind, id_) if is_asked else None

    async def draw() -> Page:
        found = await web.desk.proof(request.user, kind, id_)
        values = {"proof": found, "verification": verification}
        topics = frozenset({f"{'run' if kind == 'run' else 'call'}:{id_}", "sent"})
        return Page("proof.html", f"Proof: {found.title}", "proof", values, topics)

    return await answer(request, draw)


@get("/proof/{kind:str}/{id_:uuid}/packet", guards=[member], include_in_schema=False)
async def packet(request: PageRequest, kind: FromPath[str], id_: FromPath[UUID]) -> Response[bytes]:
    """The packet as a file."""
    demand_kind(kind)
    body = await web_of(request).desk.packet(request.user, kind, id_)
    headers = {"content-disposition": f'attachment; filename="{kind}-{id_}.json"'}
    return Response(body, media_type="application/json", headers=headers)


def demand_kind(kind: str) -> None:
    """Raise `NotFound` for a kind of proof that does not exist."""
    if kind not in KINDS:
        raise NotFound("kind of proof")


handlers: list[HTTPRouteHandler] = [proofs, proof, packet]
