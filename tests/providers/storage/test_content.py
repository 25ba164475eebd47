"""One contract for the local disk and for a real S3 server: by digest, once, whole, and checked by us."""

import asyncio
import hashlib
import socket
from pathlib import Path

import pytest

from tests.providers.storage.conftest import S3Server
from trinity.errors import Refused
from trinity.providers.storage import objects
from trinity.providers.storage.content import OBJECT_BYTES_MAX, ContentStore, Corrupted, key_of
from trinity.providers.storage.objects import Objects, StorageUnavailable

DATA = "Grüße aus dem Lager\n".encode() * 50
SHA256 = hashlib.sha256(DATA).hexdigest()


async def test_what_is_kept_is_read_back_under_its_digest(store: ContentStore) -> None:
    kept = await store.keep("quarantined", DATA)
    assert (kept.sha256, kept.size_bytes, kept.is_mended) == (SHA256, len(DATA), False)
    assert await store.fetch("quarantined", SHA256, len(DATA)) == DATA
    again = await store.keep("quarantined", DATA)
    assert not again.is_mended
    assert await store.digests("quarantined") == [SHA256]
    assert await store.digests("released") == []
    with pytest.raises(Corrupted) as missing:
        await store.fetch("released", SHA256, len(DATA))
    assert missing.value.found == "missing"


async def test_a_name_is_given_once(store: ContentStore) -> None:
    key = key_of("quarantined", SHA256)
    made = await asyncio.gather(*(store._objects.create(key, bytes([n]) * 40) for n in range(8)))
    assert sorted(made) == [False] * 7 + [True]


async def test_other_bytes_under_a_digest_are_found_out_and_mended_by_the_right_ones(store: ContentStore) -> None:
    key = key_of("quarantined", SHA256)
    for wrong in (b"x" * len(DATA), DATA[:-1], DATA + b"x", b""):
        await store._objects.replace(key, wrong)
        with pytest.raises(Corrupted):
            await store.fetch("quarantined", SHA256, len(DATA))
    assert (await store.keep("quarantined", DATA)).is_mended
    assert await store.fetch("quarantined", SHA256, len(DATA)) == DATA


async def test_the_largest_object_goes_through(store: ContentStore) -> None:
    data = bytes(range(250)) * (OBJECT_BYTES_MAX // 250)
    kept = await store.keep("released", data)
    assert await store.fetch("released", kept.sha256, kept.size_bytes) == data
    assert await store._objects.read(key_of("released", kept.sha256), 1000) == data[:1001]


async def test_many_at_once_are_all_there(store: ContentStore) -> None:
    kept = await asyncio.gather(*(store.keep("quarantined", f"object {n}".encode()) for n in range(40)))
    assert sorted(one.sha256 for one in kept) == await store.digests("quarantined")
    assert len(await store.digests("quarantined", limit=7)) == 7
    await store.probe()


async def test_a_wrong_secret_and_a_closed_port_are_unavailable(s3_server: S3Server) -> None:
    for aws in (
        s3_server.aws(aws_secret_access_key="wrong-test-secret"),
        s3_server.aws(aws_endpoint_url="http://127.0.0.1:9"),
    ):
        with pytest.raises(StorageUnavailable) as error:
            await ContentStore(f"s3://{s3_server.bucket}/x", aws).probe()
        assert "test-secret" not in str(error.value)


async def test_a_server_that_never_answers_ends_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "CALL_TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(StorageUnavailable):
            await ContentStore("s3://trinity/x", S3Server(endpoint).aws()).probe()


async def test_a_local_object_and_its_directories_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    real = objects._sync

    def sync(path: Path, flags: int) -> None:
        synced.append(path)
        real(path, flags)

    monkeypatch.setattr(objects, "_sync", sync)
    root = tmp_path / "artifacts"
    store = Objects(root.as_uri(), {})
    key = key_of("quarantined", SHA256)
    for _ in range(2):
        synced.clear()
        await store.create(key, DATA)
        below = [root / key, *(root / key).parents]
        assert synced == below[: below.index(tmp_path) + 1]
    assert root.stat().st_mode & 0o077 == 0


async def test_a_disk_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    store = ContentStore((tmp_path / "artifacts").as_uri(), {})
    (tmp_path / "artifacts" / "quarantined").write_text("a file where a directory should be")
    with pytest.raises(StorageUnavailable):
        await store.keep("quarantined", DATA)


@pytest.mark.parametrize("url", ["http://x/y", "file://host/path", "s3://", "file:relative", "/tmp/x"])
def test_other_addresses_are_refused_at_start(url: str) -> None:
    with pytest.raises(Refused, match="ARTIFACTS_URL"):
        ContentStore(url, {})
