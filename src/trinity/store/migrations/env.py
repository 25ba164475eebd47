"""Alembic's environment: one transaction per migration, lock and statement time-outs, our metadata."""

import re

from alembic import context
from sqlalchemy import ForeignKeyConstraint, create_engine, pool
from sqlalchemy.schema import SchemaItem

from trinity.store.migrate import LOCK_TIMEOUT, STATEMENT_TIMEOUT
from trinity.store.tables import load_all

NOT_OURS = re.compile(r"^oban_|_(default|p\d{6})$")


def is_ours(item: SchemaItem, name: str | None, kind: str, reflected: bool, other: SchemaItem | None) -> bool:
    """Oban's tables have their own migrations; partitions follow their parent."""
    if isinstance(item, ForeignKeyConstraint):
        return NOT_OURS.search(item.elements[0].target_fullname.partition(".")[0]) is None
    table = name if kind == "table" else getattr(getattr(item, "table", None), "name", None)
    return NOT_OURS.search(table or "") is None


def run() -> None:
    """Apply what Alembic asks for over one connection."""
    engine = create_engine(context.config.attributes["url"], poolclass=pool.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"set lock_timeout = '{LOCK_TIMEOUT}'")
        connection.exec_driver_sql(f"set statement_timeout = '{STATEMENT_TIMEOUT}'")
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=load_all(),
            include_object=is_ours,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
