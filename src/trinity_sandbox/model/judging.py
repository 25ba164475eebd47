"""Judging a text by rule: the answers to the routes `score`, `copy_safety` and `qa`, cautious where a rule finds something.

The text stands in one JSON object between `<data>` and `</data>`; everything around it is the asker's own. A request
that is not of this form is judged by its schema alone (`structured`).
"""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from trinity_sandbox.model.package import text_of
from trinity_sandbox.model.structured import REASON, RULES

DATA = re.compile(r"<data>(.*)</data>", re.DOTALL)
HIDING = frozenset({"Cf", "Cs", "Co"})
SOFT_HYPHEN = "\u00ad"
DANGERS = {
    "secret": "secret",
    "claims_to_have_acted": "claims_to_have_acted",
    "instruction": "instruction_to_reader",
}
PLACEHOLDER = re.compile(
    r"\[(?:your |the )?(?:name|company|date|amount|insert|link)[^\]]{0,40}\]|\{\{|\bTBD\b|\blorem ipsum\b",
    re.IGNORECASE,
)
WISHES = re.compile(
    r"\b(?:need|want|would like|looking for|help|audit|review|improve|fix|quote|offer|budget)\w*\b", re.I
)
HASTE = re.compile(r"\b(?:soon|urgent|this (?:week|month)|deadline|as soon as)\b", re.IGNORECASE)
LINK = re.compile(r"https?://", re.IGNORECASE)
TEXT_CHARS_MIN = 60
SCORE_START, SCORE_WISH, SCORE_HASTE, SCORE_LENGTH, SCORE_LINK = 40, 10, 10, 10, -15
LONG_CHARS = 120
WISHES_MAX = 3


def judge(name: str, messages: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The answer of one of the known routes; None for anything else."""
    rule = {"score": _score, "copy_safety": _copy_safety, "qa": _qa}.get(name)
    text = _judged(messages)
    return rule(text) if rule and text is not None else None


def _judged(messages: Sequence[Mapping[str, Any]]) -> str | None:
    found = DATA.search(text_of(messages[-1]))
    try:
        value = json.loads(found[1]) if found else None
    except ValueError:
        return None
    text = value.get("text") if isinstance(value, dict) else None
    return text if isinstance(text, str) else None


def _flags(text: str) -> list[str]:
    found = [DANGERS[name] for name, rule in RULES.items() if rule.search(text)]
    if any(unicodedata.category(one) in HIDING and one != SOFT_HYPHEN for one in text):
        found.append("hidden_text")
    return found


def _copy_safety(text: str) -> dict[str, Any]:
    dangers = _flags(text)
    return {"verdict": "unsafe" if dangers else "safe", "dangers": dangers, "reasons": [_said(dangers)]}


def _qa(text: str) -> dict[str, Any]:
    faults = ["placeholder"] if PLACEHOLDER.search(text) else []
    if len(text.strip()) < TEXT_CHARS_MIN:
        faults.append("incomplete")
    return {"verdict": "fail" if faults else "pass", "faults": faults, "reasons": [_said(faults)]}


def _score(text: str) -> dict[str, Any]:
    if flags := _flags(text):
        return {"score": 0, "reasons": [_said(flags)]}
    wishes = min(len({one.lower() for one in WISHES.findall(text)}), WISHES_MAX)
    parts = [
        (wishes * SCORE_WISH, f"{wishes} words that name a wish"),
        (SCORE_HASTE if HASTE.search(text) else 0, "a word of haste"),
        (SCORE_LENGTH if len(text) >= LONG_CHARS else 0, "more than a line of text"),
        (SCORE_LINK if LINK.search(text) else 0, "a link"),
    ]
    score = max(0, min(100, SCORE_START + sum(points for points, _ in parts)))
    reasons = [f"{REASON}{what} ({points:+d})." for points, what in parts if points]
    return {"score": score, "reasons": reasons or [REASON + "nothing that speaks for or against it."]}


def _said(found: Sequence[str]) -> str:
    return REASON + (f"found {', '.join(found)}." if found else "none of them matched.")
