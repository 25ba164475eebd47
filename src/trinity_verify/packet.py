"""A packet of a known format, and one ToolCall of it as the steps see it. What has another shape is refused whole.

There are two formats of the body. `trinity/packet/v2` is the one that is written; the first one, which held one
run and knew neither orders nor models' decisions, is read as a v2 body with nothing in those places.
"""

from dataclasses import dataclass, field
from typing import Any

from trinity_verify.form import Failed, demand, parse, shaped, unbase64
from trinity_verify.operations import EXTERNAL, OPERATIONS, TIERS, Operation
from trinity_verify.shapes import BODY_V1, BODY_V2, RUN_V2

FORMAT = "trinity/signed-packet/v1"
FIRST_FORMAT, BODY_FORMAT = "trinity/packet/v1", "trinity/packet/v2"
FIRST_KINDS, KINDS = ("run", "tool_call"), ("run", "tool_call", "order")


@dataclass
class Call:
    """One ToolCall. `envelope`, `typed`, `mail` and `fields` are filled by the steps that have checked them."""

    data: dict[str, Any]
    envelope_bytes: bytes
    payload: bytes
    salt: bytes
    typed_bytes: bytes
    envelope: dict[str, Any] = field(default_factory=dict)
    typed: dict[str, Any] = field(default_factory=dict)
    mail: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The ToolCall's id."""
        return str(self.data["id"])

    @property
    def name(self) -> str:
        """How reasons speak of it."""
        return f"{self.data['operation'][:40]} {self.id}"

    @property
    def operation(self) -> Operation:
        """What this verifier knows of its operation; `Failed` where it knows none."""
        known = OPERATIONS.get(self.data["operation"])
        if known is None:
            raise Failed(f"this verifier does not know the operation of {self.name}")
        return known

    @property
    def is_external(self) -> bool:
        """Whether its tier needs people."""
        return TIERS.index(self.envelope["tier"]) >= EXTERNAL

    @property
    def state(self) -> str:
        """Where the packet says that it stands."""
        return str(self.data["state"])

    @property
    def settled(self) -> list[dict[str, Any]]:
        """The receipts that say that it happened, in order."""
        return self.receipts(*{one.receipt for one in OPERATIONS.values()})

    def receipts(self, *kinds: str) -> list[dict[str, Any]]:
        """The receipts of these kinds, in order."""
        return [one for one in self.data["receipts"] if one["kind"] in kinds]


@dataclass
class Packet:
    """A packet of a known shape. `body` is in the newest format; `events` are its, each with its parsed `facts`."""

    body: dict[str, Any]
    calls: list[Call]
    events: list[dict[str, Any]]

    @property
    def is_first_format(self) -> bool:
        """Whether it was written before models' decisions were kept."""
        return bool(self.body["format"] == FIRST_FORMAT)

    def about(self, subject_id: str) -> list[dict[str, Any]]:
        """The events about one thing, in the order in which they happened."""
        mine = [event for event in self.events if event["subject_id"] == subject_id]
        return sorted(mine, key=lambda event: (event["created_at"], event["id"]))

    def call(self, call_id: object) -> Call | None:
        """The ToolCall with this id, if it is in this packet."""
        return next((one for one in self.calls if one.id == call_id), None)

    def find(self, part: str, record_id: object) -> dict[str, Any] | None:
        """The record with this id in one of the body's lists, if it is there."""
        return next((one for one in self.body[part] if one["id"] == record_id), None)


def shape_packet(body: Any) -> Packet:
    """The packet, or `Failed` where its shape is another."""
    demand(type(body) is dict, "the body is not an object")
    is_first = body.get("format") == FIRST_FORMAT
    shaped(body, BODY_V1 if is_first else BODY_V2, "body")
    demand(is_first or body["format"] == BODY_FORMAT, "the body's format is not known to this verifier")
    demand(body["kind"] in (FIRST_KINDS if is_first else KINDS), "the body's kind is not known to this verifier")
    found = _lifted(body) if is_first else body
    calls = [_call(data) for data in found["tool_calls"]]
    return Packet(found, calls, [event | {"facts": _facts(event)} for event in found["events"]])


def _lifted(body: dict[str, Any]) -> dict[str, Any]:
    """A body of the first format in the places of the newest."""
    run = body["run"]
    nothing = dict.fromkeys(RUN_V2)
    return {key: value for key, value in body.items() if key != "run"} | {
        "order": None,
        "runs": [nothing | {"kind": "outreach"} | run] if run else [],
        "threads": [],
        "artifacts": [],
        "model_decisions": [],
        "tool_calls": [one | {"subject_id": None} for one in body["tool_calls"]],
        "sources": [one | {"contact_id": None} for one in body["sources"]],
        "drafts": [one | {"run_id": run["id"] if run else None} for one in body["drafts"]],
    }


def _call(data: dict[str, Any]) -> Call:
    names = ("envelope_b64", "payload_b64", "salt_b64", "typed_payload_b64")
    envelope, payload, salt, typed = (unbase64(data[name], name) for name in names)
    return Call(data, envelope, payload, salt, typed)


def _facts(event: dict[str, Any]) -> dict[str, Any]:
    where = f"the facts of the event {event['id']}"
    facts = parse(unbase64(event["facts_b64"], where), where)
    if type(facts) is not dict:
        raise Failed(f"{where} are not an object")
    return facts


def text_of(facts: dict[str, Any], key: str, what: str) -> str:
    """A text in a record's facts; `Failed` if there is none."""
    value = facts.get(key)
    if type(value) is not str or not value:
        raise Failed(f"{what} names no {key}")
    return value
