"""`trinity packet` and `trinity verify`: evidence out, evidence checked."""

import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import click

from trinity.cli import settings as read_settings
from trinity.errors import NotFound, Refused

if TYPE_CHECKING:
    from trinity.proof.graph import Kind


@click.command()
@click.option("--order", "order_id", type=click.UUID, help="The order's id.")
@click.option("--run", "run_id", type=click.UUID, help="The run's id.")
@click.option("--tool-call", "call_id", type=click.UUID, help="The ToolCall's id.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Where to write it."
)
def packet(order_id: UUID | None, run_id: UUID | None, call_id: UUID | None, output: Path) -> None:
    """Export the proof packet of an order, a run or a ToolCall, signed with the log key."""
    given: dict[Kind, UUID | None] = {"order": order_id, "run": run_id, "tool_call": call_id}
    named = [(kind, subject_id) for kind, subject_id in given.items() if subject_id is not None]
    if len(named) != 1:
        raise click.UsageError("Name exactly one of --order, --run and --tool-call.")
    kind, subject_id = named[0]
    body = asyncio.run(_build(kind, subject_id))
    output.write_bytes(body)
    click.echo(f"{output}: {len(body)} bytes")


async def _build(kind: "Kind", subject_id: UUID) -> bytes:
    """Look for the subject in every account: this command is the operator's of the whole installation."""
    from trinity import accounts
    from trinity.cli.local import local_database
    from trinity.proof import build_packet
    from trinity.proof.keys import signer

    settings = read_settings()
    async with local_database(settings, os.environ) as (full, db):
        key = signer(full.demand_log_key())
        for account_id in await accounts.account_ids(db):
            try:
                async with db.transaction(account_id) as tx:
                    return await build_packet(tx, kind, subject_id, key, datetime.now(UTC))
            except NotFound:
                continue
    raise Refused("not_found", f"There is no such {kind.replace('_', ' ')}.")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--key", "key_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The verifier key."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def verify(file: Path, key_file: Path | None, as_json: bool) -> None:
    """Check a packet, with neither database nor network. Without --key: `self_consistent`, and exit 1."""
    from trinity_verify.__main__ import main

    arguments = [str(file), *(["--key", str(key_file)] if key_file else []), *(["--json"] if as_json else [])]
    sys.exit(main(arguments))
