"""Content at the claim: reviews of exactly these bytes, and files that are the approved ones and let out."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from tests.policy.test_claim import PAYLOAD, envelope
from trinity.kit.canonical import digest_hex
from trinity.kit.envelope import Envelope
from trinity.policy.content import FileFacts, Review, attached, content

ROUTES = ("copy_safety", "qa")
GOOD = tuple(Review(route, "passed", digest_hex(PAYLOAD)) for route in ROUTES)
FILE = FileFacts(str(uuid4()), "a" * 64, 1234, "application/pdf", is_released=True)


def mail(*files: FileFacts, **changes: Any) -> Envelope:
    """An agent's mail with these files."""
    bound = envelope(**changes)
    said = {f"attachment_{number}": one.said() for number, one in enumerate(files, 1)}
    return replace(bound, resource=bound.resource | said)


def codes(
    reviews: tuple[Review, ...] = GOOD, files: tuple[FileFacts, ...] = (), bound: Envelope | None = None
) -> list[str]:
    """What the policy has against it."""
    return [one.code for one in content(reviews, ROUTES, files, PAYLOAD, bound or mail())]


def test_what_was_passed_may_leave() -> None:
    assert codes() == []


OTHER = Review("qa", "passed", digest_hex(b"other bytes"))
BAD: dict[str, tuple[tuple[Review, ...], list[str]]] = {
    "no review": ((), ["review_missing", "review_missing"]),
    "one of two": (GOOD[:1], ["review_missing"]),
    "of other bytes": ((GOOD[0], OTHER), ["review_missing"]),
    "a failed one": ((GOOD[0], replace(GOOD[1], outcome="failed")), ["review_missing"]),
    "a no": ((GOOD[0], replace(GOOD[1], outcome="blocked")), ["review_blocked"]),
    "a no that was asked away": ((*GOOD, replace(GOOD[1], outcome="blocked")), ["review_blocked"]),
    "an outcome that does not exist": ((GOOD[0], replace(GOOD[1], outcome="PASSED")), ["review_missing"]),
}


@pytest.mark.parametrize("name", BAD)
def test_anything_else_is_a_no(name: str) -> None:
    reviews, found = BAD[name]
    assert codes(reviews) == found


def test_a_failure_beside_a_yes_is_no_no() -> None:
    assert codes((*GOOD, replace(GOOD[1], outcome="failed"))) == []


def test_a_persons_own_words_need_no_model() -> None:
    assert codes((), bound=mail(requester={"kind": "user", "id": str(uuid4())})) == []


def test_a_released_file_goes_with_it() -> None:
    assert codes(files=(FILE,), bound=mail(FILE)) == []


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ((), "attachment_changed"),
        ((replace(FILE, sha256="b" * 64),), "attachment_changed"),
        ((replace(FILE, size_bytes=1235),), "attachment_changed"),
        ((replace(FILE, media_type="text/plain"),), "attachment_changed"),
        ((replace(FILE, is_released=False),), "attachment_not_released"),
    ],
)
def test_a_file_that_is_not_the_approved_one_or_not_let_out(files: tuple[FileFacts, ...], code: str) -> None:
    assert codes(files=files, bound=mail(FILE)) == [code]


def test_each_of_several_files_is_asked_for() -> None:
    second = replace(FILE, id=str(uuid4()), is_released=False)
    assert codes(files=(FILE, second), bound=mail(FILE, second)) == ["attachment_not_released"]
    assert attached(mail(FILE, second)) == [FILE.said(), second.said()]
