"""The HTML alternative says what the text says."""

import html as stdlib_html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trinity.providers.gmail.html import FOOT, HEAD, html_of

characters = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])
pieces = st.one_of(
    st.text(characters),
    st.sampled_from(["https://a.example/x?y=1&z=2", "<script>", "\n", "  ", "\t", "http://é.example", "'\"><b>"]),
)


@given(st.lists(pieces).map("".join))
def test_only_our_own_tags_and_the_same_words(text: str) -> None:
    inner = html_of(text).removeprefix(HEAD).removesuffix(FOOT)
    tags = re.findall(r"<[^>]*>", inner)
    assert all(re.fullmatch(r'<br>|</a>|<a href="https?://[^"<>]+">', tag) for tag in tags)
    bare = re.sub(r"<[^>]*>", "", inner)
    assert stdlib_html.unescape(bare).replace("\xa0", " ") == text.replace("\xa0", " ")


@given(st.lists(pieces).map("".join))
def test_a_link_shows_where_it_goes(text: str) -> None:
    for target, shown in re.findall(r'<a href="([^"]*)">(.*?)</a>', html_of(text)):
        assert target == shown
        assert stdlib_html.unescape(target) in text


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("See https://a.example/x.", "https://a.example/x"),
        ("(https://a.example/x)", "https://a.example/x"),
        ("https://a.example/?a=1&b=2", "https://a.example/?a=1&amp;b=2"),
    ],
)
def test_links(text: str, link: str) -> None:
    assert f'<a href="{link}">{link}</a>' in html_of(text)


@pytest.mark.parametrize("text", ["javascript:alert(1)", "data:text/html,x", "https://аpple.example/", "www.a.example"])
def test_what_is_not_linked(text: str) -> None:
    assert "<a " not in html_of(text)
