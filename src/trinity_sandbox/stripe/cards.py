"""The test cards and test debits that the hosted page takes, and how each ends. Source: Stripe's testing guide."""

from dataclasses import dataclass

from trinity_sandbox.stripe.books import Json

EXPIRY_YEAR = 2034
EXPIRY_MONTH = 12


@dataclass(frozen=True, slots=True)
class Means:
    """A way to pay: its kind in Stripe's words, its last four digits, and why it fails, if it does."""

    name: str
    label: str
    kind: str
    last4: str
    brand: str = "visa"
    decline_code: str | None = None
    message: str | None = None

    @property
    def is_delayed(self) -> bool:
        """Whether the money is only certain days later."""
        return self.kind != "card"

    def details(self) -> Json:
        """The charge's `payment_method_details`."""
        if self.kind == "card":
            card = {
                "brand": self.brand,
                "checks": {
                    "address_line1_check": None,
                    "address_postal_code_check": None,
                    "cvc_check": "pass",
                },
                "country": "US",
                "exp_month": EXPIRY_MONTH,
                "exp_year": EXPIRY_YEAR,
                "fingerprint": f"sandbox{self.last4}",
                "funding": "credit",
                "installments": None,
                "last4": self.last4,
                "mandate": None,
                "network": self.brand,
                "network_token": None,
                "three_d_secure": None,
                "wallet": None,
            }
            return {"type": "card", "card": card}
        if self.kind == "sepa_debit":
            debit = {"bank_code": None, "branch_code": None, "country": "DE", "fingerprint": None, "mandate": None}
        else:
            debit = {"account_holder_type": None, "account_type": None, "bank_name": None, "fingerprint": None}
            debit["routing_number"] = None
        return {"type": self.kind, self.kind: {**debit, "last4": self.last4}}


MEANS = (
    Means("4242424242424242", "4242 4242 4242 4242: succeeds", "card", "4242"),
    Means("5555555555554444", "5555 5555 5555 4444: succeeds (Mastercard)", "card", "4444", brand="mastercard"),
    Means(
        "4000000000000002",
        "4000 0000 0000 0002: declined",
        "card",
        "0002",
        decline_code="generic_decline",
        message="Your card was declined.",
    ),
    Means(
        "4000000000009995",
        "4000 0000 0000 9995: declined, insufficient funds",
        "card",
        "9995",
        decline_code="insufficient_funds",
        message="Your card has insufficient funds.",
    ),
    Means("sepa_debit", "SEPA debit DE89…3000: settles later", "sepa_debit", "3000"),
    Means("us_bank_account", "US bank account …6789: settles later", "us_bank_account", "6789"),
)

KINDS = ("card", "sepa_debit", "us_bank_account")
DELAYED_BY_CURRENCY = {"eur": "sepa_debit", "usd": "us_bank_account"}


def kinds_for(currency: str) -> list[str]:
    """What a session takes unless it says otherwise."""
    delayed = DELAYED_BY_CURRENCY.get(currency)
    return ["card", delayed] if delayed else ["card"]
