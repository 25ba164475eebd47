"""Whether both bodies of a mail say the same."""

from dataclasses import replace

import pytest

from tests.web.desk_in_memory import MAIL
from trinity.web.plaintext import is_same_words
from trinity.web.views import Alternative


def test_a_body_and_its_markup_say_the_same() -> None:
    assert is_same_words(MAIL)


@pytest.mark.parametrize(
    "html",
    [
        "<p>Hello, pay now</p>",
        '<p>Hello</p><img src="https://evil.example/pixel">',
        '<p><a href="https://evil.example">Hello</a></p>',
        '<p>Hello</p><div style="display:none">more</div>',
        "",
    ],
)
def test_a_difference_is_seen(html: str) -> None:
    mail = replace(MAIL, alternatives=(Alternative("text/plain", "Hello"), Alternative("text/html", html)))
    assert not is_same_words(mail)


def test_a_hidden_head_is_no_word() -> None:
    html = "<html><head><title>x</title><style>p{}</style></head><body><p>Hel<b>lo</b></p></body></html>"
    mail = replace(MAIL, alternatives=(Alternative("text/plain", "Hello"), Alternative("text/html", html)))
    assert is_same_words(mail)
