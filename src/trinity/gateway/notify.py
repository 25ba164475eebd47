"""Telling people: a notice is an effect like any other, proposed in the unit of work of what it is about.

Its idempotency key follows from the template and its subject, so that whoever says it again says nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from trinity import accounts, approvals, audit, effects, integrations, revenue
from trinity.errors import Refused
from trinity.gateway.house import House
from trinity.gateway.notices import BASE_URL, TEMPLATES, Facts, render
from trinity.gateway.operations import OPERATIONS
from trinity.gateway.propose import Proposal, propose_in
from trinity.kit.actor import Actor
from trinity.kit.canonical import rfc3339
from trinity.providers.gmail.address import Address, MaterialiseRefused, check_address
from trinity.store.database import Tx

OPERATION = "system.notify"
MEMBERS_MAX = 50
UNSENT_EVERY = timedelta(hours=1)
LOOKED_AT_MAX = 50
TOLD_FOR = timedelta(days=1)
"""What is older was told, or happened before there was anybody to tell."""


@dataclass(frozen=True, slots=True)
class Words:
    """What is said, and to whom: `member_ids` or `guest_id`."""

    template: str
    facts: Facts
    to: Mapping[str, object]


type About = tuple[str, UUID]
"""What a notice is about: kind and id."""
type Untold = tuple[str, About, Facts]
"""A notice that is to be said: its template, what it is about, its facts."""


def notice_key(template: str, about: UUID) -> str:
    """The idempotency key of a notice."""
    return f"notice/{template}/{about}"


async def notify(
    house: House, tx: Tx, template: str, facts: Facts, now: datetime, subject: About | None = None
) -> UUID | None:
    """Propose a notice to the members whom its template names. None when it was said before, or cannot be said.

    `subject` is what it is about where that is not the template's first id; together with the template it decides
    what a repeat is.
    """
    about = subject or _first_id(template, facts)
    roles = TEMPLATES[template].roles
    assert roles, f"{template} does not go to members"
    members = await accounts.list_active_members(tx, roles)
    to = sorted(str(one.user_id) for one in members if _can_be_written_to(one.email))[:MEMBERS_MAX]
    project = next(iter(await accounts.list_projects(tx)), None)
    return await _propose(house, tx, Words(template, facts, {"member_ids": to}), project, about, now)


async def notify_guest(
    house: House, tx: Tx, guest_id: UUID, path: str, expires_at: datetime, now: datetime
) -> UUID | None:
    """Propose to send a guest the link that opens a project's page; `path` is the page's, with the guest's token."""
    facts: Facts = {"path": path, "expires_at": rfc3339(expires_at)}
    guest = await accounts.get_guest(tx, guest_id)
    project = await accounts.get_project(tx, guest.project_id)
    words = Words("guest_link", facts, {"guest_id": str(guest_id)})
    return await _propose(house, tx, words, project, ("guest", guest_id), now)


async def tell_members(house: House, account_id: UUID) -> None:
    """Tell what is found by looking: approvals that wait or were rejected, calls that expired, refunds, incidents.

    Whatever writes these down stands below the gateway and cannot say them itself. Looking again says nothing twice.
    """
    now = house.clock()
    async with house.db.transaction(account_id) as tx:
        for template, about, facts in await _untold(tx, now):
            await notify(house, tx, template, facts, now, about)


async def _untold(tx: Tx, now: datetime) -> list[Untold]:
    """What was not said yet, of the last day."""
    since = now - TOLD_FOR
    found = [*await _of_approvals(tx, since), *await _of_calls(tx, since), *await _of_incidents(tx, since)]
    used: set[str] = set()
    for start in range(0, len(found), LOOKED_AT_MAX):
        part = found[start : start + LOOKED_AT_MAX]
        used |= await effects.used_keys(tx, [notice_key(template, about[1]) for template, about, _ in part])
    return [one for one in found if notice_key(one[0], one[1][1]) not in used]


async def _of_approvals(tx: Tx, since: datetime) -> list[Untold]:
    """What waits for a decision, and what was rejected."""
    found: list[Untold] = []
    for request in await approvals.list_requests(tx, state="pending", limit=LOOKED_AT_MAX):
        waits: Facts = {
            "approval_id": str(request.id),
            "operation": request.operation,
            "expires_at": rfc3339(request.expires_at),
        }
        found.append(("approval_waiting", ("approval", request.id), waits))
    for request in await approvals.list_requests(tx, state="rejected", limit=LOOKED_AT_MAX):
        if request.decided_at and request.decided_at > since:
            said: Facts = {
                "approval_id": str(request.id),
                "operation": request.operation,
                "decision": request.state,
            }
            found.append(("decided", ("approval", request.id), said))
    return found


async def _of_calls(tx: Tx, since: datetime) -> list[Untold]:
    """What expired undecided, and the refunds that were made."""
    found: list[Untold] = []
    for call in await effects.list_tool_calls(tx, states=["expired"], limit=LOOKED_AT_MAX):
        if call.approval_id and call.expires_at > since:
            expired: Facts = {"tool_call_id": str(call.id), "operation": call.operation}
            found.append(("expired", ("tool_call", call.id), expired))
    made = await effects.list_tool_calls(tx, states=["succeeded"], operations=["stripe.refund"], limit=LOOKED_AT_MAX)
    for call in made:
        if call.settled_at and call.settled_at > since and call.subject_id and call.amount_minor is not None:
            order = await revenue.get_order(tx, call.subject_id)
            refunded: Facts = {
                "order_id": str(order.id),
                "number": order.number,
                "amount_minor": call.amount_minor,
                "currency": order.currency,
            }
            found.append(("refund_settled", ("tool_call", call.id), refunded))
    return found


async def _of_incidents(tx: Tx, since: datetime) -> list[Untold]:
    """What is critical."""
    return [
        ("incident", ("incident", one.id), {"incident_id": str(one.id), "kind": one.kind})
        for one in await audit.list_incidents(tx, limit=LOOKED_AT_MAX)
        if one.severity == "critical" and one.created_at > since
    ]


async def _propose(
    house: House, tx: Tx, words: Words, project: accounts.Project | None, about: About, now: datetime
) -> UUID | None:
    key = notice_key(words.template, about[1])
    if key in await effects.used_keys(tx, [key]):
        return None
    if reason := await _obstacle(tx, words):
        await _note_unsent(tx, words.template, about, reason, now)
        return None
    if project is None:
        await _note_unsent(tx, words.template, about, "no_project", now)
        return None
    said = {**words.facts, BASE_URL: house.settings.base_url}
    render(words.template, said)
    payload = {"template": words.template, **words.to, "facts": said}
    actor = Actor.system(tx.account_id, "notices")
    try:
        proposal = Proposal(project.id, OPERATION, key, payload)
        return (await propose_in(house, tx, actor, OPERATIONS[OPERATION], proposal)).tool_call_id
    except Refused as error:
        if error.code != "idempotency_conflict":
            raise
        # Somebody said it between our look and our proposal, to people who have changed since.
        return None


async def _obstacle(tx: Tx, words: Words) -> str | None:
    """Why nothing can be said, or None."""
    if await integrations.find_integration(tx, "smtp") is None:
        return "no_mail_server"
    return "nobody_to_tell" if words.to.get("member_ids") == [] else None


def _can_be_written_to(email: str) -> bool:
    """A member's address was never checked as strictly as a mail's header needs it."""
    try:
        check_address(Address(email))
    except MaterialiseRefused:
        return False
    return True


async def _note_unsent(tx: Tx, template: str, about: About, reason: str, now: datetime) -> None:
    """Say once an hour that notices are not sent: a missing server is a fact to see, not one to fill the record with."""
    if not await audit.has_event_since(tx, "notice.unsent", now - UNSENT_EVERY):
        facts = {"template": template, "reason": reason}
        await audit.record(tx, Actor.system(tx.account_id, "notices"), "notice.unsent", about, now, facts)


def _first_id(template: str, facts: Facts) -> About:
    name = next(name for name, kind in TEMPLATES[template].facts.items() if kind == "id")
    return name.removesuffix("_id"), UUID(str(facts[name]))
