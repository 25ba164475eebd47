"""The runtime package: all that an agent is told. Released text, ids of the rest, no secret.

It is checked on the way out: a released source is read again from its row, and of anything else only ids,
sizes, times and enumerations go in, because a subject or a file name is content too. Every text keeps its origin as a
label, and no text of one customer is in a package for another.
"""

import json
from dataclasses import dataclass
from uuid import UUID

from trinity import accounts, crm, effects, integrations, revenue, sources
from trinity.agency.queries import Run
from trinity.hermes.profiles import profile_of, skills_of
from trinity.kit.canonical import Json, rfc3339
from trinity.store.database import Tx

FORMAT = "trinity/runtime-package/v1"
TEXT_BYTES_MAX = 300_000
"""All sources of a package together: a runtime reads no larger answer, and a model no longer conversation."""
MESSAGES_MAX = 20
MESSAGE_CHARS_MAX = 6_000


@dataclass(frozen=True, slots=True)
class Package:
    """What an agent is told, and which sources are in it."""

    data: dict[str, Json]
    source_ids: tuple[UUID, ...]


async def build_package(tx: Tx, run: Run, model: str) -> Package:
    """The package of one run, as canonical data; its digest is kept with the run."""
    project = await accounts.get_project(tx, run.project_id)
    readable = await sources.list_readable(tx, run.project_id, run.contact_id)
    thread, in_thread = await _thread(tx, run)
    told = _fitting([one for one in readable if one.id not in in_thread])
    contact: Json = {"addr": run.contact_addr, "name": run.contact_name or ""} if run.contact_addr else None
    data: dict[str, Json] = {
        "format": FORMAT,
        "run": {"id": str(run.id), "goal": run.goal, "kind": run.kind},
        "project": {"id": str(project.id), "name": project.name, "summary": project.summary},
        "profile": profile_of(run.kind).as_data(),
        "mailbox": await _mailbox(tx, project.integration_id),
        "contact": contact,
        "order": await _order(tx, run),
        "thread": thread,
        "sources": [_released(one) for one in told],
        "withheld": await _withheld(tx, run),
        "files": await _files(tx, run),
        "approvals": await _approvals(tx, run.id),
        "skills": [skill.as_data() for skill in skills_of(run.kind)],
        "model": model,
    }
    return Package(data, (*in_thread, *(one.id for one in told)))


async def _mailbox(tx: Tx, integration_id: UUID | None) -> Json:
    if integration_id is None:
        return None
    mailbox = await integrations.get_integration(tx, integration_id)
    return {"address": mailbox.address, "aliases": [str(alias) for alias in mailbox.aliases]}


def _fitting(found: list[sources.Source]) -> list[sources.Source]:
    """As many as fit, in their order."""
    left, told = TEXT_BYTES_MAX, []
    for one in found:
        left -= one.size_bytes
        if left < 0:
            break
        told.append(one)
    return told


def _released(source: sources.Source) -> Json:
    assert source.release_state == "released", "unreleased text must never reach an agent"
    return {"id": str(source.id), "origin": source.origin, "title": source.title, "text": source.text}


async def _order(tx: Tx, run: Run) -> Json:
    """What was bought, in our own words; nothing of how it was paid."""
    if run.order_id is None:
        return None
    order = await revenue.get_order(tx, run.order_id)
    return {"number": order.number, "offer": order.offer_title}


async def _thread(tx: Tx, run: Run) -> tuple[Json, tuple[UUID, ...]]:
    """The conversation that a reply belongs to, oldest message first, and the sources whose text stands in it."""
    if run.thread_id is None:
        return None, ()
    messages: list[Json] = []
    told: list[UUID] = []
    subject: str | None = None
    for one in (await crm.list_messages(tx, run.thread_id))[-MESSAGES_MAX:]:
        source = await sources.get_source(tx, one.source_id) if one.source_id else None
        facts: dict[str, Json] = {
            "id": str(one.id),
            "direction": one.direction,
            "kind": one.kind,
            "at": rfc3339(one.sent_at),
        }
        if source and _is_readable(source, run):
            subject = subject or one.subject
            told.append(source.id)
            facts |= {"source_id": str(source.id), "origin": source.origin, "text": source.text[:MESSAGE_CHARS_MAX]}
        elif one.direction == "out" and one.tool_call_id and await _is_to(tx, one.tool_call_id, run):
            subject = subject or one.subject
            facts |= {"origin": "agent", "text": await _sent_text(tx, one.tool_call_id)}
        else:
            facts["withheld"] = True
        messages.append(facts)
    return {"id": str(run.thread_id), "subject": subject, "messages": messages}, tuple(told)


def _is_readable(source: sources.Source, run: Run) -> bool:
    return source.release_state == "released" and source.contact_id in (None, run.contact_id)


async def _is_to(tx: Tx, call_id: UUID, run: Run) -> bool:
    """Whether a mail of ours went to the run's contact: a thread can be joined by others."""
    typed = _typed((await effects.get_envelope(tx, call_id)).typed_payload)
    everyone = [str(one.get("addr", "")).lower() for one in typed.get("to", ())]
    return run.contact_addr is not None and run.contact_addr.lower() in everyone


async def _sent_text(tx: Tx, call_id: UUID) -> str:
    return str(_typed((await effects.get_envelope(tx, call_id)).typed_payload).get("text", ""))[:MESSAGE_CHARS_MAX]


def _typed(data: bytes) -> dict[str, list[dict[str, str]]]:
    """What was asked for; our own canonical bytes."""
    found: dict[str, list[dict[str, str]]] = json.loads(data)
    return found


async def _withheld(tx: Tx, run: Run) -> list[Json]:
    return [
        {"id": str(one.id), "origin": one.origin, "bytes": one.size_bytes, "at": rfc3339(one.created_at)}
        for one in await sources.list_withheld(tx, run.project_id, run.contact_id)
    ]


async def _files(tx: Tx, run: Run) -> list[Json]:
    return [
        {"id": str(one.id), "name": one.name, "media_type": one.media_type, "bytes": one.size_bytes}
        for one in await sources.list_released_files(tx, run.project_id, run.contact_id)
    ]


async def _approvals(tx: Tx, run_id: UUID) -> list[Json]:
    calls = await effects.list_tool_calls(tx, run_id=run_id)
    return [{"tool_call_id": str(one.id), "operation": one.operation, "state": one.state} for one in calls]
