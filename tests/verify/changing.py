"""Small changes at any place of a value: what to put there that is of the same kind and differs as little as possible."""

import base64
import copy
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from tests.verify.signing import b64

type Path = tuple[str | int, ...]


def walk(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every place of a value."""
    yield path, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from walk(item, (*path, key))


def at(body: Any, path: Path) -> Any:
    """The value at a place."""
    for key in path:
        body = body[key]
    return body


def dropped(value: Any, path: Path) -> Any:
    """The value with one key or element dropped."""
    changed = copy.deepcopy(value)
    del at(changed, path[:-1])[path[-1]]
    return changed


def put(value: Any, path: Path, new: Any) -> Any:
    """The value with something else in one place."""
    changed = copy.deepcopy(value)
    at(changed, path[:-1])[path[-1]] = new
    return changed


def near(value: Any) -> list[Any]:
    """Values of the same kind that differ as little as possible."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1]
    if value is None:
        return []
    if re.fullmatch(r"[0-9a-f]{64}|[0-9a-f-]{36}", value):
        return [value[:-1] + ("0" if value[-1] != "0" else "1")]
    if re.fullmatch(r"\d{4}-.*\.\d{6}Z", value):
        moment = datetime.fromisoformat(value)
        moved = [moment + timedelta(microseconds=step) for step in (-1, 1)]
        return [one.strftime("%Y-%m-%dT%H:%M:%S.%fZ") for one in moved]
    return [value + "x", value[:-1]]


def near_base64(text: str) -> list[str]:
    """The bytes with one bit flipped, with a space more, with nothing left."""
    data = base64.b64decode(text)
    return [b64(data[:-1] + bytes([data[-1] ^ 1])), b64(data + b" "), ""]


def changes_of(path: Path, value: Any) -> list[Any]:
    """What to put in a place, none of it what stands there."""
    if path[-1] == "proof_state":
        return ["degraded", "unheard_of"]
    return near_base64(value) if str(path[-1]).endswith("_b64") and value is not None else near(value)
