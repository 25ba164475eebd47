"""Pure types and arithmetic that every floor may use.

Knows no SQL, no HTTP, no environment and no clock of its own: time and randomness come in as arguments.
"""
