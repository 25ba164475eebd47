"""Verifying: the provider's own record against what was approved, in seven properties, and what is missing is said."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.world import World
from trinity import effects, gateway
from trinity.errors import ProviderError
from trinity.gateway import PROPERTIES, Proposed, is_verified
from trinity.kit import barriers
from trinity.kit.canonical import digest_hex

WORKING = PROPERTIES[:-1]
"""The seventh, `proof-packeted`, is added by whoever built and checked a packet."""


async def receipts(world: World, made: Proposed) -> list[effects.Receipt]:
    async with world.tx() as tx:
        return await effects.list_receipts(tx, made.tool_call_id)


async def found(world: World, made: Proposed) -> tuple[dict[str, bool], list[str]]:
    """Which properties were found to hold, and what differs."""
    (one,) = [one for one in await receipts(world, made) if one.kind == "verification"]
    return {name: item["is_held"] for name, item in one.facts["properties"].items()}, one.facts["differences"]


async def verify(world: World, made: Proposed) -> None:
    await gateway.verify(world.rails, world.account_id, made.tool_call_id)


async def sent(world: World, **changes: Any) -> Proposed:
    made = await world.approved(**changes)
    assert (await world.drive(made.tool_call_id)).state == "succeeded"
    return made


def rewrite(gmail_dir: Path, before: bytes, after: bytes) -> None:
    """Change what the provider keeps, behind everybody's back."""
    with closing(sqlite3.connect(gmail_dir / "gmail.sqlite", timeout=5)) as connection, connection as books:
        rows = books.execute("select seq, raw from message").fetchall()
        for seq, raw in rows:
            books.execute("update message set raw = ? where seq = ?", (raw.replace(before, after), seq))


async def test_a_mail_that_is_what_was_approved_holds_in_every_property(world: World) -> None:
    made = await sent(world, bcc=[{"addr": "quiet@else.example"}], text="Grüße\n\n. dot\nFrom me <b>\n")
    await verify(world, made)
    assert await found(world, made) == (dict.fromkeys(WORKING, True), [])
    kinds = {one.kind: one for one in await receipts(world, made)}
    assert set(kinds) == {"sent", "provider_record", "verification"}
    (mail,) = await world.sent()
    assert kinds["provider_record"].facts["wire_message_id"] == mail["wire_message_id"]
    assert all(one.sha256 == digest_hex(one.raw) for one in kinds.values())
    assert (await world.call(made.tool_call_id)).proof_state == "pending_receipt"
    assert is_verified(list(kinds.values()))
    said = {name: one["detail"] for name, one in kinds["verification"].facts["properties"].items()}
    assert said["required"] == "Proposed by an agent under an idempotency key of its own."
    assert said["router-executed"] == "2 steps were written down before they were taken."
    assert await world.incidents() == []
    jobs = "select worker from oban_jobs where args->>'tool_call_id' = %(id)s order by id"
    workers = [row["worker"].rpartition(".")[2] for row in world.tamper(jobs, id=str(made.tool_call_id))]
    assert workers == ["Review", "Advance", "Verify", "Packet"]


async def test_a_draft_is_verified_as_a_draft(world: World) -> None:
    made = await world.propose(operation="gmail.draft")
    await world.drive(made.tool_call_id)
    await verify(world, made)
    assert await found(world, made) == (dict.fromkeys(WORKING, True), [])


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (b"ada@customer", b"eve@customer", "to"),
        (b"may we send", b"may we bill", "text"),
        (b"Subject: Your website", b"Subject: Your invoice", "subject"),
        (b"Reply-To: ", b"X-Was: ", "reply_to"),
    ],
)
async def test_a_sent_mail_that_differs_is_found_out(
    world: World, gmail_dir: Path, before: bytes, after: bytes, what: str
) -> None:
    made = await sent(world)
    rewrite(gmail_dir, before, after)
    await verify(world, made)
    held, differences = await found(world, made)
    assert what in differences
    assert held == {name: name != "exact" for name in WORKING}
    assert (await world.call(made.tool_call_id)).proof_state == "degraded"
    assert await world.incidents() == ["verification_failed"]


async def test_a_record_that_is_gone_is_said_to_be_gone(world: World, gmail_dir: Path) -> None:
    made = await sent(world)
    with closing(sqlite3.connect(gmail_dir / "gmail.sqlite", timeout=5)) as connection, connection as books:
        books.execute("delete from message where mailbox = ?", (world.mailbox,))
    await verify(world, made)
    held, differences = await found(world, made)
    assert differences == ["the provider has no record"]
    assert (held["exact"], held["receipt-matched"]) == (False, False)
    assert (await world.call(made.tool_call_id)).proof_state == "manual_review_required"
    assert "provider_record" not in {one.kind for one in await receipts(world, made)}
    assert await world.incidents() == ["verification_failed"]


async def test_a_stored_payload_that_was_changed_afterwards_is_found_out(world: World) -> None:
    made = await sent(world)
    world.tamper("update envelopes set salt = 'another salt' where id = %(id)s", id=made.tool_call_id)
    await verify(world, made)
    held, differences = await found(world, made)
    assert (held["exact"], differences) == (False, ["the stored payload is not the envelope's"])


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("update approval_requests set state = 'revoked' where tool_call_id = %(id)s", "permissioned"),
        ("update approval_requests set envelope_digest = repeat('0', 64) where tool_call_id = %(id)s", "permissioned"),
        ("delete from attempts where tool_call_id = %(id)s", "router-executed"),
        ("update attempts set started_at = '2099-01-01' where tool_call_id = %(id)s", "timely"),
    ],
)
async def test_a_property_whose_evidence_was_changed_does_not_hold(world: World, statement: str, name: str) -> None:
    made = await sent(world)
    world.tamper(statement, id=made.tool_call_id)
    await verify(world, made)
    held, _ = await found(world, made)
    assert not held[name]
    assert not is_verified(await receipts(world, made))
    assert await world.incidents() == ["verification_failed"]


async def test_a_receipt_that_names_another_message_does_not_match(world: World) -> None:
    made, other = await sent(world), await world.approved("other", text="Dear Ada, another one.")
    await world.drive(other.tool_call_id)
    (theirs,) = [one for one in await receipts(world, other) if one.kind == "sent"]
    world.tamper(
        "update receipts set facts = jsonb_set(facts, '{message_id}', to_jsonb(%(m)s::text)) where tool_call_id = %(id)s",
        m=theirs.facts["message_id"],
        id=made.tool_call_id,
    )
    await verify(world, made)
    held, differences = await found(world, made)
    assert not held["exact"]
    assert {"text", "token"} <= set(differences)


async def test_it_is_written_once_however_often_it_is_asked_for(world: World) -> None:
    made = await sent(world)

    def die(name: str) -> None:
        if name == "verify.before_commit":
            barriers.install(None)
            raise RuntimeError(name)

    barriers.install(die)
    with pytest.raises(RuntimeError):
        await verify(world, made)
    for _ in range(3):
        await verify(world, made)
    kinds = [one.kind for one in await receipts(world, made)]
    assert sorted(kinds) == ["provider_record", "sent", "verification"]
    assert len(await world.events("tool_call.verified")) == 1


async def test_a_provider_that_is_away_is_asked_again_later(world: World) -> None:
    made = await sent(world)
    await world.fault("unavailable", "/messages")
    with pytest.raises(ProviderError):
        await verify(world, made)
    assert [one.kind for one in await receipts(world, made)] == ["sent"]
    await verify(world, made)
    assert is_verified(await receipts(world, made))


async def test_what_did_not_succeed_is_not_verified(world: World) -> None:
    made = await world.propose()
    await verify(world, made)
    assert await receipts(world, made) == []
    assert not is_verified([])
