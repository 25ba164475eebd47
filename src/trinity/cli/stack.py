"""The whole of Trinity on one machine, as `up` and `demo` run it.

Order: keys, Postgres, migrations, stand-ins for what is not configured, the first account, web, workers. Each
child gets only the settings that its part needs: the owner's database address reaches none of them, the
encryption key only the executor, the log key and the model's key only the general worker.
"""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from trinity.cli.secrets import ensure_keys
from trinity.cli.supervisor import Supervisor
from trinity.errors import Refused
from trinity.host import free_port
from trinity.settings import Settings, Timings, load
from trinity.store.embedded import EmbeddedServer
from trinity.store.migrate import migrate
from trinity.store.roles import ensure_database
from trinity.store.urls import APP_ROLE, EXECUTOR_ROLE, url_of

PASSED = ("PATH", "LANG", "LC_ALL", "TZ", "TERM")
SHARED = ("TRINITY_HOME", "TRINITY_BASE_URL", "TRINITY_BIND", "GMAIL_API_BASE", "GOOGLE_TOKEN_URL", "GOOGLE_CLIENT_ID")
TIMINGS = tuple(f"TRINITY_{name.upper()}" for name in Timings.__dataclass_fields__)
SANDBOX_MODEL = "embedded-rules"


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack: its settings as the owner sees them, its Postgres if it is ours, its children."""

    settings: Settings
    owner_url: str
    server: EmbeddedServer | None
    supervisor: Supervisor
    gmail_url: str | None
    environ: Mapping[str, str]

    def keep_database(self) -> None:
        """Start the embedded server again if somebody killed it."""
        if self.server is not None and not self.server.is_running:
            self.server.start()

    def end(self) -> None:
        """End every process that this stack started."""
        self.supervisor.end()
        if self.server is not None:
            self.server.stop()


def raise_base(environ: Mapping[str, str], cwd: Path, say: Callable[[str], None]) -> Stack:
    """Keys, Postgres, migrations, stand-ins: everything below the first account."""
    home = load(environ, cwd=cwd).home
    home.mkdir(mode=0o711, parents=True, exist_ok=True)
    full = ensure_keys(home, dict(environ))
    settings = load(full, cwd=cwd)
    server = None
    owner_url = settings.database_url
    if owner_url is None:
        say("starting PostgreSQL")
        server = EmbeddedServer(home)
        owner_url = ensure_database(server.start(die_with_parent=True), settings.demand_secret_key())
    supervisor = Supervisor(say)
    try:
        say("migrating the database")
        migrate(owner_url, settings.demand_secret_key())
        full |= _database(owner_url, settings.demand_secret_key())
        gmail_url = None
        if settings.gmail_api_base is None:
            gmail_url = _stand_in("gmail", home, supervisor, say)
            full |= {"GMAIL_API_BASE": gmail_url, "GOOGLE_TOKEN_URL": f"{gmail_url}/token"}
            full |= {"GOOGLE_CLIENT_ID": "sandbox-client", "GOOGLE_CLIENT_SECRET": "sandbox-client-secret"}
        if settings.nvidia_base_url is None:
            model_url = _stand_in("model", home, supervisor, say)
            full |= {"NVIDIA_BASE_URL": f"{model_url}/v1", "NVIDIA_MODEL": SANDBOX_MODEL}
            full["TRINITY_SANDBOX_ENDPOINTS"] = _added(full, model_url)
        if gmail_url:
            full["TRINITY_SANDBOX_ENDPOINTS"] = _added(full, gmail_url)
        return Stack(load(full, cwd=cwd), owner_url, server, supervisor, gmail_url, full)
    except BaseException:
        supervisor.end()
        if server is not None:
            server.stop()
        raise


def raise_parts(stack: Stack, say: Callable[[str], None]) -> None:
    """Web and workers, each with the settings of its part."""
    trinity = (sys.executable, "-m", "trinity")
    full = stack.environ
    say("starting the workers")
    executor = ("TRINITY_SECRET_KEY", "TRINITY_ENCRYPTION_KEY", "TRINITY_EXECUTOR_DATABASE_URL", "TRINITY_SPENT_URL")
    stack.supervisor.start(
        "executor", (*trinity, "work", "--role", "executor"), _env(full, *executor, "GOOGLE_CLIENT_SECRET")
    )
    general = ("TRINITY_LOG_KEY", "TRINITY_APP_DATABASE_URL", "NVIDIA_BASE_URL", "NVIDIA_API_KEY", "NVIDIA_MODEL")
    stack.supervisor.start("worker", (*trinity, "work", "--role", "general"), _env(full, *general, "TRINITY_DOOR_PORT"))
    say("starting the web server")
    web = ("TRINITY_SECRET_KEY", "TRINITY_APP_DATABASE_URL", "TRINITY_LOG_VERIFIER_KEY", "NVIDIA_BASE_URL")
    stack.supervisor.start("web", (*trinity, "web"), _env(full, *web))


def _env(full: Mapping[str, str], *names: str) -> dict[str, str]:
    wanted = (*PASSED, *SHARED, *TIMINGS, "TRINITY_SANDBOX_ENDPOINTS", *names, *(f"{name}_FILE" for name in names))
    return {name: full[name] for name in wanted if name in full}


def _database(owner_url: str, secret_key: bytes) -> dict[str, str]:
    return {
        "TRINITY_APP_DATABASE_URL": url_of(owner_url, APP_ROLE, secret_key),
        "TRINITY_EXECUTOR_DATABASE_URL": url_of(owner_url, EXECUTOR_ROLE, secret_key),
    }


def _stand_in(name: str, home: Path, supervisor: Supervisor, say: Callable[[str], None]) -> str:
    """Start a sandbox server on the port that it had before, since rows name its address."""
    say(f"starting the {name} sandbox")
    data = home / "sandbox" / name
    data.mkdir(parents=True, exist_ok=True)
    kept = data / "port.json"
    port = json.loads(kept.read_text())["port"] if kept.is_file() else free_port()
    argv = (sys.executable, "-m", "trinity_sandbox", name, "--port", str(port), "--data-dir", str(data))
    try:
        said = supervisor.start(f"{name} sandbox", (*argv, "--die-with-parent"), _env({}))
    except Refused as error:
        raise Refused("port_taken", f"The {name} sandbox cannot have port {port}, which its rows name.") from error
    kept.write_text(json.dumps({"port": port}))
    return str(said["base_url"])


def _added(full: Mapping[str, str], url: str) -> str:
    return ",".join(filter(None, (full.get("TRINITY_SANDBOX_ENDPOINTS", ""), url)))
