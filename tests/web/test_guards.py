"""Deny by default: no route without a guard, no page without a session, no verb without the role."""

import pytest
from litestar import Litestar, Router, get

from tests.web.conftest import Client
from tests.web.desk_in_memory import DeskInMemory, key
from trinity.web.guards import UnguardedRoute, anyone, demand_guards, member


def test_a_route_without_a_guard_is_a_start_up_error() -> None:
    @get("/open")
    async def forgotten() -> str:
        return ""

    with pytest.raises(UnguardedRoute, match="/open"):
        demand_guards(Litestar([forgotten], openapi_config=None))


def test_a_guard_on_the_whole_app_does_not_count() -> None:
    @get("/open")
    async def forgotten() -> str:
        return ""

    with pytest.raises(UnguardedRoute):
        demand_guards(Litestar([forgotten], guards=[anyone], openapi_config=None))


def test_a_foreign_guard_does_not_count() -> None:
    async def looks_like_one(*_: object) -> None:
        return None

    @get("/open", guards=[looks_like_one])
    async def guarded_by_a_stranger() -> str:
        return ""

    with pytest.raises(UnguardedRoute):
        demand_guards(Litestar([guarded_by_a_stranger], openapi_config=None))


def test_two_guards_are_refused_since_nobody_knows_which_holds() -> None:
    @get("/open", guards=[anyone])
    async def twice() -> str:
        return ""

    router = Router("/r", guards=[member], route_handlers=[twice])
    with pytest.raises(UnguardedRoute):
        demand_guards(Litestar([router], openapi_config=None))


@pytest.mark.parametrize("path", ["/", "/projects", "/runs", "/approvals", "/mail", "/proof", "/incidents"])
async def test_pages_ask_for_a_sign_in_and_lead_back(client: Client, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/sign-in?next={path}"


async def test_a_stream_without_a_session_tells_the_page_to_load_again(client: Client) -> None:
    answer = await client.get("/runs", headers={"accept": "text/event-stream"})
    assert answer.text == "event: bye\ndata: gone\n\n"


@pytest.mark.parametrize(
    ("role", "path", "form"),
    [
        ("auditor", f"/projects/{key(5)}/runs", {"goal": "x"}),
        ("operator", f"/approvals/{key(510)}/decisions", {"decision": "approve", "envelope_digest": "0"}),
        ("approver", f"/projects/{key(5)}/runs", {"goal": "x"}),
        ("auditor", "/posture", {"mode": "hold", "reason": "x"}),
        ("auditor", f"/sources/{key(7)}/release", {}),
        ("auditor", f"/tool-calls/{key(10)}/cancel", {}),
    ],
)
async def test_a_role_that_is_missing_is_refused_and_nothing_happens(
    signed_in: Client, desk: DeskInMemory, role: str, path: str, form: dict[str, str]
) -> None:
    desk.change_role(role)
    answer = await signed_in.post(path, data=form, headers={"accept": "application/problem+json"})
    assert answer.status_code == 403
    assert answer.json()["code"] == "role_required"
    assert desk.done == []
    assert desk.posture_.mode == "live"
