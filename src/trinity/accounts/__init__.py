"""Accounts: tenants, people, memberships, sessions, projects.

Owns those tables. Promises that a password is stored as argon2id, a session as the SHA-256 of its token, and
that whoever asks for an object of another account hears that there is none.
"""

from trinity.accounts.commands import NewProject, create_account, create_project, create_user
from trinity.accounts.permissions import PERMISSIONS, Permission, may
from trinity.accounts.queries import (
    Member,
    Project,
    PublicAccount,
    account_ids,
    account_of_slug,
    demand,
    get_member,
    get_project,
    list_active_members,
    list_members,
    list_projects,
)
from trinity.accounts.sessions import SignedIn, find_session, sign_in, sign_out

__all__ = [
    "PERMISSIONS",
    "Member",
    "NewProject",
    "Permission",
    "Project",
    "PublicAccount",
    "SignedIn",
    "account_ids",
    "account_of_slug",
    "create_account",
    "create_project",
    "create_user",
    "demand",
    "find_session",
    "get_member",
    "get_project",
    "list_active_members",
    "list_members",
    "list_projects",
    "may",
    "sign_in",
    "sign_out",
]
