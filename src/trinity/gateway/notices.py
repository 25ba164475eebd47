"""What notices say: templates in code, filled with facts that are ids, numbers, words of ours and times.

No fact can carry a stranger's words: each has a kind, and a kind admits a form, not a text. Links lead to pages that
ask for a login, and none of them decides anything. Only a guest's link is its own key, to one project's view.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from trinity.errors import Refused
from trinity.kit.money import spoken

NUMBER_MAX = 2**53 - 1
BASE_URL = "base_url"
"""The fact that every template has: where our pages are."""

type Facts = Mapping[str, str | int]


def _form(pattern: str) -> Callable[[str | int], bool]:
    compiled = re.compile(pattern, re.ASCII)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def _is_number(value: str | int) -> bool:
    return type(value) is int and 0 <= value <= NUMBER_MAX


KINDS: Mapping[str, Callable[[str | int], bool]] = {
    "id": _form(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "number": _is_number,
    "word": _form(r"[a-z][a-z0-9]{0,19}([_.][a-z0-9]{1,20}){0,4}"),
    "currency": _form(r"[a-z]{3}|[A-Z]{3}"),
    "moment": _form(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z"),
    "base": _form(r"https?://[A-Za-z0-9.:\[\]-]{1,253}(/[A-Za-z0-9_-]{1,100}){0,4}"),
    "path": _form(r"(/[A-Za-z0-9_-]{1,100}){1,6}"),
}
"""What a fact of each kind may be. A word is an enumeration's: lower case, no space, at most 100 letters."""


@dataclass(frozen=True, slots=True)
class Template:
    """One notice: whom it goes to, what facts it needs, and its words. `roles` is empty for the one that goes to a guest."""

    roles: frozenset[str]
    facts: Mapping[str, str]
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """A notice in words."""

    subject: str
    text: str


OWNERS = frozenset({"owner"})
DECIDERS = frozenset({"owner", "approver"})
FOOT = "\n\nTrinity says this by itself; nobody reads replies. Its links need your login, and none of them decides anything."
GUEST_FOOT = "\n\nTrinity says this by itself; nobody reads replies. Whoever has this link can look; give it to nobody."

TEMPLATES: Mapping[str, Template] = {
    "new_lead": Template(
        OWNERS,
        {"contact_id": "id"},
        "Somebody asked on your public page",
        "A request came in through the public form. Its words are in quarantine until a person releases them.\n\n"
        "{base_url}/crm/contacts/{contact_id}",
    ),
    "order_paid": Template(
        OWNERS,
        {"order_id": "id", "number": "number", "amount_minor": "number", "currency": "currency"},
        "Order {number} is paid",
        "Order {number} was paid: {amount}. Its work begins once a person has released the customer's answers.\n\n"
        "{base_url}/orders/{order_id}",
    ),
    "approval_waiting": Template(
        DECIDERS,
        {"approval_id": "id", "operation": "word", "expires_at": "moment"},
        "An approval waits for you ({operation})",
        "Something is to be done that needs a person's decision ({operation}). Without one it expires at {expires_at}.\n\n"
        "{base_url}/approvals/{approval_id}",
    ),
    "decided": Template(
        OWNERS,
        {"approval_id": "id", "operation": "word", "decision": "word"},
        "Decided: {operation} {decision}",
        "People have decided on an action ({operation}): {decision}.\n\n{base_url}/approvals/{approval_id}",
    ),
    "expired": Template(
        OWNERS,
        {"tool_call_id": "id", "operation": "word"},
        "Expired without a decision: {operation}",
        "An action ({operation}) waited for a decision until its time was over. It was not done, and will not be.\n\n"
        "{base_url}/tool-calls/{tool_call_id}",
    ),
    "reply_arrived": Template(
        OWNERS,
        {"thread_id": "id"},
        "A reply arrived",
        "A reply came in. Its words are in quarantine until a person releases them.\n\n{base_url}/inbox/{thread_id}",
    ),
    "refund_settled": Template(
        OWNERS,
        {"order_id": "id", "number": "number", "amount_minor": "number", "currency": "currency"},
        "Order {number}: {amount} paid back",
        "A refund of {amount} for order {number} was made.\n\n{base_url}/orders/{order_id}",
    ),
    "incident": Template(
        OWNERS,
        {"incident_id": "id", "kind": "word"},
        "INCIDENT: {kind}",
        "Something happened that a person must look at: {kind} (incident {incident_id}).\n\n{base_url}/incidents",
    ),
    "guest_link": Template(
        frozenset(),
        {"path": "path", "expires_at": "moment"},
        "Your link to a project's page",
        "You asked to look at a project. This link opens its page until {expires_at}:\n\n{base_url}{path}",
    ),
}
"""Every notice there is."""


def render(template: str, facts: Facts) -> Rendered:
    """The words of a notice. `Refused` (422) for a template that does not exist, or facts that are not exactly its own."""
    found = TEMPLATES.get(template)
    if found is None:
        raise Refused("invalid_payload", "There is no such notice.", status=422)
    kinds = {**found.facts, BASE_URL: "base"}
    wrong = sorted({*facts} ^ {*kinds}) or sorted(name for name, kind in kinds.items() if not KINDS[kind](facts[name]))
    if wrong:
        raise Refused("invalid_payload", f"The notice's facts are not its own: {', '.join(wrong)[:200]}.", status=422)
    values = {**facts, "amount": _amount(facts)}
    foot = FOOT if found.roles else GUEST_FOOT
    return Rendered(found.subject.format_map(values), (found.text + foot).format_map(values) + "\n")


def _amount(facts: Facts) -> str:
    """The amount, in the currency's own decimals, where there is one."""
    if "amount_minor" not in facts:
        return ""
    return spoken(int(facts["amount_minor"]), str(facts["currency"]).lower())
