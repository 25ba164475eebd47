"""A mail address as Trinity allows it: ASCII, one spelling, nothing that a parser could read in two ways."""

import re
from dataclasses import dataclass

LOCAL_CHARS_MAX = 64
ADDRESS_CHARS_MAX = 254
NAME_CHARS_MAX = 200

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"{_ATOM}(\.{_ATOM})*")
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})+")
_TOKEN = re.compile(r"[a-z0-9-]{6,40}")


class MaterialiseRefused(ValueError):
    """This mail cannot be made exactly as asked; `code` is stable, `message` is for a person."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox with a display name. `addr` is compared byte for byte and never normalised."""

    addr: str
    name: str = ""


def check_address(address: Address) -> Address:
    """Return the address if it is one that `render` may write, else raise `MaterialiseRefused`."""
    local, at, domain = address.addr.rpartition("@")
    if not address.addr.isascii():
        raise MaterialiseRefused("address_not_ascii", f"The address {address.addr!r} is not ASCII.")
    if not at or not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain) or "=?" in local:
        raise MaterialiseRefused("invalid_address", f"{address.addr!r} is not a mail address.")
    if len(local) > LOCAL_CHARS_MAX or len(address.addr) > ADDRESS_CHARS_MAX:
        raise MaterialiseRefused("invalid_address", f"The address {address.addr!r} is too long.")
    if len(address.name) > NAME_CHARS_MAX:
        raise MaterialiseRefused("name_too_long", "A display name is too long.")
    return address


def check_token(token: str) -> str:
    """Return the operation token if it is 6 to 40 of `a-z 0-9 -`, which survive any mail system."""
    if not _TOKEN.fullmatch(token):
        raise MaterialiseRefused("invalid_token", "The operation token must be 6 to 40 of a-z, 0-9 and '-'.")
    return token


def reply_to_address(mailbox: str, token: str) -> str:
    """`mailbox+tr.<token>@domain`: replies come back to the mailbox and name the operation (RFC 5233)."""
    local, _, domain = check_address(Address(mailbox)).addr.rpartition("@")
    return check_address(Address(f"{local}+tr.{check_token(token)}@{domain}")).addr


def token_in(addr: str) -> str | None:
    """The operation token that a reply address carries, if it does."""
    tag = addr.rpartition("@")[0].rpartition("+tr.")
    return tag[2] if tag[1] and _TOKEN.fullmatch(tag[2]) else None
