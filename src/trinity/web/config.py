"""What the web app needs to know about where it stands: its own address, its cookie, its hosts."""

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from trinity.errors import Refused
from trinity.settings import Network

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
BODY_BYTES_MAX = 1_000_000
"""The largest request body, JSON or form."""
FORM_FIELDS_MAX = 64
"""The most fields one form may have."""


@dataclass(frozen=True, slots=True)
class WebConfig:
    """The app's own origin and secret. `base_url` has no trailing slash; `secret_key` is never shown."""

    base_url: str
    secret_key: bytes = field(repr=False)
    mail_sandbox: str | None = None
    """The origin of the mail stand-in, if mail goes to one: every page says so."""
    model_sandbox: str | None = None
    """The origin of the model stand-in, if agents ask one."""
    trusted_proxies: tuple[Network, ...] = ()
    """Whose word on where a request came from is taken."""
    money_sandbox: str | None = None
    """The origin of the Stripe stand-in, if payments go to one."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Refused("setting_invalid", f"TRINITY_BASE_URL is not an http(s) URL: {self.base_url!r}")
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            message = "TRINITY_BASE_URL must be https: over plain HTTP the session cookie could be read."
            raise Refused("setting_invalid", message)

    @property
    def sandbox_sentences(self) -> tuple[str, ...]:
        """What the strip on every page says; empty where everything is real. The second names the addresses."""
        stand_ins = {"mail": self.mail_sandbox, "payments": self.money_sandbox, "the agents’ model": self.model_sandbox}
        used = {name: urlsplit(origin).netloc for name, origin in stand_ins.items() if origin}
        if not used:
            return ()
        *others, last = used
        names = f"{', '.join(others)} and {last}" if others else last
        verb = "are stand-ins" if others else "is a stand-in"
        honesty = ", and no AI is at work" if self.model_sandbox else ""
        where = ", ".join(f"{name} at {place}" for name, place in used.items())
        return (f"{names[0].upper()}{names[1:]} {verb}: nothing reaches anybody{honesty}.", f"({where})")

    @property
    def is_https(self) -> bool:
        """True when the public address is encrypted: then cookies are Secure and HSTS is sent."""
        return self.base_url.startswith("https://")

    @property
    def cookie_name(self) -> str:
        """`__Host-` binds the cookie to this origin; plain-HTTP loopback cannot have it."""
        return "__Host-trinity" if self.is_https else "trinity_session"

    @property
    def hosts(self) -> frozenset[str]:
        """The Host headers that are answered; anything else may be DNS rebinding."""
        parts = urlsplit(self.base_url)
        found = {parts.netloc.lower()}
        if is_loopback(parts.hostname or ""):
            suffix = f":{parts.port}" if parts.port else ""
            found |= {name + suffix for name in LOOPBACK_NAMES}
        return frozenset(found)

    @property
    def origins(self) -> frozenset[str]:
        """The origins whose pages may change something here: our own."""
        scheme = "https" if self.is_https else "http"
        return frozenset(f"{scheme}://{host}" for host in self.hosts)


def is_loopback(hostname: str) -> bool:
    """True for `localhost` and loopback addresses."""
    if hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(hostname.strip("[]")).is_loopback
    except ValueError:
        return False
