"""Faults on demand, each for the next `times` commands of its name (MAIL, RCPT or DATA; DATA is the mail's end).

accept_then_drop    the mail is taken, then the connection is cut without a reply
drop                the connection is cut, nothing is taken
reject_450          answered with 450, nothing is taken
reject_550          answered with 550, nothing is taken
close_421           answered with 421, nothing is taken
delay               taken, and answered after `seconds`
"""

from dataclasses import dataclass

MODES = ("accept_then_drop", "drop", "reject_450", "reject_550", "close_421", "delay")
COMMANDS = ("MAIL", "RCPT", "DATA")
SECONDS_MAX = 120.0
TIMES_MAX = 10_000

REFUSALS = {
    "reject_450": "450 4.2.1 The mailbox is busy, come back later",
    "reject_550": "550 5.7.1 The sandbox does not want this mail",
    "close_421": "421 4.3.2 The sandbox is closing",
}


@dataclass(slots=True)
class Fault:
    """A fault that waits."""

    command: str
    mode: str
    times: int
    seconds: float = 0.0


class Faults:
    """The faults that wait. They live in memory: a restart has none."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let a fault wait behind those before it."""
        self._waiting.append(fault)

    def clear(self) -> None:
        """Forget all."""
        self._waiting.clear()

    def take(self, command: str) -> Fault | None:
        """The first fault that this command meets, counted down."""
        for fault in self._waiting:
            if fault.command == command:
                fault.times -= 1
                if fault.times <= 0:
                    self._waiting.remove(fault)
                return fault
        return None
