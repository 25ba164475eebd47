"""Public addresses: every name gives one that the table takes, and nothing else is ever looked up."""

import asyncio
from typing import Any, cast
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from trinity import accounts
from trinity.accounts.commands import NAME_MAX, slugs_of
from trinity.accounts.queries import SLUG

ACCOUNT = UUID("01900000-0000-7000-8000-00000badcafe")


class NoDatabase:
    """Whoever asks it has failed."""

    def transaction(self, _: object) -> None:
        raise AssertionError("this was looked up")


@given(st.text(min_size=1, max_size=NAME_MAX))
def test_every_name_gives_a_slug(name: str) -> None:
    plain, sure = slugs_of(name, ACCOUNT)
    assert plain is None or SLUG.fullmatch(plain)
    assert SLUG.fullmatch(sure)
    assert sure.endswith("-0badcafe")


def test_a_name_is_recognised_in_its_slug() -> None:
    assert slugs_of("Northwind & Sons, Ltd.", ACCOUNT)[0] == "northwind-sons-ltd"
    assert slugs_of("東京", ACCOUNT) == (None, "a-0badcafe")


@given(st.text(max_size=80).filter(lambda text: SLUG.fullmatch(text) is None))
def test_what_is_no_slug_is_not_looked_up(text: str) -> None:
    assert asyncio.run(accounts.account_of_slug(cast(Any, NoDatabase()), text)) is None
