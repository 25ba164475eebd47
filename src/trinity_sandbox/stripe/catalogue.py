"""Products, prices and customers."""

from trinity_sandbox.stripe.books import Json
from trinity_sandbox.stripe.errors import invalid
from trinity_sandbox.stripe.fields import Fields
from trinity_sandbox.stripe.ids import token
from trinity_sandbox.stripe.money import AMOUNT_MAX, currency_of
from trinity_sandbox.stripe.work import Work

PRODUCT_TEXTS = ("description", "statement_descriptor", "unit_label", "url")
CUSTOMER_TEXTS = ("name", "email", "description", "phone")
NAME_CHARS_MAX = 250


def create_product(work: Work, fields: Fields) -> Json:
    """`POST /v1/products`"""
    product = _product(work, fields)
    fields.end()
    work.books.add(product)
    work.emit("product.created", product)
    return product


def update_product(work: Work, fields: Fields, product: Json) -> Json:
    """`POST /v1/products/{id}`"""
    before = dict(product)
    product["name"] = fields.text("name", chars_max=NAME_CHARS_MAX) or product["name"]
    for name in PRODUCT_TEXTS:
        product[name] = fields.text(name) or product[name]
    active = fields.boolean("active")
    product["active"] = product["active"] if active is None else active
    product["metadata"] = fields.metadata(held=product["metadata"])
    fields.end()
    product["updated"] = work.now
    return _updated(work, product, before)


def create_price(work: Work, fields: Fields) -> Json:
    """`POST /v1/prices`"""
    product_id, product_data = fields.text("product"), fields.part("product_data")
    if (product_id is None) == (product_data is None):
        raise invalid("You must specify either `product` or `product_data`.", "product", "parameter_missing")
    if product_data is not None:
        product = work.books.add(_product(work, product_data))
        work.emit("product.created", product)
    else:
        product = work.must("product", str(product_id), "product", 400)
    price = _price(work, fields, product)
    price["lookup_key"] = fields.text("lookup_key", chars_max=200)
    price["nickname"] = fields.text("nickname")
    price["metadata"] = fields.metadata()
    active = fields.boolean("active")
    price["active"] = active is not False
    fields.end()
    work.books.add(price)
    work.emit("price.created", price)
    return price


def update_price(work: Work, fields: Fields, price: Json) -> Json:
    """`POST /v1/prices/{id}`: an amount can't be changed."""
    before = dict(price)
    active = fields.boolean("active")
    price["active"] = price["active"] if active is None else active
    price["nickname"] = fields.text("nickname") or price["nickname"]
    price["metadata"] = fields.metadata(held=price["metadata"])
    fields.end()
    return _updated(work, price, before)


def inline_price(work: Work, fields: Fields) -> Json:
    """A session's `price_data`: a price, and perhaps a product, for this one use."""
    product_id, product_data = fields.text("product"), fields.part("product_data")
    if (product_id is None) == (product_data is None):
        raise invalid("You must specify either `product` or `product_data`.", fields.path("product"))
    if product_data is not None:
        product = work.books.add(_product(work, product_data) | {"active": False})
    else:
        product = work.must("product", str(product_id), fields.path("product"), 400)
    return work.books.add(_price(work, fields, product) | {"active": False})


def create_customer(work: Work, fields: Fields) -> Json:
    """`POST /v1/customers`"""
    customer = customer_of(work, **{name: fields.text(name, chars_max=800) for name in CUSTOMER_TEXTS})
    customer["metadata"] = fields.metadata()
    fields.end()
    work.books.add(customer)
    work.emit("customer.created", customer)
    return customer


def update_customer(work: Work, fields: Fields, customer: Json) -> Json:
    """`POST /v1/customers/{id}`"""
    before = dict(customer)
    for name in CUSTOMER_TEXTS:
        customer[name] = fields.text(name, chars_max=800) or customer[name]
    customer["metadata"] = fields.metadata(held=customer["metadata"])
    fields.end()
    return _updated(work, customer, before)


def customer_of(work: Work, **texts: str | None) -> Json:
    """A new customer, not yet in the books."""
    fields: Json = {
        "address": None,
        "balance": 0,
        "created": work.now,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "discount": None,
        "invoice_prefix": token(8).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "next_invoice_sequence": 1,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    return work.new("customer", **fields, **dict.fromkeys(CUSTOMER_TEXTS)) | texts


def _updated(work: Work, doc: Json, before: Json) -> Json:
    previous = {name: value for name, value in before.items() if doc[name] != value and not name.startswith("_")}
    work.books.save(doc)
    if previous:
        work.emit(f"{doc['object']}.updated", doc, previous)
    return doc


def _product(work: Work, fields: Fields) -> Json:
    active = fields.boolean("active")
    images = fields.texts("images")
    return work.new(
        "product",
        active=active is not False,
        created=work.now,
        default_price=None,
        images=images,
        livemode=False,
        marketing_features=[],
        metadata=fields.metadata(),
        name=fields.text("name", must=True, chars_max=NAME_CHARS_MAX),
        package_dimensions=None,
        shippable=None,
        tax_code=None,
        updated=work.now,
        **{name: fields.text(name) for name in PRODUCT_TEXTS},
    )


def _price(work: Work, fields: Fields, product: Json) -> Json:
    amount = fields.integer("unit_amount", must=True)
    if not 0 <= amount <= AMOUNT_MAX:
        raise invalid(f"Invalid amount: must be from 0 to {AMOUNT_MAX}.", fields.path("unit_amount"))
    currency = currency_of(fields.text("currency", must=True), fields.path("currency"))
    return work.new(
        "price",
        active=True,
        billing_scheme="per_unit",
        created=work.now,
        currency=currency,
        custom_unit_amount=None,
        livemode=False,
        lookup_key=None,
        metadata={},
        nickname=None,
        product=product["id"],
        recurring=None,
        tax_behavior=fields.choice("tax_behavior", ("exclusive", "inclusive", "unspecified")) or "unspecified",
        tiers_mode=None,
        transform_quantity=None,
        type="one_time",
        unit_amount=amount,
        unit_amount_decimal=str(amount),
    )
