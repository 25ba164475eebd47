"""What could deceive a reader is named with its code point; what is plain is left in peace."""

import pytest

from trinity.providers.gmail.suspicion import suspicions


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("invoice\u202etxt.exe", "The text contains a character that changes the direction of text (U+202E)."),
        ("a\u2066b\u2069", "The text contains a character that changes the direction of text (U+2066, U+2069)."),
        ("pay\u200bpal", "The text contains an invisible character (U+200B)."),
        ("soft\u00adhyphen", "The text contains an invisible character (U+00AD)."),
        ("no\u200dwhere", "The text contains an invisible character (U+200D)."),
        ("tag\U000e0041", "The text contains an invisible character (U+E0041)."),
        ("\ufeffstart", "The text contains an invisible character (U+FEFF)."),
        ("bell\x07", "The text contains a control character (U+0007)."),
        ("line\u2028end", "The text contains a control character (U+2028)."),
        ("\uff41dmin", "The text contains a character that imitates a plain one (U+FF41)."),
        ("\U0001d41aB", "The text contains a character that imitates a plain one (U+1D41A)."),
        ("p\u0430ypal", "The text mixes scripts within 'p\u0430ypal'."),
        ("\u0430\u0440\u0440\u04cf\u0435", "The text imitates Latin letters in '\u0430\u0440\u0440\u04cf\u0435'."),
    ],
)
def test_warnings(text: str, sentence: str) -> None:
    assert sentence in suspicions("The text", text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Plain text, with tabs\tand\nlines.",
        "Grüße aus Köln, ça va? Łódź, naïve, ½ price, 5 µm, H₂O",
        "Привет, как дела?",
        "Καλημέρα κόσμε",
        "今日は、世界",
        "مرحبا بالعالم",
        "👩\u200d💻 and 🏳️\u200d🌈 and 👍🏽",
    ],
)
def test_plain_text_has_none(text: str) -> None:
    assert suspicions("The text", text) == ()


def test_a_list_stays_short() -> None:
    [sentence] = suspicions("The text", "".join(chr(code) for code in range(0xE000, 0xE100)))
    assert sentence.count("U+") == 5
