"""An answer in the form that a JSON Schema asks for, made by rule: cautious wherever a value is a judgement.

A few rules look for what must not go out (a secret, a claim of having acted, an instruction to whoever
reads). When one matches, judgements are the strictest that the schema has; when none does, they are the
ordinary ones. Text says that no AI has judged. A schema that cannot be filled honestly is refused.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

DEPTH_MAX = 16
ITEMS_MAX = 100

RULES = {
    "secret": re.compile(
        r"-----BEGIN [A-Z ]*PRIVATE KEY|\b(?:sk|rk)_(?:live|test)_\w{8,}|\bnvapi-[\w-]{8,}|\bya29\.[\w-]{8,}|\bAKIA[0-9A-Z]{16}\b"
    ),
    "claims_to_have_acted": re.compile(
        r"\bI(?:'ve| have)? (?:already )?(?:sent|paid|refunded|transferred|published|approved)\b", re.IGNORECASE
    ),
    "instruction": re.compile(
        r"\b(?:ignore|disregard|forget) (?:all |any |the |your )*(?:previous|prior|above|earlier)\b", re.IGNORECASE
    ),
}
STRICT_WORDS = (
    "block",
    "blocked",
    "deny",
    "denied",
    "unsafe",
    "fail",
    "failed",
    "reject",
    "hold",
    "high",
    "needs_review",
    "review",
    "manual_review",
    "unknown",
)
ORDINARY_WORDS = (
    "allow",
    "allowed",
    "safe",
    "pass",
    "passed",
    "ok",
    "clean",
    "low",
    "none",
    "medium",
    "normal",
    "unknown",
)
GOOD_NAMES = re.compile(r"^(?:is_)?(?:safe|ok|clean|pass|passes|passed|allowed|valid|honest|acceptable)$")
BAD_NAMES = re.compile(
    r"^(?:is_|has_|needs_)?(?:unsafe|block|blocked|review|flagged|secret|secrets|risk|violation|violations)$"
)
REASON = "Embedded rules, not an AI: "


class Unfillable(ValueError):
    """The schema asks for something that rules cannot give; the message says where."""


def instance(schema: Mapping[str, Any], text: str) -> Any:
    """A value of the schema for a request whose messages say `text`."""
    flags = tuple(name for name, rule in RULES.items() if rule.search(text))
    return _Filler(schema, flags).fill(schema, "", 0)


class _Filler:
    def __init__(self, root: Mapping[str, Any], flags: Sequence[str]) -> None:
        self.root = root
        self.flags = flags

    def fill(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        if depth > DEPTH_MAX:
            raise Unfillable(f"nested deeper than {DEPTH_MAX}: {name}")
        if "$ref" in schema:
            return self.fill(self._referred(str(schema["$ref"])), name, depth + 1)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._of_enum(schema["enum"], name)
        for choice in ("anyOf", "oneOf"):
            if choice in schema:
                return self._of_choice(schema[choice], name, depth)
        kind = schema.get("type")
        if isinstance(kind, list):
            return self._of_choice([{**schema, "type": one} for one in kind], name, depth)
        return self._of_type(schema, kind, name, depth)

    def _of_type(self, schema: Mapping[str, Any], kind: object, name: str, depth: int) -> Any:
        match kind:
            case "object":
                properties = schema.get("properties", {})
                return {key: self.fill(properties[key], key, depth + 1) for key in sorted(properties)}
            case "array":
                return self._array(schema, name, depth)
            case "string":
                return self._string(schema, name)
            case "boolean":
                return self._boolean(name)
            case "integer" | "number":
                return self._number(schema, name, is_integer=kind == "integer")
            case "null":
                return None
        raise Unfillable(f"no rule for the type of {name or 'the answer'}: {kind!r}")

    def _of_enum(self, values: Sequence[Any], name: str) -> Any:
        words = STRICT_WORDS if self.flags else ORDINARY_WORDS
        for word in words:
            for value in values:
                if isinstance(value, str) and value.lower().replace("-", "_").replace(" ", "_") == word:
                    return value
        if not values:
            raise Unfillable(f"an empty enum: {name}")
        return values[-1] if self.flags else values[0]

    def _of_choice(self, choices: Sequence[Mapping[str, Any]], name: str, depth: int) -> Any:
        for choice in choices:
            if choice.get("type") != "null":
                return self.fill(choice, name, depth + 1)
        return None

    def _array(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        items = schema.get("items", {"type": "string"})
        least, most = int(schema.get("minItems", 0)), int(schema.get("maxItems", ITEMS_MAX))
        if items == {"type": "string"} and self.flags:
            return list(self.flags)[: max(most, 0)]
        if least > ITEMS_MAX:
            raise Unfillable(f"more than {ITEMS_MAX} items: {name}")
        return [self.fill(items, name, depth + 1) for _ in range(least)]

    def _string(self, schema: Mapping[str, Any], name: str) -> str:
        if "pattern" in schema or "format" in schema:
            raise Unfillable(f"rules cannot make text of a pattern or a format: {name}")
        found = ", ".join(self.flags)
        text = REASON + (f"found {found}." if found else "none of them matched.")
        return text.ljust(int(schema.get("minLength", 0)), ".")[: int(schema.get("maxLength", len(text) + 10_000))]

    def _boolean(self, name: str) -> bool:
        if GOOD_NAMES.match(name):
            return not self.flags
        return bool(self.flags) if BAD_NAMES.match(name) else False

    def _number(self, schema: Mapping[str, Any], name: str, *, is_integer: bool) -> int | float:
        """The middle of the range for a score, the bottom when a rule matched or no range is given."""
        low = schema.get("minimum", 0)
        high = schema.get("maximum", low)
        value = (low + high) / 2 if "score" in name and not self.flags else low
        return int(value) if is_integer else float(value)

    def _referred(self, reference: str) -> Mapping[str, Any]:
        at: Any = self.root
        if not reference.startswith("#/"):
            raise Unfillable(f"a reference out of the schema: {reference}")
        for part in reference[2:].split("/"):
            at = at.get(part) if isinstance(at, dict) else None
        if not isinstance(at, dict):
            raise Unfillable(f"a reference to nothing: {reference}")
        return at
