"""Accounts: tenants, people, memberships, sessions, projects, and guests of projects.

Owns those tables. Promises that a password is stored as argon2id, a session's and a guest's token as its SHA-256, and
that whoever asks for an object of another account hears that there is none.
"""

from trinity.accounts.commands import NewProject, create_account, create_project, create_user
from trinity.accounts.guests import (
    Guest,
    Invited,
    SponsorDomain,
    allow_domain,
    find_guest,
    get_guest,
    invite_guest,
    list_guests,
    list_sponsor_domains,
    revoke_domain,
    revoke_guest,
)
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
    get_public_account,
    list_active_members,
    list_members,
    list_projects,
)
from trinity.accounts.sessions import SignedIn, find_session, sign_in, sign_out

__all__ = [
    "PERMISSIONS",
    "Guest",
    "Invited",
    "Member",
    "NewProject",
    "Permission",
    "Project",
    "PublicAccount",
    "SignedIn",
    "SponsorDomain",
    "account_ids",
    "account_of_slug",
    "allow_domain",
    "create_account",
    "create_project",
    "create_user",
    "demand",
    "find_guest",
    "find_session",
    "get_guest",
    "get_member",
    "get_project",
    "get_public_account",
    "invite_guest",
    "list_active_members",
    "list_guests",
    "list_members",
    "list_projects",
    "list_sponsor_domains",
    "may",
    "revoke_domain",
    "revoke_guest",
    "sign_in",
    "sign_out",
]
