"""Revenue: offers, checkouts, customers, orders, what Stripe told us, and the ledger.

Owns those tables. Promises that order and repetition of Stripe's events never matter, that the ledger is booked from
balance transactions, and that an unbalanced entry cannot be written down (I11).
"""
