"""Facts and acts of the operating system: users, reachability, child processes, ports.

Promises: nothing here changes the mode or the owner of a directory that Trinity did not make, a child
gets exactly the environment that it is given, and what the system cannot do is refused, not left out.
Knows nothing of Trinity but its errors; reads no setting.
"""

from trinity.host.children import Confinement, child_command, landlock_abi, spawn
from trinity.host.ports import free_port
from trinity.host.processes import processes_in
from trinity.host.users import (
    AGENT_USER,
    POSTGRES_USER,
    SYSTEM_PATH,
    SystemUser,
    current_user,
    ensure_user,
    home_of,
    interpreter_for,
    is_enterable_by,
    is_executable_by,
    is_readable_by,
    is_root,
    user_of,
)

__all__ = [
    "AGENT_USER",
    "POSTGRES_USER",
    "SYSTEM_PATH",
    "Confinement",
    "SystemUser",
    "child_command",
    "current_user",
    "ensure_user",
    "free_port",
    "home_of",
    "interpreter_for",
    "is_enterable_by",
    "is_executable_by",
    "is_readable_by",
    "is_root",
    "landlock_abi",
    "processes_in",
    "spawn",
    "user_of",
]
