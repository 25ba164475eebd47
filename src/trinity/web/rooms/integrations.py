"""The room of integrations: what is connected, whether it is ready, what it carries, how to connect it again."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trinity import effects, integrations
from trinity.gateway import OPERATIONS, House
from trinity.integrations import Check, Integration

NOTICES_SHOWN_MAX = 8
TITLES = {"gmail": "Gmail mailbox", "stripe": "Stripe account", "smtp": "Mail server for notices"}
PURPOSES = {
    "gmail": "Sends approved mail and reads what comes back.",
    "stripe": "Takes payments and pays refunds.",
    "smtp": "Tells members what happened. It carries notices in our own words, nothing else.",
}
SETTINGS = {
    "gmail": "GMAIL_API_BASE, GOOGLE_TOKEN_URL, GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET",
    "stripe": "STRIPE_API_BASE, STRIPE_API_KEY and STRIPE_WEBHOOK_SECRET",
    "smtp": "SMTP_URL",
}
CHECKS = {
    "reachable": "Reachable",
    "credential": "Credential",
    "alias": "Sender addresses",
    "watch": "New mail is announced",
    "webhook": "Webhooks arrive",
}


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One check: what it is called here, its state (`ok`, `failing`, `unknown`), what was found and when."""

    name: str
    title: str
    state: str
    detail: str
    checked_at: datetime


@dataclass(frozen=True, slots=True)
class Carried:
    """An operation that goes over a provider, and the checks that stand in its way now."""

    name: str
    blocked_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Provider:
    """One connected provider, for a page."""

    id: UUID
    provider: str
    title: str
    purpose: str
    address: str
    aliases: tuple[str, ...]
    endpoint: str
    mode: str
    state: str
    """`ready`, `not_ready` (a check stands in the way of all it carries), `partly_ready`, `unchecked`, `suspended`."""
    connected_at: datetime
    checks: tuple[CheckLine, ...]
    operations: tuple[Carried, ...]
    again: str
    """The command that connects it again."""


@dataclass(frozen=True, slots=True)
class Said:
    """A notice that was proposed: the call, its template, how far it came, whether it is proved."""

    call_id: UUID
    template: str
    state: str
    proof_state: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Missing:
    """A kind of provider that this account has none of."""

    provider: str
    title: str
    purpose: str
    settings: str


class IntegrationsRoom:
    """Reads for any member; asking for a check is for those who may steer the account."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def all(self, account_id: UUID) -> tuple[list[Provider], list[Missing]]:
        """Every connected provider, and the kinds of which there is none."""
        async with self._house.db.transaction(account_id) as tx:
            connected = await integrations.list_integrations(tx)
            checks = await integrations.list_checks(tx)
        found = [self._shown(account_id, one, [c for c in checks if c.integration_id == one.id]) for one in connected]
        kinds = {one.provider for one in connected}
        missing = [Missing(kind, TITLES[kind], PURPOSES[kind], SETTINGS[kind]) for kind in TITLES if kind not in kinds]
        return found, missing

    async def notices(self, account_id: UUID) -> list[Said]:
        """The newest notices, newest first."""
        async with self._house.db.transaction(account_id) as tx:
            calls = await effects.list_tool_calls(tx, operations=["system.notify"], limit=NOTICES_SHOWN_MAX)
        return [
            Said(one.id, one.idempotency_key.split("/")[1], one.state, one.proof_state, one.created_at)
            for one in calls
            if one.idempotency_key.startswith("notice/")
        ]

    async def one(self, account_id: UUID, integration_id: UUID) -> Provider:
        """One connected provider, or `NotFound`."""
        async with self._house.db.transaction(account_id) as tx:
            found = await integrations.get_integration(tx, integration_id)
            return self._shown(account_id, found, await integrations.readiness(tx, integration_id))

    async def check(self, account_id: UUID, integration_id: UUID) -> None:
        """Have a provider checked now, by the executor."""
        async with self._house.db.transaction(account_id) as tx:
            await integrations.get_integration(tx, integration_id)
            await integrations.ask_for_check(tx, integration_id)

    def _shown(self, account_id: UUID, one: Integration, checks: list[Check]) -> Provider:
        now = self._house.clock()
        names = [name for name, operation in OPERATIONS.items() if operation.provider == one.provider]
        carried = tuple(
            Carried(name, tuple(c.name for c in checks if integrations.is_in_the_way(c, name, now))) for name in names
        )
        return Provider(
            id=one.id,
            provider=one.provider,
            title=TITLES[one.provider],
            purpose=PURPOSES[one.provider],
            address=one.address,
            aliases=tuple(one.aliases),
            endpoint=one.endpoint,
            mode=self._house.settings.mode_of(one.endpoint),
            state=_state(one, checks, carried),
            connected_at=one.created_at,
            checks=tuple(
                CheckLine(c.name, CHECKS[c.name], c.state, c.detail, c.checked_at)
                for c in sorted(checks, key=lambda c: tuple(CHECKS).index(c.name))
            ),
            operations=carried,
            again=_again(account_id, one),
        )


def _state(one: Integration, checks: list[Check], carried: tuple[Carried, ...]) -> str:
    if one.state != "ready":
        return one.state
    if not any(check.state != "unknown" for check in checks):
        return "unchecked"
    blocked = [bool(operation.blocked_by) for operation in carried]
    if any(blocked):
        return "not_ready" if all(blocked) else "partly_ready"
    return "ready"


def _again(account_id: UUID, one: Integration) -> str:
    what = {
        "gmail": f"--mailbox {one.address}",
        "stripe": f"--stripe {one.address}",
        "smtp": f"--notices {one.address}",
    }
    return f"trinity account connect --account {account_id} {what[one.provider]}"
