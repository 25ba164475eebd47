"""Stand-ins for the outside world, as separate servers on loopback.

Each speaks its provider's own HTTP protocol and keeps its own books of what really happened, which tests
and the demo read as the truth. The package imports nothing of Trinity, so that a mistake made there
cannot be repeated here and go unseen. Nothing in it ever sends anything to the real world.
"""
