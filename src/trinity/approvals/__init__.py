"""Approvals: what people are asked, and what they decided, in statements that name the exact digest.

Owns `approval_requests` and `approval_decisions`. Promises that a decision is about one digest, by somebody
else than the requester, current, and spent by one claim (I4). The claim checks all of it again.
"""

from trinity.approvals.commands import NewDecision, close_request, decide, open_request, revoke
from trinity.approvals.queries import ApprovalRequest, DecisionMade, get_request, list_decisions, list_requests

__all__ = [
    "ApprovalRequest",
    "DecisionMade",
    "NewDecision",
    "close_request",
    "decide",
    "get_request",
    "list_decisions",
    "list_requests",
    "open_request",
    "revoke",
]
