"""Domains, mail addresses and web addresses in one spelling, so that two are the same if and only if they are equal.

What cannot be brought into that spelling without guessing is None: nothing is repaired.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import idna

DOMAIN_CHARS_MAX = 253
LOCAL_CHARS_MAX = 64
ADDRESS_CHARS_MAX = 254
WEBSITE_CHARS_MAX = 300

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}")
_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_PATH = re.compile(r"[!-~]*")


@dataclass(frozen=True, slots=True)
class Website:
    """A web address without query and fragment, and the domain that it stands for (without `www.`)."""

    url: str
    domain: str


def normal_domain(text: str) -> str | None:
    """A domain as lower-case A-labels (RFC 5890), or None. An address in numbers and a trailing dot are none."""
    if not 0 < len(text) <= DOMAIN_CHARS_MAX:
        return None
    domain = text.lower() if text.isascii() else ""
    if not domain or "xn--" in domain:
        try:
            domain = idna.encode(text, uts46=True, std3_rules=True).decode("ascii")
        except UnicodeError:
            return None
    if len(domain) > DOMAIN_CHARS_MAX or _DOMAIN.fullmatch(domain) is None:
        return None
    return None if domain.rpartition(".")[2].isdigit() else domain


def normal_address(text: str) -> str | None:
    """A mail address in lower case, its domain as A-labels, or None. Quoted local parts are none of ours."""
    local, _, domain = text.rpartition("@")
    local, known = local.lower() if local.isascii() else "", normal_domain(domain)
    if known is None or len(local) > LOCAL_CHARS_MAX or _LOCAL.fullmatch(local) is None or "=?" in local:
        return None
    address = f"{local}@{known}"
    return address if len(address) <= ADDRESS_CHARS_MAX else None


def domain_of(address: str) -> str:
    """The domain of an address that `normal_address` gave."""
    return address.rpartition("@")[2]


def normal_website(text: str) -> Website | None:
    """A web address as people type it, with or without `https://`, or None. Nobody's user name is kept in it."""
    if len(text) > WEBSITE_CHARS_MAX:
        return None
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        domain, port = normal_domain(parts.hostname or ""), parts.port
    except ValueError:
        return None
    is_plain = parts.scheme in ("http", "https") and port is None and parts.username is None
    if domain is None or not is_plain or _PATH.fullmatch(parts.path) is None:
        return None
    return Website(f"{parts.scheme}://{domain}{parts.path or '/'}", domain.removeprefix("www."))
