"""From the environment to a bucket: the names that people set are the ones that the store is given."""

from pathlib import Path

from tests.providers.storage.conftest import ACCESS, SECRET, S3Server
from trinity.kit.canonical import digest_hex
from trinity.settings import load
from trinity.sources import open_store


async def test_the_usual_names_reach_a_real_server(s3_server: S3Server, tmp_path: Path) -> None:
    environ = {
        "ARTIFACTS_URL": f"s3://{s3_server.bucket}/from%20settings/{tmp_path.name}",
        "AWS_ACCESS_KEY_ID": ACCESS,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": s3_server.endpoint,
        "AWS_ALLOW_HTTP": "true",
    }
    settings = load(environ, cwd=tmp_path)
    assert SECRET not in repr(settings)
    store = open_store(settings)
    assert open_store(settings) is store
    await store.probe()
    await store.keep("quarantined", b"by settings")
    assert await store.digests("quarantined") == [digest_hex(b"by settings")]
    assert not (tmp_path / ".trinity").exists()


async def test_without_any_setting_files_lie_in_the_home(tmp_path: Path) -> None:
    settings = load({"TRINITY_HOME": str(tmp_path / "home with space")}, cwd=tmp_path)
    store = open_store(settings)
    await store.keep("released", b"at home")
    assert list((tmp_path / "home with space" / "artifacts" / "released").rglob(digest_hex(b"at home")))
