"""Typed payloads: what an action may say. Strict, closed, never repaired."""

import unicodedata
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from trinity.errors import Refused
from trinity.kit.money import AMOUNT_MAX
from trinity.providers.gmail.materialise import ATTACHMENTS_MAX

RECIPIENTS_MAX = 50
TEXT_MAX = 100_000
SUBJECT_MAX = 500

HIDING = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Unicode categories of what is not seen or turns the line around: zero-width, bidi, tag and control characters."""


def _visible(text: str) -> str:
    """A line that a reader takes in at a glance must hold nothing that he cannot see."""
    if any(unicodedata.category(one) in HIDING for one in text):
        raise ValueError("an invisible, bidirectional or control character")
    return text


def _plain_name(name: str) -> str:
    """An address in a name is what a mail program shows instead of the real one."""
    if "@" in name:
        raise ValueError("an @ in a display name")
    return _visible(name)


ID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
TITLE_MAX = 250
URL_MAX = 2_000
FACTS_MAX = 20

Id = Annotated[str, Field(pattern=ID)]
Amount = Annotated[int, Field(ge=1, le=AMOUNT_MAX)]
Currency = Annotated[str, Field(pattern=r"^[a-z]{3}$")]
Url = Annotated[str, Field(min_length=8, max_length=URL_MAX, pattern=r"^https?://[!-~]+$")]
Fact = Annotated[str, Field(max_length=500)] | int
Addr = Annotated[str, Field(min_length=3, max_length=254)]


class Strict(BaseModel):
    """No unknown field, no other type, no change after parsing."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class AddressIn(Strict):
    """One recipient. A name is what the reader sees; the address is where it goes."""

    addr: Addr
    name: Annotated[str, Field(max_length=200), AfterValidator(_plain_name)] = ""


class MailPayload(Strict):
    """`gmail.send` and `gmail.draft`."""

    mailbox: Addr
    from_alias: Addr
    to: Annotated[list[AddressIn], Field(min_length=1, max_length=RECIPIENTS_MAX)]
    cc: Annotated[list[AddressIn], Field(max_length=RECIPIENTS_MAX)] = []
    bcc: Annotated[list[AddressIn], Field(max_length=RECIPIENTS_MAX)] = []
    subject: Annotated[str, Field(min_length=1, max_length=SUBJECT_MAX), AfterValidator(_visible)]
    text: Annotated[str, Field(min_length=1, max_length=TEXT_MAX)]
    attachments: Annotated[list[Id], Field(max_length=ATTACHMENTS_MAX)] = []
    in_reply_to: Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$")] | None = None

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        """A recipient that is named twice is one that a reader overlooks."""
        everyone = [one.addr.lower() for one in (*self.to, *self.cc, *self.bcc)]
        if len(set(everyone)) != len(everyone):
            raise ValueError("a recipient that is named twice")
        if len(set(self.attachments)) != len(self.attachments):
            raise ValueError("an attachment that is named twice")
        return self


class ReplyPayload(MailPayload):
    """`gmail.reply`: a mail in the thread of an earlier one, named by our ToolCall's id or an inbound message's."""

    in_reply_to: Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$")]


class CheckoutPayload(Strict):
    """`stripe.checkout_session`: the page where one visitor pays for one offer."""

    checkout_id: Id
    offer_id: Id
    title: Annotated[str, Field(min_length=1, max_length=TITLE_MAX), AfterValidator(_visible)]
    amount_minor: Amount
    currency: Currency
    customer_email: Addr
    success_url: Url
    cancel_url: Url


class RefundPayload(Strict):
    """`stripe.refund`: give back money of one order, wholly or in part."""

    order_id: Id
    amount_minor: Amount
    currency: Currency
    reason: Literal["requested_by_customer", "duplicate", "fraudulent"]


class NoticePayload(Strict):
    """`system.notify`: one of our templates, to members or to one guest."""

    template: Annotated[str, Field(pattern=r"^[a-z_]{1,50}$")]
    member_ids: Annotated[list[Id], Field(min_length=1, max_length=RECIPIENTS_MAX)] | None = None
    guest_id: Id | None = None
    facts: Annotated[dict[str, Fact], Field(max_length=FACTS_MAX)]

    @model_validator(mode="after")
    def _to_one_kind(self) -> Self:
        """A notice goes to members or to a guest; who is named twice is told twice."""
        if (self.member_ids is None) == (self.guest_id is None):
            raise ValueError("either member_ids or guest_id")
        if self.member_ids and len(set(self.member_ids)) != len(self.member_ids):
            raise ValueError("a member who is named twice")
        return self


def parse[P: Strict](model: type[P], payload: object) -> P:
    """The typed payload, or `Refused` with code `invalid_payload` and what is wrong where."""
    try:
        return model.model_validate(payload)
    except ValidationError as error:
        problems = [
            {"field": ".".join(str(part) for part in item["loc"]), "problem": item["msg"]}
            for item in error.errors(include_url=False, include_input=False, include_context=False)[:20]
        ]
        raise Refused(
            "invalid_payload", "The payload is not valid.", status=422, details={"problems": problems}
        ) from error
