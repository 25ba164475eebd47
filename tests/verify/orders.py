"""A hand-written packet of a whole order: checkout, payment, a run, a delivery, a reply, a refund, a notice, the books.

`order_body` changes a part before whatever depends on it is computed, as `packets.make_body` does.
"""

from typing import Any

from tests.verify.calls import ACCOUNT, OWNER, PROJECT, Made, event
from tests.verify.effects import (
    ANSWER,
    ARTIFACT,
    BACK,
    CHARGE,
    CHECKOUT,
    CONTACT,
    CURRENCY,
    CUSTOMER,
    FULFILMENT,
    GOAL,
    INTAKE,
    INTENT,
    OFFER,
    ORDER,
    OUR_ID,
    OUT,
    PRICE,
    REFUND_ID,
    REPLIED,
    REPORT,
    RUN,
    SESSION,
    THEIR_ID,
    THREAD,
    THREAD_ID,
    WISH,
    WISHED,
    calls_of,
)
from tests.verify.packets import CLEAN, decided
from tests.verify.signing import Json, after, b64, dumps, merged, sha256, uid


def order_body(**changed: Any) -> Json:
    """A valid body, with changes; keys name the parts below."""
    made = calls_of(changed)
    built = [one.build() for one in sorted(made.values(), key=lambda one: one.id)]
    judged = _judged(made["mail"], changed)
    events = [one for _, found in built for one in found] + _events(judged, changed)
    kept = [one for one in events if one["kind"] not in changed.get("without_events", ())]
    body = {
        "format": "trinity/packet/v2",
        "account_id": ACCOUNT,
        "kind": "order",
        "subject_id": ORDER,
        "exported_at": after(400),
        "order": _order(made, changed),
        "runs": [_run() | changed.get("run", {})],
        "threads": [_thread(made, changed) | changed.get("thread", {})],
        "tool_calls": [call for call, _ in built],
        "sources": _sources(changed),
        "artifacts": [_artifact() | changed.get("artifact", {})],
        "drafts": [{"id": uid(after(20), 25), "run_id": RUN, "sha256": sha256(b"Dear"), "created_at": after(20)}],
        "model_decisions": judged,
        "events": sorted(kept, key=lambda one: str(one["id"])),
        "missing": ["There is no transparency log yet."],
    }
    return merged(body, changed.get("body", {}))


def _order(made: dict[str, Made], changed: Json) -> Json:
    money = {"amount_minor": PRICE, "currency": CURRENCY}
    paid = {"id": uid(after(0), 30), "kind": "order.paid", "provider_id": INTENT, "created_at": after(0), **money}
    refund = {
        "id": uid(after(230), 31),
        "provider_refund_id": REFUND_ID,
        "tool_call_id": made["refund"].id,
        "state": "succeeded",
        "created_at": after(221),
        **money,
    } | changed.get("refund", {})
    checkout = {
        "id": CHECKOUT,
        "offer_id": OFFER,
        "contact_id": CONTACT,
        "tool_call_id": made["checkout"].id,
        "provider_session_id": SESSION,
        "state": "completed",
        "created_at": after(-300),
        **money,
    }
    delivery = {
        "id": FULFILMENT,
        "run_id": RUN,
        "artifact_id": ARTIFACT,
        "tool_call_id": made["mail"].id,
        "state": "delivered",
        "created_at": after(0),
        "delivered_at": after(70.5),
    }
    order = {
        "id": ORDER,
        "number": 1,
        "project_id": PROJECT,
        "contact_id": CONTACT,
        "offer_id": OFFER,
        "customer_id": CUSTOMER,
        "checkout_id": CHECKOUT,
        "payment_intent_id": INTENT,
        "charge_id": CHARGE,
        "state": "refunded",
        "refunded_minor": PRICE,
        "paid_at": after(0),
        "created_at": after(0),
        **money,
        "offer": {"id": OFFER, "title": "Snapshot report", "created_at": after(-6_000), **money},
        "checkout": checkout | changed.get("checkout", {}),
        "customer": {"id": CUSTOMER, "contact_id": CONTACT, "provider_customer_id": None, "created_at": after(0)}
        | changed.get("customer", {}),
        "intake": {"id": INTAKE, "source_id": WISH, "created_at": after(0)},
        "fulfilment": delivery | changed.get("fulfilment", {}),
        "revenue_events": [paid | changed.get("paid", {})],
        "refunds": [refund],
        "disputes": [],
        "transfers": _transfers(changed),
        "stripe_events": [
            _told(1, "checkout.session.completed", SESSION),
            _told(2, "refund.created", REFUND_ID) | changed.get("told", {}),
        ],
    }
    return merged(order, changed.get("order", {}))


def _transfers(changed: Json) -> list[Json]:
    legs = [
        ("stripe", "sales", PRICE, "charge", "txn_1", CHARGE),
        ("fees", "stripe", 172, "charge.fee", "txn_1", CHARGE),
        ("refunds", "stripe", PRICE, "refund", "txn_2", REFUND_ID),
    ]
    found = [
        {
            "id": uid(after(10 + place * 220), 40 + place),
            "debit": debit,
            "credit": credit,
            "amount_minor": amount,
            "currency": CURRENCY,
            "kind": kind,
            "txn_id": txn,
            "source_id": source,
            "happened_at": after(9 + place * 220),
            "created_at": after(10 + place * 220),
        }
        for place, (debit, credit, amount, kind, txn, source) in enumerate(legs)
    ]
    found[0] |= changed.get("sale", {})
    found[2] |= changed.get("back", {})
    return [one for one in found if one["kind"] not in changed.get("without_transfers", ())]


def _told(number: int, kind: str, about: str) -> Json:
    return {
        "id": uid(after(number * 100), 50 + number),
        "provider_event_id": f"evt_{number}",
        "type": kind,
        "object_id": about,
        "raw_sha256": sha256(kind.encode()),
        "size_bytes": len(kind),
        "outcome": "processed",
        "received_at": after(number * 100),
    }


def _run() -> Json:
    return {
        "id": RUN,
        "project_id": PROJECT,
        "kind": "acquisition",
        "contact_id": CONTACT,
        "order_id": ORDER,
        "thread_id": None,
        "held_for_id": WISH,
        "goal": GOAL,
        "state": "completed",
        "started_by": None,
        "package_sha256": sha256(b"package"),
        "created_at": after(5),
        "started_at": after(12),
        "finished_at": after(72),
    }


def _content(content_id: str, second: float, origin: str, data: bytes, released: float | None) -> Json:
    return {
        "id": content_id,
        "contact_id": CONTACT,
        "origin": origin,
        "sha256": sha256(data),
        "size_bytes": len(data),
        "release_state": "released" if released is not None else "quarantined",
        "decided_by": OWNER if released is not None else None,
        "decided_at": after(released) if released is not None else None,
        "created_at": after(second),
    }


def _sources(changed: Json) -> list[Json]:
    wish = _content(WISH, 0, "public_form", WISHED, changed.get("released_at", 11))
    return [wish | changed.get("wish", {}), _content(ANSWER, 90, "inbound_mail", REPLIED, 100)]


def _artifact() -> Json:
    more = {"media_type": "application/pdf", "run_id": RUN, "source_id": None}
    return _content(ARTIFACT, 30, "agent", REPORT, 43) | more


def _thread(made: dict[str, Made], changed: Json) -> Json:
    return {
        "id": THREAD,
        "contact_id": CONTACT,
        "provider_thread_id": THREAD_ID,
        "created_at": after(80),
        "messages": [
            _message(OUT, 80, "out", "m-1", OUR_ID, tool_call_id=made["mail"].id) | changed.get("out", {}),
            _message(BACK, 90, "in", "m-9", THEIR_ID, source_id=ANSWER),
            _message(uid(after(152), 26), 152, "out", "m-2", "<m-2@mail.example>", tool_call_id=made["reply"].id),
        ],
    }


def _message(message_id: str, second: float, direction: str, provider: str, wire: str, **more: Any) -> Json:
    return {
        "id": message_id,
        "direction": direction,
        "kind": "mail",
        "provider_message_id": provider,
        "wire_message_id": wire,
        "source_id": None,
        "tool_call_id": None,
        "created_at": after(second),
    } | more


def _judged(mail: Made, changed: Json) -> list[Json]:
    found = []
    for number, route in enumerate(("copy_safety", "qa"), 60):
        verdict: Any = {"reasons": ["It is plain."], **CLEAN[route]}
        answer = {"choices": [{"message": {"content": dumps(verdict).decode()}}]}
        found.append(
            {
                "id": uid(after(41), number),
                "run_id": RUN,
                "tool_call_id": mail.id,
                "subject_id": None,
                "route": route,
                "provider": "nvidia",
                "model": "nemotron",
                "input_sha256": sha256(mail.payload),
                "request_sha256": sha256(b"request"),
                "response_b64": b64(dumps(answer)),
                "verdict": verdict,
                "outcome": "passed",
                "failure": None,
                "created_at": after(41),
            }
            | changed.get(route, {})
        )
    return [one for one in found if one["route"] not in changed.get("without_routes", ())]


def _events(judged: list[Json], changed: Json) -> list[Json]:
    owner, agency, worker, stripe = ("user", OWNER), ("system", "agency"), ("system", "worker"), ("system", "stripe")
    run, order, artifact = ("run", RUN), ("order", ORDER), ("artifact", ARTIFACT)
    wish = {"origin": "public_form", "sha256": sha256(WISHED), "size_bytes": len(WISHED)}
    answer = {"origin": "inbound_mail", "sha256": sha256(REPLIED), "size_bytes": len(REPLIED)}
    file = {"origin": "agent", "sha256": sha256(REPORT), "size_bytes": len(REPORT), "media_type": "application/pdf"}
    released = changed.get("released_at", 11)
    paid = {"number": 1, "amount_minor": PRICE, "currency": CURRENCY}
    begun = {"offer_id": OFFER, "amount_minor": PRICE, "currency": CURRENCY}
    found = [
        event(-300, 70, "checkout.begun", ("system", "checkout"), ("checkout", CHECKOUT), begun),
        event(0, 71, "source.added", stripe, ("source", WISH), wish),
        event(0, 72, "order.paid", stripe, order, paid | changed.get("paid_facts", {})),
        event(5, 73, "run.held", agency, run, {"goal_sha256": sha256(GOAL.encode()), "kind": "acquisition"}),
        event(11.5, 75, "run.queued", agency, run, {"source_id": WISH}),
        event(12, 76, "run.started", worker, run, {}),
        event(30, 77, "artifact.added", ("agent", RUN), artifact, file | {"private_commitment": sha256(b"name")}),
        event(43, 78, "artifact.released", owner, artifact, {"sha256": sha256(REPORT), "source_id": None}),
        event(50, 79, "run.waiting", worker, run, {}),
        event(72, 80, "run.completed", worker, run, {}),
        event(70.5, 81, "order.delivered", ("system", "fulfilment"), order, {"tool_call_id": uid(after(40), 2)}),
        event(90, 82, "source.added", ("system", "mail"), ("source", ANSWER), answer),
        event(100, 83, "source.released", owner, ("source", ANSWER), {"sha256": sha256(REPLIED)}),
        event(230, 84, "order.changed", stripe, order, {"from": "fulfilled", "to": "refunded"}),
    ]
    if released is not None:
        found.append(event(released, 74, "source.released", owner, ("source", WISH), {"sha256": sha256(WISHED)}))
    for place, one in enumerate(judged):
        subject = ("model_decision", one["id"])
        found.append(event(41, 85 + place, "model.decided", ("system", "modelrouter"), subject, decided(one)))
    return found
