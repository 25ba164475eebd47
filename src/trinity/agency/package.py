"""The runtime package: all that an agent is told. Released text, ids of the rest, no secret.

It is checked on the way out: a released source is read again from its row, and of anything else only ids,
sizes, times and enumerations go in, because a subject or a file name is content too.
"""

from uuid import UUID

from trinity import accounts, effects, integrations, sources
from trinity.agency.queries import Run
from trinity.hermes.profiles import SKILLS, WRITER
from trinity.kit.canonical import Json, rfc3339
from trinity.store.database import Tx

FORMAT = "trinity/runtime-package/v1"


async def build_package(tx: Tx, run: Run, model: str) -> dict[str, Json]:
    """The package of one run, as canonical data; its digest is kept with the run."""
    project = await accounts.get_project(tx, run.project_id)
    mailbox = await _mailbox(tx, project.integration_id)
    contact: Json = {"addr": run.contact_addr, "name": run.contact_name or ""} if run.contact_addr else None
    return {
        "format": FORMAT,
        "run": {"id": str(run.id), "goal": run.goal, "kind": run.kind},
        "project": {"id": str(project.id), "name": project.name, "summary": project.summary},
        "profile": WRITER.as_data(),
        "mailbox": mailbox,
        "contact": contact,
        "sources": [_released(one) for one in await sources.list_readable(tx, run.project_id, run.contact_id)],
        "withheld": await _withheld(tx, run),
        "approvals": await _approvals(tx, run.id),
        "skills": [skill.as_data() for skill in SKILLS],
        "model": model,
    }


async def _mailbox(tx: Tx, integration_id: UUID | None) -> Json:
    if integration_id is None:
        return None
    mailbox = await integrations.get_integration(tx, integration_id)
    return {"address": mailbox.address, "aliases": [str(alias) for alias in mailbox.aliases]}


def _released(source: sources.Source) -> Json:
    assert source.release_state == "released", "unreleased text must never reach an agent"
    return {"id": str(source.id), "origin": source.origin, "title": source.title, "text": source.text}


async def _withheld(tx: Tx, run: Run) -> list[Json]:
    return [
        {"id": str(one.id), "origin": one.origin, "bytes": one.size_bytes, "at": rfc3339(one.created_at)}
        for one in await sources.list_withheld(tx, run.project_id, run.contact_id)
    ]


async def _approvals(tx: Tx, run_id: UUID) -> list[Json]:
    calls = await effects.list_tool_calls(tx, run_id=run_id)
    return [{"tool_call_id": str(one.id), "operation": one.operation, "state": one.state} for one in calls]
