"""The command line: `trinity …`. Exit 0 good, 1 refused or failed, 2 usage; `--json` where it reports.

Each command is a few lines over a function of a lower floor; what runs for long is run by `supervisor`.
"""

import os
import sys
from pathlib import Path

import click

from trinity import __version__
from trinity.errors import Blocked, ProviderError, Refused, TrinityError
from trinity.settings import Settings, load

LAZY = {
    "up": "trinity.cli.up:up",
    "demo": "trinity.cli.demo:demo",
    "web": "trinity.cli.parts:web",
    "work": "trinity.cli.parts:work",
    "migrate": "trinity.cli.parts:migrate",
    "doctor": "trinity.cli.doctor:doctor",
    "packet": "trinity.cli.packets:packet",
    "verify": "trinity.cli.packets:verify",
    "account": "trinity.cli.people:account",
    "user": "trinity.cli.people:user",
    "key": "trinity.cli.keys:key",
}
"""A command's module is imported when the command runs, so that `--help` and `verify` start at once."""


class Commands(click.Group):
    """The commands by name, in the order of the documentation."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return list(LAZY)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in LAZY:
            return None
        module, _, name = LAZY[cmd_name].partition(":")
        found = getattr(__import__(module, fromlist=[name]), name)
        assert isinstance(found, click.Command)
        return found


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="trinity")
def trinity() -> None:
    """Trinity: agents propose, people approve, one gateway executes exactly that, and anyone can check."""


def settings() -> Settings:
    """The settings of this process."""
    return load(os.environ, cwd=Path.cwd())


def main() -> None:
    """Run a command; errors of ours become one line and exit code 1."""
    try:
        trinity(prog_name="trinity")
    except (Refused, Blocked, ProviderError) as error:
        click.echo(f"trinity: {error} [{error.code}]", err=True)
        sys.exit(1)
    except TrinityError as error:
        click.echo(f"trinity: {error}", err=True)
        sys.exit(1)
    except OSError as error:
        # A file or directory that a person named, or that this user may not touch; without a name it is a bug.
        if error.filename is None:
            raise
        click.echo(f"trinity: {error.filename}: {error.strerror}", err=True)
        sys.exit(1)
