"""Runtimes: how an agent's process is started, held and ended.

Promises: a runtime gets the address of the agents' door and a lease and nothing else, it is another user
where the system allows that, and no process of ours outlives the call that started it.
"""

from trinity.hermes.spawn import RuntimeExit, run_runtime

__all__ = ["RuntimeExit", "run_runtime"]
