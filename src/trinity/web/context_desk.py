"""The desk as the product has it: answered from the contexts of one database."""

from trinity.gateway import House
from trinity.web.doing import Doing
from trinity.web.proving import Proving
from trinity.web.reading import Reading


class ContextDesk(Reading, Proving, Doing):
    """Nouns, evidence and verbs. `verifier_key` is the public half of the log key, if it is pinned here."""

    def __init__(self, house: House, verifier_key: str | None) -> None:
        self._house = house
        self._verifier_key = verifier_key
