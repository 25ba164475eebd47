"""Money's workers: they ask Stripe what is so now, and have `revenue` write it down. They decide nothing.

An event only says where to look. Whatever it was about, the whole payment is fetched and applied; balance transactions
are listed and booked by themselves; what webhooks did not bring is found in Stripe's list of events. Every one of
these may run at any time, any number of times, side by side.
"""

import json
from datetime import datetime, timedelta
from uuid import UUID

from trinity.store.oban_schema import stand_in_for_erlpack

stand_in_for_erlpack()

from oban import Job, worker  # noqa: E402

from trinity import accounts, integrations, revenue  # noqa: E402
from trinity.gateway.house import EXECUTOR_QUEUE  # noqa: E402
from trinity.integrations import Integration  # noqa: E402
from trinity.jobs.packets import ask_for_order  # noqa: E402
from trinity.jobs.station import executor  # noqa: E402
from trinity.jobs.stripe_state import carry_out, ensure_order, find_stripe, sync_payment  # noqa: E402
from trinity.jobs.workers import FAILURES_TOLD_MAX, Retried  # noqa: E402
from trinity.providers.stripe import read  # noqa: E402
from trinity.providers.stripe.read import Listed, Movement  # noqa: E402
from trinity.store.database import Job as NewJob  # noqa: E402
from trinity.store.database import Tx  # noqa: E402

BOOK_JOB = "trinity.jobs.money.BookBalance"
POLL_JOB = "trinity.jobs.money.PollEvents"
BALANCE_CURSOR = "stripe.balance"
EVENTS_CURSOR = "stripe.events"
OVERLAP = timedelta(hours=1)
"""How far behind the newest balance transaction a listing begins: a list may lag, and clocks may differ."""
EVENTS_OVERLAP = timedelta(minutes=10)
EVENTS_REACH = timedelta(days=29)
"""Stripe's list of events reaches back 30 days."""
EVENTS_LAG = timedelta(seconds=90)
"""The newest events are left to their webhooks, which bring them signed."""
PAGES_PER_JOB_MAX = 20
ATTEMPTS_MAX = 20


@worker(queue=EXECUTOR_QUEUE)
class StripeEvent(Retried):
    """Carries out one stored event."""

    async def process(self, job: Job) -> None:
        """Fetch the current state of what it is about, and apply it; then see to the ledger."""
        account_id, event_id = UUID(job.args["account_id"]), UUID(job.args["event_id"])
        rails = executor().rails
        if await carry_out(rails, account_id, event_id):
            async with rails.house.db.transaction(account_id) as tx:
                await enqueue_once(tx, BOOK_JOB)


@worker(queue=EXECUTOR_QUEUE)
class SyncOrder(Retried):
    """Asks Stripe how an order's payment stands: after a refund of ours, and for whoever wants to be sure."""

    async def process(self, job: Job) -> None:
        """The same as after an event, without one."""
        account_id, order_id = UUID(job.args["account_id"]), UUID(job.args["order_id"])
        rails = executor().rails
        async with rails.house.db.transaction(account_id) as tx:
            order = await revenue.get_order(tx, order_id)
            checkout = await revenue.get_checkout(tx, order.checkout_id)
        assert checkout.provider_session_id, "an order comes from a session"
        await sync_payment(rails, account_id, session_id=checkout.provider_session_id)
        async with rails.house.db.transaction(account_id) as tx:
            await enqueue_once(tx, BOOK_JOB)


@worker(queue=EXECUTOR_QUEUE, max_attempts=ATTEMPTS_MAX)
class BookBalance(Retried):
    """Books an account's balance transactions since the cursor, each exactly once."""

    async def process(self, job: Job) -> None:
        """Page by page, newest first; the cursor moves when the whole list was read, and never back."""
        account_id = UUID(job.args["account_id"])
        rails = executor().rails
        stripe = await find_stripe(rails, account_id)
        if stripe is None:
            return
        client = await rails.stripe(account_id, stripe)
        since = await _since(account_id, stripe, BALANCE_CURSOR, OVERLAP)
        after, newest = job.args.get("after"), job.args.get("newest")
        for _ in range(PAGES_PER_JOB_MAX):
            page = await read.list_movements(client, since, after)
            if newest is None and page.items:
                newest = page.items[0].created_at.isoformat()
            await _book_page(account_id, stripe, page)
            after = page.after
            if after is None:
                break
        async with rails.house.db.transaction(account_id, barrier="book") as tx:
            if after is not None:
                # The rest goes on in another job. Should that be lost, the next one begins again from the old cursor.
                await tx.enqueue(_job(tx, BOOK_JOB, {"after": after, "newest": newest}))
            elif newest is not None:
                await _move_on(tx, stripe, BALANCE_CURSOR, datetime.fromisoformat(newest))


@worker(queue=EXECUTOR_QUEUE, max_attempts=ATTEMPTS_MAX)
class PollEvents(Retried):
    """Finds events whose webhooks did not come."""

    async def process(self, job: Job) -> None:
        """Keep what is not known, as if a webhook had brought it; its own job does the rest."""
        account_id = UUID(job.args["account_id"])
        rails = executor().rails
        stripe = await find_stripe(rails, account_id)
        if stripe is None:
            return
        client = await rails.stripe(account_id, stripe)
        now = rails.house.clock()
        # The job that goes on with a long list goes on with the same list.
        until = datetime.fromisoformat(job.args["until"]) if "until" in job.args else now - EVENTS_LAG
        since = max(await _since(account_id, stripe, EVENTS_CURSOR, EVENTS_OVERLAP), now - EVENTS_REACH)
        after = job.args.get("after")
        for _ in range(PAGES_PER_JOB_MAX):
            page = await read.list_events(client, since, until, after)
            async with rails.house.db.transaction(account_id) as tx:
                known = await revenue.known_events(tx, [event.id for event, _ in page.items])
                for event, value in page.items:
                    if event.id not in known:
                        raw = json.dumps(value).encode()
                        await revenue.receive_event(tx, event, raw, rails.house.clock(), detail="from the list")
            after = page.after
            if after is None:
                break
        async with rails.house.db.transaction(account_id) as tx:
            if after is not None:
                await tx.enqueue(_job(tx, POLL_JOB, {"after": after, "until": until.isoformat()}))
            else:
                await _move_on(tx, stripe, EVENTS_CURSOR, until)


@worker(queue=EXECUTOR_QUEUE, cron="* * * * *", max_attempts=1)
class MoneyRound:
    """Every minute, for every account with a Stripe: what was missed is looked for, what was lost gets a job."""

    async def process(self, job: Job) -> None:
        """Only jobs are made here, so that one account's failure is its own."""
        rails = executor().rails
        failures: list[Exception] = []
        for account_id in await accounts.account_ids(rails.house.db):
            try:
                async with rails.house.db.transaction(account_id) as tx:
                    stripe = await integrations.find_integration(tx, "stripe")
                    if stripe is None or stripe.state != "ready":
                        continue
                    await revenue.give_lost_events_a_job(tx, rails.house.clock())
                    await revenue.give_lost_orders_a_job(tx, rails.house.clock())
                    await enqueue_once(tx, BOOK_JOB)
                    await enqueue_once(tx, POLL_JOB)
            except Exception as error:
                failures.append(error)
        if failures:
            raise ExceptionGroup("money could not be looked after for every account", failures[:FAILURES_TOLD_MAX])


async def enqueue_once(tx: Tx, worker_name: str) -> None:
    """A job of this account, unless one waits already. One that runs does not count: it may have looked before."""
    await tx.enqueue_unless(_job(tx, worker_name, {}))


async def _book_page(account_id: UUID, stripe: Integration, page: Listed[Movement]) -> None:
    """Book what is not booked; an order that is not known yet is fetched first, so that its lines name it.

    What moved before we were connected cannot be about an order of ours and is booked without asking.
    """
    rails = executor().rails
    db, clock = rails.house.db, rails.house.clock
    async with db.transaction(account_id) as tx:
        known = await revenue.booked(tx, [one.id for one in page.items])
    new = [one for one in reversed(page.items) if one.id not in known]
    for movement in new:
        is_of_before = movement.created_at < stripe.created_at - OVERLAP
        order_id = None if is_of_before else await ensure_order(rails, account_id, movement.payment_intent_id)
        async with db.transaction(account_id, barrier="book") as tx:
            if await revenue.book(tx, movement, order_id, clock()) and order_id:
                await ask_for_order(tx, order_id, clock())


async def _since(account_id: UUID, stripe: Integration, name: str, overlap: timedelta) -> datetime:
    """Where a listing begins: some time before what was read last, or when the account was connected.

    Money that moved before we were connected belongs to the books too: they equal Stripe's balance or they are wrong.
    """
    async with executor().rails.house.db.transaction(account_id) as tx:
        value = await integrations.get_cursor(tx, stripe.id, name)
    if value is not None:
        return datetime.fromisoformat(value) - overlap
    return datetime.fromtimestamp(0, stripe.created_at.tzinfo) if name == BALANCE_CURSOR else stripe.created_at


async def _move_on(tx: Tx, stripe: Integration, name: str, moment: datetime) -> None:
    held = await integrations.get_cursor(tx, stripe.id, name)
    if held is None or datetime.fromisoformat(held) < moment:
        await integrations.move_cursor(tx, stripe.id, name, moment.isoformat(), executor().rails.house.clock())


def _job(tx: Tx, worker_name: str, more: dict[str, object]) -> NewJob:
    return NewJob(worker_name, EXECUTOR_QUEUE, {"account_id": str(tx.account_id), **more}, None, ATTEMPTS_MAX)
