"""Proof: the seven properties, verification in place, and the packet to take away."""

from uuid import UUID

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Stream

from trinity.errors import NotFound
from trinity.web.context import PageRequest, house_of, web_of
from trinity.web.guards import member
from trinity.web.rooms.proof import ProofRoom
from trinity.web.stream import Page, answer

KINDS = ("order", "run", "tool-call")
TOPICS = {"order": "order", "run": "run", "tool-call": "call"}


@get("/proof", guards=[member], include_in_schema=False)
async def proofs(request: PageRequest) -> Response[str] | Stream:
    """Orders, runs and everything that was executed, with what the verifier says of each."""
    web = web_of(request)

    async def draw() -> Page:
        room = ProofRoom(web.house) if web.house else None
        values = {
            "orders": await room.packets(request.user, "order") if room else (),
            "runs": await room.packets(request.user, "run") if room else (),
            "calls": await web.desk.provable(request.user),
        }
        return Page("proofs.html", "Proof", "proof", values, frozenset({"sent"}))

    return await answer(request, draw)


@get("/proof/{kind:str}/{id_:uuid}", guards=[member], include_in_schema=False)
async def proof(request: PageRequest, kind: FromPath[str], id_: FromPath[UUID]) -> Response[str] | Stream:
    """The proof of one effect, run or order; `?verify=now` exports the packet and verifies it on the spot."""
    demand_kind(kind)
    web = web_of(request)
    is_asked = request.query_params.get("verify") == "now"
    verification = await web.desk.verify(request.user, kind, id_) if is_asked else None

    async def draw() -> Page:
        found = await web.desk.proof(request.user, kind, id_)
        is_story = kind == "order" and web.house is not None
        steps = await ProofRoom(house_of(request)).steps(request.user, id_) if is_story else ()
        values = {"proof": found, "verification": verification, "steps": steps}
        topics = frozenset({f"{TOPICS[kind]}:{id_}", "sent"})
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
