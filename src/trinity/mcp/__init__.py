"""The agents' door: the only thing a runtime can talk to, on loopback, with a run's lease.

Promises that an agent can plan, draft, ask and propose, and nothing else; that every call checks the lease,
in the transaction in which it counts; and that a denial is an answer with a code, so that no runtime retries it.
"""

from trinity.mcp.door import build_door

__all__ = ["build_door"]
