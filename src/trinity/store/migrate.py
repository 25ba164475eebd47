"""Migrations: Alembic, run in the process, with lock and statement time-outs."""

from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from trinity.store.roles import ensure_roles

LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "60s"
MIGRATION_LOCK = 0x7472696F


def migrate(owner_url: str, secret_key: bytes) -> None:
    """Bring roles and schema up to this version of the code. Repeatable; two at once take turns."""
    ensure_roles(owner_url, secret_key)
    with psycopg.connect(owner_url, autocommit=True) as lock:
        lock.execute("select pg_advisory_lock(%s)", [MIGRATION_LOCK])
        command.upgrade(config(owner_url), "head")


def config(owner_url: str) -> Config:
    """Alembic's configuration for a database address, without any file of its own."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    made.attributes["url"] = sqlalchemy_url(owner_url)
    return made


def is_current(owner_url: str) -> bool:
    """Whether the database stands at this code's newest migration."""
    engine = create_engine(sqlalchemy_url(owner_url))
    try:
        with engine.connect() as connection:
            standing = MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()
    return standing == ScriptDirectory.from_config(config(owner_url)).get_current_head()


def sqlalchemy_url(url: str) -> str:
    """The same address in SQLAlchemy's spelling."""
    scheme, _, rest = url.partition("://")
    assert scheme in ("postgresql", "postgres"), scheme
    return f"postgresql+psycopg://{rest}"
