"""Having models look at what an agent wrote, and at what strangers wrote: from a call or a text to its decisions.

What is judged is read from the stored bytes, so that a decision is about exactly what would be sent. Nothing here
allows anything: without every yes a mail is not put before a person, and with all of them a person still decides.
"""

from dataclasses import dataclass
from uuid import UUID

from trinity import effects, modelrouter, sources
from trinity.gateway import OPERATIONS
from trinity.kit.canonical import digest_hex
from trinity.modelrouter import ModelRouter, Question
from trinity.providers.gmail import view as gmail_view
from trinity.providers.gmail.address import Address, MaterialiseRefused
from trinity.store.database import Database

SCORED_ORIGINS = ("public_form",)


@dataclass(frozen=True, slots=True)
class Reviewed:
    """How a review stands: over, or not yet because a model is away. `is_open` is False for a call that needs none."""

    is_open: bool
    is_away: bool = False


async def review_mail(db: Database, router: ModelRouter, account_id: UUID, call_id: UUID) -> Reviewed:
    """Ask for every decision that a proposed mail still lacks. A no or a yes that stands is not asked for again."""
    async with db.transaction(account_id) as tx:
        call = await effects.get_tool_call(tx, call_id)
        payload = (await effects.get_envelope(tx, call_id)).payload
        digest = digest_hex(payload)
        routes = OPERATIONS[call.operation].routes
        stands = {route: await modelrouter.standing(tx, call_id, route, digest) for route in routes}
    if call.state != "proposed":
        return Reviewed(is_open=False)
    is_away = False
    for route, known in stands.items():
        if known is not None and not known.is_away:
            continue
        made = await modelrouter.decide(
            router, Question(account_id, route, judged_text(payload), digest, run_id=call.run_id, tool_call_id=call_id)
        )
        is_away = is_away or made.is_away
    return Reviewed(is_open=True, is_away=is_away)


async def score_text(db: Database, router: ModelRouter, account_id: UUID, source_id: UUID) -> bool:
    """Have the words of somebody new rated, once a person has released them. False if a model was away."""
    async with db.transaction(account_id) as tx:
        source = await sources.get_source(tx, source_id)
        if source.release_state != "released" or source.origin not in SCORED_ORIGINS or source.contact_id is None:
            return True
        known = await modelrouter.newest_score(tx, source.contact_id)
        if known is not None and known.input_sha256 == source.sha256:
            return True
        run_id = await tx.value("select id from runs where held_for_id = %(s)s order by id limit 1", {"s": source_id})
    asked = Question(account_id, "score", source.text, source.sha256, run_id=run_id, subject_id=source.contact_id)
    made = await modelrouter.decide(router, asked)
    async with db.transaction(account_id) as tx:
        tx.notify(f"contact:{source.contact_id}")
    return not made.is_away


def judged_text(payload: bytes) -> str:
    """A mail as words: who, to whom, what about, what is attached, and the text that the reader sees.

    The HTML alternative is shown too where it says anything; bytes that are no mail are an empty text, which is refused.
    """
    try:
        mail = gmail_view.view(payload)
    except MaterialiseRefused:
        return ""
    lines = [f"From: {_shown(mail.sender)}", f"To: {', '.join(map(_shown, mail.to))}"]
    lines += [f"Cc: {', '.join(map(_shown, mail.cc))}"] if mail.cc else []
    lines += [f"Bcc: {', '.join(map(_shown, mail.bcc))}"] if mail.bcc else []
    lines += [f"Attached: {one.name}" for one in mail.attachments]
    return "\n".join([*lines, f"Subject: {mail.subject}", "", mail.text, *(["", mail.html] if mail.html else [])])


def _shown(address: Address) -> str:
    return f"{address.name} <{address.addr}>" if address.name else address.addr
