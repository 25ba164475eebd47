"""The registry: every operation there is, in one table that can be read at a glance.

What is not here does not exist for the gateway (I2). A gap in a row is an error when this module loads.
"""

from dataclasses import dataclass
from typing import Literal

from trinity.gateway.drivers.driver import Driver
from trinity.gateway.drivers.gmail import GmailDriver
from trinity.gateway.drivers.smtp import SmtpDriver
from trinity.gateway.drivers.stripe import StripeDriver
from trinity.gateway.payloads import CheckoutPayload, MailPayload, NoticePayload, RefundPayload, ReplyPayload, Strict
from trinity.kit.envelope import Tier

ANYBODY = frozenset({"user", "agent", "system"})
NO_AGENT = frozenset({"user", "system"})
SYSTEM_ALONE = frozenset({"system"})


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of effect.

    `raised_above_minor`: an amount above it, together with what earlier calls of the same subject move, needs one
    person more. `routes` are the model decisions that an agent's proposal needs. `receipt` is the kind of the receipt
    that settles it. `again` says when it may be acted once more: after a look that proved absence, under the same key
    of the provider's, or never, because the provider keeps no record to look at.
    """

    name: str
    driver: Driver
    floor: Tier
    quorum: int
    raised_above_minor: int | None
    payload: type[Strict]
    routes: tuple[str, ...]
    receipt: str
    again: Literal["after_look", "same_key", "never"]
    requesters: frozenset[str] = ANYBODY

    def __post_init__(self) -> None:
        assert self.name.startswith(f"{self.driver.prefix}.")
        assert (self.floor.rank >= Tier.EXTERNAL.rank) == (self.quorum >= 1), "external and above need people"
        assert self.raised_above_minor is None or self.quorum, "only what needs people can need one more"
        assert self.receipt, "an effect without a receipt cannot be proved"
        assert self.requesters

    @property
    def provider(self) -> str:
        """Whose wire it goes over."""
        return self.driver.provider

    @property
    def needs_approval(self) -> bool:
        """Whether people decide before it may be claimed."""
        return self.quorum > 0

    @property
    def uses_register(self) -> bool:
        """Whether an act is noted outside the database first."""
        return self.floor.rank >= Tier.EXTERNAL.rank

    def quorum_for(self, amount_minor: int | None, earlier_minor: int) -> int:
        """How many people: one more where the sum is above the constant. Recomputed at the claim."""
        if self.raised_above_minor is None or amount_minor is None:
            return self.quorum
        return self.quorum + (amount_minor + earlier_minor > self.raised_above_minor)


GMAIL, STRIPE, SMTP = GmailDriver(), StripeDriver(), SmtpDriver()
REFUND_SINGLE_MAX_MINOR = 2_500
"""Above it, together with what was given back of the same order before, two people decide."""

REVIEWED = ("copy_safety", "qa")
"""What models say about a mail that an agent wrote, before it is put before a person."""

OPERATIONS: dict[str, Operation] = {
    row.name: row
    for row in (
        #         name           driver  floor       people, one more above  payload    routes  receipt  again
        Operation("gmail.draft", GMAIL, Tier.DRAFT, 0, None, MailPayload, (), "draft", "after_look"),
        Operation("gmail.send", GMAIL, Tier.EXTERNAL, 1, None, MailPayload, REVIEWED, "sent", "after_look"),
        Operation("gmail.reply", GMAIL, Tier.EXTERNAL, 1, None, ReplyPayload, REVIEWED, "sent", "after_look"),
        Operation(
            "stripe.checkout_session",
            STRIPE,
            Tier.DRAFT,
            0,
            None,
            CheckoutPayload,
            (),
            "checkout_session",
            "same_key",
            NO_AGENT,
        ),
        Operation(
            "stripe.refund", STRIPE, Tier.MONEY, 1, REFUND_SINGLE_MAX_MINOR, RefundPayload, (), "refund", "same_key"
        ),
        Operation("system.notify", SMTP, Tier.INTERNAL, 0, None, NoticePayload, (), "notice", "never", SYSTEM_ALONE),
    )
}
