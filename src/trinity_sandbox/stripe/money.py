"""Money: whole minor units of an allowed currency. No floats anywhere.

The fee is 2.9 % of the amount plus 30 minor units, the percentage rounded half up to a whole minor unit
(4900 costs 142.1 + 30 = 172). It is kept when a payment is refunded, as Stripe keeps it.
"""

from trinity_sandbox.stripe.errors import invalid

AMOUNT_MAX = 99_999_999
FEE_PER_MILLE = 29
FEE_FIXED = 30
DISPUTE_FEE = 1_500

MINIMUM_CHARGE = {
    "aud": 50, "cad": 50, "chf": 50, "dkk": 250, "eur": 50, "gbp": 30, "jpy": 50, "nok": 300, "nzd": 50,
    "sek": 300, "usd": 50,
}  # fmt: skip
"""The allowed currencies, and the least that can be charged in each (source: Stripe's list of minimums)."""

ZERO_DECIMAL = {"jpy"}


def currency_of(text: str, param: str) -> str:
    """An allowed currency in lower case."""
    currency = text.lower()
    if currency not in MINIMUM_CHARGE:
        raise invalid(f"Invalid currency: {text[:20]}. Supported: {', '.join(MINIMUM_CHARGE)}", param)
    return currency


def fee_of(amount: int) -> int:
    """What a successful charge of this amount costs."""
    return (amount * FEE_PER_MILLE + 500) // 1_000 + FEE_FIXED


def spoken(amount: int, currency: str) -> str:
    """An amount for people, such as `49.00 EUR`."""
    if currency in ZERO_DECIMAL:
        return f"{amount} {currency.upper()}"
    sign, whole, rest = "-" if amount < 0 else "", *divmod(abs(amount), 100)
    return f"{sign}{whole}.{rest:02d} {currency.upper()}"
