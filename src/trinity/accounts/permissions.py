"""Who may do what: one table, read at every decision and again at every claim."""

from enum import StrEnum


class Permission(StrEnum):
    """A thing that a member may be allowed to do."""

    READ = "read"
    RUN = "run"
    RELEASE = "release"
    PROPOSE = "propose"
    APPROVE = "approve"
    CONTROL = "control"
    ADMINISTER = "administer"


_ALL = frozenset(Permission)

PERMISSIONS: dict[str, frozenset[Permission]] = {
    "owner": _ALL,
    "approver": frozenset({Permission.READ, Permission.RELEASE, Permission.APPROVE, Permission.CONTROL}),
    "operator": frozenset(
        {Permission.READ, Permission.RUN, Permission.RELEASE, Permission.PROPOSE, Permission.CONTROL}
    ),
    "auditor": frozenset({Permission.READ}),
}


def may(role: str, permission: Permission) -> bool:
    """Whether a role has a permission; an unknown role has none."""
    return permission in PERMISSIONS.get(role, frozenset())
