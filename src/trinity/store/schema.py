"""The shape that every table has, said once.

A *tenant* table carries `account_id` in its primary key and in every reference, so that a row can only
point at rows of its own account (I12). A *partitioned* table is split by UUIDv7 range, that is by month of
creation. Row-level security, grants and partitions themselves are laid down by the migrations.
"""

from sqlalchemy import Column, DateTime, ForeignKeyConstraint, LargeBinary, MetaData, Table, Text, Uuid
from sqlalchemy.schema import SchemaItem

NAMING = {
    "pk": "%(table_name)s_pkey",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "ck": "%(table_name)s_%(constraint_name)s_check",
}

metadata = MetaData(naming_convention=NAMING)

GLOBAL_TABLES = frozenset({"users"})
"""Tables without an account. Their rows are visible only through a membership of the account."""


def tenant_table(name: str, *items: SchemaItem, is_partitioned: bool = False) -> Table:
    """A table of one account's rows: `account_id` and `id` first, both in the primary key."""
    options = {"postgresql_partition_by": "RANGE (id)"} if is_partitioned else {}
    table = Table(name, metadata, key("account_id", is_primary=True), key("id", is_primary=True), *items)
    table.dialect_options["postgresql"].update({k.removeprefix("postgresql_"): v for k, v in options.items()})
    table.append_constraint(ForeignKeyConstraint(["account_id"], ["accounts.id"]))
    return table


def key(name: str, *, is_primary: bool = False, is_optional: bool = False) -> Column[object]:
    """A UUID column."""
    return Column(name, Uuid(), primary_key=is_primary, nullable=is_optional)


def text(name: str, *, is_optional: bool = False, default: str | None = None) -> Column[str]:
    """A text column."""
    return Column(name, Text(), nullable=is_optional, server_default=default)


def moment(name: str, *, is_optional: bool = False) -> Column[object]:
    """A point in time, with zone."""
    return Column(name, DateTime(timezone=True), nullable=is_optional)


def blob(name: str, *, is_optional: bool = False) -> Column[bytes]:
    """Bytes that are kept exactly as they are."""
    return Column(name, LargeBinary(), nullable=is_optional)


def same_account(column: str, table: str) -> ForeignKeyConstraint:
    """A reference to another tenant table that cannot leave the account."""
    return ForeignKeyConstraint(["account_id", column], [f"{table}.account_id", f"{table}.id"])
