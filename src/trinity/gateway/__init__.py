"""The gateway: the only door through which an effect leaves (I1).

    propose ──► bind ──► decide ──► claim ──► act ──► settle ──► verify
                                   (tx1)    (no tx)   (tx2)     (job)

Promises that nothing unregistered runs (I2), that what was shown is what is sent (I3), that intent is durable
before I/O (I5) and that an outside effect is never repeated blindly (I6). `advance` drives one call through
whatever comes next; it may be called at any moment, any number of times, by any worker.
"""

from trinity.gateway.advance import Later, advance
from trinity.gateway.decide import cancel, decide, edit, request_execution, revoke
from trinity.gateway.house import House, Rails
from trinity.gateway.housekeeping import end_lost_runs, expire_due, find_stuck, take_up_held_runs
from trinity.gateway.notify import notice_key, notify, notify_guest, tell_members
from trinity.gateway.operations import OPERATIONS, Operation
from trinity.gateway.propose import Proposal, Proposed, propose
from trinity.gateway.review import conclude_review
from trinity.gateway.spent import SpentRegister
from trinity.gateway.verify import PROPERTIES, is_verified, verify
from trinity.gateway.watching import WATCH_CURSOR, renew_watch

__all__ = [
    "OPERATIONS",
    "PROPERTIES",
    "WATCH_CURSOR",
    "House",
    "Later",
    "Operation",
    "Proposal",
    "Proposed",
    "Rails",
    "SpentRegister",
    "advance",
    "cancel",
    "conclude_review",
    "decide",
    "edit",
    "end_lost_runs",
    "expire_due",
    "find_stuck",
    "is_verified",
    "notice_key",
    "notify",
    "notify_guest",
    "propose",
    "renew_watch",
    "request_execution",
    "revoke",
    "take_up_held_runs",
    "tell_members",
    "verify",
]
