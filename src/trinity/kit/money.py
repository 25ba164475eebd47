"""Money: whole minor units of an allowed currency, in lower case as Stripe writes it. No floats anywhere (I11).

Allowed are currencies in which ISO 4217 and Stripe count alike. Left out on purpose: ISK and UGX (Stripe sends them
times a hundred), HUF and TWD (payouts in whole units only), and those of three decimals (the last must be 0).
"""

import re
from collections.abc import Mapping

DECIMALS: Mapping[str, int] = {
    "aud": 2, "cad": 2, "chf": 2, "czk": 2, "dkk": 2, "eur": 2, "gbp": 2, "jpy": 0, "nok": 2, "nzd": 2, "pln": 2,
    "sek": 2, "sgd": 2, "usd": 2,
}  # fmt: skip
"""The allowed currencies and how many decimals people write."""
AMOUNT_MAX = 99_999_999
"""Stripe's largest charge: eight digits of minor units."""
LEAST_MINOR: Mapping[str, int] = {"czk": 1_500, "dkk": 250, "gbp": 30, "nok": 300, "pln": 200, "sek": 300}
LEAST_MINOR_USUALLY = 50
_WRITTEN = re.compile(r"(\d{1,8})(?:[.,](\d{1,2}))?", re.ASCII)


def is_currency(text: str) -> bool:
    """Whether it is an allowed currency, in lower case."""
    return text in DECIMALS


def least_minor(currency: str) -> int:
    """The least that Stripe charges in a currency."""
    return LEAST_MINOR.get(currency, LEAST_MINOR_USUALLY)


def spoken(amount_minor: int, currency: str) -> str:
    """An amount for people, such as `EUR 49.00`. A currency of which nothing is known is said in minor units."""
    sign = "-" if amount_minor < 0 else ""
    name, digits = currency.upper(), str(abs(amount_minor))
    if currency not in DECIMALS:
        return f"{sign}{digits} minor units of {name}"
    decimals = DECIMALS[currency]
    if decimals == 0:
        return f"{name} {sign}{digits}"
    digits = digits.rjust(decimals + 1, "0")
    return f"{name} {sign}{digits[:-decimals]}.{digits[-decimals:]}"


def minor_of(written: str, currency: str) -> int | None:
    """The minor units of an amount as people write it (`49`, `49.5`, `49,00`); None for anything else."""
    found = _WRITTEN.fullmatch(written.strip())
    decimals = DECIMALS.get(currency)
    if found is None or decimals is None or len(found[2] or "") > decimals:
        return None
    return int(found[1] + (found[2] or "").ljust(decimals, "0"))
