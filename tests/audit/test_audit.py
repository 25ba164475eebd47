"""Evidence: written with what it describes, canonical, its personal part apart."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from tests.world import World
from trinity import audit
from trinity.kit.canonical import NotCanonical, canonical_bytes, commitment_hex, parse_strict


async def test_an_event_is_there_only_with_its_transaction(world: World) -> None:
    async def fail() -> None:
        async with world.tx() as tx:
            await audit.record(tx, world.owner, "test.failed", ("x", None), world.clock(), {})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await world.events("test.failed") == []


async def test_facts_are_kept_as_their_canonical_bytes(world: World) -> None:
    facts = {"b": 1, "a": ["ü", None, True], "Ω": {}}
    subject = uuid4()
    async with world.tx() as tx:
        await audit.record(tx, world.owner, "test.kept", ("x", subject), world.clock(), facts)
    (found,) = await world.events("test.kept")
    assert found.facts_bytes == canonical_bytes(facts)
    assert found.facts == parse_strict(found.facts_bytes) == facts
    assert (found.actor_kind, found.actor_id, found.subject_id) == ("user", str(world.owner_id), subject)


async def test_the_personal_part_can_be_erased_and_the_commitment_stays(world: World) -> None:
    private = {"address": "ada@customer.example"}
    async with world.tx() as tx:
        await audit.record(tx, world.owner, "test.private", ("x", None), world.clock(), {"n": 1}, private)
    (row,) = world.tamper(
        "select facts, private, salt from audit_events where account_id = %(account)s and kind = 'test.private'"
    )
    assert b"ada@" not in row["facts"]
    assert row["private"] == canonical_bytes(private)
    said = parse_strict(row["facts"])
    assert said == {"n": 1, "private_commitment": commitment_hex(row["salt"], row["private"])}
    world.tamper("update audit_events set private = null where account_id = %(account)s")
    (found,) = await world.events("test.private")
    assert found.facts == said


async def test_two_events_with_the_same_secret_commit_differently(world: World) -> None:
    async with world.tx() as tx:
        for _ in range(2):
            await audit.record(tx, world.owner, "test.twice", ("x", None), world.clock(), {}, {"secret": 1})
    one, other = await world.events("test.twice")
    assert one.facts != other.facts


@pytest.mark.parametrize(
    "facts", [{"a": 1.5}, {"a": "\x00"}, {"a": "\ud800"}, {"a": datetime.now(UTC)}, {"a": UUID(int=0)}]
)
async def test_facts_that_are_not_canonical_are_refused(world: World, facts: dict[str, object]) -> None:
    async def write() -> None:
        async with world.tx() as tx:
            await audit.record(tx, world.owner, "test.bad", ("x", None), world.clock(), facts)

    with pytest.raises(NotCanonical):
        await write()
    assert await world.events("test.bad") == []


async def test_events_are_read_in_order_and_by_subject(world: World) -> None:
    subjects = [uuid4(), uuid4()]
    async with world.tx() as tx:
        before = (await audit.list_events(tx, limit=500))[-1].id
        for n in range(6):
            await audit.record(tx, world.owner, f"test.n{n}", ("x", subjects[n % 2]), world.clock(), {})
        after = await audit.list_events(tx, after=before)
        assert [one.kind for one in after] == [f"test.n{n}" for n in range(6)]
        assert [one.kind for one in await audit.list_events(tx, after=after[3].id)] == ["test.n4", "test.n5"]
        of_one = await audit.list_events(tx, subject_ids=[subjects[1]])
        assert [one.kind for one in of_one] == ["test.n1", "test.n3", "test.n5"]
        assert len(await audit.list_events(tx, limit=2)) == 2


async def test_incidents_come_newest_first(world: World) -> None:
    async with world.tx() as tx:
        await audit.record_incident(tx, "first", None, world.clock(), {"n": 1}, is_critical=False)
        await audit.record_incident(tx, "second", world.account_id, world.clock(), {}, is_critical=True)
        found = await audit.list_incidents(tx)
    assert [(one.kind, one.severity) for one in found] == [("second", "critical"), ("first", "warning")]
    assert found[1].facts == {"n": 1}


async def test_a_whole_story_is_written_down(world: World) -> None:
    made = await world.approved()
    await world.drive(made.tool_call_id)
    async with world.tx() as tx:
        kinds = [one.kind for one in await audit.list_events(tx, subject_ids=[made.tool_call_id])]
    story = ["proposed", "reviewed", "decided", "claimed", "succeeded"]
    assert [kind.partition(".")[2] for kind in kinds] == story
