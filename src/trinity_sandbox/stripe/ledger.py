"""Balance transactions: every movement of money with its fee, and the balance that they add up to.

`net` is `amount - fee`, and an account's balance in a currency is the sum of its nets. Money is available at
once here; Stripe makes it wait some days.
"""

from trinity_sandbox.stripe.books import Books, Json
from trinity_sandbox.stripe.work import Work

CATEGORIES = {"adjustment": "dispute", "payout": "payout", "payout_failure": "payout_reversal", "charge": "charge"}


def book(
    work: Work, kind: str, source: Json, amount: int, *, fee: int = 0, category: str | None = None, description: str
) -> Json:
    """Write one movement; `amount` is signed, seen from the account, in minor units of the source's currency."""
    assert type(amount) is int and type(fee) is int and amount != 0 and fee >= 0
    details = [
        {
            "amount": fee,
            "application": None,
            "currency": source["currency"],
            "description": "Stripe processing fees" if kind == "charge" else "Dispute fee",
            "type": "stripe_fee",
        }
    ]
    return work.books.add(
        work.new(
            "balance_transaction",
            amount=amount,
            available_on=work.now,
            balance_type="payments",
            created=work.now,
            currency=source["currency"],
            description=description,
            exchange_rate=None,
            fee=fee,
            fee_details=details if fee else [],
            net=amount - fee,
            reporting_category=category or CATEGORIES.get(kind, kind),
            source=source["id"],
            status="available",
            type=kind,
            _payout=None,
        )
    )


def balance(books: Books, account: str) -> dict[str, int]:
    """What an account has, by currency, in minor units."""
    sql = (
        "SELECT json_extract(doc, '$.currency') AS currency, sum(json_extract(doc, '$.net')) AS net"
        " FROM object WHERE kind = 'balance_transaction' AND account = ? GROUP BY 1 ORDER BY 1"
    )
    return {row["currency"]: row["net"] for row in books.rows(sql, account)}
