"""The check of Stripe's signature, against the headers that Stripe's own library makes."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import stripe
from hypothesis import given, settings
from hypothesis import strategies as st

from trinity.providers.stripe import webhook
from trinity.providers.stripe.webhook import NotGenuine, parse, verify

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
SECRET, OTHER = "whsec_of_this_account", "whsec_of_another"
EVENT = {
    "id": "evt_1",
    "object": "event",
    "type": "charge.refunded",
    "api_version": "2026-05-27.dahlia",
    "created": 1_790_000_000,
    "data": {"object": {"id": "ch_1", "object": "charge", "something": "new"}},
    "of_a_later_version": [1, None],
}
BODY = json.dumps(EVENT).encode()


def header(body: bytes = BODY, secret: str = SECRET, age_s: int = 0) -> str:
    stamp = int(NOW.timestamp()) - age_s
    return str(stripe.WebhookSignature.generate_signature_header(body.decode(), secret, stamp))


def refused(body: bytes, signature: str | None, *secrets: str) -> str:
    with pytest.raises(NotGenuine) as refusal:
        verify(body, signature, list(secrets), NOW)
    return refusal.value.reason


def test_what_stripes_library_signs_is_good() -> None:
    verify(BODY, header(), [SECRET], NOW)
    event = parse(BODY)
    assert (event.id, event.type, event.object_id, event.account) == ("evt_1", "charge.refunded", "ch_1", "")
    assert event.happened_at == datetime.fromtimestamp(1_790_000_000, UTC)


@given(text=st.text(max_size=300), secret=st.text(min_size=1, max_size=40, alphabet="abcdefwhs_0123"))
@settings(max_examples=50, deadline=None)
def test_any_body_that_stripes_library_signs_is_good(text: str, secret: str) -> None:
    body = json.dumps({"text": text}).encode()
    verify(body, header(body, secret), [OTHER, secret], NOW)


def test_several_secrets_and_several_signatures() -> None:
    verify(BODY, header(), [OTHER, SECRET], NOW)
    second = header(secret=OTHER).partition(",")[2]
    verify(BODY, f"{header(secret='whsec_of_nobody')},{second},v0=abc", [OTHER], NOW)
    assert refused(BODY, f"{header()},{second}", "whsec_of_nobody") == "bad_signature"


@pytest.mark.parametrize(("age_s", "reason"), [(301, "stale"), (-301, "future_dated"), (86_400 * 365, "stale")])
def test_the_tolerance_has_two_sides(age_s: int, reason: str) -> None:
    assert refused(BODY, header(age_s=age_s), SECRET) == reason
    verify(BODY, header(age_s=300 if age_s > 0 else -300), [SECRET], NOW)


def test_another_secret_an_altered_body_an_altered_stamp() -> None:
    assert refused(BODY, header(secret=OTHER), SECRET) == "bad_signature"
    assert refused(BODY + b" ", header(), SECRET) == "bad_signature"
    assert refused(BODY, header().replace("t=1", "t=2", 1), SECRET) == "bad_signature"
    assert refused(BODY, header()) == "no_secret"


@pytest.mark.parametrize(
    "bad",
    ["t=1", "v1=abc", "t=x,v1=abc", "t=1,t=2,v1=abc", "t=-5,v1=a", "nonsense", "t=1," + "v1=a," * 17, "t=1,v1=" + "a" * 5000, "t=1,v1=ä", "t=²,v1=a"],
)  # fmt: skip
def test_a_header_that_is_none(bad: str) -> None:
    assert refused(BODY, bad, SECRET) == "bad_header"


def test_no_header_and_too_large_a_body() -> None:
    assert refused(BODY, None, SECRET) == "no_signature"
    assert refused(BODY, "", SECRET) == "no_signature"
    large = b"x" * (webhook.BODY_BYTES_MAX + 1)
    assert refused(large, header(large), SECRET) == "too_large"


@pytest.mark.parametrize(
    "change",
    [
        {"id": None}, {"id": ""}, {"id": "ev_1"}, {"id": "evt_" + "1" * 300}, {"object": "charge"}, {"type": 7}, {"type": ""},
        {"created": "now"}, {"created": True}, {"created": -1}, {"created": 10**13}, {"data": None}, {"data": {}},
        {"data": {"object": "ch_1"}}, {"account": 7}, {"type": "a\x00b"},
    ],
)  # fmt: skip
def test_what_is_no_event(change: dict[str, Any]) -> None:
    with pytest.raises(NotGenuine, match="not_an_event"):
        parse(json.dumps(EVENT | change).encode())


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b"null", b"[]"])
def test_what_is_no_json_object(body: bytes) -> None:
    with pytest.raises(NotGenuine):
        parse(body)
