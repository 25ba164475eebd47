"""Controls: how much an account may do at the moment.

Owns `postures`, as an insert-only history whose newest row counts. Promises that tightening is immediate:
after it is answered nothing new starts, and the answer says what was in flight.
"""

from trinity.controls.postures import Posture, begin, get_posture, tighten

__all__ = ["Posture", "begin", "get_posture", "tighten"]
