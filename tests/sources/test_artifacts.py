"""Files: quarantined whatever their origin, released by a person, never given out with other bytes."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.sources.samples import PDF, PNG
from tests.sources.test_sources import refused
from tests.world import World
from trinity import agency, crm, sources
from trinity.kit import barriers
from trinity.kit.actor import Actor
from trinity.kit.canonical import digest_hex
from trinity.providers.storage.content import key_of
from trinity.sources import Artifact, ArtifactStore, Corrupted, NewArtifact
from trinity.sources.artifacts import ARTIFACT_BYTES_MAX
from trinity.sources.models import ORIGINS

CANARY = "canary-7f3a"


@pytest.fixture
def store(world: World) -> ArtifactStore:
    """The world's store: a local directory."""
    return sources.open_store(world.settings)


async def add(world: World, store: ArtifactStore, **changes: Any) -> UUID:
    plain: dict[str, Any] = {
        "project_id": world.project_id,
        "name": "report.pdf",
        "media_type": "application/pdf",
        "data": PDF,
        "origin": "operator",
    }
    async with world.tx() as tx:
        return await sources.add_artifact(tx, store, world.owner, NewArtifact(**plain | changes), world.clock())


async def decide(
    world: World, store: ArtifactStore, artifact_id: UUID, actor: Actor | None = None, *, is_released: bool = True
) -> None:
    async with world.tx() as tx:
        await sources.decide_artifact(
            tx, store, actor or world.owner, artifact_id, is_released=is_released, now=world.clock()
        )


async def get(world: World, artifact_id: UUID) -> Artifact:
    async with world.tx() as tx:
        return await sources.get_artifact(tx, artifact_id)


async def test_there_is_no_trusted_origin_and_nothing_is_called_scanned(world: World, store: ArtifactStore) -> None:
    for origin in ORIGINS:
        found = await get(world, await add(world, store, origin=origin))
        assert (found.release_state, found.scan_state, found.sha256) == ("quarantined", "not_scanned", digest_hex(PDF))
        assert await sources.read_artifact(store, found) == PDF
    assert await store.digests("quarantined") == [digest_hex(PDF)]
    async with world.tx() as tx:
        assert await sources.list_released_files(tx, world.project_id, None) == []
        assert len(await sources.list_artifacts(tx, project_id=world.project_id)) == len(ORIGINS)
        assert await sources.list_artifacts(tx, project_id=uuid4()) == []
        assert await sources.list_artifacts(tx, state="released") == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"origin": "trusted"}, "invalid_origin"),
        ({"data": b""}, "invalid_size"),
        ({"data": b"x" * (ARTIFACT_BYTES_MAX + 1)}, "invalid_size"),
        ({"name": "../report.pdf"}, "invalid_name"),
        ({"name": "report.zip"}, "kind_not_allowed"),
        ({"media_type": "text/plain"}, "kind_mismatch"),
        ({"data": PNG}, "kind_mismatch"),
        ({"project_id": uuid4()}, "not_found"),
    ],
)
async def test_what_is_not_valid_leaves_neither_row_nor_object(
    world: World, store: ArtifactStore, changes: dict[str, Any], code: str
) -> None:
    assert (await refused(add(world, store, **changes)))[0] == code
    async with world.tx() as tx:
        assert await sources.list_artifacts(tx) == []
    assert await store.digests("quarantined") == []


async def test_a_person_releases_an_agent_or_the_system_does_not(world: World, store: ArtifactStore) -> None:
    artifact_id = await add(world, store)
    auditor = await world.second_person("auditor")
    for actor, code in (
        (world.agent, "person_required"),
        (Actor.system(world.account_id, "worker"), "person_required"),
        (auditor, "forbidden"),
    ):
        assert await refused(decide(world, store, artifact_id, actor)) == (code, 403)
    assert await store.digests("released") == []
    await decide(world, store, artifact_id)
    await decide(world, store, artifact_id)
    found = await get(world, artifact_id)
    assert (found.is_released, found.decided_by, found.source_id) == (True, world.owner_id, None)
    assert await store.digests("released") == [digest_hex(PDF)]
    assert len(await world.events("artifact.released")) == 1
    assert await refused(decide(world, store, artifact_id, is_released=False)) == ("already_decided", 409)
    assert await refused(decide(world, store, uuid4())) == ("not_found", 404)


async def test_what_was_rejected_stays_so_and_is_not_copied(world: World, store: ArtifactStore) -> None:
    artifact_id = await add(world, store)
    await decide(world, store, artifact_id, is_released=False)
    assert await refused(decide(world, store, artifact_id)) == ("already_decided", 409)
    assert await store.digests("released") == []


async def test_an_agent_hears_of_released_files_of_its_own_contact_only(world: World, store: ArtifactStore) -> None:
    async with world.tx() as tx:
        ada, bob = [
            await crm.meet(tx, world.owner, crm.NewContact(world.project_id, f"{name}@x.example", name), world.clock())
            for name in ("ada", "bob")
        ]
    names = {None: "brief.pdf", ada.id: "ada.pdf", bob.id: "bob.pdf"}
    for contact_id, name in names.items():
        await decide(world, store, await add(world, store, name=name, contact_id=contact_id))
    await add(world, store, name=f"{CANARY}.pdf")
    await decide(world, store, await add(world, store, name=f"{CANARY}-2.pdf"), is_released=False)
    async with world.tx() as tx:
        seen = await sources.list_released_files(tx, world.project_id, ada.id)
        nobody = await sources.list_released_files(tx, world.project_id, None)
    assert [one.name for one in seen] == ["ada.pdf", "brief.pdf"]
    assert [one.name for one in nobody] == ["brief.pdf"]
    assert CANARY not in repr(seen)
    (event,) = [one for one in await world.events("artifact.added") if one.subject_id == seen[0].id]
    assert b"ada.pdf" not in event.facts_bytes


@pytest.mark.parametrize(
    ("name", "media_type", "data", "origin", "text"),
    [
        ("brief.txt", "text/plain", "\ufeffGrüße\n".encode(), "operator", "Grüße\n"),
        ("brief.md", "text/markdown", b"# Brief\n", "attachment", "# Brief\n"),
        ("page.html", "text/html", b"<p>words<p hidden>more", "operator", None),
        ("draft.md", "text/markdown", b"# Mine\n", "agent", None),
        ("long.txt", "text/plain", b"x" * 200_001, "operator", None),
        ("report.pdf", "application/pdf", PDF, "operator", None),
    ],
)
async def test_a_released_text_becomes_a_source_that_agents_read(
    world: World, store: ArtifactStore, name: str, media_type: str, data: bytes, origin: str, text: str | None
) -> None:
    artifact_id = await add(world, store, name=name, media_type=media_type, data=data, origin=origin)
    async with world.tx() as tx:
        assert await sources.list_sources(tx, world.project_id) == []
    await decide(world, store, artifact_id)
    async with world.tx() as tx:
        found = await sources.list_readable(tx, world.project_id, None)
    assert [(one.title, one.text, one.origin) for one in found] == ([(name, text, origin)] if text else [])
    assert (await get(world, artifact_id)).source_id == (found[0].id if text else None)


async def test_a_runs_same_file_again_is_the_one_that_is_there(world: World, store: ArtifactStore) -> None:
    async with world.tx() as tx:
        run_id = await agency.start_run(tx, world.owner, agency.NewRun(world.project_id, "Write."), world.clock())
    first = await add(world, store, run_id=run_id, origin="agent")
    assert await add(world, store, run_id=run_id, origin="agent") == first
    assert await add(world, store, run_id=run_id, origin="agent", name="other.pdf") != first
    assert await add(world, store) != first


@pytest.mark.parametrize("area", ["quarantined", "released"])
async def test_changed_bytes_are_found_out_and_never_given_out(world: World, store: ArtifactStore, area: Any) -> None:
    artifact_id = await add(world, store)
    if area == "released":
        await decide(world, store, artifact_id)
    found = await get(world, artifact_id)
    await store._objects.replace(key_of(area, found.sha256), PDF.replace(b"Catalog", b"Cata1og"))
    with pytest.raises(Corrupted) as corrupted:
        await sources.read_artifact(store, found)
    async with world.tx() as tx:
        await sources.record_corruption(tx, artifact_id, corrupted.value, world.clock())
        await sources.record_corruption(tx, artifact_id, corrupted.value, world.clock())
    assert await world.incidents() == ["artifact_corrupted"]
    if area == "quarantined":
        assert await refused(decide(world, store, artifact_id)) == ("artifact_corrupted", 409)
        assert await store.digests("released") == []


async def test_the_right_file_again_mends_a_spoilt_object_and_says_so(world: World, store: ArtifactStore) -> None:
    first = await add(world, store)
    await store._objects.replace(key_of("quarantined", digest_hex(PDF)), b"half of")
    await add(world, store)
    assert await sources.read_artifact(store, await get(world, first)) == PDF
    assert await world.incidents() == ["artifact_corrupted"]


class Died(Exception):
    """What a test raises where a process would have been killed."""


@pytest.mark.parametrize("barrier", ["artifact.after_object", "artifact.after_copy"])
async def test_a_death_between_object_and_row_leaves_an_object_and_nothing_else(
    world: World, store: ArtifactStore, barrier: str
) -> None:
    artifact_id = await add(world, store, name="first.txt", media_type="text/plain", data=b"first")

    def die(name: str) -> None:
        if name == barrier:
            raise Died

    barriers.install(die)
    with pytest.raises(Died):
        await (add(world, store) if barrier == "artifact.after_object" else decide(world, store, artifact_id))
    barriers.install(None)
    async with world.tx() as tx:
        assert [one.release_state for one in await sources.list_artifacts(tx)] == ["quarantined"]
        assert await sources.list_sources(tx, world.project_id) == []
    assert len(await store.digests("quarantined")) + len(await store.digests("released")) == 2
    await add(world, store)
    await decide(world, store, artifact_id)
    assert (await get(world, artifact_id)).is_released
    assert await world.incidents() == []


async def test_another_accounts_file_is_not_there(
    open_world: Callable[..., Awaitable[World]], world: World, store: ArtifactStore
) -> None:
    other = await open_world()
    artifact_id = await add(other, store)
    assert await refused(decide(world, store, artifact_id)) == ("not_found", 404)
    assert await refused(get(world, artifact_id)) == ("not_found", 404)
    assert await refused(add(world, store, project_id=other.project_id)) == ("not_found", 404)


async def test_what_a_file_is_cannot_be_changed(world: World, store: ArtifactStore) -> None:
    await add(world, store)
    for change in ("sha256 = 'x'", "name = 'x'", "media_type = 'x'", "origin = 'operator'", "size_bytes = 1"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with world.tx() as tx:
                await tx.execute(f"update artifacts set {change}")
