"""The jobs that follow from money: enqueued by name, since they are done on a higher floor."""

from datetime import timedelta
from uuid import UUID

from trinity.store.database import Job

STRIPE_EVENT_JOB = "trinity.jobs.money.StripeEvent"
SYNC_ORDER_JOB = "trinity.jobs.money.SyncOrder"
ORDER_PAID_JOB = "trinity.jobs.models.OrderPaid"
MONEY_QUEUE = "executor"
"""Stripe is asked where its key can be opened, and nowhere else."""
RUN_QUEUE = "general"
ATTEMPTS_MAX = 100
LOST_BATCH_MAX = 200
LOST_AFTER = timedelta(minutes=2)
"""How long a job has to come by itself before it counts as lost."""


def stripe_event_job(account_id: UUID, event_id: UUID) -> Job:
    """The job that carries out one stored event."""
    return _job(STRIPE_EVENT_JOB, MONEY_QUEUE, account_id, "event_id", event_id)


def sync_order_job(account_id: UUID, order_id: UUID) -> Job:
    """The job that asks Stripe how an order's payment stands now."""
    return _job(SYNC_ORDER_JOB, MONEY_QUEUE, account_id, "order_id", order_id)


def order_paid_job(account_id: UUID, order_id: UUID) -> Job:
    """The job that starts the work on an order."""
    return _job(ORDER_PAID_JOB, RUN_QUEUE, account_id, "order_id", order_id)


def _job(worker: str, queue: str, account_id: UUID, name: str, subject_id: UUID) -> Job:
    return Job(worker, queue, {"account_id": str(account_id), name: str(subject_id)}, None, ATTEMPTS_MAX)
