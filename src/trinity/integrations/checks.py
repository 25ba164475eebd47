"""Whether a provider is ready: the newest finding of each check, and which findings stand in an operation's way."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from trinity import audit
from trinity.integrations.queries import Integration, list_integrations
from trinity.kit.actor import Actor
from trinity.kit.ids import uuid7
from trinity.store.database import TO_COME, Job, Tx

CHECK_JOB = "trinity.jobs.checks.CheckIntegration"
CHECK_QUEUE = "executor"
CHECK_ATTEMPTS_MAX = 3
INTERVAL = timedelta(minutes=5)
INTERVAL_WHILE_UNWELL = timedelta(minutes=1)
JITTER_S = 60
"""Spread by the integration's id, so that a thousand accounts do not ask in the same second."""
FAILING_MAX_AGE = timedelta(minutes=15)
"""A failing check that is older says nothing about now, except that a credential does not mend itself."""
DETAIL_CHARS_MAX = 300
CHECKS_MAX = 50

REACHABLE, CREDENTIAL, ALIAS, WATCH, WEBHOOK = "reachable", "credential", "alias", "watch", "webhook"
NEEDED = frozenset({REACHABLE, CREDENTIAL, ALIAS})
NEEDED_TOO = {"stripe.checkout_session": frozenset({WEBHOOK})}
"""A customer who pays must be heard; a refund, whose outcome we fetch, need not be."""

type State = Literal["ok", "failing", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found just now. `detail` is for people: our words, or the provider's, shortened."""

    name: str
    state: State
    detail: str


@dataclass(frozen=True, slots=True)
class Check:
    """The newest finding of one check of an integration."""

    integration_id: UUID
    name: str
    state: State
    detail: str
    checked_at: datetime


def checks_needed(operation: str) -> frozenset[str]:
    """The checks that must not fail for an operation to run."""
    return NEEDED | NEEDED_TOO.get(operation, frozenset())


def is_in_the_way(check: Check, operation: str, now: datetime) -> bool:
    """Whether a finding refuses an operation: it fails, is needed, and still says something about now."""
    is_current = check.name == CREDENTIAL or now - check.checked_at <= FAILING_MAX_AGE
    return check.state == "failing" and check.name in checks_needed(operation) and is_current


async def readiness(tx: Tx, integration_id: UUID) -> list[Check]:
    """The newest finding of each check of one integration, by name; empty before the first time."""
    return [one for one in await list_checks(tx) if one.integration_id == integration_id]


async def is_ready(tx: Tx, integration_id: UUID, operation: str, now: datetime) -> bool:
    """Whether no check stands in the way of an operation of this integration."""
    return not any(is_in_the_way(one, operation, now) for one in await readiness(tx, integration_id))


async def list_checks(tx: Tx) -> list[Check]:
    """The newest findings of all the account's integrations."""
    rows = await tx.all(
        "select integration_id, name, state, detail, checked_at from provider_checks"
        f" order by integration_id, name limit {CHECKS_MAX * 10}"
    )
    return [Check(**row) for row in rows]


async def due(tx: Tx, now: datetime) -> list[Integration]:
    """The integrations whose checks have to be made again. One that was disconnected is left alone."""
    seen: dict[UUID, list[Check]] = {}
    for one in await list_checks(tx):
        seen.setdefault(one.integration_id, []).append(one)
    found = [one for one in await list_integrations(tx) if one.state != "disconnected"]
    return [one for one in found if _is_due(one.id, seen.get(one.id, []), now)]


def _is_due(integration_id: UUID, checks: Sequence[Check], now: datetime) -> bool:
    if not checks:
        return True
    is_well = all(one.state == "ok" for one in checks)
    jitter = timedelta(seconds=integration_id.int % JITTER_S) if is_well else timedelta()
    return now - max(one.checked_at for one in checks) >= (INTERVAL if is_well else INTERVAL_WHILE_UNWELL) + jitter


async def record_checks(tx: Tx, integration_id: UUID, findings: Sequence[Finding], now: datetime) -> None:
    """Keep what was found. What changed is an audit event; the first time all is well is none."""
    before = {one.name: one for one in await readiness(tx, integration_id)}
    actor = Actor.system(tx.account_id, "checks")
    for found in findings:
        await _upsert(tx, integration_id, found, now)
        earlier = before[found.name].state if found.name in before else None
        if found.state != earlier and not (earlier is None and found.state == "ok"):
            facts = {"check": found.name, "from": earlier or "none", "to": found.state}
            subject = ("integration", integration_id)
            await audit.record(tx, actor, "integration.check_changed", subject, now, facts)
    tx.notify("integrations")


async def _upsert(tx: Tx, integration_id: UUID, found: Finding, now: datetime) -> None:
    await tx.execute(
        "insert into provider_checks (account_id, id, integration_id, name, state, detail, checked_at)"
        " values (%(a)s, %(id)s, %(i)s, %(name)s, %(state)s, %(detail)s, %(now)s)"
        " on conflict (account_id, integration_id, name) do update"
        " set state = excluded.state, detail = excluded.detail, checked_at = excluded.checked_at",
        {
            "a": tx.account_id,
            "id": uuid7(now),
            "i": integration_id,
            "name": found.name,
            "state": found.state,
            "detail": " ".join(found.detail.split())[:DETAIL_CHARS_MAX],
            "now": now,
        },
    )


async def forget_checks(tx: Tx, integration_id: UUID, now: datetime) -> None:
    """What was found with an old credential says nothing about a new one."""
    await tx.execute(
        "update provider_checks set state = 'unknown', detail = 'Connected again; not checked yet.', checked_at = %(now)s"
        " where integration_id = %(i)s",
        {"i": integration_id, "now": now},
    )
    await ask_for_check(tx, integration_id)


async def ask_for_check(tx: Tx, integration_id: UUID) -> None:
    """Have an integration checked soon; whoever asks while a check is on its way waits for that one."""
    args = {"account_id": str(tx.account_id), "integration_id": str(integration_id)}
    await tx.enqueue_unless(Job(CHECK_JOB, CHECK_QUEUE, args, None, CHECK_ATTEMPTS_MAX), TO_COME)
