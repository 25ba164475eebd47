"""Readiness at the claim: a provider whose needed check fails is not asked, and the call says why."""

from datetime import timedelta

import pytest

from tests.world import World
from trinity import integrations
from trinity.integrations import Finding


@pytest.mark.parametrize(
    ("name", "minutes_ago", "is_refused"),
    [
        ("credential", 1, True),
        ("credential", 600, True),
        ("reachable", 1, True),
        ("reachable", 16, False),
        ("alias", 1, True),
        ("watch", 1, False),
    ],
)
async def test_a_failing_check_of_the_mailbox_refuses_the_claim(
    world: World, name: str, minutes_ago: int, is_refused: bool
) -> None:
    made = await world.approved()
    async with world.tx() as tx:
        (mailbox,) = await integrations.list_integrations(tx)
        found_at = world.clock() - timedelta(minutes=minutes_ago)
        await integrations.record_checks(tx, mailbox.id, [Finding(name, "failing", "It fails.")], found_at)
    call = await world.drive(made.tool_call_id)
    assert call.state == ("denied" if is_refused else "succeeded")
    assert [reason["code"] for reason in call.reasons] == (["not_ready"] if is_refused else [])
    assert len(await world.sent_as_approved(made)) == (0 if is_refused else 1)
    assert len(await world.events("tool_call.denied")) == is_refused


async def test_a_check_that_is_not_known_or_of_another_provider_refuses_nothing(world: World) -> None:
    made = await world.approved()
    async with world.tx() as tx:
        (mailbox,) = await integrations.list_integrations(tx)
        findings = [Finding("credential", "unknown", ""), Finding("reachable", "unknown", "")]
        await integrations.record_checks(tx, mailbox.id, findings, world.clock())
    assert (await world.drive(made.tool_call_id)).state == "succeeded"
