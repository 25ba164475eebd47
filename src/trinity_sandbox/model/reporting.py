"""Writing the work of an order by template: the report, the mail that delivers it, and the answer to a mail.

As in `writing`, every sentence is fixed here or taken word for word from the package, quotes are marked as quotes, and
sentences that could speak through us are left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trinity_sandbox.model.writing import (
    FROM_THE_CONTACT,
    SUBJECT_CHARS_MAX,
    Mail,
    clean,
    first_name,
    items,
    mapping,
    sentences,
    words,
)

QUOTES_MAX = 6
FACTS_MAX = 4
SOURCES_MAX = 6
TITLE_CHARS_MAX = 160


@dataclass(frozen=True)
class Report:
    """A report's two texts, and which sources (by id) it took sentences from."""

    title: str
    text: str
    source_ids: tuple[str, ...]


def report(package: Mapping[str, Any]) -> Report:
    """The report that an order bought: what was told, what is known, what to do first, what was not looked at."""
    told = [one for one in items(package, "sources") if one.get("origin") in FROM_THE_CONTACT][:SOURCES_MAX]
    ours = [one for one in items(package, "sources") if one.get("origin") not in FROM_THE_CONTACT][:SOURCES_MAX]
    quotes = [sentence for one in told for sentence in sentences(str(one.get("text", "")))][:QUOTES_MAX]
    wanted = words(" ".join(quotes))
    known = [sentence for one in ours for sentence in sentences(str(one.get("text", "")))]
    facts = sorted(known, key=lambda one: -len(wanted & words(one)))[:FACTS_MAX]
    project = mapping(package.get("project"))
    about = sentences(str(project.get("summary", "")))
    parts = [
        ("What you told us", [f"You wrote: “{one}”" for one in quotes] or ["You told us nothing in writing."]),
        ("What we know that bears on it", [*about, *facts] or ["Nothing that was released to us bears on it."]),
        ("What we suggest to do first", _suggestions(quotes)),
        (
            "What this report did not look at",
            [
                "It was written by fixed rules from the texts named above, without an AI and without a visit to your site.",
                "Where it says nothing, nothing was checked.",
            ],
        ),
    ]
    text = "\n\n".join(f"## {heading}\n\n" + "\n\n".join(lines) for heading, lines in parts) + "\n"
    return Report(_title(package), text, tuple(str(one.get("id")) for one in (*told, *ours)))


def delivery(package: Mapping[str, Any], written: Report, *, has_file: bool) -> Mail:
    """The mail that brings the report, attached or, where no file could be made, in its text."""
    name, order = _our_name(package), mapping(package.get("order"))
    number = f" for order #{order['number']}" if type(order.get("number")) is int else ""
    offer = clean(str(order.get("offer", "")))
    bought = f"Thank you for your order ({offer})." if offer else "Thank you for your order."
    where = "The report is attached to this mail as a PDF." if has_file else f"Here is the report.\n\n{written.text}"
    paragraphs = [
        _greeting(package),
        f"{bought} {where}",
        "It rests on what you told us and on what we know; its last section says what it did not look at.",
        "If something in it is unclear, or you would like to talk about the first step, just reply to this mail.",
        f"Kind regards\n{name}",
    ]
    subject = f"{name}: your report{number}"[:SUBJECT_CHARS_MAX].rstrip()
    return Mail(subject, "\n\n".join(paragraphs) + "\n", written.source_ids)


def newest_question(package: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The newest mail of the conversation that came from outside, if it is released and nothing of ours came after it."""
    for message in reversed(items(mapping(package.get("thread")), "messages")):
        if message.get("direction") == "out":
            return None
        if message.get("direction") == "in" and message.get("kind") == "mail":
            return message if isinstance(message.get("text"), str) and message.get("id") else None
    return None


def answer(package: Mapping[str, Any], question: Mapping[str, Any]) -> Mail:
    """An answer to one message: thanks, what was asked, what we know that bears on it, and who takes it on."""
    asked = sentences(str(question.get("text", "")))[:2]
    wanted = words(" ".join(asked))
    known = [
        (len(wanted & words(sentence)), str(one.get("id")), sentence)
        for one in items(package, "sources")
        if one.get("origin") not in FROM_THE_CONTACT
        for sentence in sentences(str(one.get("text", "")))
    ]
    facts = sorted((one for one in known if one[0] > 0), key=lambda one: -one[0])[:2]
    paragraphs = [_greeting(package), "Thank you for your message."]
    paragraphs += [f"You wrote: “{asked[0]}”"] if asked else []
    paragraphs += [sentence for _, _, sentence in facts]
    paragraphs += [
        "A person of our team reads this conversation and takes up whatever this mail leaves open.",
        f"Kind regards\n{_our_name(package)}",
    ]
    used = dict.fromkeys([str(question.get("source_id", "")), *(one for _, one, _ in facts)])
    return Mail(_subject(package), "\n\n".join(paragraphs) + "\n", tuple(one for one in used if one))


def _suggestions(quotes: list[str]) -> list[str]:
    if not quotes:
        return ["Tell us in a few sentences what matters most to you; the report can then be more than this frame."]
    first = max(quotes, key=len)
    return [
        f"Begin with the point that you described in most words: “{first}”",
        "Decide what would have to be true for it to count as solved, and write that down before anything is changed.",
        "Change one thing at a time, so that you can see what helped.",
    ]


def _title(package: Mapping[str, Any]) -> str:
    offer = clean(str(mapping(package.get("order")).get("offer", ""))) or "Snapshot"
    name = clean(str(mapping(package.get("contact")).get("name") or ""))
    whom = f" for {name}" if name and "@" not in name else ""
    return f"Report: {offer}{whom}"[:TITLE_CHARS_MAX]


def _subject(package: Mapping[str, Any]) -> str:
    """The conversation's own subject, since mail programs thread by it."""
    subject = clean(str(mapping(package.get("thread")).get("subject") or "")) or f"A note from {_our_name(package)}"
    return subject if subject.lower().startswith("re:") else f"Re: {subject}"


def _greeting(package: Mapping[str, Any]) -> str:
    name = first_name(mapping(package.get("contact")))
    return f"Hello {name}," if name else "Hello,"


def _our_name(package: Mapping[str, Any]) -> str:
    return clean(str(mapping(package.get("project")).get("name", ""))) or "our team"
