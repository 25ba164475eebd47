"""The desk's verbs, done by the contexts and the gateway in the name of one signed-in person."""

import secrets
from collections.abc import Mapping
from uuid import UUID

from trinity import accounts, agency, controls, gateway, sources
from trinity.accounts import SignedIn
from trinity.approvals import NewDecision
from trinity.errors import Refused
from trinity.gateway import House, Proposal
from trinity.kit.canonical import Json
from trinity.web import reading
from trinity.web.rows import uuid_of
from trinity.web.views import Tightened


class Doing:
    """Everything that pages and the API may change."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def find(self, token: str) -> SignedIn | None:
        """The live session of a token."""
        return await accounts.find_session(self._house.db, token, self._house.clock())

    async def sign_in(self, email: str, password: str, old_token: str | None) -> tuple[str, SignedIn]:
        """A new session; the one that the browser brought ends."""
        token, who = await accounts.sign_in(self._house.db, email, password, self._house.clock())
        if old_token:
            await self.sign_out(old_token)
        return token, who

    async def sign_out(self, token: str) -> None:
        """End a session."""
        who = await self.find(token)
        if who is not None:
            async with self._house.db.transaction(who.account_id) as tx:
                await accounts.sign_out(tx, who, self._house.clock())

    async def start_run(self, who: SignedIn, project_id: UUID, goal: str, addr: str, name: str) -> UUID:
        """Queue a run."""
        new = agency.NewRun(project_id, goal, addr or None, name or None)
        async with self._house.db.transaction(who.account_id) as tx:
            return await agency.start_run(tx, who.actor, new, self._house.clock())

    async def stop_run(self, who: SignedIn, run_id: UUID) -> None:
        """Stop a run; its lease ends at once."""
        async with self._house.db.transaction(who.account_id) as tx:
            await agency.stop_run(tx, who.actor, run_id, self._house.clock())

    async def add_source(self, who: SignedIn, project_id: UUID, origin: str, title: str, text: str) -> UUID:
        """Take a text in, quarantined."""
        async with self._house.db.transaction(who.account_id) as tx:
            await accounts.get_project(tx, project_id)
            new = sources.NewSource(project_id, origin, title, text)
            return await sources.add_source(tx, who.actor, new, self._house.clock())

    async def release_source(self, who: SignedIn, source_id: UUID) -> None:
        """Release a text to agents."""
        async with self._house.db.transaction(who.account_id) as tx:
            await sources.decide_release(tx, who.actor, source_id, is_released=True, now=self._house.clock())

    async def decide(self, who: SignedIn, approval_id: UUID, decision: str, envelope_digest: str, reason: str) -> None:
        """Approve or reject the envelope that was seen."""
        await gateway.decide(self._house, who.actor, approval_id, NewDecision(decision, envelope_digest, reason))

    async def revoke(self, who: SignedIn, approval_id: UUID) -> None:
        """Take an approval back."""
        await gateway.revoke(self._house, who.actor, approval_id)

    async def edit(self, who: SignedIn, approval_id: UUID, payload: Mapping[str, Json]) -> UUID:
        """Replace what waits by a new version; returns the new version's approval."""
        key = f"edit/{approval_id}/{secrets.token_hex(8)}"
        made = await gateway.edit(self._house, who.actor, approval_id, dict(payload), key)
        assert made.approval_id is not None, "what waited for approval waits again"
        return made.approval_id

    async def cancel(self, who: SignedIn, call_id: UUID) -> None:
        """Undo before the claim."""
        await gateway.cancel(self._house, who.actor, call_id)

    async def execute(self, who: SignedIn, call_id: UUID) -> None:
        """Ask the gateway to run it now."""
        await gateway.request_execution(self._house, who.actor, call_id)

    async def tighten(self, who: SignedIn, scope: str, mode: str, reason: str) -> Tightened:
        """Tighten at once; the answer lists what is in flight."""
        if scope != "account":
            raise Refused("invalid_scope", "Only the whole account can be tightened.", status=422)
        async with self._house.db.transaction(who.account_id) as tx:
            in_flight = await controls.tighten(tx, who.actor, mode, reason, self._house.clock())
        async with self._house.db.transaction(who.account_id) as tx:
            found = await reading.call_rows_by_id(tx, in_flight)
        return Tightened(mode, found)

    async def propose(self, who: SignedIn, proposal: Mapping[str, Json]) -> tuple[UUID, bool]:
        """Propose an effect in a person's name."""
        project_id, run_id = uuid_of(str(proposal["project_id"])), proposal.get("run_id")
        if project_id is None or (run_id is not None and uuid_of(str(run_id)) is None):
            raise Refused("invalid_payload", "An id is not a UUID.", status=422)
        made = await gateway.propose(
            self._house,
            who.actor,
            Proposal(
                project_id,
                str(proposal["operation"]),
                str(proposal["idempotency_key"]),
                proposal["payload"],
                run_id=uuid_of(str(run_id)) if run_id is not None else None,
                provider=str(proposal["provider"]) if proposal.get("provider") is not None else None,
                reason=str(proposal.get("reason") or ""),
            ),
        )
        return made.tool_call_id, made.is_new
