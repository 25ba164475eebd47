"""Files that go with a mail: bound by their digests, shown, released by a person before they leave, sent byte for byte."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from uuid import UUID

import pytest

from tests.world import World
from trinity import agency, crm, effects, gateway, sources
from trinity.errors import NotFound, Refused
from trinity.gateway import Proposal, is_verified
from trinity.providers.gmail.materialise import ATTACHMENTS_BYTES_MAX, ATTACHMENTS_MAX
from trinity.sources import NewArtifact

TEXT = "Ein Bericht über Größe.\n".encode()


async def add(world: World, name: str = "Bericht für Ada.txt", data: bytes = TEXT, *, is_released: bool = True) -> UUID:
    store = sources.open_store(world.settings)
    async with world.tx() as tx:
        new = NewArtifact(world.project_id, name, "text/plain", data, "operator")
        artifact_id = await sources.add_artifact(tx, store, world.owner, new, world.clock())
    if is_released:
        await release(world, artifact_id)
    return artifact_id


async def release(world: World, artifact_id: UUID, *, is_released: bool = True) -> None:
    async with world.tx() as tx:
        await sources.decide_artifact(
            tx,
            sources.open_store(world.settings),
            world.owner,
            artifact_id,
            is_released=is_released,
            now=world.clock(),
        )


async def test_files_go_out_byte_for_byte_and_are_verified(world: World) -> None:
    first, second = await add(world), await add(world, "list.csv.txt", b"a;b\r\n1;2\r\n")
    made = await world.approved(attachments=[str(first), str(second)])
    async with world.tx() as tx:
        envelope = (await effects.get_envelope(tx, made.tool_call_id)).parsed()
        artifact = await sources.get_artifact(tx, first)
    assert envelope.resource["attachment_1"] == f"{first} {artifact.sha256} {len(TEXT)} text/plain"
    assert (await world.drive(made.tool_call_id)).state == "succeeded"
    async with world.tx() as tx:
        message = message_from_bytes((await effects.get_envelope(tx, made.tool_call_id)).payload, policy=policy.default)
    assert isinstance(message, EmailMessage)
    found = [(one.get_filename(), one.get_payload(decode=True)) for one in message.iter_attachments()]
    assert found == [("Bericht für Ada.txt", TEXT), ("list.csv.txt", b"a;b\r\n1;2\r\n")]
    assert len(await world.sent_as_approved(made)) == 1
    await gateway.verify(world.rails, world.account_id, made.tool_call_id)
    async with world.tx() as tx:
        assert is_verified(await effects.list_receipts(tx, made.tool_call_id))


async def test_what_is_in_quarantine_can_be_proposed_but_not_approved(world: World) -> None:
    artifact_id = await add(world, is_released=False)
    made = await world.propose(attachments=[str(artifact_id)])
    with pytest.raises(Refused) as refused:
        await world.approve(made)
    assert (refused.value.code, refused.value.status) == ("attachment_not_released", 409)
    assert (await world.request(made.approval_id)).state == "pending"
    await release(world, artifact_id)
    assert await world.approve(made) == "approved"


async def test_a_no_needs_no_release(world: World) -> None:
    made = await world.propose(attachments=[str(await add(world, is_released=False))])
    assert await world.decide(made, "reject") == "rejected"


CHANGES = {
    "back in quarantine": ("release_state = 'quarantined'", "attachment_not_released"),
    "rejected": ("release_state = 'rejected'", "attachment_not_released"),
    "another digest": ("sha256 = repeat('0', 64)", "attachment_changed"),
    "another length": ("size_bytes = size_bytes + 1", "attachment_changed"),
    "another type": ("media_type = 'application/pdf'", "attachment_changed"),
}


@pytest.mark.parametrize("name", CHANGES)
async def test_the_claim_looks_at_the_files_again(world: World, name: str) -> None:
    change, code = CHANGES[name]
    artifact_id = await add(world)
    made = await world.approved(attachments=[str(artifact_id)])
    world.tamper(f"update artifacts set {change} where id = %(id)s", id=artifact_id)
    call = await world.drive(made.tool_call_id)
    assert (call.state, {one["code"] for one in call.reasons}) == ("denied", {code})
    assert await world.sent_as_approved(made) == []


async def test_too_many_too_large_twice_or_not_there(world: World) -> None:
    artifact_id = str(await add(world))
    big = str(await add(world, "big.txt", b"x" * (ATTACHMENTS_BYTES_MAX // 2 + 1)))
    large = str(await add(world, "large.txt", b"y" * (ATTACHMENTS_BYTES_MAX // 2 + 1)))
    refused = [[artifact_id, artifact_id], [big, large], [artifact_id] * (ATTACHMENTS_MAX + 1), ["not-an-id"]]
    for number, attachments in enumerate(refused):
        with pytest.raises(Refused) as error:
            await world.propose(f"key-{number}", attachments=attachments)
        assert error.value.code == "invalid_payload"
    with pytest.raises(NotFound):
        await world.propose("key-x", attachments=[str(UUID(int=7))])


async def test_a_run_cannot_attach_another_contacts_file(world: World) -> None:
    store = sources.open_store(world.settings)
    async with world.tx() as tx:
        bob = await crm.meet(tx, world.owner, crm.NewContact(world.project_id, "bob@x.example", "Bob"), world.clock())
        new = NewArtifact(world.project_id, "bob.txt", "text/plain", TEXT, "operator", bob.id)
        bobs = await sources.add_artifact(tx, store, world.owner, new, world.clock())
        run = agency.NewRun(world.project_id, "Write to Ada.", "ada@customer.example", "Ada Byron")
        run_id = await agency.start_run(tx, world.owner, run, world.clock())
    mail = world.mail(attachments=[str(bobs)])
    with pytest.raises(NotFound):
        await gateway.propose(
            world.app,
            world.agent,
            Proposal(world.project_id, "gmail.send", "key-b", mail, run_id=run_id, reason="Why."),
        )
    own = world.mail(attachments=[str(await add(world))])
    await gateway.propose(
        world.app, world.agent, Proposal(world.project_id, "gmail.send", "key-o", own, run_id=run_id, reason="Why.")
    )
    await world.propose("key-p", actor=world.owner, attachments=[str(bobs)])


async def test_a_rejected_file_is_not_even_proposed(world: World) -> None:
    artifact_id = await add(world, is_released=False)
    await release(world, artifact_id, is_released=False)
    with pytest.raises(Refused) as refused:
        await world.propose(attachments=[str(artifact_id)])
    assert refused.value.code == "attachment_rejected"


async def test_bytes_that_were_changed_in_the_store_do_not_get_into_a_mail(world: World) -> None:
    artifact_id = await add(world)
    folder = world.settings.home / "artifacts"
    (found,) = [
        path for path in folder.rglob("*") if path.is_file() and "released" in str(path) and path.read_bytes() == TEXT
    ]
    found.write_bytes(b"something else")
    with pytest.raises(Refused) as refused:
        await world.propose(attachments=[str(artifact_id)])
    assert refused.value.code == "artifact_corrupted"
