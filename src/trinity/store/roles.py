"""The database's roles and what each may do.

| role | logs in | may |
|---|---|---|
| the owner (of DATABASE_URL) | migrations only | create tables; even so lives under FORCEd row-level security |
| `trinity_app` | web, general worker | read and write its account's rows, never update or delete history; owns nothing |
| `trinity_executor` | executor | what the app may, and read sealed provider credentials |
| `trinity_definer` | nobody | owns the SECURITY DEFINER look-ups that turn a mail address or a token into an account id |
"""

import psycopg
from psycopg import sql

from trinity.store.urls import APP_ROLE, DEFINER_ROLE, EXECUTOR_ROLE, role_password, with_database, with_login

OWNER_ROLE = "trinity_owner"
DATABASE = "trinity"
ROLES_LOCK = 0x7472696E


def ensure_database(admin_url: str, secret_key: bytes, *, database: str = DATABASE) -> str:
    """As a superuser: an owner role and its database. Returns the owner's address. Repeatable."""
    password = role_password(secret_key, OWNER_ROLE)
    with psycopg.connect(admin_url, autocommit=True) as db:
        db.execute("select pg_advisory_lock(%s)", [ROLES_LOCK])
        _ensure_login(db, OWNER_ROLE, password, "createrole")
        if db.execute("select 1 from pg_database where datname = %s", [database]).fetchone() is None:
            db.execute(
                sql.SQL("create database {} owner {}").format(sql.Identifier(database), sql.Identifier(OWNER_ROLE))
            )
    return with_login(with_database(admin_url, database), OWNER_ROLE, password)


def ensure_roles(owner_url: str, secret_key: bytes) -> None:
    """As the owner (with CREATEROLE): the app's roles, with passwords derived from the secret key. Repeatable."""
    with psycopg.connect(owner_url, autocommit=True) as db:
        db.execute("select pg_advisory_lock(%s)", [ROLES_LOCK])
        for role in (APP_ROLE, EXECUTOR_ROLE):
            _ensure_login(db, role, role_password(secret_key, role), "")
        if not _has_role(db, DEFINER_ROLE):
            db.execute(sql.SQL("create role {} nologin").format(sql.Identifier(DEFINER_ROLE)))
        owner = db.execute("select current_user").fetchone()
        assert owner is not None
        if not _is_member(db, owner[0], DEFINER_ROLE):
            db.execute(sql.SQL("grant {} to current_user").format(sql.Identifier(DEFINER_ROLE)))
        if not _is_member(db, EXECUTOR_ROLE, APP_ROLE):
            db.execute(sql.SQL("grant {} to {}").format(sql.Identifier(APP_ROLE), sql.Identifier(EXECUTOR_ROLE)))


def _ensure_login(db: psycopg.Connection, role: str, password: str, options: str) -> None:
    verb = "alter" if _has_role(db, role) else "create"
    db.execute(
        sql.SQL("{} role {} login {} password {}").format(
            sql.SQL(verb), sql.Identifier(role), sql.SQL(options), sql.Literal(password)
        )
    )


def _has_role(db: psycopg.Connection, role: str) -> bool:
    return db.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone() is not None


def _is_member(db: psycopg.Connection, member: str, role: str) -> bool:
    """Whether a role has another's rights; having merely created it (PostgreSQL 16 and later) is not enough."""
    found = db.execute("select pg_has_role(%s, %s, 'usage')", [member, role]).fetchone()
    return found is not None and bool(found[0])
