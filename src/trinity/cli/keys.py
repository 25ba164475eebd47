"""`trinity key`: the log key that signs packets, and the verifier's half of it."""

import json

import click

from trinity.cli.secrets import KEYS, LOG_KEY_NAME, VERIFIER_KEY_FILE
from trinity.proof.keys import generate, signer


@click.group()
def key() -> None:
    """Keys: make a log key, show what a verifier pins."""


@key.command()
@click.option("--name", default=LOG_KEY_NAME, show_default=True, help="The key's name, as it stands in signatures.")
def create(name: str) -> None:
    """Make a log key: prints TRINITY_LOG_KEY (keep it secret) and the verifier key (publish it)."""
    signer_text, verifier_text = generate(name)
    click.echo(f"TRINITY_LOG_KEY={signer_text}")
    click.echo(f"verifier key: {verifier_text}")


@key.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def list_keys(as_json: bool) -> None:
    """Show the verifier key that this installation's packets are signed with."""
    from trinity.cli import settings

    found = settings()
    kept = found.home / KEYS / VERIFIER_KEY_FILE
    if found.log_key is None and kept.is_file():
        verifier = kept.read_text("utf-8").strip()
    else:
        verifier = signer(found.demand_log_key()).verifier_key
    click.echo(json.dumps({"verifier_key": verifier}) if as_json else verifier)
