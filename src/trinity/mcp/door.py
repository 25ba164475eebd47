"""The door's HTTP: `/door/v1/…`, bearer lease, JSON in and out.

Denials are answers with status 200 and `{"ok": false, "code", "message"}`: a runtime must not take them for
a broken connection. Codes: lease_revoked, lease_expired, run_stopped, invalid, denied, conflict, quota.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import httpx
from litestar import Litestar, Request, Response, get, post
from litestar.datastructures import State
from litestar.types import ControllerRouterHandler

from trinity import agency, sources
from trinity.agency.leases import Leased, account_of_lease, find_lease
from trinity.errors import Blocked, NotFound, ProviderError, Refused
from trinity.gateway import House, Proposal, propose
from trinity.kit.canonical import canonical_bytes, digest_hex
from trinity.mcp import messages
from trinity.modelrouter import ModelEndpoint, complete
from trinity.store.database import Tx

PREFIX = "/door/v1"
CODES = {"lease_revoked", "lease_expired", "run_stopped", "quota"}
CONFLICTS = {"idempotency_conflict"}

Call = Request[None, None, State]


@dataclass(frozen=True, slots=True)
class Door:
    """What the door's handlers need: the house, and the way to the model with our key."""

    house: House
    model: ModelEndpoint | None
    http: httpx.AsyncClient

    async def within(self, call: Call, work: Callable[[Tx, Leased], Awaitable[dict[str, object]]]) -> Response[bytes]:
        """Check the lease and do the work in one unit of work; a refusal becomes an answer."""
        try:
            token = _token(call)
            account_id = await account_of_lease(self.house.db, token)
            async with self.house.db.transaction(account_id) as tx:
                found = await work(tx, await find_lease(tx, token, self.house.clock()))
            return _answer({"ok": True} | found)
        except (Refused, Blocked) as error:
            return _denied(error)


def build_door(house: House, model: ModelEndpoint | None, http: httpx.AsyncClient) -> Litestar:
    """The door as an ASGI app; the general worker serves it on loopback."""
    door = Door(house, model, http)
    return Litestar(
        route_handlers=[*_reading(door), *_writing(door), *_proposing(door)],
        openapi_config=None,
        logging_config=None,
        request_max_body_size=messages.BODY_BYTES_MAX,
    )


def _reading(door: Door) -> list[ControllerRouterHandler]:
    @get(f"{PREFIX}/package")
    async def package(request: Call) -> Response[bytes]:
        async def work(tx: Tx, leased: Leased) -> dict[str, object]:
            run = await agency.get_run(tx, leased.run_id)
            made = await agency.build_package(tx, run, door.model.model if door.model else "none")
            digest = digest_hex(canonical_bytes(made.data))
            await agency.keep_package(tx, run.id, digest, made.source_ids, door.house.clock())
            return {"package": made.data}

        return await door.within(request, work)

    @post(f"{PREFIX}/chat/completions", status_code=200)
    async def chat(request: Call) -> Response[bytes]:
        async def allowed(tx: Tx, leased: Leased) -> dict[str, object]:
            return {}

        checked = await door.within(request, allowed)
        if json.loads(checked.content) != {"ok": True}:
            return checked
        try:
            if door.model is None:
                raise Refused("denied", "No model is configured.", status=503)
            body = json.loads(await request.body())
            if not isinstance(body, dict):
                raise Refused("invalid", "A chat completion is asked for with an object.", status=422)
            return _answer(await complete(door.model, door.http, body))
        except (Refused, ProviderError, ValueError, RecursionError) as error:
            return _answer({"ok": False, "code": "denied", "message": f"The model could not be asked: {error}"})

    return [package, chat]


type Act[M: messages.Said] = Callable[[Tx, UUID, M, datetime], Awaitable[dict[str, object]]]
"""What a message does to the run that it comes from; answers with what the runtime is told beside `ok`."""


def _writing(door: Door) -> list[ControllerRouterHandler]:
    return [
        _taking(door, "/plan", messages.Plan, _plan),
        _taking(door, "/steps", messages.StepMark, _step),
        _taking(door, "/sources-used", messages.SourceUse, _use_source),
        _taking(door, "/drafts", messages.DraftText, _draft),
        _taking(door, "/reports", messages.ReportOrder, _reporting(door)),
        _taking(door, "/artifact-requests", messages.ArtifactRequest, _artifact_request),
        _taking(door, "/events", messages.Note, _note),
        _taking(door, "/finish", messages.Finish, _finish),
    ]


def _taking[M: messages.Said](door: Door, path: str, model: type[M], act: Act[M]) -> ControllerRouterHandler:
    """A POST that takes one kind of message. The lease is asked first: who has none learns nothing of the body."""

    @post(f"{PREFIX}{path}", status_code=200)
    async def take(request: Call) -> Response[bytes]:
        body = await request.body()

        async def work(tx: Tx, leased: Leased) -> dict[str, object]:
            return await act(tx, leased.run_id, messages.read(model, body), door.house.clock())

        return await door.within(request, work)

    return take


async def _plan(tx: Tx, run_id: UUID, said: messages.Plan, now: datetime) -> dict[str, object]:
    await agency.record_event(tx, run_id, "plan", {"steps": said.steps}, now)
    return {}


async def _step(tx: Tx, run_id: UUID, said: messages.StepMark, now: datetime) -> dict[str, object]:
    await agency.mark_step(tx, run_id, said.step, said.state, now)
    return {}


async def _use_source(tx: Tx, run_id: UUID, said: messages.SourceUse, now: datetime) -> dict[str, object]:
    await agency.use_source(tx, await agency.get_run(tx, run_id), UUID(said.source_id), now)
    return {}


async def _draft(tx: Tx, run_id: UUID, said: messages.DraftText, now: datetime) -> dict[str, object]:
    return {"draft_id": str(await agency.save_draft(tx, run_id, said.title, said.text, now))}


def _reporting(door: Door) -> Act[messages.ReportOrder]:
    """Make a draft into files, in quarantine: they can be proposed as attachments, and not be sent before a release."""

    async def report(tx: Tx, run_id: UUID, said: messages.ReportOrder, now: datetime) -> dict[str, object]:
        store = sources.open_store(door.house.settings)
        draft_id = UUID(said.draft_id)
        made = [
            await sources.get_artifact(tx, one) for one in await agency.report_draft(tx, store, run_id, draft_id, now)
        ]
        await agency.note_report(tx, run_id, draft_id, [one.id for one in made], now)
        files = [{"id": str(one.id), "name": one.name, "media_type": one.media_type} for one in made]
        return {"artifacts": files, "release_state": "quarantined"}

    return report


async def _artifact_request(tx: Tx, run_id: UUID, said: messages.ArtifactRequest, now: datetime) -> dict[str, object]:
    await agency.request_artifact(tx, run_id, said.title, said.reason, now)
    return {}


async def _note(tx: Tx, run_id: UUID, said: messages.Note, now: datetime) -> dict[str, object]:
    kind = "confinement" if said.confinement else "note"
    event = {"text": said.text} | ({"confinement": said.confinement} if said.confinement else {})
    await agency.record_event(tx, run_id, kind, event, now)
    return {}


async def _finish(tx: Tx, run_id: UUID, said: messages.Finish, now: datetime) -> dict[str, object]:
    await agency.finish_run(tx, run_id, said.outcome, said.summary, now)
    return {}


def _proposing(door: Door) -> list[ControllerRouterHandler]:
    @post(f"{PREFIX}/intents", status_code=200)
    async def intents(request: Call) -> Response[bytes]:
        try:
            made = await _propose(door, _token(request), await request.body())
        except (Refused, Blocked) as error:
            return _denied(error)
        return _answer({"ok": True} | made)

    return [intents]


async def _propose(door: Door, token: str, body: bytes) -> dict[str, object]:
    """The lease is checked in the very transaction that writes the ToolCall."""
    house = door.house
    said = messages.read(messages.Intent, body)
    account_id = await account_of_lease(house.db, token)
    async with house.db.transaction(account_id) as tx:
        leased = await find_lease(tx, token, house.clock())
    proposal = Proposal(
        leased.project_id,
        said.operation,
        f"run/{leased.run_id}/{said.idempotency_key}",
        said.payload,
        run_id=leased.run_id,
        reason=said.reason,
    )
    made = await propose(house, leased.actor, proposal, guard=lambda tx: find_lease(tx, token, house.clock()))
    if made.is_new:
        async with house.db.transaction(account_id) as tx:
            event = {"tool_call_id": str(made.tool_call_id), "operation": said.operation}
            await agency.write_event(tx, leased.run_id, "intent", event, house.clock())
    return {"tool_call_id": str(made.tool_call_id), "state": made.state}


def _token(request: Call) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Refused("lease_revoked", "A bearer lease is needed.", status=401)
    return token


def _denied(error: Refused | Blocked) -> Response[bytes]:
    if isinstance(error, Blocked):
        return _answer({"ok": False, "code": "denied", "message": str(error)})
    if error.code in CODES:
        code = error.code
    elif error.code in CONFLICTS:
        code = "conflict"
    else:
        code = "denied" if isinstance(error, NotFound) or error.status == 403 else "invalid"
    detail = error.details.get("problems")
    text = f"{error.message} {json.dumps(detail)}" if detail else error.message
    return _answer({"ok": False, "code": code, "message": text})


def _answer(value: object) -> Response[bytes]:
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(data, media_type="application/json", status_code=200)
