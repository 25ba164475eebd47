"""Who acts: a person with a session, an agent with a lease, or the system itself."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

type ActorKind = Literal["user", "agent", "system"]


@dataclass(frozen=True, slots=True)
class Actor:
    """An account-scoped identity. `id` is a user id, a run id, or the name of a system part."""

    account_id: UUID
    kind: ActorKind
    id: str
    roles: frozenset[str] = frozenset()

    @classmethod
    def system(cls, account_id: UUID, part: str) -> "Actor":
        """The system acting for an account; `part` names the worker or command."""
        return cls(account_id, "system", part)

    @property
    def requester(self) -> dict[str, str]:
        """The form an envelope carries."""
        return {"kind": self.kind, "id": self.id}
