"""Writing a mail by template: greeting, who writes, the matter, stated facts, a question, a name.

Every sentence is either fixed here or taken word for word from the package: the project's summary, the
goal's topic, or a released source. Sentences with links, addresses, or an instruction to whoever reads
them are never taken over, so that a source cannot speak through us.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SUBJECT_CHARS_MAX = 78
TOPIC_CHARS_MAX = 90
SENTENCE_CHARS_MAX = 280
SUMMARY_SENTENCES_MAX = 2
FACTS_MAX = 2

TOPIC_PATTERNS = (
    re.compile(r"[\"“«]([^\"”»\n]{3,90})[\"”»]"),
    re.compile(r"\b(?:about|regarding|concerning)\s+([^.!?;\n]{3,90})", re.IGNORECASE),
    re.compile(
        r"\b(?:offer(?:ing)?|propos(?:e|ing)|introduc(?:e|ing)|pitch(?:ing)?)\s+(?!to\b)([^.!?;\n]{3,90})",
        re.IGNORECASE,
    ),
    re.compile(r"\binvit(?:e|ing)\s+[^.!?;\n]{1,60}?\s+to\s+([^.!?;\n]{3,90})", re.IGNORECASE),
)
UNFIT = re.compile(
    r"https?:|www\.|@|[<>{}\[\]|\\`]|\b(?:ignore|disregard|forget|system prompt|instruction|password|secret|api key|"
    r"forward (?:this|it)|send (?:this|it|an? |the )|bcc|transfer|wire)\b",
    re.IGNORECASE,
)
STOP_WORDS = frozenset(
    (
        "and",
        "are",
        "for",
        "from",
        "has",
        "have",
        "how",
        "its",
        "our",
        "that",
        "the",
        "their",
        "they",
        "this",
        "was",
        "what",
        "when",
        "where",
        "which",
        "who",
        "will",
        "with",
        "you",
        "your",
        "write",
        "mail",
        "email",
        "send",
        "draft",
        "please",
    )
)
FROM_THE_CONTACT = frozenset({"public_form", "inbound_mail"})


@dataclass(frozen=True)
class Mail:
    """A mail's two texts, and which sources (by id) it took sentences from."""

    subject: str
    text: str
    source_ids: tuple[str, ...]


def outreach(package: Mapping[str, Any], *, is_follow_up: bool = False) -> Mail:
    """The mail for a package that has a contact."""
    project, contact = mapping(package.get("project")), mapping(package.get("contact"))
    goal = run_goal(package)
    name = clean(str(project.get("name", ""))) or "our team"
    topic = topic_of(goal)
    facts = _facts(package, goal)
    greeting = f"Hello {first_name(contact)}," if first_name(contact) else "Hello,"
    paragraphs = [greeting, _opening(name, topic, is_follow_up=is_follow_up)]
    summary = " ".join(sentences(str(project.get("summary", "")))[:SUMMARY_SENTENCES_MAX])
    if summary:
        paragraphs.append(summary)
    paragraphs += [_fact_paragraph(fact) for fact in facts]
    paragraphs.append(
        "If this is of interest, just reply to this mail and tell us what would help you most. "
        "If it is not, a short no is enough."
    )
    paragraphs.append(f"Kind regards\n{name}")
    return Mail(
        _subject(name, topic, is_follow_up=is_follow_up),
        "\n\n".join(paragraphs) + "\n",
        tuple(fact.source_id for fact in facts),
    )


def run_goal(package: Mapping[str, Any]) -> str:
    """What the run is for, in the words of whoever started it."""
    return str(mapping(package.get("run")).get("goal", ""))


def topic_of(goal: str) -> str:
    """What the goal says the mail is about, as a phrase; empty when it says no such thing."""
    for pattern in TOPIC_PATTERNS:
        if (found := pattern.search(goal)) and not UNFIT.search(found[1]):
            return clean(found[1])[:TOPIC_CHARS_MAX].rstrip(" ,.")
    return ""


def clean(text: str) -> str:
    """One line of visible text: white space folded, control and format characters left out."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


@dataclass(frozen=True)
class _Fact:
    source_id: str
    origin: str
    sentence: str
    score: int


def _facts(package: Mapping[str, Any], goal: str) -> list[_Fact]:
    """At most one sentence from each of the released sources that share most words with the goal."""
    wanted = words(goal)
    best = []
    for source in items(package, "sources"):
        if not isinstance(source.get("text"), str):
            continue
        facts = [
            _Fact(str(source.get("id", "")), str(source.get("origin", "")), sentence, len(wanted & words(sentence)))
            for sentence in sentences(str(source["text"]))
        ]
        if facts:
            best.append(max(facts, key=lambda fact: fact.score))
    shared = [fact for fact in best if fact.score > 0 or fact.origin in FROM_THE_CONTACT]
    return sorted(shared, key=lambda fact: -fact.score)[:FACTS_MAX]


def _fact_paragraph(fact: _Fact) -> str:
    if fact.origin in FROM_THE_CONTACT:
        return f"A message that reached us says: “{fact.sentence}” That is why we are getting in touch."
    return fact.sentence


def sentences(text: str) -> list[str]:
    """The sentences of a text that may be taken over."""
    return list(_fit(re.split(r"(?<=[.!?])\s+|\n+", text)))


def _fit(sentences: Sequence[str]) -> Iterator[str]:
    for raw in sentences:
        sentence = clean(raw).lstrip("#*-> ")
        if 12 <= len(sentence) <= SENTENCE_CHARS_MAX and " " in sentence and not UNFIT.search(sentence):
            yield sentence if sentence[-1] in ".!?" else sentence + "."


def words(text: str) -> frozenset[str]:
    """The words of a text that say something."""
    return frozenset(word for word in re.findall(r"[^\W_]{3,}", text.lower()) if word not in STOP_WORDS)


def _opening(name: str, topic: str, *, is_follow_up: bool) -> str:
    matter = f" about {topic}" if topic else ""
    if is_follow_up:
        return f"Thank you for your answer. This is {name} again{matter}."
    return f"This is {name}. We are writing to you{matter}." if matter else f"This is {name}."


def _subject(name: str, topic: str, *, is_follow_up: bool) -> str:
    """One line; a follow-up repeats the first mail's subject, since mail programs thread by it."""
    subject = topic[:1].upper() + topic[1:] if topic else f"A note from {name}"
    if topic and len(subject) + len(name) + 2 <= SUBJECT_CHARS_MAX:
        subject = f"{name}: {subject}"
    subject = subject[:SUBJECT_CHARS_MAX].rstrip()
    return f"Re: {subject}" if is_follow_up else subject


def first_name(contact: Mapping[str, Any]) -> str:
    """How the contact is greeted; empty when the name is none."""
    name = clean(str(contact.get("name") or ""))
    return "" if "@" in name or UNFIT.search(name) else name.split(" ")[0][:40]


def mapping(value: object) -> Mapping[str, Any]:
    """A JSON object, or an empty one."""
    return value if isinstance(value, dict) else {}


def items(package: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The objects of a list of the package."""
    value = package.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
