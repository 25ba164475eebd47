"""The envelope: the exact, canonical content of one proposed effect. Its digest is what people approve.

Keys and meaning are listed in docs/architecture.md ("The envelope"). The envelope carries the payload's
salted digest, never the payload, so that it stays small and survives the erasure of personal data.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self

from trinity.kit.canonical import Json, NotCanonical, canonical_bytes, digest_hex, parse_rfc3339, parse_strict

SCHEMA = "trinity/envelope/v1"
OPTIONAL = ("run_id", "not_before", "supersedes")


class Tier(StrEnum):
    """How far an effect reaches, from harmless to irreversible; ordered by `rank`."""

    READ = "read"
    INTERNAL = "internal"
    DRAFT = "draft"
    EXTERNAL = "external"
    MONEY = "money"
    EXTREME = "extreme"

    @property
    def rank(self) -> int:
        """0 for `read` … 5 for `extreme`."""
        return list(Tier).index(self)


class Mode(StrEnum):
    """Whether the endpoint is a stand-in or the real world. Decided by the process, never by a row."""

    SANDBOX = "sandbox"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class Envelope:
    """One effect, bound. All values are strings, integers or None, so that the canonical form is exact."""

    account_id: str
    project_id: str
    run_id: str | None
    tool_call_id: str
    requester: dict[str, str]
    provider: str
    operation: str
    resource: dict[str, str]
    mode: str
    endpoint: str
    tier: str
    quorum: int
    idempotency_key: str
    payload_type: str
    payload_digest: str
    typed_digest: str
    operation_token: str
    not_before: str | None
    expires_at: str
    created_at: str
    policy_version: str
    nonce: str
    supersedes: str | None
    schema: str = SCHEMA

    def to_bytes(self) -> bytes:
        """The RFC 8785 bytes that are stored, digested and exported."""
        return canonical_bytes(asdict(self))

    @property
    def digest(self) -> str:
        """Lower-case hex SHA-256 of `to_bytes()`."""
        return digest_hex(self.to_bytes())

    def is_expired(self, now: datetime) -> bool:
        """True from the moment of expiry on."""
        return now >= parse_rfc3339(self.expires_at)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read stored bytes back; anything but the exact canonical form of this schema is refused."""
        value = parse_strict(data)
        if not isinstance(value, dict) or value.get("schema") != SCHEMA:
            raise NotCanonical("not an envelope of a known schema")
        try:
            envelope = cls(**value)  # type: ignore[arg-type]
        except TypeError as error:
            raise NotCanonical("an envelope with missing or unknown keys") from error
        _check(value)
        if envelope.to_bytes() != data:
            raise NotCanonical("an envelope that is not in canonical form")
        return envelope


def _check(value: dict[str, Json]) -> None:
    """Every field has its type and, where it has a form, its form, so that whoever reads on cannot stumble."""
    for name, item in value.items():
        if name in ("requester", "resource"):
            is_fitting = isinstance(item, dict) and all(isinstance(one, str) for one in item.values())
        elif name == "quorum":
            is_fitting = type(item) is int and item >= 0
        else:
            is_fitting = isinstance(item, str) or (item is None and name in OPTIONAL)
        if not is_fitting:
            raise NotCanonical(f"an envelope whose {name} has the wrong type")
    if value["tier"] not in set(Tier) or value["mode"] not in set(Mode):
        raise NotCanonical("an envelope with an unknown tier or mode")
    for name in ("created_at", "expires_at", "not_before"):
        if (moment := value[name]) is not None:
            parse_rfc3339(str(moment))
