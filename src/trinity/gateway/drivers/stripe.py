"""Stripe: one write per operation, always under the same key of ours.

Within a day Stripe answers a repeated key with the first result, so an act that is surely absent from the list may be
taken again. Later the key would run anew: then only a list that agrees with the charge itself proves absence, and not
before the last write is old enough for every list to know it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from trinity import integrations, revenue
from trinity.effects import Attempt, Receipt, StoredEnvelope, ToolCall
from trinity.errors import OutcomeUnknown, Refused
from trinity.gateway.drivers import checkouts, refunding
from trinity.gateway.drivers.driver import Ask, Begun, Checked, Done, Material, Record, Stamp, Subject, Trail
from trinity.gateway.house import Rails
from trinity.gateway.outcome import Absent, CannotTell, Found, Outcome, Verdict
from trinity.gateway.payloads import CheckoutPayload, RefundPayload
from trinity.gateway.steps import RECONCILE, Claimed, Step, permit_for, take
from trinity.integrations import Integration
from trinity.kit.canonical import digest_hex, parse_rfc3339
from trinity.providers.stripe import act as stripe
from trinity.providers.stripe import read
from trinity.providers.stripe.client import StripeClient, StripeRefused
from trinity.providers.stripe.compare import NOT_GIVEN_BACK, refund_differences, session_differences
from trinity.providers.stripe.materialise import (
    OPERATION,
    PAYLOAD_TYPE,
    Checkout,
    Mark,
    MaterialiseRefused,
    Refund,
    checkout_form,
    fields_of,
    refund_form,
)
from trinity.store.database import Tx

REFUND = refunding.OPERATION
CREATE_SESSION, CREATE_REFUND = "checkout.sessions.create", "refunds.create"
KEY_KEPT = timedelta(hours=23)
"""How long a key is safe to repeat: Stripe keeps it for at least 24 hours."""
LISTS_KNOW_AFTER = timedelta(hours=1)
"""When a key is kept no more, a write must be this old before a list without it proves anything."""
SAME_ERROR_ACTS_MAX = 3
"""Stripe keeps an error under its key as well: after so many acts that surely did nothing, the key is given up."""
CLOCK_MARGIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeSubject(Subject):
    """The payment that a refund is of; None for a checkout."""

    payment: str | None = None


class StripeDriver:
    """Money."""

    provider = "stripe"
    prefix = "stripe"

    # --- binding ----------------------------------------------------------------------------------

    async def resolve(self, tx: Tx, ask: Ask) -> StripeSubject:
        """The account's Stripe, and the order or the checkout that the payload is about."""
        integration = await integrations.find_integration(tx, "stripe")
        if integration is None:
            raise Refused("stripe_missing", "This account has no Stripe account connected.", status=422)
        resource = {"account": integration.address}
        if isinstance(ask.payload, CheckoutPayload):
            checkout_id = await checkouts.check(tx, ask, ask.payload)
            return StripeSubject(integration=integration, resource=resource, subject_id=checkout_id)
        payload = _refund(ask)
        order = await refunding.lock_order(tx, UUID(payload.order_id), ask.supersedes)
        payment = refunding.check(order, ask.project.id, payload.amount_minor, payload.currency)
        return StripeSubject(
            integration=integration,
            resource=resource | {"payment": payment, "currency": order.currency},
            subject_id=order.id,
            amount_minor=payload.amount_minor,
            earlier_minor=order.earlier_minor,
            payment=payment,
        )

    def materialise(self, subject: Subject, ask: Ask, stamp: Stamp) -> Material:
        """The form that will be POSTed."""
        assert isinstance(subject, StripeSubject)
        mark = Mark(stamp.token, str(stamp.call_id))
        try:
            if isinstance(ask.payload, CheckoutPayload):
                return Material(checkout_form(_checkout(ask.payload), mark), PAYLOAD_TYPE)
            payload = _refund(ask)
            assert subject.payment
            wanted = Refund(payload.order_id, subject.payment, payload.amount_minor, payload.currency, payload.reason)
            return Material(refund_form(wanted, mark), PAYLOAD_TYPE)
        except MaterialiseRefused as error:
            raise Refused("invalid_payload", error.message, status=422, details={"reason": error.code}) from error

    # --- acting -----------------------------------------------------------------------------------

    async def begin(self, rails: Rails, claimed: Claimed, integration: Integration) -> Begun:
        """Nothing is to be asked before: the register's own time says from when on a list must know the act."""
        client = await rails.stripe(claimed.account_id, integration)
        return Begun({}, lambda: _steps(rails, claimed, client))

    async def look(self, rails: Rails, trail: Trail) -> Verdict:
        """Stripe's list, by our token; and before absence is believed, the charge itself."""
        client = await rails.stripe(UUID(trail.envelope.account_id), trail.integration)
        now = rails.house.clock()
        if trail.call.operation == REFUND:
            return await _look_for_refund(client, trail, now)
        return await _look_for_session(client, trail, now)

    # --- what the provider says afterwards --------------------------------------------------------

    async def check(
        self, rails: Rails, integration: Integration, call: ToolCall, stored: StoredEnvelope, settled: Receipt
    ) -> Checked:
        """The refund or the session as Stripe keeps it."""
        client = await rails.stripe(UUID(stored.parsed().account_id), integration)
        is_refund = call.operation == REFUND
        name, path = ("refund_id", "refunds") if is_refund else ("session_id", "checkout/sessions")
        sentences = ("What Stripe has is what was approved.", "The receipt names the record that Stripe has.")
        object_id = str(settled.facts[name])
        try:
            answer = await read.record_of(client, path, object_id)
        except StripeRefused as refusal:
            if refusal.status == 404:
                return Checked(None, ("the provider has no record",), False, *sentences)
            raise
        compare = refund_differences if is_refund else session_differences
        found = answer.data
        facts = {name: found.get("id"), "status": found.get("status"), "currency": found.get("currency")}
        facts["amount_minor"] = found.get("amount" if is_refund else "amount_total")
        is_matched = found.get("id") == object_id
        return Checked(Record(facts, answer.raw), compare(stored.payload, found), is_matched, *sentences)

    async def settled(self, tx: Tx, done: Done, now: datetime) -> None:
        """A session is open for its customer; a refund is booked from what Stripe lists."""
        assert done.outcome
        assert done.subject_id
        if done.operation == REFUND:
            await tx.enqueue(revenue.sync_order_job(tx.account_id, done.subject_id))
        else:
            facts = done.outcome.receipt_facts
            await revenue.checkout_opened(tx, done.subject_id, str(facts["session_id"]), str(facts["url"]), now)

    async def ended(self, tx: Tx, done: Done, now: datetime) -> None:
        """A checkout that could not be opened says so to its customer; an order is as it was."""
        if done.operation != REFUND and done.subject_id:
            await revenue.checkout_failed(tx, done.subject_id, now)

    async def verified(self, tx: Tx, call: ToolCall, checked: Checked, now: datetime) -> None:
        """Nothing more: money is booked from balance transactions, never from our own call."""


def _refund(ask: Ask) -> RefundPayload:
    assert isinstance(ask.payload, RefundPayload)
    return ask.payload


def _checkout(payload: CheckoutPayload) -> Checkout:
    return Checkout(
        checkout_id=payload.checkout_id,
        title=payload.title,
        amount_minor=payload.amount_minor,
        currency=payload.currency,
        customer_email=payload.customer_email,
        success_url=payload.success_url,
        cancel_url=payload.cancel_url,
    )


async def _steps(rails: Rails, claimed: Claimed, client: StripeClient) -> Outcome:
    envelope, form, permit = claimed.envelope, claimed.payload, permit_for(rails, claimed)
    token = envelope.operation_token
    intent: dict[str, object] = {"payload_sha256": digest_hex(form), "token": token}
    try:
        if envelope.operation == REFUND:
            step = Step(1, CREATE_REFUND, intent)
            refunded = await take(
                rails, claimed, step, lambda: stripe.create_refund(client, permit, form, token), _refunded_facts
            )
            return Outcome("succeeded", (), "refund", _refunded_facts(refunded), refunded.raw)
        step = Step(1, CREATE_SESSION, intent)
        opened = await take(
            rails, claimed, step, lambda: stripe.create_session(client, permit, form, token), _opened_facts
        )
        return Outcome("succeeded", (), "checkout_session", _opened_facts(opened), opened.raw)
    except StripeRefused as refusal:
        if claimed.act_n > 1 and refusal.status != 401:
            # What Stripe refuses now may be refused because the first act went through: a look will tell.
            raise OutcomeUnknown(f"a later act was refused: {refusal}") from refusal
        raise


def _refunded_facts(found: stripe.Refunded) -> Mapping[str, object]:
    return {
        "refund_id": found.refund_id,
        "status": found.status,
        "amount_minor": found.amount_minor,
        "currency": found.currency,
    }


def _opened_facts(found: stripe.Opened) -> Mapping[str, object]:
    return {
        "session_id": found.session_id,
        "url": found.url,
        "amount_minor": found.amount_minor,
        "currency": found.currency,
    }


async def _look_for_refund(client: StripeClient, trail: Trail, now: datetime) -> Verdict:
    payment = fields_of(trail.payload)["payment_intent"]
    listed = await read.refunds_of_payment(client, payment)
    ours = [one for one in listed if one.metadata.get(OPERATION) == trail.envelope.operation_token]
    if ours:
        record = await read.record_of(client, "refunds", ours[-1].id)
        facts = {
            "refund_id": ours[-1].id,
            "status": ours[-1].status,
            "amount_minor": ours[-1].amount_minor,
            "currency": ours[-1].currency,
        }
        return Found("refund", facts, record.raw, tuple(one.id for one in ours[:-1]))
    told = sum(one.amount_minor for one in listed if one.status not in NOT_GIVEN_BACK)
    if told != await read.refunded_of_payment(client, payment):
        return CannotTell("Stripe's list of refunds does not add up to what the charge says was given back")
    return _absent(trail, now, "Stripe's whole list holds no refund with our token, and agrees with the charge")


async def _look_for_session(client: StripeClient, trail: Trail, now: datetime) -> Verdict:
    since = parse_rfc3339(trail.envelope.created_at) - CLOCK_MARGIN
    found = await read.sessions_with(client, OPERATION, trail.envelope.operation_token, since, now + CLOCK_MARGIN)
    if not found:
        return _absent(trail, now, "Stripe's whole list holds no session with our token")
    record = await read.record_of(client, "checkout/sessions", str(found[-1]["id"]))
    facts = {
        "session_id": record.data.get("id"),
        "url": record.data.get("url") or "",
        "amount_minor": record.data.get("amount_total"),
        "currency": record.data.get("currency"),
    }
    return Found("checkout_session", facts, record.raw, tuple(str(one["id"]) for one in found[:-1]))


def _absent(trail: Trail, now: datetime, because: str) -> Absent | CannotTell:
    """Absence as far as the key and the list carry it."""
    first, last = _began(trail)
    if first is not None and now - first >= KEY_KEPT and now - (last or first) < LISTS_KNOW_AFTER:
        return CannotTell("the key is kept no more, and the last write is too young for the list")
    acts = [one for one in trail.attempts if one.step != RECONCILE]
    if len(acts) >= SAME_ERROR_ACTS_MAX and all(one.outcome == "unknown" for one in acts[-SAME_ERROR_ACTS_MAX:]):
        return Absent(f"{because}; Stripe keeps its error under this key", is_hopeless=True)
    return Absent(because)


def _began(trail: Trail) -> tuple[datetime | None, datetime | None]:
    """When the first and the last write may have left us; the register knows the first one, come what may."""
    acts: list[Attempt] = [one for one in trail.attempts if one.step != RECONCILE]
    moments = [one.started_at for one in acts]
    if trail.note and "at" in trail.note:
        moments.append(parse_rfc3339(trail.note["at"]))
    return (min(moments), max(moments)) if moments else (None, None)
