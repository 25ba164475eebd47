"""The chapters in their order."""

from datetime import datetime

from trinity.cli.stack import Stack
from trinity.cli.story.buying import ask, buy
from trinity.cli.story.cast import cast
from trinity.cli.story.proving import prove
from trinity.cli.story.refunding import pay_out, refund
from trinity.cli.story.sandboxes import Sandboxes
from trinity.cli.story.teller import Teller
from trinity.cli.story.working import converse, work


async def tell(teller: Teller, stack: Stack, now: datetime) -> None:
    """From a stranger's request to a verified packet."""
    assert stack.gmail_url and stack.stripe_url and stack.smtp_http_url, "the story is told on the sandboxes"
    sandboxes = Sandboxes(stack.gmail_url, stack.stripe_url, stack.smtp_http_url)
    if teller.has_faults:
        with teller.step("fault: from now on Stripe sends every event three times, in no order"):
            await sandboxes.repeat_webhooks()
    async with cast(teller, stack.settings, stack.gmail_url, now) as people:
        await ask(teller, people, sandboxes)
        order = await buy(teller, people, sandboxes)
        sent = await work(teller, people, sandboxes, order)
        await converse(teller, people, sandboxes, sent)
        await pay_out(teller, people, sandboxes, order)
        await refund(teller, people, sandboxes, order)
        await prove(teller, people, stack.settings)
