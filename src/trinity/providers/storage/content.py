"""Bytes by their digest: an object's name is the SHA-256 of what is in it, so that it never has to change.

What is quarantined and what is released lie under separate prefixes, so that a bucket's policy can keep readers away
from the first. The digest is computed here at every write and every read: a server that accepts a wrong one, or a disk
that rots, is found out by us and by nobody's word.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from trinity.errors import Refused
from trinity.kit.canonical import digest_hex
from trinity.providers.storage.objects import LIST_MAX, Objects

OBJECT_BYTES_MAX = 10_000_000
DIGEST_CHARS = 64
PROBE = b"trinity/storage/probe/v1\n"

type Area = Literal["quarantined", "released", "probe"]


class Corrupted(Refused):
    """What stands in the store under a digest is missing or has another one. It is never given out."""

    def __init__(self, area: Area, sha256: str, found: str) -> None:
        message = "The stored file is not the one that was taken in, so it is not given out."
        super().__init__("artifact_corrupted", message, details={"area": area, "sha256": sha256, "found": found})
        self.area = area
        self.sha256 = sha256
        self.found = found


@dataclass(frozen=True, slots=True)
class Kept:
    """What was kept. `is_mended`: something else stood under the digest's name and was replaced."""

    sha256: str
    size_bytes: int
    is_mended: bool


class ContentStore:
    """Objects by digest, in areas."""

    def __init__(self, url: str, aws: Mapping[str, str]) -> None:
        self._objects = Objects(url, aws)

    async def keep(self, area: Area, data: bytes) -> Kept:
        """Store bytes durably under their digest; the same bytes again change nothing.

        A half-written or altered object of that name (a disk that lost power, somebody's hand) is replaced: nothing
        but these bytes may ever be called so.
        """
        assert 0 < len(data) <= OBJECT_BYTES_MAX, "callers check sizes and say why"
        sha256 = digest_hex(data)
        key = key_of(area, sha256)
        is_mended = not await self._objects.create(key, data) and await self._objects.read(key, len(data)) != data
        if is_mended:
            await self._objects.replace(key, data)
        if await self._objects.read(key, len(data)) != data:
            raise Corrupted(area, sha256, "other bytes right after the write")
        return Kept(sha256, len(data), is_mended)

    async def fetch(self, area: Area, sha256: str, size_bytes: int) -> bytes:
        """The bytes of a digest, checked; raises `Corrupted`."""
        data = await self._objects.read(key_of(area, sha256), size_bytes)
        if data is None:
            raise Corrupted(area, sha256, "missing")
        if len(data) != size_bytes or (found := digest_hex(data)) != sha256:
            raise Corrupted(area, sha256, "another size" if len(data) != size_bytes else found)
        return data

    async def digests(self, area: Area, limit: int = LIST_MAX) -> list[str]:
        """The digests that stand in an area, at most `limit` of them."""
        names = await self._objects.names(f"{area}/sha256", limit)
        return [name.rpartition("/")[2] for name in names]

    async def probe(self) -> None:
        """Write and read back a small object of its own; raises when the store cannot be used."""
        kept = await self.keep("probe", PROBE)
        await self.fetch("probe", kept.sha256, kept.size_bytes)


def key_of(area: Area, sha256: str) -> str:
    """Where the bytes of a digest lie."""
    assert len(sha256) == DIGEST_CHARS and sha256.isalnum()
    return f"{area}/sha256/{sha256[:2]}/{sha256}"
