"""Named points between a commit and a provider call, where a test may kill the process.

In the product `reached` does nothing: no setting, file or request can install a hook. The kill tests run
the product's own workers in a process that installs one in Python, which is why the matrix is enumerated
and not sampled: `BARRIERS` is the whole list, and a tidy test finds each name in the source.
"""

from collections.abc import Callable

BARRIERS = (
    "propose.before_commit",
    "propose.after_commit",
    "review.before_commit",
    "review.after_commit",
    "decide.before_commit",
    "decide.after_commit",
    "claim.before_commit",
    "claim.after_commit",
    "spend.before",
    "spend.after",
    "attempt.before_commit",
    "attempt.after_commit",
    "provider.before_call",
    "provider.after_call",
    "attempt_result.before_commit",
    "attempt_result.after_commit",
    "settle.before_commit",
    "settle.after_commit",
    "reconcile.before_take_over",
    "reconcile.after_take_over",
    "reconcile.after_look_up",
    "verify.before_commit",
    "verify.after_commit",
    "order_run.before_commit",
    "order_run.after_commit",
    "source_decided.before_commit",
    "source_decided.after_commit",
    "model_decision.before_commit",
    "model_decision.after_commit",
    "ingest.before_commit",
    "ingest.after_commit",
    "run.before_start",
    "run.after_start",
    "run.before_finish",
    "buy.before_commit",
    "buy.after_commit",
    "webhook.before_commit",
    "webhook.after_commit",
    "artifact.after_object",
    "artifact.after_copy",
    "event.before_fetch",
    "event.after_fetch",
    "money.before_commit",
    "money.after_commit",
    "book.before_commit",
    "book.after_commit",
)

_hook: Callable[[str], None] | None = None


def reached(name: str) -> None:
    """Say that execution stands at the named point."""
    assert name in BARRIERS, name
    if _hook is not None:
        _hook(name)


def install(hook: Callable[[str], None] | None) -> None:
    """Danger: for kill tests only. Called with every barrier's name, in the thread that reached it."""
    global _hook
    _hook = hook
