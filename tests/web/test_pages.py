"""Every page: it renders, holds no code, and does what its forms say."""

import re
from dataclasses import replace

import pytest

from tests.web.conftest import Client, stream_until_closed
from tests.web.desk_in_memory import DIGEST, DeskInMemory, call, call_row, incident, key
from trinity.web.live import Hub, notification
from trinity.web.views import Posture, Reason

PAGES = (
    "/",
    "/projects",
    f"/projects/{key(5)}",
    f"/sources/{key(7)}",
    "/runs",
    f"/runs/{key(3)}",
    "/approvals",
    "/approvals?state=decided",
    "/approvals?state=all",
    f"/approvals/{key(510)}",
    f"/approvals/{key(511)}",
    f"/approvals/{key(512)}",
    f"/tool-calls/{key(10)}",
    f"/tool-calls/{key(12)}",
    "/mail",
    f"/mail/{key(12)}",
    "/proof",
    f"/proof/tool-call/{key(12)}",
    f"/proof/tool-call/{key(12)}?verify=now",
    f"/proof/run/{key(3)}",
    "/incidents",
)
PROBLEM = {"accept": "application/problem+json"}


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_says_sandbox_and_holds_no_code(signed_in: Client, path: str) -> None:
    answer = await signed_in.get(path)
    assert answer.status_code == 200
    assert "SANDBOX" in answer.text
    assert 'href="#main"' in answer.text
    assert re.search(r"<[^>]* (style|on\w+)=", answer.text) is None
    assert "<style" not in answer.text
    assert re.findall(r"<script(?![^>]* src=)", answer.text) == []
    assert len(re.findall(r"<h1", answer.text)) == 1
    ids = re.findall(r' id="([^"]+)"', answer.text)
    assert len(ids) == len(set(ids)), "the morph and labels go by id"


@pytest.mark.parametrize("path", PAGES)
async def test_a_stream_draws_the_same_regions_as_the_page(signed_in: Client, hub: Hub, path: str) -> None:
    page = (await signed_in.get(path)).text
    said = await stream_until_closed(signed_in, hub, path)
    patch = "\n".join(re.findall(r"^data: ?(.*)$", said, flags=re.MULTILINE))
    without_field = re.sub(r'<input type="hidden" name="csrf_token"[^>]*>', "", page)
    main = re.search(r'<main id="main".*</main>', without_field, flags=re.DOTALL)
    assert main is not None
    assert _squeezed(main.group()) in _squeezed(patch)


@pytest.mark.parametrize("path", ["/", "/projects", "/runs", "/approvals", "/mail", "/proof", "/incidents"])
async def test_an_empty_page_says_what_comes_here(signed_in: Client, desk: DeskInMemory, path: str) -> None:
    desk.calls, desk.runs_, desk.sources = {}, {}, {}
    answer = await signed_in.get(path)
    assert answer.status_code == 200
    assert path == "/projects" or 'class="empty"' in answer.text


async def test_the_card_shows_every_recipient_and_both_bodies(signed_in: Client) -> None:
    text = (await signed_in.get(f"/approvals/{key(510)}")).text
    for shown in (
        "Öl &amp; Söhne &lt;buyer@oelsoehne.example&gt;",
        "archive@aurora.example",
        "hello+tr.4f7a@aurora.example",
        "Shall we talk on Tuesday at ten?",
        "&lt;p&gt;Dear Ms Söhne,&lt;/p&gt;",
        "same words as the text",
        "http://127.0.0.1:8025",
    ):
        assert shown in text


async def test_the_agents_words_stand_below_the_decision(signed_in: Client) -> None:
    text = (await signed_in.get(f"/approvals/{key(510)}")).text
    decision, agent = text.index('id="decide-form"'), text.index('class="agent"')
    assert decision < agent < text.index("the released intake says that Tuesdays suit her")
    assert "released intake" not in text[:agent]


async def test_what_an_agent_writes_is_never_markup(signed_in: Client, desk: DeskInMemory) -> None:
    row = call_row(10, agent_reason="<script>alert(1)</script>", subject="<img src=x onerror=alert(1)>")
    desk.calls[row.id] = call(row)
    for path in (f"/approvals/{key(510)}", "/approvals", "/", f"/runs/{key(3)}", f"/tool-calls/{key(10)}"):
        text = (await signed_in.get(path)).text
        assert "<script>alert" not in text
        assert "<img" not in text


async def test_what_hides_in_a_title_is_shown_everywhere(signed_in: Client, desk: DeskInMemory) -> None:
    desk.calls[key(10)] = call(call_row(10, subject="order\u202e1007"))
    for path in ("/", f"/sources/{key(7)}", f"/projects/{key(5)}", f"/approvals/{key(510)}", f"/tool-calls/{key(10)}"):
        text = (await signed_in.get(path)).text
        assert "\u202e" not in text, path
        assert "U+202E" in text


@pytest.mark.parametrize(("mode", "count"), [("live", 3), ("draft_only", 2), ("read_only", 1), ("hold", 0)])
async def test_only_tighter_postures_are_offered(signed_in: Client, desk: DeskInMemory, mode: str, count: int) -> None:
    desk.posture_ = Posture(mode, "Why not.")
    text = (await signed_in.get("/")).text
    assert text.count('<button name="mode"') == count
    assert ("Why not." in text) == (mode != "live")


async def test_a_critical_incident_stands_above_everything(signed_in: Client, desk: DeskInMemory) -> None:
    assert "Look at this first" not in (await signed_in.get("/")).text
    desk.incidents_ = [incident(801, "verification_failed", "warning")]
    assert "Look at this first" not in (await signed_in.get("/")).text
    desk.incidents_.insert(0, incident())
    text = (await signed_in.get("/")).text
    place = text.index("Stored bytes were changed")
    assert text.index("<h1") < place < text.index('class="tiles"')
    assert f'href="/tool-calls/{key(10)}"' in text[: text.index('class="tiles"')]
    assert '<b class="count count-bad">1<' in text


async def test_incidents_are_said_in_words_and_an_unknown_one_by_its_name(
    signed_in: Client, desk: DeskInMemory
) -> None:
    desk.incidents_ = [incident(), incident(801, "moon_fell_down", "warning"), incident(802, "effect_doubled")]
    text = (await signed_in.get("/incidents")).text
    for said in (
        "Stored bytes were changed",
        "Nothing was sent; the call is denied",
        "Moon fell down",
        "more than one",
    ):
        assert said in text
    assert text.count('class="incident incident-critical"') == 2
    items = (await signed_in.get("/api/v1/incidents?limit=1")).json()["items"]
    assert items == [
        {
            "id": str(key(800)),
            "kind": "tampering",
            "severity": "critical",
            "at": "2026-11-23T09:30:00.000000Z",
            "subject_id": str(key(10)),
            "tool_call_id": str(key(10)),
            "facts": {"reasons": ["digest_mismatch"]},
        }
    ]


async def test_an_open_page_hears_of_an_incident(signed_in: Client, desk: DeskInMemory, hub: Hub) -> None:
    def alarm() -> None:
        desk.incidents_ = [incident()]
        hub.hear(notification(desk.who.account_id, "incidents"))

    said = await stream_until_closed(signed_in, hub, "/projects", alarm)
    assert "count-bad" in said


@pytest.mark.parametrize("mode", ["draft_only", "read_only", "hold"])
async def test_a_tight_posture_says_what_becomes_of_calls(signed_in: Client, desk: DeskInMemory, mode: str) -> None:
    assert "ends as denied" not in (await signed_in.get(f"/approvals/{key(510)}")).text
    desk.posture_ = Posture(mode, "Why not.")
    for path in ("/", f"/approvals/{key(510)}", f"/approvals/{key(511)}"):
        text = (await signed_in.get(path)).text
        assert "falls due ends as denied, approved or not" in text
        assert "A denial is final" in text


async def test_a_decision_names_the_digest_that_was_seen(signed_in: Client, desk: DeskInMemory) -> None:
    form = {"decision": "approve", "envelope_digest": DIGEST, "reason": "Good."}
    answer = await signed_in.post(f"/approvals/{key(510)}/decisions", data=form, headers=PROBLEM)
    assert answer.status_code == 204
    assert answer.headers["trinity-location"] == f"/approvals/{key(510)}"
    assert desk.done == [("decide", key(510), "approve", DIGEST, "Good.")]


async def test_another_digest_is_a_conflict(signed_in: Client, desk: DeskInMemory) -> None:
    form = {"decision": "approve", "envelope_digest": "0" * 64}
    answer = await signed_in.post(f"/approvals/{key(510)}/decisions", data=form, headers=PROBLEM)
    assert (answer.status_code, answer.json()["code"]) == (409, "digest_mismatch")
    assert desk.done == []


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"decision": "approve"},
        {"decision": "maybe", "envelope_digest": DIGEST},
        {"decision": "approve", "envelope_digest": DIGEST * 2},
        {"decision": ["approve", "reject"], "envelope_digest": DIGEST},
        {"decision": "approve", "envelope_digest": DIGEST, "reason": "x" * 2001},
        {"decision": "approve", "envelope_digest": DIGEST, "reason": "\x00"},
    ],
)
async def test_a_bad_decision_is_refused_whole(signed_in: Client, desk: DeskInMemory, form: dict[str, object]) -> None:
    answer = await signed_in.post(f"/approvals/{key(510)}/decisions", data=form, headers=PROBLEM)
    assert answer.status_code in (415, 422)
    assert desk.done == []


async def test_an_edit_changes_what_the_form_has_and_keeps_the_rest(signed_in: Client, desk: DeskInMemory) -> None:
    form = {
        "to": "new@example.com New Name\nsecond@example.com",
        "cc": "",
        "bcc": "",
        "subject": "Other",
        "text": "Line\r\nline",
    }
    answer = await signed_in.post(f"/approvals/{key(510)}/edit", data=form)
    assert answer.status_code == 303
    verb, approval_id, payload = desk.done[0]
    assert (verb, approval_id) == ("edit", key(510))
    assert payload == {
        "mailbox": "hello@aurora.example",
        "from_alias": "hello@aurora.example",
        "to": [{"addr": "new@example.com", "name": "New Name"}, {"addr": "second@example.com"}],
        "cc": [],
        "bcc": [],
        "subject": "Other",
        "text": "Line\nline",
        "attachments": [],
    }


async def test_reasons_of_a_denial_are_shown(signed_in: Client, desk: DeskInMemory) -> None:
    found = call(call_row(10, state="denied", approval_id=None, approval_state=""))
    reason = Reason("030", "posture_hold", "The account is on hold.")
    desk.calls[key(10)] = replace(found, reasons=(reason,))
    text = (await signed_in.get(f"/tool-calls/{key(10)}")).text
    assert "The account is on hold." in text
    assert "posture_hold" in text


async def test_a_call_in_doubt_can_be_looked_at_again(signed_in: Client, desk: DeskInMemory) -> None:
    assert 'id="execute-form"' not in (await signed_in.get(f"/tool-calls/{key(10)}")).text
    desk.calls[key(10)] = call(call_row(10, state="in_doubt"))
    assert 'id="execute-form"' in (await signed_in.get(f"/tool-calls/{key(10)}")).text
    answer = await signed_in.post(f"/tool-calls/{key(10)}/execute")
    assert answer.headers["location"] == f"/tool-calls/{key(10)}"
    assert desk.done == [("execute", key(10))]


async def test_a_run_is_started_and_leads_to_its_page(signed_in: Client, desk: DeskInMemory) -> None:
    form = {"goal": "Write to her.", "contact_addr": "her@example.com", "contact_name": "Her"}
    answer = await signed_in.post(f"/projects/{key(5)}/runs", data=form)
    assert answer.headers["location"] == f"/runs/{key(3)}"
    assert desk.done == [("start_run", key(5), "Write to her.", "her@example.com", "Her")]


async def test_a_packet_is_a_file(signed_in: Client) -> None:
    answer = await signed_in.get(f"/proof/tool-call/{key(12)}/packet")
    assert answer.headers["content-disposition"].startswith('attachment; filename="tool-call-')
    assert answer.content == b'{"packet":1}'


async def test_only_mail_that_was_sent_is_sent_mail(signed_in: Client) -> None:
    assert (await signed_in.get(f"/mail/{key(10)}")).status_code == 404


def _squeezed(html: str) -> str:
    return re.sub(r"\s+", "", html)
