"""The deliverable: two quarantined files from a draft, once, and the order's fulfilment prepared with the PDF."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from tests.agency.people import customer
from tests.world import World
from trinity import agency, revenue, sources
from trinity.errors import NotFound, Refused
from trinity.jobs.files import Report
from trinity.jobs.station import GeneralStation, set_station
from trinity.modelrouter import ModelRouter
from trinity.proof.keys import generate, signer
from trinity.sources import Artifact

DRAFT = "# Snapshot of your shop\n\nWhat we saw.\n\n## First\n\n- The page is slow.\n"


@pytest.fixture(autouse=True)
def no_station() -> Iterator[None]:
    """What a test says that this process is counts for that test."""
    yield
    set_station(None)


async def written(world: World, *, title: str = "Snapshot of your shop", text: str = DRAFT) -> tuple[UUID, UUID]:
    """A run of an order that has written a draft; the run and the order."""
    made = await customer(world, number=7)
    async with world.tx() as tx:
        run_id = await agency.start_run_of_order(tx, made.order_id, world.clock())
        assert run_id is not None
        await agency.save_draft(tx, run_id, "An older draft", "Old words.", world.clock())
        await agency.save_draft(tx, run_id, title, text, world.clock())
    return run_id, made.order_id


async def report(world: World, run_id: UUID, draft_id: UUID | None = None) -> tuple[Artifact, Artifact]:
    store = sources.open_store(world.settings)
    async with world.tx() as tx:
        ids = await agency.report_draft(tx, store, run_id, draft_id, world.clock())
        html, pdf = [await sources.get_artifact(tx, one) for one in ids]
    return html, pdf


async def owed(world: World, order_id: UUID) -> revenue.Fulfilment:
    async with world.tx() as tx:
        return await revenue.get_fulfilment(tx, order_id)


async def test_a_draft_becomes_two_quarantined_files_and_the_order_knows_the_pdf(world: World) -> None:
    run_id, order_id = await written(world)
    html, pdf = await report(world, run_id)
    assert (html.name, html.media_type) == ("Snapshot of your shop.html", "text/html")
    assert (pdf.name, pdf.media_type) == ("Snapshot of your shop.pdf", "application/pdf")
    for one in (html, pdf):
        assert (one.origin, one.release_state, one.run_id) == ("agent", "quarantined", run_id)
        assert one.contact_id is not None
    data = (await sources.read_artifact(sources.open_store(world.settings), html)).decode()
    assert "<p>For Ada Byron · " in data
    assert data.count("Snapshot of your shop") == 2
    assert "<dt>Order</dt><dd>7</dd>" in data
    assert "Old words" not in data
    found = await owed(world, order_id)
    assert (found.state, found.artifact_id) == ("prepared", pdf.id)


async def test_the_same_draft_again_is_the_same_files(world: World) -> None:
    run_id, order_id = await written(world)
    first = await report(world, run_id)
    world.clock.sleep(86_400 * 3)
    assert [one.id for one in await report(world, run_id)] == [one.id for one in first]
    async with world.tx() as tx:
        assert len(await sources.list_artifacts(tx, run_id=run_id)) == 2
        await agency.save_draft(tx, run_id, "Snapshot of your shop", DRAFT + "\nMore.\n", world.clock())
    newer = await report(world, run_id)
    assert newer[1].id != first[1].id
    assert (await owed(world, order_id)).artifact_id == newer[1].id


async def test_a_named_draft_is_taken_and_a_foreign_one_is_not_there(world: World) -> None:
    run_id, _ = await written(world)
    async with world.tx() as tx:
        older = (await agency.list_drafts(tx, run_id))[0]
    assert (await report(world, run_id, older.id))[1].name == "An older draft.pdf"
    with pytest.raises(NotFound):
        await report(world, run_id, uuid4())


async def test_a_draft_that_is_no_report_is_refused_and_leaves_nothing(world: World) -> None:
    run_id, order_id = await written(world, text="# Only a heading\n")
    with pytest.raises(Refused, match="no text"):
        await report(world, run_id)
    assert (await owed(world, order_id)).state == "awaiting"
    async with world.tx() as tx:
        assert await sources.list_artifacts(tx, run_id=run_id) == []


async def test_what_was_delivered_keeps_its_file(world: World) -> None:
    run_id, order_id = await written(world)
    _, pdf = await report(world, run_id)
    world.tamper("update fulfilments set state = 'delivered', delivered_at = now() where order_id = %(o)s", o=order_id)
    async with world.tx() as tx:
        await agency.save_draft(tx, run_id, "Another", "Other words.", world.clock())
    await report(world, run_id)
    assert (await owed(world, order_id)).artifact_id == pdf.id


async def test_the_job_makes_them_and_may_run_again_and_beside_itself(world: World) -> None:
    run_id, order_id = await written(world)
    router = ModelRouter(world.app.db, world.http, world.clock)
    set_station(GeneralStation(world.app, "", None, Path("/"), signer(generate("test.example/log")[0]), router))
    enqueued = agency.report_job(world.account_id, run_id)
    job = cast(Any, SimpleNamespace(args=dict(enqueued.args)))
    assert enqueued.worker == f"{Report.__module__}.{Report.__name__}"
    await Report().process(job)
    await asyncio.gather(Report().process(job), Report().process(job))
    async with world.tx() as tx:
        found = await sources.list_artifacts(tx, run_id=run_id)
    assert sorted(one.media_type for one in found) == ["application/pdf", "text/html"]
    assert (await owed(world, order_id)).state == "prepared"


async def test_a_package_tells_of_released_files_and_of_no_quarantined_name(world: World) -> None:
    run_id, _ = await written(world)
    store = sources.open_store(world.settings)
    async with world.tx() as tx:
        for name, is_released in (("brief.txt", True), ("canary-7f3a.txt", None), ("canary-no.txt", False)):
            new = sources.NewArtifact(world.project_id, name, "text/plain", b"canary words", "operator")
            artifact_id = await sources.add_artifact(tx, store, world.owner, new, world.clock())
            if is_released is not None:
                await sources.decide_artifact(
                    tx, store, world.owner, artifact_id, is_released=is_released, now=world.clock()
                )
    await report(world, run_id)
    async with world.tx() as tx:
        package = repr((await agency.build_package(tx, await agency.get_run(tx, run_id), "none")).data)
    assert "brief.txt" in package
    assert "canary-" not in package
    assert "Snapshot of your shop.pdf" not in package
