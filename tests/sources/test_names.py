"""Names of files: what is refused, what is flagged, and a header that no name can break."""

import unicodedata
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trinity.errors import Refused
from trinity.sources.names import NAME_CHARS_MAX, attachment_header, checked_name, extension_of, warnings_of


@pytest.mark.parametrize("name", ["report.pdf", "Grüße & Küsse (2).docx", "取扱説明書.txt", "a.b.c.md", "תמונה.png"])
def test_honest_names_are_kept_as_they_are(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "noextension",
        ".pdf",
        ".hidden.pdf",
        "../etc/passwd.txt",
        "a/b.pdf",
        "a\\b.pdf",
        "C:evil.txt",
        "line\nbreak.pdf",
        "header\r\nX-Evil: 1.pdf",
        "nul\x00.pdf",
        "invoice\u202efdp.txt",
        "zero\u200bwidth.pdf",
        "trailing.pdf ",
        " leading.pdf",
        "dot.pdf.",
        "x" * NAME_CHARS_MAX + ".pdf",
        "語" * 70 + ".pdf",
        "lone\ud800.pdf",
        "line\u2028end.pdf",
    ],
)
def test_names_that_hide_or_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(Refused) as error:
        checked_name(name)
    assert (error.value.code, error.value.status) == ("invalid_name", 422)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("תמונה.png", "right-to-left"),
        ("invoice.exe.pdf", "second extension"),
        ("page.html.txt", "second extension"),
        ("ｒeport.pdf", "look like others"),
    ],
)
def test_odd_names_are_flagged(name: str, word: str) -> None:
    assert any(word in warning for warning in warnings_of(checked_name(name)))


def test_plain_names_are_not_flagged() -> None:
    assert warnings_of("Grüße 2026.v2.pdf") == ()


@given(st.text(min_size=1, max_size=NAME_CHARS_MAX + 20))
def test_no_text_passes_that_could_leave_a_directory_or_hide(text: str) -> None:
    try:
        name = checked_name(text)
    except Refused:
        return
    assert name == text
    assert not set(name) & set("/\\:\r\n\x00")
    assert all(unicodedata.category(char)[0] != "C" for char in name)
    assert extension_of(name)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60))
def test_no_name_breaks_the_header(name: str) -> None:
    header = attachment_header(name)
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2
    assert "/" not in header.partition(";")[2].replace("%2F", "")
    encoded = header.rpartition("''")[2]
    assert unquote(encoded) == name
    assert not set(encoded) & set(' ";,\\')
