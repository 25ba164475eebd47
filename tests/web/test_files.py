"""Files through pages and API on the real contexts: upload, release, download, and what nobody may get."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast
from urllib.parse import quote

import httpx
import pytest

from tests.sources.samples import DOCX, DOCX_TYPE, PDF, PNG
from tests.web.conftest import ORIGIN, Client
from tests.web.test_context_desk import API, sign_in
from tests.world import World
from tests.worlds import cheap_passwords, gateway_database, gmail_dir, gmail_url, open_world, shared_gmail, world
from trinity import crm, sources
from trinity.kit.canonical import digest_hex
from trinity.providers.storage.content import key_of
from trinity.web.app import build_app
from trinity.web.config import BODY_BYTES_MAX, WebConfig
from trinity.web.context_desk import ContextDesk
from trinity.web.headers import CONTENT_SECURITY_POLICY, SANDBOX_POLICY
from trinity.web.live import Hub

__all__ = ["cheap_passwords", "gateway_database", "gmail_dir", "gmail_url", "open_world", "shared_gmail", "world"]
NAME = "Grüße “2026”.pdf"


@pytest.fixture
async def person(world: World) -> AsyncIterator[Client]:
    """The account's owner, signed in."""
    async with browser_of(world) as client:
        await sign_in(client, owner_of(world))
        yield client


def owner_of(world: World) -> str:
    return f"owner@{world.mailbox.partition('@')[2]}"


def browser_of(world: World) -> Client:
    app = build_app(
        WebConfig(ORIGIN, b"k" * 32), ContextDesk(world.app, None), Hub(None), house=world.app, clock=world.clock
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(cast(Any, app)), base_url=ORIGIN, headers={"origin": ORIGIN})


async def upload(
    world: World, client: Client, name: str = NAME, data: bytes = PDF, media_type: str = "application/pdf"
) -> httpx.Response:
    return await client.post(
        f"{API}/artifacts", data={"project_id": str(world.project_id)}, files={"file": (name, data, media_type)}
    )


async def test_a_file_goes_in_is_released_and_comes_out_as_it_was(world: World, person: Client) -> None:
    made = (await upload(world, person)).json()
    assert (made["name"], made["state"], made["sha256"]) == (NAME, "quarantined", digest_hex(PDF))
    assert (made["scan_state"], made["origin"]) == ("not_scanned", "operator")
    address = f"{API}/artifacts/{made['id']}"
    refused = await person.get(f"{address}/content")
    assert (refused.status_code, refused.json()["code"]) == (409, "artifact_not_released")
    assert (await person.post(f"{address}/release")).json()["state"] == "released"
    got = await person.get(f"{address}/content")
    assert (got.status_code, got.content) == (200, PDF)
    assert got.headers["content-type"] == "application/pdf"
    assert got.headers["content-disposition"].startswith("attachment; filename=")
    assert got.headers["content-disposition"].endswith(f"filename*=UTF-8''{quote(NAME, safe='')}")
    assert got.headers["content-security-policy"] == SANDBOX_POLICY
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["cache-control"] == "no-store"
    listed = (await person.get(f"{API}/artifacts", params={"project_id": str(world.project_id)})).json()["items"]
    assert [one["id"] for one in listed] == [made["id"]]
    assert (await person.get(f"{API}/artifacts?state=quarantined")).json()["items"] == []
    page = await person.get(f"/files/{made['id']}")
    assert page.headers["content-security-policy"] == CONTENT_SECURITY_POLICY


async def test_pages_show_a_file_its_text_and_its_release(world: World, person: Client) -> None:
    text = "Ada’s brief \u202e<script>alert(1)</script>\n".encode()
    made = (await upload(world, person, "brief.txt", text, "text/plain")).json()
    page = (await person.get(f"/files/{made['id']}")).text
    assert "&lt;script&gt;" in page and "<script>alert" not in page
    assert "U+202E" in page
    assert "not scanned" in page
    assert 'id="release"' in page and 'id="reject"' in page
    assert "brief.txt" in (await person.get("/files")).text
    assert "brief.txt" not in (await person.get("/files?state=released")).text
    assert "brief.txt" in (await person.get(f"/files?project={world.project_id}")).text
    assert f"/files?project={world.project_id}" in (await person.get(f"/projects/{world.project_id}")).text
    answer = await person.post(f"/files/{made['id']}/release")
    assert answer.status_code == 303
    page = (await person.get(f"/files/{made['id']}")).text
    assert "The text that agents read" in page
    assert 'id="release"' not in page
    async with world.tx() as tx:
        assert [one.title for one in await sources.list_readable(tx, world.project_id, None)] == ["brief.txt"]


async def test_a_form_without_script_uploads_and_needs_its_token(world: World, person: Client) -> None:
    token = person.headers.pop("x-csrf-token")
    fields = {"project_id": str(world.project_id), "csrf_token": token}
    for bad in ({**fields, "csrf_token": "0" * 64}, {"project_id": str(world.project_id)}):
        answer = await person.post("/files", data=bad, files={"file": ("a.png", PNG, "image/png")})
        assert answer.status_code == 403
    answer = await person.post("/files", data=fields, files={"file": ("a.png", PNG, "image/png")})
    assert answer.status_code == 303
    assert (await person.get(answer.headers["location"])).status_code == 200
    foreign = {"origin": "https://evil.example"}
    answer = await person.post("/files", data=fields, files={"file": ("a.png", PNG, "image/png")}, headers=foreign)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("name", "data", "media_type", "status", "code"),
    [
        ("a.exe", b"MZ", "application/octet-stream", 422, "kind_not_allowed"),
        ("a.pdf", PNG, "application/pdf", 422, "kind_mismatch"),
        ("../a.pdf", PDF, "application/pdf", 422, "invalid_name"),
        ("fdp\u202eexe.pdf", PDF, "application/pdf", 422, "invalid_name"),
        ("a.txt", b"x" * 10_000_001, "text/plain", 413, "too_large"),
        ("a.txt", b"x" * 10_200_000, "text/plain", 413, "too_large"),
        ("a.txt", b"", "text/plain", 422, "invalid_size"),
    ],
)
async def test_bad_files_are_refused_and_leave_nothing(
    world: World, person: Client, name: str, data: bytes, media_type: str, status: int, code: str
) -> None:
    answer = await upload(world, person, name, data, media_type)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert (await person.get(f"{API}/artifacts")).json()["items"] == []


async def test_bodies_that_are_no_upload_are_refused(world: World, person: Client) -> None:
    two = [("file", ("a.png", PNG, "image/png")), ("file", ("b.png", PNG, "image/png"))]
    project = {"project_id": str(world.project_id)}
    broken = {"content-type": "multipart/form-data; boundary=x"}
    answers = [
        await person.post(f"{API}/artifacts", json=project),
        await person.post(f"{API}/artifacts", data=project, files=two),
        await person.post(f"{API}/artifacts", data=project, files={"other": ("a.png", PNG, "image/png")}),
        await person.post(f"{API}/artifacts", data={"project_id": "x"}, files=two[:1]),
        await person.post(f"{API}/artifacts", files=two[:1]),
        await person.post(f"{API}/artifacts", content=b"--x\r\nnonsense", headers=broken),
        await person.post(
            f"{API}/artifacts",
            content=b'--x\r\nContent-Disposition: form-data; name="project_id"\r\n\r\n\xff\xfe\r\n--x--\r\n',
            headers=broken,
        ),
    ]
    assert [answer.status_code for answer in answers] == [415, 422, 422, 422, 422, 400, 422]
    assert (await person.get(f"{API}/artifacts")).json()["items"] == []


async def test_only_the_upload_takes_a_large_body(world: World, person: Client) -> None:
    large = b"x" * (BODY_BYTES_MAX + 1)
    assert (await upload(world, person, "a.txt", large, "text/plain")).status_code == 201
    project = f"/projects/{world.project_id}/sources"
    del person.headers["x-csrf-token"]
    assert (await person.post(project, data={"title": "t"}, files={"file": ("a", large)})).status_code == 413


async def test_who_may_not_release_sees_no_quarantined_bytes(world: World, person: Client) -> None:
    await world.second_person("auditor", f"auditor@{world.mailbox.partition('@')[2]}")
    made = (await upload(world, person, "brief.txt", b"secret words", "text/plain")).json()
    address = f"{API}/artifacts/{made['id']}"
    assert (await person.get(f"{address}/content?quarantined=yes")).content == b"secret words"
    assert len(await world.events("artifact.opened_in_quarantine")) == 1
    async with browser_of(world) as auditor:
        await sign_in(auditor, f"auditor@{world.mailbox.partition('@')[2]}")
        assert (await auditor.get(f"{address}/content?quarantined=yes")).status_code == 404
        page = (await auditor.get(f"/files/{made['id']}")).text
        assert "secret words" not in page and "download" not in page
        assert (await upload(world, auditor)).status_code == 403
        assert (await auditor.post(f"{address}/release")).status_code == 403
        await person.post(f"{address}/release")
        assert (await auditor.get(f"{address}/content")).content == b"secret words"
    async with browser_of(world) as nobody:
        assert (await nobody.get(f"{address}/content")).status_code == 401


async def test_another_account_finds_nothing(
    world: World, person: Client, open_world: Callable[..., Awaitable[World]]
) -> None:
    made = (await upload(world, person)).json()
    await person.post(f"{API}/artifacts/{made['id']}/release")
    other = await open_world()
    async with browser_of(other) as stranger:
        await sign_in(stranger, owner_of(other))
        for path in (
            f"/files/{made['id']}",
            f"/files/{made['id']}/content",
            f"{API}/artifacts/{made['id']}",
            f"{API}/artifacts/{made['id']}/content",
            f"{API}/artifacts/{made['id']}/content?quarantined=yes",
            f"{API}/artifacts?project_id={world.project_id}",
        ):
            assert (await stranger.get(path)).status_code == 404, path
        for verb in ("release", "reject"):
            assert (await stranger.post(f"{API}/artifacts/{made['id']}/{verb}")).status_code == 404
        assert (await upload(world, stranger)).status_code == 404
        assert made["id"] not in (await stranger.get("/files")).text


async def test_changed_bytes_are_not_given_out_and_become_one_incident(world: World, person: Client) -> None:
    made = (await upload(world, person, "brief.txt", b"the brief", "text/plain")).json()
    await person.post(f"{API}/artifacts/{made['id']}/release")
    store = sources.open_store(world.settings)
    await store._objects.replace(key_of("released", made["sha256"]), b"the grief")
    for _ in range(2):
        answer = await person.get(f"{API}/artifacts/{made['id']}/content")
        assert (answer.status_code, answer.json()["code"]) == (409, "artifact_corrupted")
        page = (await person.get(f"/files/{made['id']}")).text
        assert "not the one that was taken in" in page and "grief" not in page
    assert await world.incidents() == ["artifact_corrupted"]
    page = (await person.get("/incidents")).text
    assert "A stored file was changed" in page and f"/files/{made['id']}" in page


async def test_pages_and_office_files_are_sent_as_bytes_that_nothing_opens(world: World, person: Client) -> None:
    for name, data, media_type in (
        ("page.html", b"<script>alert(1)</script>", "text/html"),
        ("letter.docx", DOCX, DOCX_TYPE),
    ):
        made = (await upload(world, person, name, data, media_type)).json()
        assert made["media_type"] == media_type
        await person.post(f"{API}/artifacts/{made['id']}/release")
        got = await person.get(f"/files/{made['id']}/content")
        assert (got.headers["content-type"], got.content) == ("application/octet-stream", data)
        page = (await person.get(f"/files/{made['id']}")).text
        assert not re.search(r"<script>alert", page)


async def test_a_rejected_file_stays_in(world: World, person: Client) -> None:
    made = (await upload(world, person)).json()
    assert (await person.post(f"/files/{made['id']}/reject")).status_code == 303
    answer = await person.post(f"{API}/artifacts/{made['id']}/release")
    assert (answer.status_code, answer.json()["code"]) == (409, "already_decided")
    assert "rejected" in (await person.get(f"/files/{made['id']}")).text


async def test_a_customers_file_names_its_customer(world: World, person: Client) -> None:
    async with world.tx() as tx:
        ada = await crm.meet(tx, world.owner, crm.NewContact(world.project_id, "ada@x.example", "Ada"), world.clock())
        new = sources.NewArtifact(world.project_id, "ada.pdf", "application/pdf", PDF, "attachment", ada.id)
        made = await sources.add_artifact(tx, sources.open_store(world.settings), world.owner, new, world.clock())
    page = (await person.get(f"/files/{made}")).text
    assert f'<a href="/crm/contacts/{ada.id}">Ada</a>' in page
    assert (await person.get(f"/crm/contacts/{ada.id}")).status_code == 200
