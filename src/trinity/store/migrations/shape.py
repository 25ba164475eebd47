"""What every migration of tenant tables does alike: the key, the isolation, the grants.

Used by migrations that may have been run somewhere, so it is never changed in what it does.
"""

from alembic import op

ACCOUNT = "nullif(current_setting('trinity.account_id', true), '')::uuid"


def tenant(name: str, columns: str, *, changeable: str = "") -> None:
    """A table of one account's rows, isolated; the app may insert, read, and update the named columns alone."""
    op.execute(
        f"create table {name} (account_id uuid not null references accounts, id uuid not null, {columns},"
        " primary key (account_id, id))"
    )
    isolate(name)
    update = f", update ({changeable})" if changeable else ""
    op.execute(f"grant select, insert{update} on {name} to trinity_app")


def isolate(name: str) -> None:
    """Force row-level security by account."""
    rule = f"account_id = {ACCOUNT}"
    op.execute(f"alter table {name} enable row level security")
    op.execute(f"alter table {name} force row level security")
    op.execute(f"create policy tenant on {name} using ({rule}) with check ({rule})")


def references(column: str, table: str) -> str:
    """A reference to another tenant table that cannot leave the account."""
    return f"foreign key (account_id, {column}) references {table}"


def look_up(name: str, argument: str, query: str) -> None:
    """A SECURITY DEFINER look-up that turns one value into an account id and nothing else."""
    op.execute("grant create on schema public to trinity_definer")
    op.execute(
        f"create function {name}(wanted {argument}) returns setof uuid language sql stable security definer"
        f" set search_path = public, pg_temp as $${query}$$"
    )
    op.execute(f"alter function {name}({argument}) owner to trinity_definer")
    op.execute(f"revoke all on function {name}({argument}) from public")
    op.execute(f"grant execute on function {name}({argument}) to trinity_app")
    op.execute("revoke create on schema public from trinity_definer")
