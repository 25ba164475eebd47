"""Gmail: final RFC 5322 bytes, drafts that are sent once, and look-ups that tell whether they were.

Gmail has no idempotency key and replaces a client's Message-ID, so a mail is made findable by an operation
token in its Reply-To address (and in `X-Trinity-Operation`), and goes out as draft, then send.
Owner of `act.py`: the gateway. No write is ever repeated in here.
"""
