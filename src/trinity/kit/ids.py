"""UUIDv7 keys (RFC 9562, section 5.7), made in the app so that PostgreSQL 15 needs no function for them."""

import secrets
from datetime import UTC, datetime
from uuid import UUID


def uuid7(now: datetime, random_bits: int | None = None) -> UUID:
    """A time-ordered key: 48 bits of Unix milliseconds, then 74 random bits (given, or from the system)."""
    bits = secrets.randbits(74) if random_bits is None else random_bits
    millis = int(now.timestamp() * 1000)
    assert 0 <= millis < 2**48 and 0 <= bits < 2**74
    return UUID(int=(millis << 80) | (0x7 << 76) | ((bits >> 62) << 64) | (0b10 << 62) | (bits & (2**62 - 1)))


def uuid7_floor(moment: datetime) -> UUID:
    """The smallest UUIDv7 of a moment: the bound of a partition by time."""
    return uuid7(moment, 0)


def time_of(key: UUID) -> datetime:
    """The moment a UUIDv7 was made, to the millisecond."""
    return datetime.fromtimestamp((key.int >> 80) / 1000, UTC)
