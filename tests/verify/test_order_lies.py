"""Orders that lie consistently: every digest is recomputed and the note is signed with the right key.

Each lie names the one step that has to find it.
"""

from typing import Any

import pytest

from tests.verify.calls import OWNER, SECOND
from tests.verify.effects import ARTIFACT, CHARGE, ORDER, REFUND_ID, REPORT
from tests.verify.orders import order_body
from tests.verify.signing import after, sha256, signed, uid, verifier_key
from trinity_verify import verify

OTHER = uid(after(-5_000), 777)
BLOCKED = {
    "outcome": "blocked",
    "verdict": {"reasons": ["It is plain."], "verdict": "unsafe", "dangers": ["secret"]},
}

LIES: dict[str, tuple[str, dict[str, Any]]] = {
    "the form asks for another amount": ("payloads", {"refund_form": {"amount": "4901"}}),
    "the form pays back another payment": ("payloads", {"refund_form": {"payment_intent": "pi_2"}}),
    "the form gives another reason": ("payloads", {"refund_form": {"reason": "duplicate"}}),
    "the form carries another token": ("payloads", {"refund_form": {"metadata[trinity_operation]": "x"}}),
    "the form carries another call": ("payloads", {"refund_form": {"metadata[trinity_tool_call]": OTHER}}),
    "the form says something besides": ("payloads", {"refund_form": {"refund_application_fee": "true"}}),
    "the typed payload is of another amount": ("payloads", {"refund_typed": {"amount_minor": 1}}),
    "the typed payload is in another currency": ("payloads", {"refund_typed": {"currency": "usd"}}),
    "the typed payload is of another order": ("payloads", {"refund_typed": {"order_id": OTHER}}),
    "the typed payload has an unknown reason": ("payloads", {"refund_typed": {"reason": "because"}}),
    "the envelope names another payment": ("payloads", {"refund_resource": {"payment": "pi_2"}}),
    "the checkout's form is of another amount": (
        "payloads",
        {"checkout_form": {"line_items[0][price_data][unit_amount]": "1"}},
    ),
    "the checkout's form is for another buyer": ("payloads", {"checkout_form": {"customer_email": "eve@evil.example"}}),
    "the checkout's form is another mode": ("payloads", {"checkout_form": {"mode": "subscription"}}),
    "the mail carries another file": ("payloads", {"report": b"%PDF-1.4 another"}),
    "the mail carries no file": ("payloads", {"report": None}),
    "the envelope names another file": ("payloads", {"mail_resource": {"attachment_1": f"{OTHER} x"}}),
    "the envelope names one file more": ("payloads", {"mail_resource": {"attachment_2": f"{OTHER} x"}}),
    "the artifact is another": ("payloads", {"artifact": {"sha256": sha256(b"x")}}),
    "the reply answers another mail": ("payloads", {"answered": "<other@customer.example>"}),
    "the notice carries another token": ("payloads", {"notice_call": {"token": "f" * 20}}),
    "much money by one person": ("tiers", {"refund_approvers": (OWNER,)}),
    "money without people": ("tiers", {"refund_call": {"tier": "draft", "approvers": (), "quorum": 0}}),
    "another provider for a refund": ("tiers", {"refund_call": {"provider": "gmail"}}),
    "the same person twice": ("approvals", {"refund_approvers": (OWNER, OWNER)}),
    "the requester is one of the two": (
        "approvals",
        {"refund_call": {"requester": {"kind": "user", "id": SECOND}}},
    ),
    "a file that was never released": (
        "approvals",
        {"artifact": {"release_state": "quarantined", "decided_by": None, "decided_at": None}},
    ),
    "a file that was released too late": ("approvals", {"artifact": {"decided_at": after(60)}}),
    "Stripe made a refund of another amount": ("receipts", {"refund_answer": {"amount": 1}}),
    "Stripe made a refund of another payment": ("receipts", {"refund_answer": {"payment_intent": "pi_2"}}),
    "Stripe made a refund for another call": ("receipts", {"refund_answer": {"metadata": {}}}),
    "Stripe made something else": ("receipts", {"refund_answer": {"object": "charge"}}),
    "Stripe opened a session of another amount": ("attempts", {"session": {"amount_total": 1}}),
    "Stripe keeps another refund": ("records", {"refund_record": {"id": "re_2"}}),
    "Stripe keeps a refund of another amount": ("records", {"refund_record": {"amount": 1}}),
    "Stripe keeps another session": ("records", {"session_record": {"id": "cs_2"}}),
    "the notice handed over other bytes": ("attempts", {"notice_result": {"payload_sha256": sha256(b"x")}}),
    "the notice got another reply": ("attempts", {"notice_result": {"reply": "250 fine"}}),
    "the notice is another mail": ("receipts", {"notice_result": {"message_id": "<x@northwind.example>"}}),
    "a model blocked the mail": ("models", {"copy_safety": BLOCKED}),
    "a model's no is called a yes": ("models", {"qa": {"verdict": {"verdict": "fail", "faults": []}}}),
    "a model judged other bytes": ("models", {"qa": {"input_sha256": sha256(b"x")}}),
    "a model judged after a person was asked": ("models", {"qa": {"created_at": after(45), "id": uid(after(45), 61)}}),
    "a model's decision is of another run": ("models", {"qa": {"run_id": OTHER}}),
    "a model failed and passed": ("models", {"qa": {"failure": "timed_out"}}),
    "a decision of a model's without an event": ("models", {"without_events": ("model.decided",)}),
    "nobody reviewed the mail": ("events", {"without_events": ("tool_call.reviewed",)}),
    "the run is of another order": ("links", {"run": {"order_id": OTHER}}),
    "the run is for another person": ("links", {"run": {"contact_id": OTHER}}),
    "the run was started by a person": ("links", {"run": {"started_by": OWNER}}),
    "the run is of another kind": ("links", {"run": {"kind": "outreach"}}),
    "the reply is in another conversation": ("payloads", {"thread": {"provider_thread_id": "t-2"}}),
    "the mail stands in its conversation as another": ("links", {"out": {"provider_message_id": "m-7"}}),
    "another text was released": ("links", {"wish": {"sha256": sha256(b"x")}}),
    "the packet is about another order": ("purchase", {"body": {"subject_id": OTHER}}),
    "the packet is about a run": ("purchase", {"body": {"kind": "run"}}),
    "the order costs more than was paid": ("purchase", {"order": {"amount_minor": 5000}}),
    "the checkout was of another amount": ("purchase", {"checkout": {"amount_minor": 5000}}),
    "the checkout was of another offer": ("purchase", {"checkout": {"offer_id": OTHER}}),
    "the checkout was never completed": ("purchase", {"checkout": {"state": "open"}}),
    "the checkout is another person's": ("purchase", {"checkout": {"contact_id": OTHER}}),
    "the customer is another person": ("purchase", {"customer": {"contact_id": OTHER}}),
    "another session was paid": ("purchase", {"checkout": {"provider_session_id": "cs_2"}}),
    "a call of another checkout": ("purchase", {"checkout_typed": {"offer_id": OTHER}}),
    "the revenue is less": ("purchase", {"paid": {"amount_minor": 1}}),
    "the revenue is of another payment": ("purchase", {"paid": {"provider_id": "pi_2"}}),
    "Stripe told of somebody else's": ("purchase", {"told": {"object_id": "re_2"}}),
    "Stripe told the same twice": ("purchase", {"told": {"provider_event_id": "evt_1"}}),
    "nobody said that it was paid": ("purchase", {"without_events": ("order.paid",)}),
    "another sum was said to be paid": ("purchase", {"paid_facts": {"amount_minor": 1}}),
    "a transfer is of nothing": ("ledger", {"sale": {"amount_minor": 0}}),
    "a transfer is within one account": ("ledger", {"sale": {"debit": "sales"}}),
    "a transfer is between unknown accounts": ("ledger", {"sale": {"credit": "pocket"}}),
    "a transfer is in another currency": ("ledger", {"sale": {"currency": "usd"}}),
    "a transfer is of somebody else's charge": ("ledger", {"sale": {"source_id": "ch_2"}}),
    "less was booked as sold": ("ledger", {"sale": {"amount_minor": 4899}}),
    "less was booked as paid back": ("ledger", {"back": {"amount_minor": 4899}}),
    "the refund is booked under another transaction": ("ledger", {"back": {"txn_id": "txn_3"}}),
    "one transaction is about two things": ("ledger", {"back": {"txn_id": "txn_1"}}),
    "a leg is booked twice": ("ledger", {"back": {"txn_id": "txn_1", "kind": "charge", "source_id": CHARGE}}),
    "the refund was another": ("ledger", {"refund": {"provider_refund_id": "re_2"}}),
    "the refund failed": ("ledger", {"refund": {"state": "failed"}}),
    "the order says that nothing went back": ("ledger", {"order": {"refunded_minor": 0}}),
    "the order is called paid": ("ledger", {"order": {"state": "paid"}}),
    "the refund's call is of another refund": ("ledger", {"refund": {"amount_minor": 100}}),
    "the buyer's words were never released": (
        "intake",
        {"released_at": None, "wish": {"release_state": "quarantined"}},
    ),
    "the buyer's words were released too late": ("intake", {"released_at": 13}),
    "the buyer's words are an operator's": ("intake", {"wish": {"origin": "operator"}}),
    "the buyer's words are somebody else's": ("intake", {"wish": {"contact_id": OTHER}}),
    "another file was owed": ("fulfilment", {"fulfilment": {"artifact_id": OTHER}}),
    "the delivery is of another run": ("fulfilment", {"fulfilment": {"run_id": OTHER}}),
    "it was delivered before it was sent": ("fulfilment", {"fulfilment": {"delivered_at": after(41)}}),
    "the order is fulfilled by nothing": (
        "fulfilment",
        {"order": {"state": "fulfilled"}, "fulfilment": {"state": "awaiting", "delivered_at": None}},
    ),
    "a notice delivered it": ("fulfilment", {"fulfilment": {"tool_call_id": uid(after(1), 5)}}),
}


def test_the_factory_tells_the_truth() -> None:
    verdict = verify(signed(order_body()), verifier_key())
    assert (verdict.overall, verdict.kind, verdict.subject_id) == ("verified", "order", ORDER)
    assert {ARTIFACT, REFUND_ID, REPORT} & {OTHER} == set()


@pytest.mark.parametrize("lie", LIES)
def test_a_consistent_lie_is_found_at_its_step(lie: str) -> None:
    step_name, changes = LIES[lie]
    verdict = verify(signed(order_body(**changes)), verifier_key())
    assert verdict.overall == "failed"
    failed = {one.name: one.reason for one in verdict.steps if one.verdict == "failed"}
    assert step_name in failed, failed
    assert "could not be taken" not in " ".join(failed.values())


LACKS: dict[str, tuple[str, dict[str, Any]]] = {
    "no model judged the mail": ("models", {"without_routes": ("qa",)}),
    "the payment is not booked": ("ledger", {"without_transfers": ("charge", "charge.fee", "refund")}),
    "the refund is not booked": ("ledger", {"without_transfers": ("refund",)}),
    "nobody knows who opened the checkout": ("purchase", {"checkout": {"tool_call_id": None}}),
    "what the buyer wrote is not there": ("intake", {"body": {"sources": []}}),
    "the mail that delivered is not there": ("fulfilment", {"fulfilment": {"tool_call_id": None}}),
}


@pytest.mark.parametrize("lack", LACKS)
def test_what_is_lacking_is_said_to_be_missing(lack: str) -> None:
    step_name, changes = LACKS[lack]
    verdict = verify(signed(order_body(**changes)), verifier_key())
    assert verdict.overall == "failed"
    assert step_name in {one.name for one in verdict.steps if one.verdict == "missing"}, verdict.steps
