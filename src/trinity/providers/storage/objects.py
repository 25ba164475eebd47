"""One place for objects, over obstore: a local directory, or a bucket of an S3 server with a prefix.

Three promises that the library alone does not give. A local object is on the disk, name and all, when `create`
returns: obstore writes and links the file but syncs neither it nor its directory. Every call ends after a named time.
And whatever goes wrong is one error, `StorageUnavailable`: since an object's name says its content, any call may be
repeated at any time.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, S3Store

from trinity.errors import ProviderError, Refused

CALL_TIMEOUT_S = 20.0
CONNECT_TIMEOUT_S = 5.0
RETRIES_MAX = 2
RETRY_TIMEOUT_S = 15.0
LIST_MAX = 10_000


class StorageUnavailable(ProviderError):
    """The object store did not answer as it should. Repeating the call is always safe."""

    code = "storage_unavailable"


class Objects:
    """The objects below one URL: `file:///path` or `s3://bucket/prefix`."""

    def __init__(self, url: str, aws: Mapping[str, str]) -> None:
        parts = urlsplit(url)
        self._root: Path | None = None
        self._store: LocalStore | S3Store
        if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
            self._root = Path(unquote(parts.path))
            self._store = _local(self._root)
        elif parts.scheme == "s3" and parts.netloc:
            self._store = _bucket(parts.netloc, unquote(parts.path).strip("/"), aws)
        else:
            message = "ARTIFACTS_URL is neither file:///path nor s3://bucket/prefix."
            raise Refused("setting_invalid", message)

    async def create(self, key: str, data: bytes) -> bool:
        """Write an object whole and durably; False, and nothing written, if there is one of that name."""
        async with _bounded():
            try:
                await obstore.put_async(self._store, key, data, mode="create", use_multipart=False)
                is_new = True
            except AlreadyExistsError:
                is_new = False
            # Also where it was there before: who wrote it may have died before syncing it.
            await self._sync(key)
        return is_new

    async def replace(self, key: str, data: bytes) -> None:
        """Write an object over what stands there."""
        async with _bounded():
            await obstore.put_async(self._store, key, data, mode="overwrite", use_multipart=False)
            await self._sync(key)

    async def read(self, key: str, bytes_max: int) -> bytes | None:
        """An object's bytes, or None if there is no such object; of a larger one, no more than `bytes_max` + 1."""
        async with _bounded():
            try:
                found = await obstore.get_async(self._store, key)
            except FileNotFoundError:
                return None
            kept = bytearray()
            async for chunk in found.stream():
                kept += chunk
                if len(kept) > bytes_max:
                    return bytes(kept[: bytes_max + 1])
            return bytes(kept)

    async def names(self, prefix: str, limit: int = LIST_MAX) -> list[str]:
        """The names below a prefix, at most `limit` of them."""
        found: list[str] = []
        async with _bounded():
            async for page in obstore.list(self._store, prefix):
                found += [meta["path"] for meta in page]
                if len(found) >= limit:
                    break
        return sorted(found[:limit])

    async def _sync(self, key: str) -> None:
        if self._root is not None:
            await asyncio.to_thread(_sync_file, self._root, key)


def _local(root: Path) -> LocalStore:
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return LocalStore(root)
    except OSError as error:
        raise Refused("setting_invalid", f"ARTIFACTS_URL: {root} cannot be used: {error.strerror}.") from error


def _bucket(bucket: str, prefix: str, aws: Mapping[str, str]) -> S3Store:
    config: Any = dict(aws)
    return S3Store(
        bucket,
        prefix=prefix or None,
        config=config,
        client_options={
            "timeout": timedelta(seconds=CALL_TIMEOUT_S),
            "connect_timeout": timedelta(seconds=CONNECT_TIMEOUT_S),
        },
        retry_config={"max_retries": RETRIES_MAX, "retry_timeout": timedelta(seconds=RETRY_TIMEOUT_S)},
    )


@asynccontextmanager
async def _bounded() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(CALL_TIMEOUT_S):
            yield
    except (BaseError, OSError) as error:
        # The library's message holds addresses and whole answers of the server: its first line is enough.
        said = str(error).partition("\n")[0][:200]
        raise StorageUnavailable(f"The object store failed: {type(error).__name__}: {said}") from error


def _sync_file(root: Path, key: str) -> None:
    """The file, and every directory whose entry may be new, the root's own included."""
    path = root / key
    _sync(path, os.O_RDONLY)
    for directory in path.parents:
        _sync(directory, os.O_RDONLY | os.O_DIRECTORY)
        if directory == root.parent:
            return


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
