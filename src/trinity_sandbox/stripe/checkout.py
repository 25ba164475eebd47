"""Checkout Sessions: created over the API, paid on the hosted page, expired by the API or by time.

Only `mode=payment` on the hosted page is carried out. A session of amount 0 needs no payment. The payment
intent appears with the customer's first try to pay; the session completes at once, and where the means of
payment settles later it completes `unpaid`, and an `async_payment_…` event tells the end.
"""

import re
from urllib.parse import urlsplit

from trinity_sandbox.stripe import payments
from trinity_sandbox.stripe.books import Books, Json, read
from trinity_sandbox.stripe.cards import KINDS, Means, kinds_for
from trinity_sandbox.stripe.catalogue import customer_of, inline_price
from trinity_sandbox.stripe.errors import invalid, refused
from trinity_sandbox.stripe.fields import Fields
from trinity_sandbox.stripe.money import AMOUNT_MAX, MINIMUM_CHARGE, currency_of, spoken
from trinity_sandbox.stripe.work import Work

OPEN_S = 24 * 3600
OPEN_S_MIN = 30 * 60
URL_CHARS_MAX = 5_000
QUANTITY_MAX = 999_999
EMAIL_CHARS_MAX = 800
LINE_ITEMS_MAX = 100
HOST = re.compile(r"[A-Za-z0-9.:\[\]-]+")
"""Hosts that can stand in the page's security policy as they are."""
FORBIDDEN_IN_URL = frozenset(" \r\n\t\"'<>\\")


def create(work: Work, fields: Fields) -> Json:
    """`POST /v1/checkout/sessions`"""
    if fields.choice("mode", ("payment",)) is None:
        raise invalid("You must specify `mode`: only `payment` is carried out here.", "mode", "parameter_missing")
    fields.choice("ui_mode", ("hosted_page",))
    items = _items(work, fields)
    currency = items[0]["currency"]
    wanted = fields.text("currency")
    if any(item["currency"] != currency for item in items) or (wanted and currency_of(wanted, "currency") != currency):
        raise invalid("All prices of a Checkout Session must have the same currency.", "line_items")
    total = sum(item["amount_total"] for item in items)
    _check_total(total, currency)
    session = _session(work, fields, currency, total)
    fields.end()
    work.books.add(session)
    for item in items:
        work.books.add(item | {"_session": session["id"]})
    return session


def expire(work: Work, session: Json) -> Json:
    """End an open session unpaid."""
    if session["status"] != "open":
        raise refused(
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status'
            f" of {session['status']}."
        )
    session["status"] = "expired"
    work.books.save(session)
    work.emit("checkout.session.expired", session)
    return session


def overdue(books: Books, now: int) -> list[Json]:
    """The open sessions whose time is over."""
    sql = (
        "SELECT doc FROM object WHERE kind = 'checkout.session' AND json_extract(doc, '$.status') = 'open'"
        " AND json_extract(doc, '$.expires_at') <= ? ORDER BY seq"
    )
    return [read(row) for row in books.rows(sql, now)]


def pay(work: Work, session: Json, means: Means | None, email: str, name: str | None) -> str | None:
    """The customer tries to pay on the page; returns why it failed, or None when the session completed.

    `means` may only be None where nothing is to be paid. The session must be open.
    """
    assert session["status"] == "open"
    if session["amount_total"] == 0 or means is None:
        assert session["amount_total"] == 0
        _complete(work, session, "no_payment_required", email, name)
        return None
    if session["customer"] is None and session["customer_creation"] == "always":
        session["customer"] = _customer(work, email, name)["id"]
    intent = payments.intent_of(work, session)
    charge = payments.attempt(work, intent, means, {"email": email, "name": name})
    if charge["status"] == "failed":
        work.books.save(session)
        return str(charge["failure_message"])
    _complete(work, session, "paid" if charge["paid"] else "unpaid", email, name)
    return None


def settle(work: Work, session: Json, *, is_paid: bool) -> Json:
    """The payment of a completed, unpaid session ends."""
    payments.settle(work, work.must("payment_intent", session["payment_intent"] or ""), is_paid=is_paid)
    if is_paid:
        session["payment_status"] = "paid"
    work.books.save(session)
    work.emit(f"checkout.session.async_payment_{'succeeded' if is_paid else 'failed'}", session)
    return session


def _complete(work: Work, session: Json, payment_status: str, email: str, name: str | None) -> None:
    session |= {"payment_status": payment_status, "status": "complete"}
    session["customer_details"] = {
        "address": payments.NO_ADDRESS,
        "business_name": None,
        "email": email,
        "individual_name": None,
        "name": name,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }
    work.books.save(session)
    work.emit("checkout.session.completed", session)


def _items(work: Work, fields: Fields) -> list[Json]:
    given = fields.items("line_items")
    if not given:
        raise invalid("Missing required param: line_items.", "line_items", "parameter_missing")
    if len(given) > LINE_ITEMS_MAX:
        raise invalid(f"You can have up to {LINE_ITEMS_MAX} line items.", "line_items")
    return [_item(work, one) for one in given]


def _item(work: Work, fields: Fields) -> Json:
    price_id, price_data = fields.text("price"), fields.part("price_data")
    if (price_id is None) == (price_data is None):
        raise invalid("You must specify either `price` or `price_data`.", fields.path("price"))
    quantity = fields.integer("quantity", must=True)
    if not 1 <= quantity <= QUANTITY_MAX:
        raise invalid(f"Invalid quantity: must be from 1 to {QUANTITY_MAX}.", fields.path("quantity"))
    if price_data is not None:
        price = inline_price(work, price_data)
    else:
        price = work.must("price", str(price_id), fields.path("price"), 400)
        if not price["active"]:
            raise refused("The price specified is inactive.", fields.path("price"))
    product = work.must("product", price["product"])
    amount = price["unit_amount"] * quantity
    return work.new(
        "item",
        adjustable_quantity=None,
        amount_discount=0,
        amount_subtotal=amount,
        amount_tax=0,
        amount_total=amount,
        currency=price["currency"],
        description=product["name"],
        metadata=fields.metadata(),
        price={name: value for name, value in price.items() if not name.startswith("_")},
        quantity=quantity,
    )


def _check_total(total: int, currency: str) -> None:
    if total > AMOUNT_MAX:
        raise invalid(f"The total amount must be no more than {AMOUNT_MAX}.", "line_items", "amount_too_large")
    if 0 < total < MINIMUM_CHARGE[currency]:
        least = spoken(MINIMUM_CHARGE[currency], currency)
        raise invalid(
            f"The Checkout Session's total amount due must add up to at least {least}.",
            "line_items",
            "amount_too_small",
        )


def _session(work: Work, fields: Fields, currency: str, total: int) -> Json:
    customer = fields.text("customer")
    customer_email = fields.text("customer_email", chars_max=EMAIL_CHARS_MAX)
    if customer is not None:
        work.must("customer", customer, "customer", 400)
        if customer_email is not None:
            raise invalid("You may only specify one of these parameters: customer, customer_email.", "customer")
    intent_data = fields.part("payment_intent_data") or Fields({})
    return work.new(
        "checkout.session",
        adaptive_pricing={"enabled": False},
        after_expiration=None,
        allow_promotion_codes=None,
        amount_subtotal=total,
        amount_total=total,
        automatic_tax={"enabled": False, "liability": None, "provider": None, "status": None},
        billing_address_collection=fields.choice("billing_address_collection", ("auto",)),
        cancel_url=_url(fields, "cancel_url"),
        client_reference_id=fields.text("client_reference_id", chars_max=200),
        client_secret=None,
        collected_information=None,
        consent=None,
        consent_collection=None,
        created=work.now,
        currency=currency,
        currency_conversion=None,
        custom_fields=[],
        custom_text=dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
        customer=customer,
        customer_creation=_customer_creation(fields, customer),
        customer_details=None,
        customer_email=customer_email,
        discounts=[],
        expires_at=_expires_at(work, fields),
        invoice=None,
        invoice_creation=None,
        livemode=False,
        locale=fields.choice("locale", ("auto", "en", "en-GB", "de")),
        metadata=fields.metadata(),
        mode="payment",
        origin_context=None,
        payment_intent=None,
        payment_link=None,
        payment_method_collection="if_required",
        payment_method_configuration_details=None,
        payment_method_options={},
        payment_method_types=_kinds(fields, currency),
        payment_status="unpaid" if total else "no_payment_required",
        permissions=None,
        phone_number_collection={"enabled": False},
        recovered_from=None,
        saved_payment_method_options=None,
        setup_intent=None,
        shipping_address_collection=None,
        shipping_cost=None,
        shipping_options=[],
        status="open",
        submit_type=fields.choice("submit_type", ("auto", "book", "pay")),
        subscription=None,
        success_url=_url(fields, "success_url", must=True),
        total_details={"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        ui_mode="hosted_page",
        url=None,
        wallet_options=None,
        _intent_data={
            "description": intent_data.text("description"),
            "metadata": intent_data.metadata(),
            "receipt_email": intent_data.text("receipt_email", chars_max=EMAIL_CHARS_MAX),
        },
    )


def _customer_creation(fields: Fields, customer: str | None) -> str | None:
    chosen = fields.choice("customer_creation", ("always", "if_required"))
    if chosen and customer:
        raise invalid("`customer_creation` cannot be used with `customer`.", "customer_creation")
    return None if customer else chosen or "if_required"


def _customer(work: Work, email: str, name: str | None) -> Json:
    customer = work.books.add(customer_of(work, email=email, name=name))
    work.emit("customer.created", customer)
    return customer


def _kinds(fields: Fields, currency: str) -> list[str]:
    given = fields.texts("payment_method_types")
    for kind in given:
        if kind not in KINDS or (kind != "card" and kind not in kinds_for(currency)):
            raise invalid(f"The payment method type {kind[:50]!r} is invalid here.", "payment_method_types")
    return given or kinds_for(currency)


def _expires_at(work: Work, fields: Fields) -> int:
    at = fields.integer("expires_at")
    if at is None:
        return work.now + OPEN_S
    if not work.now + OPEN_S_MIN <= at <= work.now + OPEN_S:
        raise invalid("The `expires_at` timestamp must be between 30 minutes and 24 hours from now.", "expires_at")
    return at


def _url(fields: Fields, key: str, *, must: bool = False) -> str | None:
    value = fields.text(key, must=must, chars_max=URL_CHARS_MAX)
    if value is None:
        return None
    parts = urlsplit(value)
    is_plain = HOST.fullmatch(parts.netloc) and not any(one in value for one in FORBIDDEN_IN_URL)
    if parts.scheme not in ("http", "https") or not parts.hostname or not is_plain:
        raise invalid("Not a valid URL", key, "url_invalid")
    return str(value)
