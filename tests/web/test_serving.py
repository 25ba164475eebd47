"""The process: it says when it is ready, answers, and ends when asked although pages are open."""

import asyncio
from pathlib import Path

import httpx

from tests.world import settings_for
from trinity.host import free_port
from trinity.web.serving import config_of, serve


async def test_it_serves_until_it_is_asked_to_stop(database_url: str, tmp_path: Path) -> None:
    bind = f"127.0.0.1:{free_port()}"
    settings = settings_for(database_url, "http://127.0.0.1:9", tmp_path, TRINITY_BIND=bind)
    said: list[dict[str, object]] = []
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(settings, said.append, stop, is_fsync_demanded=False))
    for _ in range(200):
        if said or serving.done():
            break
        await asyncio.sleep(0.05)
    if serving.done():
        await serving
    assert said[0]["role"] == "web"
    async with httpx.AsyncClient(base_url=f"http://{bind}", trust_env=False) as client:
        assert (await client.get("/readyz")).json() == {"database": True}
        answer = await client.get("/sign-in")
    assert answer.status_code == 200
    assert "server" not in answer.headers
    stop.set()
    await asyncio.wait_for(serving, 10)


def test_the_strip_names_only_what_is_a_stand_in(tmp_path: Path) -> None:
    settings = settings_for("postgresql://x/y", "http://127.0.0.1:9", tmp_path)
    assert config_of(settings).mail_sandbox == "http://127.0.0.1:9"
    live = settings_for("postgresql://x/y", "http://127.0.0.1:9", tmp_path, TRINITY_SANDBOX_ENDPOINTS="")
    assert config_of(live).sandbox_sentences == ()
