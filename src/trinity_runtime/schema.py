"""A strict check of a tool call's arguments against the schema that the model was shown.

It knows the few words of JSON Schema that the catalogue uses. Nothing is repaired or converted: an
unknown key, a number for a string or a missing field is said, and the call does not happen.
"""

import json
from typing import Any

from trinity_runtime import limits

DEPTH_MAX = 12


class Malformed(ValueError):
    """The arguments are not what the schema says; the message names the place."""


def parse_arguments(text: object) -> dict[str, Any]:
    """Parse the `arguments` of a tool call: JSON text of an object, no duplicate keys, bounded."""
    if not isinstance(text, str):
        raise Malformed("arguments must be a string of JSON")
    if len(text) > limits.ARGUMENTS_BYTES_MAX:
        raise Malformed(f"arguments of more than {limits.ARGUMENTS_BYTES_MAX} characters")
    try:
        value = json.loads(text, object_pairs_hook=_pairs, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"arguments are not valid JSON: {error}"[:200]) from error
    if not isinstance(value, dict):
        raise Malformed("arguments must be a JSON object")
    return value


def check(value: object, schema: dict[str, Any], *, where: str = "arguments", depth: int = 0) -> None:
    """Raise `Malformed` unless `value` is exactly what `schema` allows."""
    if depth > DEPTH_MAX:
        raise Malformed(f"{where} is nested too deep")
    if "enum" in schema and value not in schema["enum"]:
        raise Malformed(f"{where} must be one of {', '.join(schema['enum'])}")
    kind = schema["type"]
    if kind == "string":
        _check_string(value, schema, where)
    elif kind == "integer":
        _check_integer(value, schema, where)
    elif kind == "array":
        _check_array(value, schema, where, depth)
    elif kind == "object":
        _check_object(value, schema, where, depth)
    else:
        raise AssertionError(f"the catalogue uses an unknown type: {kind}")


def _check_string(value: object, schema: dict[str, Any], where: str) -> None:
    if not isinstance(value, str):
        raise Malformed(f"{where} must be a string")
    if any("\ud800" <= character <= "\udfff" or character == "\x00" for character in value):
        raise Malformed(f"{where} has a character that is not text")
    if not schema.get("minLength", 0) <= len(value) <= schema["maxLength"]:
        raise Malformed(f"{where} must have {schema.get('minLength', 0)} to {schema['maxLength']} characters")


def _check_integer(value: object, schema: dict[str, Any], where: str) -> None:
    if type(value) is not int or not schema["minimum"] <= value <= schema["maximum"]:
        raise Malformed(f"{where} must be a whole number from {schema['minimum']} to {schema['maximum']}")


def _check_array(value: object, schema: dict[str, Any], where: str, depth: int) -> None:
    if not isinstance(value, list):
        raise Malformed(f"{where} must be a list")
    if not schema.get("minItems", 0) <= len(value) <= schema["maxItems"]:
        raise Malformed(f"{where} must have {schema.get('minItems', 0)} to {schema['maxItems']} items")
    for number, item in enumerate(value):
        check(item, schema["items"], where=f"{where}[{number}]", depth=depth + 1)


def _check_object(value: object, schema: dict[str, Any], where: str, depth: int) -> None:
    if not isinstance(value, dict):
        raise Malformed(f"{where} must be an object")
    for key in value:
        if key not in schema["properties"]:
            raise Malformed(f"{where} has an unknown field {str(key)[:60]!r}")
    for key in schema.get("required", ()):
        if key not in value:
            raise Malformed(f"{where} lacks the field {key!r}")
    for key, item in value.items():
        check(item, schema["properties"][key], where=f"{where}.{key}", depth=depth + 1)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("a duplicate key")
    return found


def _constant(text: str) -> object:
    raise Malformed(f"{text} is not a JSON number")
