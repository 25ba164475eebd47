"""The registry: every operation there is, in one table that can be read at a glance.

What is not here does not exist for the gateway (I2). A gap in a row is an error when this module loads.
"""

from dataclasses import dataclass

from trinity.gateway.payloads import MailPayload, ReplyPayload
from trinity.kit.envelope import Tier


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of effect. `sends` says whether the mail leaves, or stays a draft in the mailbox."""

    name: str
    provider: str
    floor: Tier
    quorum: int
    payload: type[MailPayload]
    sends: bool

    def __post_init__(self) -> None:
        assert self.name.startswith(f"{self.provider}.")
        assert (self.floor.rank >= Tier.EXTERNAL.rank) == (self.quorum >= 1), "external and above need people"

    @property
    def needs_approval(self) -> bool:
        """Whether people decide before it may be claimed."""
        return self.quorum > 0


OPERATIONS: dict[str, Operation] = {
    row.name: row
    for row in (
        #         name           provider  floor          quorum  payload       sends
        Operation("gmail.draft", "gmail", Tier.DRAFT, 0, MailPayload, False),
        Operation("gmail.send", "gmail", Tier.EXTERNAL, 1, MailPayload, True),
        Operation("gmail.reply", "gmail", Tier.EXTERNAL, 1, ReplyPayload, True),
    )
}
