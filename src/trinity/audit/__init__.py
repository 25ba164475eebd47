"""Audit: what happened and who did it, as insert-only rows in the transaction that they describe.

Owns `audit_events` and `incidents`. Promises that an event's facts are canonical JSON whose personal part is
kept apart (`private`, under a salted commitment), so that it can be erased and the evidence still verifies.
"""

from trinity.audit.commands import INSERT_SELECT, event_params, record, record_incident
from trinity.audit.queries import Event, Incident, has_event_since, list_events, list_incidents

__all__ = [
    "INSERT_SELECT",
    "Event",
    "Incident",
    "event_params",
    "has_event_since",
    "list_events",
    "list_incidents",
    "record",
    "record_incident",
]
