"""Errors: a page for people, problem+json for programs, and never a stack trace."""

import pytest

from tests.web.conftest import Client
from tests.web.desk_in_memory import DeskInMemory, key

PROBLEM = {"accept": "application/problem+json"}


async def test_what_does_not_exist_is_a_page_with_a_way_back(signed_in: Client) -> None:
    answer = await signed_in.get(f"/runs/{key(99)}", headers={"referer": "http://127.0.0.1:8000/runs"})
    assert answer.status_code == 404
    assert "No such run." in answer.text
    assert 'href="/runs"' in answer.text


async def test_go_back_never_leads_to_another_site(signed_in: Client) -> None:
    for referer in (
        "https://evil.example/x",
        "http://127.0.0.1:8000//evil.example",
        "http://127.0.0.1:8000.evil.example/",
    ):
        answer = await signed_in.get(f"/runs/{key(99)}", headers={"referer": referer})
        assert "evil" not in answer.text


async def test_programs_get_a_stable_code(signed_in: Client) -> None:
    answer = await signed_in.get(f"/runs/{key(99)}", headers=PROBLEM)
    assert answer.headers["content-type"].startswith("application/problem+json")
    body = answer.json()
    assert (body["status"], body["code"], body["type"]) == (404, "not_found", "urn:trinity:problem:not_found")


async def test_a_bug_shows_a_reference_and_nothing_else(
    signed_in: Client, desk: DeskInMemory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(_: object) -> None:
        raise RuntimeError("the secret inside")

    monkeypatch.setattr(desk, "runs", broken)
    answer = await signed_in.get("/runs", headers=PROBLEM)
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal_error"
    assert "secret" not in answer.text
    reference = answer.json()["detail"].split()[-1].rstrip(".")
    assert reference in caplog.text


async def test_a_body_beyond_the_limit_is_refused(signed_in: Client, desk: DeskInMemory) -> None:
    form = {"goal": "x" * 1_100_000}
    answer = await signed_in.post(f"/projects/{key(5)}/runs", data=form, headers=PROBLEM)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert desk.done == []


async def test_a_wrong_method_is_said(signed_in: Client) -> None:
    answer = await signed_in.put("/runs", headers=PROBLEM)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
