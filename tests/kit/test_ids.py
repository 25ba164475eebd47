"""UUIDv7: in order of time, with the right bits, and the bounds that PostgreSQL computes for partitions."""

import uuid
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trinity.kit.ids import time_of, uuid7, uuid7_floor

MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
BITS = st.integers(0, 2**74 - 1)


@given(MOMENTS, BITS)
def test_version_variant_and_time_are_where_the_rfc_puts_them(moment: datetime, bits: int) -> None:
    made = uuid7(moment, bits)
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert abs(time_of(made) - moment) < timedelta(milliseconds=1)
    assert (made.int >> 64 & 0xFFF, made.int & (2**62 - 1)) == (bits >> 62, bits & (2**62 - 1))


@given(MOMENTS, BITS, st.integers(1, 10**9), BITS)
def test_a_later_millisecond_is_a_greater_key_whatever_the_bits(moment: datetime, one: int, ms: int, two: int) -> None:
    assert uuid7(moment, one) < uuid7(moment + timedelta(milliseconds=ms), two)


@given(MOMENTS, BITS)
def test_the_floor_of_a_moment_is_below_every_key_of_it(moment: datetime, bits: int) -> None:
    assert uuid7_floor(moment) <= uuid7(moment, bits)
    assert uuid7_floor(moment + timedelta(milliseconds=1)) > uuid7(moment, bits)


def test_keys_of_one_moment_differ() -> None:
    now = datetime.now(UTC)
    assert len({uuid7(now) for _ in range(1_000)}) == 1_000


def test_a_time_before_the_epoch_is_no_key() -> None:
    with pytest.raises(AssertionError):
        uuid7(datetime(1960, 1, 1, tzinfo=UTC))


def test_postgres_computes_the_same_floor(database_url: str) -> None:
    days = [
        date(2026, 11, 1),
        date(2026, 12, 1),
        date(2027, 1, 1),
        date(2028, 2, 29),
        date(2100, 3, 1),
        date(1971, 1, 1),
    ]
    with psycopg.connect(database_url) as connection:
        connection.execute("set timezone = 'Pacific/Auckland'")
        for day in days:
            row = connection.execute("select trinity_uuid7_floor(%s)", [day]).fetchone()
            assert row == (uuid7_floor(datetime(day.year, day.month, day.day, tzinfo=UTC)),)


def test_postgres_orders_keys_as_python_does(database_url: str) -> None:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    keys = [uuid7(start + timedelta(milliseconds=n * 7)) for n in range(50)]
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("select x from unnest(%s::uuid[]) x order by x", [keys[::-1]]).fetchall()
    assert [row[0] for row in rows] == keys == sorted(keys)
