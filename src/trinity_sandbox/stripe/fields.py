"""Reading a call's parameters, strictly: each is read by name and kind, and what nobody read is refused."""

from typing import Literal, overload

from trinity_sandbox.stripe.errors import invalid
from trinity_sandbox.stripe.form import Tree

TEXT_CHARS_MAX = 5_000
METADATA_KEYS_MAX = 50
METADATA_KEY_CHARS_MAX = 40
METADATA_VALUE_CHARS_MAX = 500
INTEGER_CHARS_MAX = 15
ITEMS_MAX = 100


class Fields:
    """The parameters below one name (`at`, empty at the top)."""

    def __init__(self, tree: Tree, at: str = "") -> None:
        self._tree = tree
        self._at = at
        self._read: set[str] = set()
        self._parts: list[Fields] = []

    def has(self, key: str) -> bool:
        """Whether the caller gave it."""
        return key in self._tree

    def is_part(self, key: str) -> bool:
        """Whether the caller gave an object by this name."""
        return isinstance(self._tree.get(key), dict)

    def path(self, key: str) -> str:
        """The parameter's full name, as errors say it."""
        return f"{self._at}[{key}]" if self._at else key

    @overload
    def text(self, key: str, *, must: Literal[True], chars_max: int = TEXT_CHARS_MAX) -> str: ...
    @overload
    def text(self, key: str, *, must: bool = False, chars_max: int = TEXT_CHARS_MAX) -> str | None: ...
    def text(self, key: str, *, must: bool = False, chars_max: int = TEXT_CHARS_MAX) -> str | None:
        """A string that is not empty."""
        value = self._value(key, must)
        if value is None:
            return None
        if not isinstance(value, str):
            raise invalid("Invalid string", self.path(key))
        if not value.strip():
            raise invalid(
                f"You passed an empty string for '{self.path(key)}'. We assume empty values are an attempt to"
                f" unset a parameter; however '{self.path(key)}' cannot be unset. You should remove"
                f" '{self.path(key)}' from your request or supply a non-empty value.",
                self.path(key),
                "parameter_invalid_empty",
            )
        if len(value) > chars_max:
            raise invalid(f"Invalid string: must be at most {chars_max} characters", self.path(key))
        return value

    @overload
    def integer(self, key: str, *, must: Literal[True]) -> int: ...
    @overload
    def integer(self, key: str, *, must: bool = False) -> int | None: ...
    def integer(self, key: str, *, must: bool = False) -> int | None:
        """A whole number: decimal digits with or without a sign, nothing else."""
        value = self.text(key, must=must)
        if value is None:
            return None
        digits = value.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= INTEGER_CHARS_MAX):
            raise invalid(f"Invalid integer: {value[:50]}", self.path(key), "parameter_invalid_integer")
        return int(value)

    def boolean(self, key: str) -> bool | None:
        """`true` or `false`."""
        value = self.text(key)
        if value is None:
            return None
        if value not in ("true", "false"):
            raise invalid(f"Invalid boolean: {value[:50]}", self.path(key))
        return value == "true"

    def choice(self, key: str, allowed: tuple[str, ...]) -> str | None:
        """One of the words that the stand-in carries out."""
        value = self.text(key)
        if value is not None and value not in allowed:
            raise invalid(f"Invalid {self.path(key)}: must be one of {', '.join(allowed)}", self.path(key))
        return value

    def metadata(self, key: str = "metadata", held: dict[str, str] | None = None) -> dict[str, str]:
        """The metadata after this call: given names over those `held`; an empty value takes a name away."""
        value = self._value(key, must=False)
        if value is None or value == "":
            return {} if value == "" else dict(held or {})
        if isinstance(value, str):
            raise invalid("Invalid object", self.path(key))
        found = dict(held or {})
        for name, text in value.items():
            if not isinstance(text, str) or len(text) > METADATA_VALUE_CHARS_MAX:
                raise invalid("Metadata values can have up to 500 characters", f"{self.path(key)}[{name[:50]}]")
            if len(name) > METADATA_KEY_CHARS_MAX:
                raise invalid("Metadata keys can have up to 40 characters", self.path(key))
            found[name] = text
        found = {name: text for name, text in found.items() if text}
        if len(found) > METADATA_KEYS_MAX:
            raise invalid("You can have up to 50 metadata keys", self.path(key))
        return found

    def part(self, key: str) -> "Fields | None":
        """An object below."""
        value = self._value(key, must=False)
        if value is None:
            return None
        if isinstance(value, str):
            raise invalid("Invalid object", self.path(key))
        found = Fields(value, self.path(key))
        self._parts.append(found)
        return found

    def items(self, key: str) -> list["Fields"]:
        """An array of objects."""
        found = []
        for index, value in self._array(key):
            at = f"{self.path(key)}[{index}]"
            if isinstance(value, str):
                raise invalid("Invalid object", at)
            found.append(Fields(value, at))
        self._parts += found
        return found

    def texts(self, key: str) -> list[str]:
        """An array of strings."""
        found = [value for _, value in self._array(key)]
        if any(not isinstance(value, str) or not value for value in found):
            raise invalid("Invalid array of strings", self.path(key))
        return [str(value) for value in found]

    def end(self) -> None:
        """Refuse what nobody read."""
        for key in self._tree:
            if key not in self._read:
                name = self.path(key)
                raise invalid(f"Received unknown parameter: {name[:200]}", name[:200], "parameter_unknown")
        for part in self._parts:
            part.end()

    def _value(self, key: str, must: bool) -> "str | Tree | None":
        self._read.add(key)
        value = self._tree.get(key)
        if value is None and must:
            raise invalid(f"Missing required param: {self.path(key)}.", self.path(key), "parameter_missing")
        return value

    def _array(self, key: str) -> "list[tuple[int, str | Tree]]":
        value = self._value(key, must=False)
        if value is None or value == "":
            return []
        if isinstance(value, str) or not all(name.isascii() and name.isdigit() and len(name) < 6 for name in value):
            raise invalid("Invalid array", self.path(key))
        if len(value) > ITEMS_MAX:
            raise invalid(f"Arrays can have up to {ITEMS_MAX} elements", self.path(key))
        return sorted((int(name), one) for name, one in value.items())
