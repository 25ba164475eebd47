"""States and values as people read them."""

import pytest
from markupsafe import Markup

from tests.web.desk_in_memory import NOW
from trinity.approvals.models import STATES as APPROVAL_STATES
from trinity.controls.models import MODES
from trinity.effects.models import PROOF_STATES, STATES
from trinity.web.templating import Templates, grouped, size, spark, when
from trinity.web.words import event_words, explain, tone, word


@pytest.mark.parametrize("state", [*STATES, *PROOF_STATES, *APPROVAL_STATES, *MODES])
def test_every_state_reads_as_words(state: str) -> None:
    assert "_" not in word(state)
    assert tone(state) in ("good", "wait", "busy", "bad", "still")


@pytest.mark.parametrize("state", STATES)
def test_every_state_of_an_effect_is_explained(state: str) -> None:
    assert explain(state).endswith(".")


def test_what_is_not_good_is_never_shown_as_good() -> None:
    for state in ("failed", "in_doubt", "denied", "rejected", "revoked", "hold", "degraded"):
        assert tone(state) == "bad"


def test_values() -> None:
    assert [size(n) for n in (0, 999, 1000, 1_500_000)] == ["0 bytes", "999 bytes", "1.0 kB", "1.5 MB"]
    assert event_words("tool_call.proposed") == "Tool call proposed"
    assert when(None) == "–"
    assert 'datetime="2026-11-23T09:30:00Z"' in when(NOW)
    assert Markup(grouped("0123456789abcdef")).striptags().replace(" ", "") == "0123456789abcdef"


@pytest.mark.parametrize("counts", [(), (0,), (0, 0, 0), (1, 2, 3)])
def test_a_plot_stands_on_any_counts(counts: tuple[int, ...]) -> None:
    assert "nan" not in spark(counts)


def test_a_value_that_a_page_forgot_is_an_error() -> None:
    from jinja2 import UndefinedError

    with pytest.raises(UndefinedError):
        Templates().page("runs.html", title="x")
