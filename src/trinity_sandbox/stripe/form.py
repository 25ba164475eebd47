"""Nested form bodies as Stripe reads them: `line_items[0][price_data][currency]=eur`, `expand[]=customer`.

`decode` and `encode` turn text into a tree of names and back. Limits are named below; what is malformed or
over a limit is refused with `ValueError`, never repaired. An array is a tree whose names are 0, 1, 2, …; the
reader of a parameter decides whether digits mean an array (`fields.py`), since metadata may have such names.
"""

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, quote_plus

FORM_BYTES_MAX = 256 * 1024
PAIRS_MAX = 1_000
DEPTH_MAX = 8
NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
PART = re.compile(r"\[([^\[\]]*)\]")

type Tree = dict[str, str | Tree]


def decode(body: bytes) -> Tree:
    """The tree of an `application/x-www-form-urlencoded` body. A name given twice: the last value counts."""
    if len(body) > FORM_BYTES_MAX:
        raise ValueError("the form is too large")
    pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=PAIRS_MAX, errors="strict")
    tree: Tree = {}
    for name, value in pairs:
        _put(tree, _parts(name), value)
    return tree


def encode(tree: Tree) -> bytes:
    """The body of a tree without empty branches; `decode` gives the same tree again."""
    pairs = (f"{quote_plus(name)}={quote_plus(value)}" for name, value in _flat(tree, ""))
    return "&".join(pairs).encode()


def _parts(name: str) -> list[str]:
    found = NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"malformed parameter name {name[:100]!r}")
    parts = [found[1], *PART.findall(found[2])]
    if len(parts) > DEPTH_MAX:
        raise ValueError("parameters are nested too deeply")
    if "" in parts[:-1]:
        raise ValueError(f"number the elements of {name[:100]!r}")
    return parts


def _put(tree: Tree, parts: list[str], value: str) -> None:
    for part in parts[:-1]:
        branch = tree.setdefault(part, {})
        if isinstance(branch, str):
            raise ValueError(f"{part!r} is given both as a value and as an object")
        tree = branch
    last = parts[-1] or str(len(tree))
    if isinstance(tree.get(last), dict):
        raise ValueError(f"{last!r} is given both as a value and as an object")
    tree[last] = value


def _flat(tree: Tree, above: str) -> Iterator[tuple[str, str]]:
    for name, value in tree.items():
        full = f"{above}[{name}]" if above else name
        if isinstance(value, str):
            yield full, value
        else:
            yield from _flat(value, full)
