"""The only reader of the environment. Everything else gets a `Settings` handed in.

Sources, strongest first: the environment, `NAME_FILE` (a path whose content is the value, for secrets),
`trinity.toml` in the working directory or in `TRINITY_HOME`. Names are those of the README's table.
A value that does not parse is an error at start, never a default.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from trinity.errors import Refused
from trinity.kit.permit import DEFAULT_PORTS, origin_of

SECRET_BYTES_MIN = 32
FILE_BYTES_MAX = 64_000
AWS_NAMES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ALLOW_HTTP",
)
type Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Timings:
    """How long things may take, in seconds: settings, so that a test can shrink windows, never rules."""

    lease_s: float = 60.0
    """How long one claim may act; a permit ends before the lease does."""
    provider_timeout_s: float = 20.0
    """The longest that one provider call may take."""
    reconcile_margin_s: float = 10.0
    """How long after lease and provider time-out a reconciliation may begin."""
    approval_ttl_s: float = 86_400.0
    """How long an approval request waits for a decision, and an envelope stays executable."""
    run_timeout_s: float = 300.0
    """The longest life of a run's process and of its lease."""
    rescue_after_s: float = 60.0
    """How long a worker may be silent before its jobs are given to others."""
    beat_s: float = 15.0
    """How often a worker says that it lives."""
    stage_s: float = 1.0
    """How often due jobs are looked for."""
    leader_s: float = 10.0
    """How long a leader's lease lasts before another may take it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one process, parsed and checked. Secrets are not shown by `repr`."""

    home: Path
    base_url: str
    bind_host: str
    bind_port: int
    door_port: int
    database_url: str | None = field(repr=False)
    app_database_url: str | None = field(repr=False)
    executor_database_url: str | None = field(repr=False)
    secret_key: bytes | None = field(repr=False)
    encryption_key: bytes | None = field(repr=False)
    log_key: str | None = field(repr=False)
    log_verifier_key: str | None
    spent_url: str
    sandbox_origins: frozenset[str]
    gmail_api_base: str | None
    google_token_url: str | None
    google_client_id: str | None
    google_client_secret: str | None = field(repr=False)
    gmail_topic: str | None
    """The Pub/Sub topic that Gmail tells of new mail; without one mailboxes are only looked at every minute."""
    stripe_api_base: str | None
    stripe_api_key: str | None = field(repr=False)
    stripe_webhook_secret: str | None = field(repr=False)
    smtp_url: str | None = field(repr=False)
    artifacts_url: str
    aws: Mapping[str, str] = field(repr=False)
    """The usual `AWS_*` names of the object store, in lower case."""
    webhook_key: bytes | None = field(repr=False)
    nvidia_base_url: str | None
    nvidia_api_key: str | None = field(repr=False)
    nvidia_model: str
    timings: Timings
    trusted_proxies: tuple[Network, ...] = ()
    """Whose X-Forwarded-For is believed; nobody's by default."""

    def mode_of(self, url: str) -> str:
        """`sandbox` if this process tree started or lists the endpoint, else `live` (loopback included)."""
        return "sandbox" if origin_of(url) in self.sandbox_origins else "live"

    def demand_secret_key(self) -> bytes:
        """The key that sessions, leases and database passwords derive from."""
        if self.secret_key is None:
            raise Refused("setting_missing", "TRINITY_SECRET_KEY is not set.")
        return self.secret_key

    def demand_log_key(self) -> str:
        """The key that signs packets and checkpoints: only the general worker has it."""
        if self.log_key is None:
            raise Refused("setting_missing", "TRINITY_LOG_KEY is not set; make one with `trinity key create`.")
        return self.log_key

    def demand_encryption_key(self) -> bytes:
        """The key that unseals provider credentials: only the executor has it."""
        if self.encryption_key is None:
            raise Refused("setting_missing", "TRINITY_ENCRYPTION_KEY is not set; only an executor has it.")
        return self.encryption_key


def load(environ: Mapping[str, str], *, cwd: Path) -> Settings:
    """Parse settings from an environment; raises `Refused` with code `setting_invalid`."""
    values = _Values(environ, cwd)
    home = Path(values.text("TRINITY_HOME") or cwd / ".trinity").resolve()
    values.add_file(home / "trinity.toml")
    host, port = _bind(values.text("TRINITY_BIND") or "127.0.0.1:8000")
    return Settings(
        home=home,
        base_url=(values.text("TRINITY_BASE_URL") or f"http://localhost:{port}").rstrip("/"),
        bind_host=host,
        bind_port=port,
        door_port=int(values.number("TRINITY_DOOR_PORT", 0)),
        database_url=values.text("DATABASE_URL"),
        app_database_url=values.text("TRINITY_APP_DATABASE_URL"),
        executor_database_url=values.text("TRINITY_EXECUTOR_DATABASE_URL"),
        secret_key=values.secret("TRINITY_SECRET_KEY"),
        encryption_key=values.secret("TRINITY_ENCRYPTION_KEY"),
        log_key=values.text("TRINITY_LOG_KEY"),
        log_verifier_key=values.text("TRINITY_LOG_VERIFIER_KEY"),
        spent_url=values.text("TRINITY_SPENT_URL") or (home / "spent").as_uri(),
        sandbox_origins=_origins(values.text("TRINITY_SANDBOX_ENDPOINTS") or ""),
        gmail_api_base=values.url("GMAIL_API_BASE"),
        google_token_url=values.url("GOOGLE_TOKEN_URL"),
        google_client_id=values.text("GOOGLE_CLIENT_ID"),
        google_client_secret=values.text("GOOGLE_CLIENT_SECRET"),
        gmail_topic=values.text("GMAIL_TOPIC"),
        stripe_api_base=values.url("STRIPE_API_BASE"),
        stripe_api_key=values.text("STRIPE_API_KEY"),
        stripe_webhook_secret=values.text("STRIPE_WEBHOOK_SECRET"),
        smtp_url=values.smtp_url("SMTP_URL"),
        artifacts_url=values.text("ARTIFACTS_URL") or (home / "artifacts").as_uri(),
        aws={name.lower(): value for name in AWS_NAMES if (value := values.text(name))},
        webhook_key=values.secret("TRINITY_WEBHOOK_KEY"),
        nvidia_base_url=values.url("NVIDIA_BASE_URL"),
        nvidia_api_key=values.text("NVIDIA_API_KEY"),
        nvidia_model=values.text("NVIDIA_MODEL") or "nvidia/nemotron-3-super-120b-a12b",
        timings=_timings(values),
        trusted_proxies=_networks(values.text("TRINITY_TRUSTED_PROXIES") or ""),
    )


def _timings(values: "_Values") -> Timings:
    usual = asdict(Timings())
    return Timings(**{name: values.number(f"TRINITY_{name.upper()}", usual[name]) for name in usual})


class _Values:
    """Looks a name up in the environment, then `NAME_FILE`, then the toml files."""

    def __init__(self, environ: Mapping[str, str], cwd: Path) -> None:
        self._environ = environ
        self._files: list[dict[str, object]] = []
        self.add_file(cwd / "trinity.toml")

    def add_file(self, path: Path) -> None:
        if not path.is_file():
            return
        try:
            self._files.append(tomllib.loads(path.read_text("utf-8")))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Refused("setting_invalid", f"{path} does not parse: {error}") from error

    def text(self, name: str) -> str | None:
        if value := self._environ.get(name):
            return value
        if path := self._environ.get(f"{name}_FILE"):
            return _read_file(name, Path(path))
        for values in self._files:
            if (found := values.get(name)) is not None:
                return str(found)
        return None

    def number(self, name: str, default: float) -> float:
        if (value := self.text(name)) is None:
            return default
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not 0 <= number < 1e9:
            raise Refused("setting_invalid", f"{name} is not a number of at least 0: {value!r}")
        return number

    def url(self, name: str) -> str | None:
        if (value := self.text(name)) is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Refused("setting_invalid", f"{name} is not an http(s) URL: {value!r}")
        return value.rstrip("/")

    def smtp_url(self, name: str) -> str | None:
        """Refused without being repeated: a password stands in it."""
        if (value := self.text(name)) is None:
            return None
        try:
            parts = urlsplit(value)
            is_good = (
                parts.scheme in ("smtp", "smtps") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
            )
        except ValueError:
            is_good = False
        if not is_good:
            raise Refused("setting_invalid", f"{name} is not an smtp(s) URL, smtp://user:password@host:port")
        return value.rstrip("/")

    def secret(self, name: str) -> bytes | None:
        if (value := self.text(name)) is None:
            return None
        try:
            key = bytes.fromhex(value)
        except ValueError as error:
            raise Refused("setting_invalid", f"{name} is not hexadecimal") from error
        if len(key) < SECRET_BYTES_MIN:
            raise Refused("setting_invalid", f"{name} has fewer than {SECRET_BYTES_MIN} bytes")
        return key


def _read_file(name: str, path: Path) -> str:
    try:
        text = path.read_bytes()[: FILE_BYTES_MAX + 1].decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused("setting_invalid", f"{name}_FILE cannot be read: {error}") from error
    if len(text) > FILE_BYTES_MAX:
        raise Refused("setting_invalid", f"{name}_FILE is larger than {FILE_BYTES_MAX} bytes")
    return text.strip()


def _bind(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 <= int(port) < 65536:
        raise Refused("setting_invalid", f"TRINITY_BIND is not host:port: {text!r}")
    return host, int(port)


def _origins(text: str) -> frozenset[str]:
    found = set()
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        if urlsplit(part).scheme not in DEFAULT_PORTS:
            raise Refused("setting_invalid", f"TRINITY_SANDBOX_ENDPOINTS has no http(s) or smtp(s) URL: {part!r}")
        found.add(origin_of(part))
    return frozenset(found)


def _networks(text: str) -> tuple[Network, ...]:
    """Addresses and networks; one whose host bits are set is a mistake and not repaired."""
    found = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        try:
            found.append(ip_network(part))
        except ValueError as error:
            raise Refused("setting_invalid", f"TRINITY_TRUSTED_PROXIES: {error}") from error
    return tuple(found)
