"""A permit covers one call, these origins, this operation, until its deadline; nobody makes one but the gateway."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trinity.kit.permit import NotPermitted, Permit, mint, origin_of

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)


def permit(**changes: object) -> Permit:
    """A permit for a Gmail send at one origin, for ten seconds."""
    given: dict[str, object] = {
        "tool_call_id": uuid4(),
        "epoch": 1,
        "operation": "gmail.send",
        "origins": frozenset({"http://127.0.0.1:8001"}),
        "deadline": NOW + timedelta(seconds=10),
    }
    return mint(**given | changes)  # type: ignore[arg-type]


def test_it_covers_what_it_was_minted_for() -> None:
    assert permit().demand("gmail.", "http://127.0.0.1:8001/gmail/v1/users/me/drafts", NOW) == 10.0


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8002/",
        "https://127.0.0.1:8001/",
        "http://127.0.0.2:8001/",
        "http://127.0.0.1/",
        "http://127.0.0.1:8001@evil.example/",
        "http://evil.example/?http://127.0.0.1:8001/",
        "http://evil.example#http://127.0.0.1:8001",
        "//127.0.0.1:8001/",
        "",
    ],
)
def test_it_ends_at_its_origins(url: str) -> None:
    with pytest.raises(NotPermitted, match="cover"):
        permit().demand("gmail.", url, NOW)


def test_it_ends_at_its_operation() -> None:
    with pytest.raises(NotPermitted, match=r"gmail\.send"):
        permit().demand("stripe.", "http://127.0.0.1:8001/", NOW)
    with pytest.raises(NotPermitted):
        permit(operation="stripe.refund").demand("gmail.", "http://127.0.0.1:8001/", NOW)


def test_without_origins_it_covers_nothing() -> None:
    with pytest.raises(NotPermitted):
        permit(origins=frozenset()).demand("gmail.", "http://127.0.0.1:8001/", NOW)


@given(st.integers(-10_000_000, 20_000_000))
def test_it_ends_at_its_deadline(micros: int) -> None:
    left = timedelta(seconds=10) - timedelta(microseconds=micros)
    now = NOW + timedelta(microseconds=micros)
    if left > timedelta(0):
        assert permit().demand("gmail.", "http://127.0.0.1:8001/", now) == left.total_seconds()
    else:
        with pytest.raises(NotPermitted, match="run out"):
            permit().demand("gmail.", "http://127.0.0.1:8001/", now)


@pytest.mark.parametrize("seal", [None, object(), True, "minted"])
def test_it_cannot_be_made_by_hand(seal: object) -> None:
    with pytest.raises(TypeError, match="minted by the gateway"):
        Permit(uuid4(), 1, "gmail.send", frozenset(), NOW, seal)


def test_it_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        permit().deadline = NOW + timedelta(days=1)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Gmail.GoogleAPIs.com/gmail/v1", "https://gmail.googleapis.com:443"),
        ("http://localhost", "http://localhost:80"),
        ("HTTP://[::1]:8080/x", "http://::1:8080"),
        ("https://user:word@host.example:444/x", "https://host.example:444"),
    ],
)
def test_an_origin_says_scheme_host_and_port(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("smtp://robin:secret@Mail.example", "smtp://mail.example:587"),
        ("smtps://mail.example/", "smtps://mail.example:465"),
        ("smtp://127.0.0.1:2525", "smtp://127.0.0.1:2525"),
        ("https://mail.example", "https://mail.example:443"),
    ],
)
def test_an_origin_says_its_port_and_no_secret(url: str, origin: str) -> None:
    assert origin_of(url) == origin
