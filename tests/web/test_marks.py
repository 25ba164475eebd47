"""What hides in a text is shown beside its place, and nothing is ever markup."""

import pytest

from trinity.web.marks import marked, marked_address, spelled


@pytest.mark.parametrize("char", ["\u200b", "\u202e", "\u2066", "\ufeff", "\u00ad", "\x1b", "\U000e0041", "\ue000"])
def test_a_hidden_character_is_named(char: str) -> None:
    shown = str(marked(f"a{char}b"))
    assert f"U+{ord(char):04X}" in shown
    assert char not in shown


def test_prose_in_another_script_is_left_alone() -> None:
    assert str(marked("Привет, мир\n\tκόσμε 你好 é")) == "Привет, мир\n\tκόσμε 你好 é"


def test_a_look_alike_in_an_address_is_named() -> None:
    assert "U+0430" in str(marked_address("ex\u0430mple.com"))


def test_markup_is_escaped_around_marks() -> None:
    assert str(marked("<b>\u200b</b>")).startswith("&lt;b&gt;<span")
    assert "<b>\u200b" not in str(marked("<b>\u200b</b>"))


def test_where_no_markup_can_stand_the_number_does() -> None:
    assert spelled("a\u202eb") == "a[U+202E]b"
