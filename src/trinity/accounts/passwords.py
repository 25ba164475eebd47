"""Passwords: argon2id (RFC 9106) with the library's current defaults, off the event loop."""

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from trinity.errors import Refused
from trinity.kit.canonical import is_text

LENGTH_MIN = 12
LENGTH_MAX = 256

_hasher = PasswordHasher()
_nobody = _hasher.hash("a password that nobody has")


async def hash_password(password: str) -> str:
    """The hash to store, or `Refused` with code `weak_password`."""
    if not LENGTH_MIN <= len(password) <= LENGTH_MAX or not is_text(password):
        raise Refused("weak_password", f"A password has {LENGTH_MIN} to {LENGTH_MAX} characters.", status=422)
    return await asyncio.to_thread(_hasher.hash, password)


async def is_password(password: str, stored: str | None) -> bool:
    """Compare; takes as long for somebody who does not exist as for somebody who does."""
    if len(password) > LENGTH_MAX or not is_text(password):
        return False
    return await asyncio.to_thread(_verify, password, stored or _nobody) and stored is not None


def _verify(password: str, stored: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except (Argon2Error, InvalidHashError):
        return False
