"""What keeps machines out of public forms: a trap, a signed stamp of time, and a limit."""

import string
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.web.desk_in_memory import NOW
from trinity.web.config import WebConfig
from trinity.web.public_forms import STAMP_CHARS_MAX, _stamped_at, make_stamp, network_of
from trinity.web.throttle import Meter

CONFIG = WebConfig("http://127.0.0.1:8000", b"k" * 32)
ACCOUNT = UUID("01900000-0000-7000-8000-000000000001")


def test_a_stamp_says_when_a_form_was_made() -> None:
    stamp = make_stamp(CONFIG, ACCOUNT, "ask", NOW)
    assert len(stamp) <= STAMP_CHARS_MAX
    assert _stamped_at(CONFIG, ACCOUNT, "ask", stamp) == pytest.approx(NOW.timestamp(), abs=0.001)


def test_a_stamp_holds_for_one_form_of_one_account_under_one_key() -> None:
    stamp = make_stamp(CONFIG, ACCOUNT, "ask", NOW)
    assert _stamped_at(CONFIG, ACCOUNT, "buy", stamp) is None
    assert _stamped_at(CONFIG, uuid4(), "ask", stamp) is None
    assert _stamped_at(WebConfig("http://127.0.0.1:8000", b"x" * 32), ACCOUNT, "ask", stamp) is None


@given(st.integers(min_value=0, max_value=60), st.sampled_from(string.hexdigits + ".-é\x00 "))
def test_a_changed_stamp_is_no_stamp(at: int, char: str) -> None:
    stamp = make_stamp(CONFIG, ACCOUNT, "ask", NOW)
    changed = stamp[:at] + char + stamp[at + 1 :]
    assert (_stamped_at(CONFIG, ACCOUNT, "ask", changed) is None) == (changed != stamp)


@given(st.text(max_size=120))
def test_no_text_breaks_it(text: str) -> None:
    assert _stamped_at(CONFIG, ACCOUNT, "ask", text) is None


def test_a_meter_counts_within_its_window() -> None:
    now = [NOW]
    meter = Meter(lambda: now[0], window_s=60)
    meter.add("a")
    now[0] += timedelta(seconds=30)
    meter.add("a")
    assert (meter.count("a"), meter.count("b")) == (2, 0)
    now[0] += timedelta(seconds=31)
    assert meter.count("a") == 1


@pytest.mark.parametrize(
    ("remote", "network"),
    [
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::9%eth0", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("192.0.2.7", "192.0.2.7"),
        ("?", "?"),
    ],
)
def test_of_ipv6_the_network_is_counted(remote: str, network: str) -> None:
    assert network_of(remote) == network
