"""Stripe: nothing but the wire. Pure materialisation, one file that acts, one that reads, one that checks webhooks."""
