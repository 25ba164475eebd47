"""A mail server for notices (RFC 5321): `materialise` makes the bytes, `act` hands them over, `read` only greets.

A server keeps no record that we could ask for later, so a notice whose last reply was lost stays in doubt for ever.
"""
