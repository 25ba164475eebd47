"""The desk's evidence: the seven properties as they stand, the stored packet, and a verification of it."""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from trinity import agency, audit, effects, proof
from trinity.accounts import SignedIn
from trinity.errors import NotFound
from trinity.gateway import House
from trinity.store.database import Tx
from trinity.web import reading, rows
from trinity.web.views import Check, Proof, Verification
from trinity_verify import verify

EVENTS_MAX = 200
SENTENCES_MAX = 4
WORST_FIRST = ("failed", "manual_review_required", "degraded", "missing", "pending_receipt", "verified")
STATE_OF_STEP = {"passed": "ok", "failed": "failed", "missing": "missing"}
STATE_OF_CHECK = ("failed", "missing", "ok")


class Proving:
    """What can be shown afterwards."""

    def __init__(self, house: House, verifier_key: str | None) -> None:
        self._house = house
        self._verifier_key = verifier_key

    async def proof(self, who: SignedIn, kind: str, id_: UUID) -> Proof:
        """The proof of one ToolCall, or of all of a run's or an order's."""
        async with self._house.db.transaction(who.account_id) as tx:
            names = await reading.names_in(tx)
            title, calls = await _subject(tx, kind, id_)
            found = [await proof.checks(tx, call.id) for call in calls if call.state == "succeeded"]
            state = _worst([call.proof_state for call in calls if call.state == "succeeded"], WORST_FIRST, "missing")
            if kind == "order":
                # An order's own packet was judged as a whole, with its money; its effects have their own.
                newest = await proof.latest_packet(tx, "order", id_)
                state = newest.verdict if newest else "missing"
            events = await audit.list_events(tx, subject_ids=[id_, *(call.id for call in calls)], limit=EVENTS_MAX)
            call_rows = await reading.call_rows(tx, calls, names)
        return Proof(
            kind=kind,
            id=id_,
            title=title or (call_rows[0].subject if call_rows else "Effect"),
            state=state,
            checks=_together(found) if found else _nothing_yet(),
            calls=call_rows,
            events=tuple(rows.audit_event(event, names) for event in events),
        )

    async def packet(self, who: SignedIn, kind: str, id_: UUID) -> bytes:
        """The newest packet, as the worker built, checked and signed it."""
        async with self._house.db.transaction(who.account_id) as tx:
            await _subject(tx, kind, id_)
            stored = await proof.latest_packet(tx, _kind(kind), id_)
        if stored is None:
            raise NotFound("packet yet: it is built once the provider’s record was checked")
        return stored.body

    async def verify(self, who: SignedIn, kind: str, id_: UUID) -> Verification:
        """Check the newest packet with the offline verifier, now."""
        body = await self.packet(who, kind, id_)
        verdict = verify(body, self._verifier_key)
        checks = tuple(
            Check(f"{step.n}. {step.name.capitalize()}", STATE_OF_STEP[step.verdict], step.reason)
            for step in verdict.steps
        )
        return Verification(verdict.overall, checks, len(body), verdict.says_missing)


async def _subject(tx: Tx, kind: str, id_: UUID) -> tuple[str, list[effects.ToolCall]]:
    """A title where the subject has one, and the calls that it is about."""
    if kind == "order":
        story = await proof.read_story(tx, id_)
        return f"Order {story.order.number}", list(story.calls)
    if kind == "run":
        run = await agency.get_run(tx, id_)
        return run.goal, await effects.list_tool_calls(tx, run_id=id_)
    return "", [await effects.get_tool_call(tx, id_)]


def _kind(kind: str) -> proof.Kind:
    return "order" if kind == "order" else "run" if kind == "run" else "tool_call"


def _worst(found: Sequence[str], worst_first: Sequence[str], otherwise: str) -> str:
    return next((state for state in worst_first if state in found), otherwise)


def _together(found: Sequence[Sequence[proof.Check]]) -> tuple[Check, ...]:
    """Each property over all effects: the worst state, with the sentences that belong to it, the most frequent first."""
    together = []
    for same in zip(*found, strict=True):
        worst = _worst([check.state for check in same], STATE_OF_CHECK, "missing")
        said = Counter(check.detail for check in same if check.state == worst).most_common(SENTENCES_MAX)
        counts = [f" ({n} of {len(same)} effects)" if len(same) > 1 else "" for _, n in said]
        text = " ".join(detail + count for (detail, _), count in zip(said, counts, strict=True))
        together.append(Check(same[0].name.replace("-", " ").capitalize(), worst, text))
    return tuple(together)


def _nothing_yet() -> tuple[Check, ...]:
    return (Check("Nothing was executed", "missing", "There is no effect to prove: nothing has left."),)
