"""One change in the making: in whose account, when, on which request; and the events that it causes.

An event and the webhooks that tell of it are written in the transaction of the change itself.
"""

from dataclasses import dataclass
from typing import Any

from trinity_sandbox.stripe.books import Books, Json, now_ms
from trinity_sandbox.stripe.errors import missing
from trinity_sandbox.stripe.faults import Faults
from trinity_sandbox.stripe.ids import new_id
from trinity_sandbox.stripe.present import shown

API_VERSION = "2026-05-27.dahlia"
"""The version whose OpenAPI document the tests hold every answer against."""


@dataclass(frozen=True, slots=True)
class Work:
    """What every operation needs; `now` is whole seconds since the epoch, by the stand-in's own clock."""

    books: Books
    faults: Faults
    account: str
    now: int
    request_id: str | None = None
    idempotency_key: str | None = None

    def new(self, kind: str, **fields: Any) -> Json:
        """A new object's skeleton: its id, kind and account come first."""
        return {"id": new_id(kind), "object": kind, "_account": self.account, **fields}

    def must(self, kind: str, object_id: str, param: str = "id", status: int = 404) -> Json:
        """An object of this account, or Stripe's complaint."""
        found = self.books.find(object_id, kind=kind, account=self.account)
        if found is None:
            raise missing(kind, object_id, param, status)
        return found

    def emit(self, event_type: str, doc: Json, previous: Json | None = None) -> Json:
        """Record that something happened to an object, and let its webhooks wait."""
        data: Json = {"object": shown(self.books, doc)}
        if previous is not None:
            data["previous_attributes"] = previous
        event = self.new(
            "event",
            api_version=API_VERSION,
            created=self.now,
            data=data,
            livemode=False,
            pending_webhooks=0,
            request={"id": self.request_id, "idempotency_key": self.idempotency_key},
            type=event_type,
        )
        self.books.add(event)
        copies = self.books.setting("webhook_copies", 1) + (1 if self.faults.take_duplicate(event_type) else 0)
        for endpoint in self.books.all("webhook_endpoint", self.account, status="enabled"):
            if {"*", event_type} & set(endpoint["enabled_events"]):
                enqueue(self.books, event["id"], endpoint["id"], copies)
        return event


def enqueue(books: Books, event_id: str, endpoint_id: str, copies: int) -> None:
    """Let an event go out to an endpoint `copies` times, after the delay that is set."""
    due_ms = now_ms() + books.setting("webhook_delay_ms", 0)
    for _ in range(copies):
        books.run("INSERT INTO delivery (event, endpoint, due_ms) VALUES (?, ?, ?)", event_id, endpoint_id, due_ms)
