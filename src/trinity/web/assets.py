"""The static files: read once from the package, named with their digest, so that browsers may keep them."""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from trinity.errors import NotFound

MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
DIGEST_CHARS = 12


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: its bytes, media type, and the digest in its address."""

    name: str
    body: bytes
    media_type: str
    digest: str

    @property
    def address(self) -> str:
        """The path that pages link; it changes when the bytes do."""
        return f"/static/{self.digest}/{self.name}"


@cache
def assets() -> dict[str, Asset]:
    """All static files by name."""
    found = {}
    for entry in files("trinity.web").joinpath("static").iterdir():
        suffix = entry.name.rpartition(".")[2]
        if suffix in MEDIA_TYPES:
            body = entry.read_bytes()
            digest = hashlib.sha256(body).hexdigest()[:DIGEST_CHARS]
            found[entry.name] = Asset(entry.name, body, MEDIA_TYPES[suffix], digest)
    return found


def asset(digest: str, name: str) -> Asset:
    """The file at an address. An old digest is another file, and is not found."""
    found = assets().get(name)
    if found is None or found.digest != digest:
        raise NotFound("file")
    return found
