"""The wire to the outside world: one package per provider, nothing above it.

In each package `materialise.py` is pure (what would be sent, as bytes), `act.py` changes the world and
demands a Permit, `read.py` can only GET. No package here knows the database, an account or a policy.
"""
