"""`expand[]`: put whole objects where an answer has ids, along a path of names, at most four deep."""

from trinity_sandbox.stripe.books import Books, Json
from trinity_sandbox.stripe.errors import invalid
from trinity_sandbox.stripe.present import shown

DEPTH_MAX = 4

EXPANDABLE = {
    "balance_transaction": {"source"},
    "charge": {"balance_transaction", "customer", "failure_balance_transaction", "payment_intent", "refunds"},
    "checkout.session": {"customer", "line_items", "payment_intent"},
    "dispute": {"charge", "payment_intent"},
    "list": {"data"},
    "payment_intent": {"customer", "latest_charge"},
    "payout": {"balance_transaction", "failure_balance_transaction"},
    "price": {"product"},
    "product": {"default_price"},
    "refund": {"balance_transaction", "charge", "failure_balance_transaction", "payment_intent"},
}

CHILDREN = {
    ("checkout.session", "line_items"): ("item", "_session", "/v1/checkout/sessions/{id}/line_items"),
    ("charge", "refunds"): ("refund", "charge", "/v1/charges/{id}/refunds"),
}
"""What is left out unless expanded: a list of the objects that name this one."""


def expand(books: Books, value: Json, paths: list[str], base_url: str) -> None:
    """Expand `value`, an answer that is ready to show, in place."""
    for path in paths:
        names = path.split(".")
        if len(names) - (names[0] == "data") > DEPTH_MAX:
            raise invalid("You cannot expand more than 4 levels of a property.", "expand")
        _follow(books, value, names, path, base_url)


def _follow(books: Books, value: Json, names: list[str], path: str, base_url: str) -> None:
    name, rest = names[0], names[1:]
    if name not in EXPANDABLE.get(value.get("object", ""), set()) or (name == "data" and not rest):
        raise invalid(f"This property cannot be expanded ({path}).", "expand")
    if name not in value and (value["object"], name) in CHILDREN:
        value[name] = _children(books, value, name, base_url)
    held = value.get(name)
    if isinstance(held, str):
        found = books.find(held)
        if found is None:
            return
        held = value[name] = shown(books, found, base_url)
    targets = held if isinstance(held, list) else [held] if held is not None else []
    for target in targets if rest else []:
        _follow(books, target, rest, path, base_url)


def _children(books: Books, value: Json, name: str, base_url: str) -> Json:
    kind, field, url = CHILDREN[value["object"], name]
    found = books.all(kind, **{field: value["id"]})
    if kind == "refund":
        found.reverse()
    return {
        "object": "list",
        "url": url.format(id=value["id"]),
        "has_more": False,
        "data": [shown(books, one, base_url) for one in found],
    }
