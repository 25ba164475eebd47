"""The Stripe stand-in: Stripe's v1 protocol, kept true to Stripe's own OpenAPI document by its tests.

What it does as Stripe does: nested form bodies in, objects and list pages out; idempotency keys that keep the
first result, a 500 included, and are forgotten after 24 hours; Checkout Sessions that are paid on a hosted
page; fees, refunds, disputes and payouts as balance transactions; events that are listed and sent as signed
webhooks, late, twice or out of order where asked to. No money moves: cards are test cards, webhooks go to
this machine only.

What it does not do: it refuses a parameter that it does not carry out, also where Stripe would take it.
"""
