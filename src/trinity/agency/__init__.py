"""Agency: projects' runs. What an agent was asked, what it was shown, what it did, under which lease.

Owns `runs`, `run_leases`, `run_events`, `drafts`. Promises that a run's lease is its only authority, that a
stopped run's lease is gone at once, and that the package holds released text only (I9).
"""

from trinity.agency.following import (
    OrderRun,
    find_decided,
    source_decided,
    start_order_run,
    start_reply_run,
    start_run_of_order,
)
from trinity.agency.leases import Leased, find_lease, grant_lease, revoke_leases
from trinity.agency.package import Package, build_package
from trinity.agency.progress import (
    Progress,
    Step,
    keep_package,
    mark_step,
    note_report,
    progress_of,
    read_progress,
    use_source,
)
from trinity.agency.queries import Draft, Run, RunEvent, get_run, list_drafts, list_run_events, list_runs
from trinity.agency.reports import make_report, report_draft, report_job
from trinity.agency.runs import (
    NewRun,
    begin_run,
    finish_run,
    keep_isolation,
    record_event,
    request_artifact,
    save_draft,
    settle_waiting,
    start_run,
    stop_run,
    write_event,
)
from trinity.agency.setup import FirstAccount, open_account

__all__ = [
    "Draft",
    "FirstAccount",
    "Leased",
    "NewRun",
    "OrderRun",
    "Package",
    "Progress",
    "Run",
    "RunEvent",
    "Step",
    "begin_run",
    "build_package",
    "find_decided",
    "find_lease",
    "finish_run",
    "get_run",
    "grant_lease",
    "keep_isolation",
    "keep_package",
    "list_drafts",
    "list_run_events",
    "list_runs",
    "make_report",
    "mark_step",
    "note_report",
    "open_account",
    "progress_of",
    "read_progress",
    "record_event",
    "report_draft",
    "report_job",
    "request_artifact",
    "revoke_leases",
    "save_draft",
    "settle_waiting",
    "source_decided",
    "start_order_run",
    "start_reply_run",
    "start_run",
    "start_run_of_order",
    "stop_run",
    "use_source",
    "write_event",
]
