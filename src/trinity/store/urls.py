"""Database addresses of the roles, derived from the owner's address and the secret key.

Passwords of the roles that the app logs in with are HKDF-SHA256 (RFC 5869) of TRINITY_SECRET_KEY, so that
a deployment has one secret to keep and a child process can be given one role's address alone.
"""

from urllib.parse import quote, urlsplit, urlunsplit

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

APP_ROLE = "trinity_app"
EXECUTOR_ROLE = "trinity_executor"
DEFINER_ROLE = "trinity_definer"


def role_password(secret_key: bytes, role: str) -> str:
    """The password of one role, hexadecimal."""
    return derived_key(secret_key, f"database/{role}").hex()


def derived_key(secret_key: bytes, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose, from which neither the secret nor another purpose's key follows."""
    return HKDF(SHA256(), 32, salt=None, info=f"trinity/{purpose}".encode()).derive(secret_key)


def url_of(owner_url: str, role: str, secret_key: bytes) -> str:
    """The owner's address with another role's login."""
    return with_login(owner_url, role, role_password(secret_key, role))


def with_login(url: str, user: str, password: str) -> str:
    """Replace user and password of a database URL."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(user)}:{quote(password)}@{host}"))


def with_database(url: str, name: str) -> str:
    """Replace the database's name of a database URL."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
