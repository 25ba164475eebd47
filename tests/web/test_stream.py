"""A page's stream: first the truth, then every change, then nothing once the session ends."""

import re
import zlib
from collections.abc import AsyncIterator

from tests.web.conftest import Client, stream_until_closed
from tests.web.desk_in_memory import DeskInMemory, key
from trinity.web.live import RESNAPSHOT, Hub, notification
from trinity.web.stream import compressed
from trinity.web.views import Posture


async def test_it_begins_with_the_state_and_says_good_bye(signed_in: Client, hub: Hub) -> None:
    said = await stream_until_closed(signed_in, hub, "/approvals")
    assert said.startswith("retry: 1000\n\nevent: patch\ndata: ")
    assert '<main id="main"' in said
    assert said.endswith("event: bye\ndata: restart\n\n")
    assert hub.subscriber_count == 0


async def test_a_change_is_read_again_and_sent(signed_in: Client, hub: Hub, desk: DeskInMemory) -> None:
    def hold() -> None:
        desk.posture_ = Posture("hold", "Strange mail seen.")
        hub.hear(notification(desk.who.account_id, "posture"))

    said = await stream_until_closed(signed_in, hub, "/approvals", hold)
    assert said.count("event: patch") == 2
    assert "Strange mail seen." in said.split("event: patch")[2]


async def test_a_notification_without_a_change_sends_no_markup(signed_in: Client, hub: Hub) -> None:
    said = await stream_until_closed(signed_in, hub, "/approvals", hub.mark_all)
    assert said.count("event: patch") == 1
    assert "event: ping" in said


async def test_another_accounts_notification_wakes_nobody(signed_in: Client, hub: Hub, desk: DeskInMemory) -> None:
    def elsewhere() -> None:
        desk.posture_ = Posture("hold", "Elsewhere.")
        hub.hear(notification(key(77), "posture"))

    said = await stream_until_closed(signed_in, hub, "/approvals", elsewhere)
    assert "Elsewhere." not in said


async def test_a_revoked_session_ends_the_stream(signed_in: Client, hub: Hub, desk: DeskInMemory) -> None:
    def revoke() -> None:
        desk.tokens.clear()
        hub.hear(notification(desk.who.account_id, f"session:{desk.who.session_id}"))

    said = await stream_until_closed(signed_in, hub, "/approvals", revoke)
    assert said.endswith("event: bye\ndata: signed_out\n\n")


async def test_a_role_that_changed_makes_the_page_load_again(signed_in: Client, hub: Hub, desk: DeskInMemory) -> None:
    def demote() -> None:
        desk.change_role("auditor")
        hub.hear(notification(desk.who.account_id, f"session:{desk.who.session_id}"))

    said = await stream_until_closed(signed_in, hub, "/approvals", demote)
    assert said.endswith("event: bye\ndata: gone\n\n")


async def test_a_subscriber_that_missed_something_reads_again(hub: Hub, desk: DeskInMemory) -> None:
    with hub.subscribe(desk.who.account_id, frozenset({"runs"})) as ear:
        hub.hear("no JSON")
        assert await ear.wait(1) == {RESNAPSHOT}
        hub.hear(notification(desk.who.account_id, "runs"))
        hub.hear(notification(desk.who.account_id, "runs"))
        hub.hear(notification(desk.who.account_id, "sent"))
        assert await ear.wait(1) == {"runs"}
        assert await ear.wait(0.01) == frozenset()


async def test_a_region_that_hardly_changed_costs_a_few_bytes(signed_in: Client) -> None:
    page = (await signed_in.get("/approvals")).content

    async def events() -> AsyncIterator[bytes]:
        yield page
        yield page.replace(b"Aurora", b"Borealis")

    reader = zlib.decompressobj(31)
    first, second, end = [part async for part in compressed(events())]
    assert reader.decompress(first) == page, "an event is whole as soon as it is sent"
    assert reader.decompress(second) == page.replace(b"Aurora", b"Borealis")
    assert len(second) < len(first) / 5
    reader.decompress(end)
    assert reader.eof


async def test_the_data_of_an_event_cannot_begin_another(signed_in: Client, hub: Hub, desk: DeskInMemory) -> None:
    desk.posture_ = Posture("hold", "x\r\revent: bye\ndata: \u2028evil\x0bmore")
    said = await stream_until_closed(signed_in, hub, "/approvals")
    assert re.findall(r"^event: (\w+)", said, flags=re.MULTILINE) == ["patch", "bye"]
    assert not [line for line in said.split("\n") if line and not line.startswith(("data:", "event:", "retry:"))]
