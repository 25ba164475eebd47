"""Objects as callers see them: without the books' own names, with what is computed at the time of looking."""

from trinity_sandbox.stripe.books import Books, Json


def shown(books: Books, doc: Json, base_url: str = "") -> Json:
    """An object as Stripe's schema has it. `base_url` is where the hosted page of an open session is."""
    found = {name: value for name, value in doc.items() if not name.startswith("_")}
    if doc["object"] == "checkout.session":
        found["url"] = f"{base_url}/c/pay/{doc['id']}" if doc["status"] == "open" else None
    elif doc["object"] == "event":
        sql = "SELECT count(DISTINCT endpoint) AS n FROM delivery WHERE event = ? AND state = 'pending'"
        row = books.row(sql, doc["id"])
        found["pending_webhooks"] = row["n"] if row else 0
    elif doc["object"] == "dispute":
        found["balance_transactions"] = [
            shown(books, transaction)
            for txn_id in doc["balance_transactions"]
            if (transaction := books.find(txn_id)) is not None
        ]
    return found
