"""The whole of Trinity on one machine, as `up` and `demo` run it.

Order: keys, Postgres, migrations, stand-ins for what is not configured, the first account, web, workers. Each
child gets only the settings that its part needs: the owner's database address reaches none of them, the
encryption key only the executor, the log key and the model's key only the general worker.
"""

import fcntl
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trinity.cli.secrets import ensure_keys
from trinity.cli.supervisor import Child, Supervisor
from trinity.errors import Refused
from trinity.host import free_port
from trinity.integrations import WEBHOOK_PURPOSE
from trinity.settings import AWS_NAMES, Settings, Timings, load
from trinity.store.embedded import EmbeddedServer
from trinity.store.migrate import migrate
from trinity.store.roles import ensure_database
from trinity.store.urls import APP_ROLE, EXECUTOR_ROLE, derived_key, url_of

PASSED = ("PATH", "LANG", "LC_ALL", "TZ", "TERM")
SHARED = (
    "TRINITY_HOME",
    "TRINITY_BASE_URL",
    "TRINITY_BIND",
    "GMAIL_API_BASE",
    "GOOGLE_TOKEN_URL",
    "GOOGLE_CLIENT_ID",
    "STRIPE_API_BASE",
    "TRINITY_SANDBOX_ENDPOINTS",
)
TIMINGS = tuple(f"TRINITY_{name.upper()}" for name in Timings.__dataclass_fields__)
FILES = ("ARTIFACTS_URL", *AWS_NAMES)
NEEDS = {
    "executor": (
        *FILES,
        "TRINITY_ENCRYPTION_KEY",
        "TRINITY_EXECUTOR_DATABASE_URL",
        "TRINITY_SPENT_URL",
        "GOOGLE_CLIENT_SECRET",
        "GMAIL_TOPIC",
    ),
    "general": (
        *FILES,
        "TRINITY_LOG_KEY",
        "TRINITY_APP_DATABASE_URL",
        "TRINITY_DOOR_PORT",
        "NVIDIA_BASE_URL",
        "NVIDIA_API_KEY",
        "NVIDIA_MODEL",
    ),
    "web": (
        *FILES,
        "TRINITY_SECRET_KEY",
        "TRINITY_WEBHOOK_KEY",
        "TRINITY_APP_DATABASE_URL",
        "TRINITY_LOG_VERIFIER_KEY",
        "NVIDIA_BASE_URL",
    ),
    "sandbox": (),
}
"""Which secrets and addresses each part gets; the owner's database address is in none of them."""
SANDBOX_MODEL = "embedded-rules"
SANDBOX_STRIPE_KEY = "sk_test_sandbox"
SANDBOX_TOPIC = "projects/sandbox/topics/mail"
PORT_FILE = "port.json"
TRINITY = (sys.executable, "-m", "trinity")


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack: its settings as the owner sees them, its Postgres if it is ours, its children."""

    settings: Settings
    owner_url: str = field(repr=False)
    server: EmbeddedServer | None
    supervisor: Supervisor
    gmail_url: str | None
    stripe_url: str | None
    smtp_http_url: str | None
    """Where the SMTP sandbox shows its mails and its books."""
    environ: Mapping[str, str] = field(repr=False)
    claim: int
    """The open file whose lock says that this home is in use."""

    def keep_database(self) -> None:
        """Start the embedded server again if somebody killed it."""
        if self.server is not None and not self.server.is_running:
            self.server.start(die_with_parent=True)

    def end(self) -> None:
        """End every process that this stack started."""
        self.supervisor.end()
        if self.server is not None:
            self.server.stop()
        os.close(self.claim)


def raise_base(environ: Mapping[str, str], cwd: Path, say: Callable[[str], None]) -> Stack:
    """Keys, Postgres, migrations, stand-ins: everything below the first account."""
    home = load(environ, cwd=cwd).home
    claim = _claim(home)
    full = ensure_keys(home, dict(environ))
    settings = load(full, cwd=cwd)
    supervisor = Supervisor(say)
    server = EmbeddedServer(home) if settings.database_url is None else None
    try:
        say("starting the sandboxes")
        gmail = _begin(supervisor, "gmail", home) if settings.gmail_api_base is None else None
        stripe = _begin(supervisor, "stripe", home) if settings.stripe_api_base is None else None
        model = _begin(supervisor, "model", home) if settings.nvidia_base_url is None else None
        smtp = _begin(supervisor, "smtp", home) if settings.smtp_url is None else None
        owner_url = _database(settings, server, full, say)
        if gmail:
            full |= _sandboxed_mail(gmail_url := _address(supervisor, gmail, home))
            full["TRINITY_SANDBOX_ENDPOINTS"] = _added(full, gmail_url)
        stripe_url = None
        if stripe:
            stripe_url = _address(supervisor, stripe, home)
            full |= {"STRIPE_API_BASE": stripe_url, "STRIPE_API_KEY": SANDBOX_STRIPE_KEY}
            full["TRINITY_SANDBOX_ENDPOINTS"] = _added(full, stripe_url)
        smtp_http_url = None
        if smtp:
            said = _said(supervisor, smtp, home)
            smtp_http_url, full["SMTP_URL"] = said["base_url"], said["smtp_url"]
            full["TRINITY_SANDBOX_ENDPOINTS"] = _added(full, full["SMTP_URL"])
        if model:
            model_url = _address(supervisor, model, home)
            full |= {"NVIDIA_BASE_URL": f"{model_url}/v1", "NVIDIA_MODEL": SANDBOX_MODEL}
            full["TRINITY_SANDBOX_ENDPOINTS"] = _added(full, model_url)
        sandbox_url = full["GMAIL_API_BASE"] if gmail else None
        settings = load(full, cwd=cwd)
        return Stack(settings, owner_url, server, supervisor, sandbox_url, stripe_url, smtp_http_url, full, claim)
    except BaseException:
        supervisor.end()
        if server is not None:
            server.stop()
        os.close(claim)
        raise


def _claim(home: Path) -> int:
    """Take a home for this process alone: two stacks on one would take turns at stopping its database."""
    try:
        home.mkdir(mode=0o711, parents=True, exist_ok=True)
        descriptor = os.open(home / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        text = f"The data directory {home} cannot be used: {error.strerror}. TRINITY_HOME names another."
        raise Refused("home_not_usable", text) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        text = f"Trinity runs already on {home}. End that one, or name another directory by TRINITY_HOME."
        raise Refused("already_running", text) from error
    return descriptor


def raise_parts(stack: Stack, say: Callable[[str], None]) -> None:
    """Web and workers, each with the settings of its part."""
    say("starting web and workers")
    full = stack.environ
    start = stack.supervisor.start
    secret = stack.settings.demand_secret_key()
    web_key = {
        "TRINITY_SECRET_KEY": derived_key(secret, "web").hex(),
        "TRINITY_WEBHOOK_KEY": derived_key(secret, WEBHOOK_PURPOSE).hex(),
    }
    started = [
        start("executor", (*TRINITY, "work", "--role", "executor"), environ_of("executor", full)),
        start("worker", (*TRINITY, "work", "--role", "general"), environ_of("general", full)),
        start("web", (*TRINITY, "web"), environ_of("web", full) | web_key),
    ]
    for child in started:
        stack.supervisor.ready(child)


def environ_of(part: str, full: Mapping[str, str]) -> dict[str, str]:
    """The environment of one part: what every part may know, and what only this one needs."""
    names = NEEDS[part]
    wanted = (*PASSED, *SHARED, *TIMINGS, *names, *(f"{name}_FILE" for name in names))
    return {name: full[name] for name in wanted if name in full}


def _database(
    settings: Settings, server: EmbeddedServer | None, full: dict[str, str], say: Callable[[str], None]
) -> str:
    """Start PostgreSQL if it is ours, migrate, and note each role's address. Returns the owner's."""
    secret_key = settings.demand_secret_key()
    owner_url = settings.database_url
    if server is not None:
        say("starting PostgreSQL")
        owner_url = ensure_database(server.start(die_with_parent=True), secret_key)
    assert owner_url is not None
    say("migrating the database")
    migrate(owner_url, secret_key)
    full["TRINITY_APP_DATABASE_URL"] = url_of(owner_url, APP_ROLE, secret_key)
    full["TRINITY_EXECUTOR_DATABASE_URL"] = url_of(owner_url, EXECUTOR_ROLE, secret_key)
    return owner_url


def _begin(supervisor: Supervisor, name: str, home: Path) -> Child:
    """Start a sandbox server on the port that it had before, since rows name its address."""
    data = home / "sandbox" / name
    for directory in (data.parent, data):
        directory.mkdir(mode=0o700, exist_ok=True)
    kept = data / PORT_FILE
    port = json.loads(kept.read_text())["port"] if kept.is_file() else free_port()
    kept.write_text(json.dumps({"port": port}))
    argv = (sys.executable, "-m", "trinity_sandbox", name, "--port", str(port), "--data-dir", str(data))
    return supervisor.start(name, (*argv, "--die-with-parent"), environ_of("sandbox", {}))


def _address(supervisor: Supervisor, child: Child, home: Path) -> str:
    return _said(supervisor, child, home)["base_url"]


def _said(supervisor: Supervisor, child: Child, home: Path) -> dict[str, str]:
    """What a sandbox says when it is ready: its addresses."""
    try:
        return {name: str(value) for name, value in supervisor.ready(child).items()}
    except Refused as error:
        kept = home / "sandbox" / child.name / PORT_FILE
        text = f"The {child.name} sandbox did not start; its port, which rows name, stands in {kept}."
        raise Refused("sandbox_not_ready", text) from error


def _sandboxed_mail(gmail_url: str) -> dict[str, str]:
    return {
        "GMAIL_API_BASE": gmail_url,
        "GOOGLE_TOKEN_URL": f"{gmail_url}/token",
        "GOOGLE_CLIENT_ID": "sandbox-client",
        "GOOGLE_CLIENT_SECRET": "sandbox-client-secret",
        "GMAIL_TOPIC": SANDBOX_TOPIC,
    }


def _added(full: Mapping[str, str], url: str) -> str:
    return ",".join(filter(None, (full.get("TRINITY_SANDBOX_ENDPOINTS", ""), url)))
