"""List objects: newest first, by cursor (`starting_after`, `ending_before`), with `has_more`.

A filter is a parameter that must equal a field of the object, and `created` with gt, gte, lt, lte or a number.
"""

from typing import Any

from trinity_sandbox.stripe.books import Books, Json, read
from trinity_sandbox.stripe.errors import invalid, missing
from trinity_sandbox.stripe.fields import Fields

LIMIT_DEFAULT = 10
LIMIT_MAX = 100
COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


class Query:
    """A query over one kind of object in one account, put together condition by condition."""

    def __init__(self, kind: str, account: str) -> None:
        self._kind = kind
        self._account = account
        self._conditions = ["kind = ?", "account = ?"]
        self._values: list[Any] = [kind, account]

    def where(self, condition: str, *values: Any) -> "Query":
        """One more condition."""
        self._conditions.append(condition)
        self._values += values
        return self

    def equal(self, fields: Fields, *names: str) -> "Query":
        """Each of these parameters, where given, must equal the field of its name."""
        for name in names:
            value = fields.text(name)
            if value is not None:
                self.where(f"json_extract(doc, '$.{name}') = ?", value)
        return self

    def flag(self, fields: Fields, name: str) -> "Query":
        """A true-or-false parameter, where given."""
        value = fields.boolean(name)
        return self if value is None else self.where(f"json_extract(doc, '$.{name}') = ?", int(value))

    def created(self, fields: Fields) -> "Query":
        """The `created` parameter, a number or an object of comparisons."""
        if not fields.has("created"):
            return self
        if not fields.is_part("created"):
            return self.where("created = ?", fields.integer("created", must=True))
        part = fields.part("created")
        for name, sign in COMPARISONS.items():
            bound = part.integer(name) if part else None
            if bound is not None:
                self.where(f"created {sign} ?", bound)
        return self

    def page(self, books: Books, fields: Fields, url: str, *, is_oldest_first: bool = False) -> Json:
        """The page that the cursor asks for; the objects in it are as the books keep them."""
        limit = fields.integer("limit")
        limit = LIMIT_DEFAULT if limit is None else limit
        if not 1 <= limit <= LIMIT_MAX:
            raise invalid(f"Invalid limit: must be between 1 and {LIMIT_MAX}", "limit")
        after, before = fields.text("starting_after"), fields.text("ending_before")
        if after and before:
            raise invalid("You cannot parameterize both ending_before and starting_after.", "starting_after")
        if cursor := after or before:
            is_downwards = bool(after) != is_oldest_first
            self.where(f"seq {'<' if is_downwards else '>'} ?", self._seq(books, cursor, after is not None))
        order = "ASC" if bool(before) != is_oldest_first else "DESC"
        sql = f"SELECT doc FROM object WHERE {' AND '.join(self._conditions)} ORDER BY seq {order} LIMIT {limit + 1}"
        rows = books.rows(sql, *self._values)
        found = [read(row) for row in rows[:limit]]
        return {
            "object": "list",
            "url": url,
            "has_more": len(rows) > limit,
            "data": found[::-1] if before else found,
        }

    def _seq(self, books: Books, object_id: str, is_after: bool) -> int:
        sql = "SELECT seq FROM object WHERE id = ? AND kind = ? AND account = ?"
        row = books.row(sql, object_id, self._kind, self._account)
        if row is None:
            raise missing(self._kind, object_id, "starting_after" if is_after else "ending_before", 400)
        return int(row["seq"])
