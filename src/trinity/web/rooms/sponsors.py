"""The sponsors' room: links for people of allowed domains, what a guest sees of a project, and who may come."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from trinity import accounts, agency, gateway, sources
from trinity.accounts import Guest, Permission, PublicAccount, SignedIn, SponsorDomain
from trinity.gateway import House
from trinity.kit.actor import Actor
from trinity.web.context import PageRequest, web_of

PART = "sponsor_form"
RUNS_COUNTED_MAX = 500
RUN_STATES = ("running", "queued", "waiting", "held", "completed", "failed", "stopped")
"""The order in which a guest reads them; a state that is not named here comes last."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """A result that was released. Its name may hold a customer's, so a guest gets what kind it is, and when."""

    media_type: str
    size_bytes: int
    at: datetime


@dataclass(frozen=True, slots=True)
class GuestView:
    """All that a guest sees of a project: no customer, no text of anybody's, no number that names one."""

    name: str
    summary: str
    runs: Sequence[tuple[str, int]]
    delivered: Sequence[Delivered]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Sponsors:
    """Who may come as a guest, and who came."""

    domains: Sequence[SponsorDomain]
    guests: Sequence[Guest]
    now: datetime
    form_path: str


class SponsorRoom:
    """For visitors, guests, and the owners who let them in."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def send_links(self, account: PublicAccount, email: str) -> int:
        """Mail a link for each project that the address's domain may look at; for any other, do nothing. How many."""
        now, actor = self._house.clock(), Actor.system(account.id, PART)
        async with self._house.db.transaction(account.id) as tx:
            made = await accounts.invite_guest(tx, actor, email, now)
            for invited in made:
                path = f"/p/{account.slug}/guest/{invited.token}"
                await gateway.notify_guest(self._house, tx, invited.guest_id, path, invited.expires_at, now)
            return len(made)

    async def guest_view(self, account: PublicAccount, token: str) -> GuestView | None:
        """The project of a guest's link, or None when the link does not hold here and now."""
        guest = await accounts.find_guest(self._house.db, account.id, token, self._house.clock())
        if guest is None:
            return None
        async with self._house.db.transaction(account.id) as tx:
            project = await accounts.get_project(tx, guest.project_id)
            runs = await agency.list_runs(tx, project_id=project.id, limit=RUNS_COUNTED_MAX)
            files = await sources.list_artifacts(tx, project_id=project.id, state="released")
        delivered = [
            Delivered(one.media_type, one.size_bytes, one.decided_at or one.created_at)
            for one in files
            if one.origin == "agent"
        ]
        return GuestView(
            project.name, project.summary, _by_state([run.state for run in runs]), delivered, guest.expires_at
        )

    async def sponsors(self, who: SignedIn, project_id: UUID) -> Sponsors:
        """A project's domains and guests."""
        async with self._house.db.transaction(who.account_id) as tx:
            await accounts.get_project(tx, project_id)
            slug = (await accounts.get_public_account(tx)).slug
            return Sponsors(
                await accounts.list_sponsor_domains(tx, project_id),
                await accounts.list_guests(tx, project_id),
                self._house.clock(),
                f"/p/{slug}/sponsor",
            )

    async def allow(self, who: SignedIn, project_id: UUID, domain: str) -> UUID:
        """Let a domain's people in."""
        async with self._house.db.transaction(who.account_id) as tx:
            return await accounts.allow_domain(tx, who.actor, project_id, domain, self._house.clock())

    async def revoke(self, who: SignedIn, project_id: UUID, domain_id: UUID) -> None:
        """Let a domain's people in no longer."""
        async with self._house.db.transaction(who.account_id) as tx:
            await accounts.revoke_domain(tx, who.actor, project_id, domain_id, self._house.clock())

    async def revoke_guest(self, who: SignedIn, project_id: UUID, guest_id: UUID) -> None:
        """End one guest's link."""
        async with self._house.db.transaction(who.account_id) as tx:
            await accounts.revoke_guest(tx, who.actor, project_id, guest_id, self._house.clock())


async def sponsors_of(request: PageRequest, project_id: UUID) -> Sponsors | None:
    """What an owner sees beside a project; None for others."""
    house = web_of(request).house
    if house is None or not accounts.may(request.user.role, Permission.ADMINISTER):
        return None
    return await SponsorRoom(house).sponsors(request.user, project_id)


def _by_state(states: Sequence[str]) -> list[tuple[str, int]]:
    counts = Counter(states)
    known = [state for state in RUN_STATES if state in counts]
    return [(state, counts[state]) for state in (*known, *sorted(set(counts) - set(known)))]
