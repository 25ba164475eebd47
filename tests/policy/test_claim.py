"""The claim's policies: a valid case passes, and any one fact that is not right denies it with its reason."""

from collections.abc import Callable
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trinity.kit.canonical import canonical_bytes, commitment_hex, digest_hex, rfc3339
from trinity.kit.envelope import Envelope, Mode, Tier
from trinity.policy import POLICIES, ClaimFacts, Decision, adjudicate
from trinity.policy.claim import POSTURE_ALLOWS, STATEMENT_SCHEMA, authority, currency, posture, tier
from trinity.policy.content import Review

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
PAYLOAD, SALT, TYPED = b"From: a@b.example\r\n\r\nHello", b"s" * 32, b'{"subject":"Hello"}'
APPROVER = str(uuid4())


def envelope(**changes: Any) -> Envelope:
    """An external send in the sandbox, with changes."""
    plain: dict[str, Any] = {
        "account_id": str(uuid4()),
        "project_id": str(uuid4()),
        "run_id": str(uuid4()),
        "tool_call_id": str(uuid4()),
        "requester": {"kind": "agent", "id": "run"},
        "provider": "gmail",
        "operation": "gmail.send",
        "resource": {"integration_id": str(uuid4()), "mailbox": "a@b.example", "alias": "c@b.example"},
        "mode": "sandbox",
        "endpoint": "http://127.0.0.1:8001",
        "tier": "external",
        "quorum": 1,
        "idempotency_key": "key",
        "payload_type": "message/rfc822",
        "payload_digest": commitment_hex(SALT, PAYLOAD),
        "typed_digest": digest_hex(TYPED),
        "operation_token": "token",
        "not_before": None,
        "expires_at": rfc3339(NOW + timedelta(hours=1)),
        "created_at": rfc3339(NOW - timedelta(hours=1)),
        "policy_version": "v1",
        "nonce": "nonce",
        "supersedes": None,
    }
    return Envelope(**plain | changes)


def statement(bound: Envelope, asked: str, **changes: Any) -> bytes:
    """What an approver's decision says."""
    return canonical_bytes(
        {
            "schema": STATEMENT_SCHEMA,
            "account_id": bound.account_id,
            "request_id": asked,
            "tool_call_id": bound.tool_call_id,
            "envelope_digest": bound.digest,
            "decision": "approve",
            "approver_id": APPROVER,
            "role": "owner",
            "reason_sha256": digest_hex(b""),
            "issued_at": rfc3339(NOW - timedelta(minutes=1)),
            "expires_at": bound.expires_at,
            "nonce": "nonce",
        }
        | changes
    )


def facts(bound: Envelope | None = None, **changes: Any) -> ClaimFacts:
    """What a locked read finds for a call that may act, with changes."""
    bound = bound or envelope()
    request_id = str(uuid4())
    columns = {
        "account_id": bound.account_id,
        "project_id": bound.project_id,
        "run_id": bound.run_id,
        "tool_call_id": bound.tool_call_id,
        "integration_id": bound.resource["integration_id"],
        "provider": bound.provider,
        "operation": bound.operation,
        "tier": bound.tier,
        "idempotency_key": bound.idempotency_key,
        "requester_kind": bound.requester.get("kind"),
        "requester_id": bound.requester.get("id"),
        "supersedes_id": bound.supersedes,
        "subject_id": bound.resource.get("subject_id"),
        "amount_minor": bound.resource.get("amount_minor"),
        "stored_digest": bound.digest,
    }
    plain: dict[str, Any] = {
        "now": NOW,
        "state": "ready",
        "tool_call_id": bound.tool_call_id,
        "columns": columns,
        "envelope_bytes": bound.to_bytes(),
        "envelope_digest": bound.digest,
        "payload": PAYLOAD,
        "salt": SALT,
        "typed_payload": TYPED,
        "key_typed_digest": digest_hex(TYPED),
        "act_n": 1,
        "not_before": NOW,
        "request_id": request_id,
        "request_state": "approved",
        "request_digest": bound.digest,
        "request_expires_at": NOW + timedelta(hours=1),
        "decisions": (Decision(APPROVER, "approve", statement(bound, request_id), None, True),),
        "run_state": "waiting",
        "posture": "live",
        "integration_state": "ready",
        "address": "a@b.example",
        "aliases": ("c@b.example",),
        "endpoint_now": "http://127.0.0.1:8001",
        "mode_now": "sandbox",
        "routes": ("copy_safety", "qa"),
        "reviews": tuple(Review(route, "passed", digest_hex(PAYLOAD)) for route in ("copy_safety", "qa")),
        "files": (),
        "order": None,
        "tier_now": "external",
        "quorum_now": 1,
        "policy_version_now": "v1",
    }
    return ClaimFacts(**plain | changes)


def codes(found: ClaimFacts) -> set[str]:
    return {reason.code for reason in adjudicate(POLICIES, found)}


def with_decision(**changes: Any) -> Callable[[ClaimFacts], ClaimFacts]:
    return lambda found: replace(found, decisions=(replace(found.decisions[0], **changes),))


def with_statement(**changes: Any) -> Callable[[ClaimFacts], ClaimFacts]:
    def change(found: ClaimFacts) -> ClaimFacts:
        said = statement(found.envelope(), found.request_id or "", **changes)
        return with_decision(statement=said)(found)

    return change


def fact(**changes: Any) -> Callable[[ClaimFacts], ClaimFacts]:
    return lambda found: replace(found, **changes)


def column(name: str) -> Callable[[ClaimFacts], ClaimFacts]:
    return lambda found: replace(found, columns=found.columns | {name: str(uuid4())})


def test_a_valid_case_passes_and_nothing_else_is_a_yes() -> None:
    assert adjudicate(POLICIES, facts()) == []


def test_no_policies_no_permission() -> None:
    assert [reason.code for reason in adjudicate((), facts())] == ["no_policies"]


COLUMNS = sorted(facts().columns)

CASES: list[tuple[str, Callable[[ClaimFacts], ClaimFacts], str]] = [
    ("the envelope", lambda f: replace(f, envelope_bytes=f.envelope_bytes.replace(b'"nonce":"n', b'"nonce":"m')), "digest_mismatch"),
    ("no envelope", fact(envelope_bytes=b""), "envelope_invalid"),
    ("an envelope that is not canonical", lambda f: replace(f, envelope_bytes=b" " + f.envelope_bytes), "envelope_invalid"),
    ("the digest", fact(envelope_digest="0" * 64), "digest_mismatch"),
    ("one byte of the payload", fact(payload=PAYLOAD + b"."), "digest_mismatch"),
    ("the salt", fact(salt=b"t" * 32), "digest_mismatch"),
    ("the typed payload", fact(typed_payload=TYPED + b" "), "digest_mismatch"),
    ("the key's content", fact(key_typed_digest="0" * 64), "digest_mismatch"),
    ("no key", fact(key_typed_digest=None), "digest_mismatch"),
    *[(f"column {name}", column(name), "digest_mismatch") for name in COLUMNS],
    ("the state", fact(state="executing"), "not_ready"),
    ("its time is over", fact(now=NOW + timedelta(hours=1)), "expired"),
    ("the request's time is over", fact(request_expires_at=NOW), "expired"),
    ("a request without an end", fact(request_expires_at=None), "expired"),
    ("a suspended mailbox", fact(integration_state="suspended"), "not_ready"),
    ("no mailbox", fact(integration_state=None), "not_ready"),
    ("a check of it fails", fact(failing_checks=("credential",)), "not_ready"),
    ("another mailbox", fact(address="x@b.example"), "resource_changed"),
    ("the alias is gone", fact(aliases=()), "resource_changed"),
    ("another endpoint", fact(endpoint_now="http://127.0.0.1:8002"), "endpoint_changed"),
    ("no sandbox any more", fact(mode_now="live"), "endpoint_changed"),
    ("a higher tier", fact(tier_now="money"), "tier_raised"),
    ("a higher quorum", fact(quorum_now=2), "tier_raised"),
    ("other policies", fact(policy_version_now="v2"), "policy_changed"),
    ("no request", fact(request_id=None), "approval_missing"),
    ("a request of other content", fact(request_digest="0" * 64), "approval_missing"),
    *[
        (f"a {state} request", fact(request_state=state), "approval_not_valid")
        for state in ("pending", "rejected", "expired", "superseded", "cancelled", "revoked", "spent", None)
    ],
    ("no decision", fact(decisions=()), "quorum_missing"),
    ("a no", with_decision(decision="reject"), "rejected"),
    ("no approver now", with_decision(is_approver_now=False), "quorum_missing"),
    ("another approver than the statement's", with_decision(approver_id=str(uuid4())), "quorum_missing"),
    ("no statement", with_decision(statement=b""), "quorum_missing"),
    ("a statement that is no JSON", with_decision(statement=b"approve"), "quorum_missing"),
    ("a statement that is a list", with_decision(statement=b"[]"), "quorum_missing"),
    *[
        (f"a statement of another {name}", with_statement(**{name: value}), "quorum_missing")
        for name, value in {
            "schema": "trinity/decision/v0",
            "account_id": str(uuid4()),
            "request_id": str(uuid4()),
            "tool_call_id": str(uuid4()),
            "envelope_digest": "0" * 64,
            "decision": "reject",
            "approver_id": str(uuid4()),
            "expires_at": rfc3339(NOW + timedelta(days=1)),
            "issued_at": rfc3339(NOW + timedelta(minutes=6)),
            "surplus": "x",
        }.items()
    ],
    ("a statement from before the envelope", with_statement(issued_at=rfc3339(NOW - timedelta(hours=2))), "quorum_missing"),
    ("a statement that is not canonical", lambda f: with_decision(statement=b" " + f.decisions[0].statement)(f), "quorum_missing"),
    ("no posture", fact(posture=None), "posture"),
    ("an unknown posture", fact(posture="loose"), "posture"),
    ("on hold", fact(posture="hold"), "posture"),
    ("read only", fact(posture="read_only"), "posture"),
    ("drafts only", fact(posture="draft_only"), "posture"),
    ("a stopped run", fact(run_state="stopped"), "run_stopped"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "code"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_one_wrong_fact_denies(change: Callable[[ClaimFacts], ClaimFacts], code: str) -> None:
    assert code in codes(change(facts()))


def test_the_requester_does_not_count_as_an_approver() -> None:
    bound = envelope(requester={"kind": "user", "id": APPROVER})
    assert codes(facts(bound)) == {"quorum_missing"}


def test_a_clock_that_is_a_little_off_denies_nobody() -> None:
    assert codes(with_statement(issued_at=rfc3339(NOW + timedelta(minutes=5)))(facts())) == set()


def test_two_decisions_of_one_person_are_one() -> None:
    bound = envelope(quorum=2)
    found = facts(bound, quorum_now=2)
    assert codes(replace(found, decisions=found.decisions * 2)) == {"quorum_missing"}
    other = str(uuid4())
    second = Decision(other, "approve", statement(bound, found.request_id or "", approver_id=other), None, True)
    assert codes(replace(found, decisions=(*found.decisions, second))) == set()


def test_one_no_outweighs_enough_yeses() -> None:
    found = facts()
    other = Decision(str(uuid4()), "reject", b"", None, True)
    assert "rejected" in codes(replace(found, decisions=(*found.decisions, other)))


@pytest.mark.parametrize("assertion", [None, b"", b"any bytes at all"])
def test_a_live_endpoint_takes_no_decision_that_nobody_can_verify(assertion: bytes | None) -> None:
    found = facts(envelope(mode="live"), mode_now="live")
    assert codes(with_decision(assertion=assertion)(found)) == {"quorum_missing"}


def test_a_spent_approval_serves_its_own_retry_and_no_first_act() -> None:
    assert codes(facts(request_state="spent", act_n=2)) == set()
    assert codes(facts(request_state="spent", act_n=1)) == {"approval_not_valid"}


def test_a_chosen_time_is_waited_for() -> None:
    later = envelope(not_before=rfc3339(NOW + timedelta(minutes=1)))
    assert codes(facts(later)) == {"too_early"}
    assert codes(facts(later, now=NOW + timedelta(minutes=1))) == set()


def test_what_lies_below_external_needs_no_people_but_everything_else() -> None:
    draft = envelope(operation="gmail.draft", tier="draft", quorum=0)
    alone = {"request_id": None, "request_state": None, "request_digest": None, "decisions": ()}
    found = facts(draft, tier_now="draft", quorum_now=0, **alone)
    assert codes(found) == set()
    assert codes(replace(found, posture="draft_only")) == set()
    assert codes(replace(found, posture="read_only")) == {"posture"}
    assert codes(replace(found, tier_now="external")) == {"tier_raised"}


@pytest.mark.parametrize("mode", ["live", "draft_only", "read_only", "hold", "", None])
@pytest.mark.parametrize("one", list(Tier))
def test_every_posture_lets_through_what_it_says(mode: str | None, one: Tier) -> None:
    reasons = posture(facts(posture=mode), envelope(tier=one.value))
    assert (reasons == []) == (one in POSTURE_ALLOWS.get(mode or "hold", frozenset()))


def test_postures_only_get_tighter() -> None:
    sizes = [POSTURE_ALLOWS[mode] for mode in ("live", "draft_only", "read_only", "hold")]
    assert all(tighter < looser for looser, tighter in pairwise(sizes))
    assert sizes[0] == frozenset(Tier)
    assert sizes[-1] == frozenset()


@pytest.mark.parametrize("bound", list(Tier))
@pytest.mark.parametrize("now", list(Tier))
def test_a_tier_may_fall_and_never_rise(bound: Tier, now: Tier) -> None:
    found = facts(tier_now=now.value)
    assert (tier(found, envelope(tier=bound.value)) == []) == (now.rank <= bound.rank)


@pytest.mark.parametrize("state", ["proposed", "awaiting_approval", "executing", "succeeded", "in_doubt", "denied", ""])
def test_only_a_ready_call_is_current(state: str) -> None:
    assert [one.code for one in currency(facts(state=state), envelope())] == ["not_ready"]


TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=10)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
STRANGE: dict[str, st.SearchStrategy[Any]] = {
    "now": MOMENTS | st.sampled_from([datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]),
    "act_n": st.integers(-3, 60),
    "quorum_now": st.integers(-1, 5),
    "not_before": st.none() | MOMENTS,
    "request_expires_at": st.none() | MOMENTS,
    "tier_now": st.sampled_from([one.value for one in Tier]),
    "aliases": st.lists(TEXTS, max_size=2).map(tuple),
    "failing_checks": st.lists(TEXTS, max_size=2).map(tuple),
    "decisions": st.lists(
        st.builds(Decision, TEXTS, TEXTS, st.binary(max_size=30), st.none() | st.binary(max_size=9), st.booleans()),
        max_size=3,
    ).map(tuple),
}
BYTES = ("envelope_bytes", "payload", "salt", "typed_payload")
TEXTUAL = ("state", "tool_call_id", "envelope_digest", "endpoint_now", "mode_now", "policy_version_now")
OPTIONAL = ("key_typed_digest", "request_id", "request_state", "request_digest", "run_state", "posture",
            "integration_state", "address")  # fmt: skip
for _name in BYTES:
    STRANGE[_name] = st.binary(max_size=40)
for _name in TEXTUAL:
    STRANGE[_name] = TEXTS
for _name in OPTIONAL:
    STRANGE[_name] = st.none() | TEXTS
HARMLESS = {
    "not_before": "the claim itself waits for it",
    "act_n": "it decides only whether a spent approval is a retry",
    "run_state": "only `stopped` is a no",
}
"""Facts of which another value need not deny."""


def test_the_property_below_knows_every_fact() -> None:
    assert set(STRANGE) | {"columns", "order", "routes", "reviews", "files"} == {one.name for one in fields(ClaimFacts)}


@settings(max_examples=300)
@given(st.sampled_from(sorted(set(STRANGE) - set(HARMLESS))), st.data())
def test_any_one_strange_fact_denies_and_none_raises(name: str, data: st.DataObject) -> None:
    valid = facts()
    changed = replace(valid, **{name: data.draw(STRANGE[name])})
    reasons = adjudicate(POLICIES, changed)
    is_still_fine = (
        getattr(changed, name) == getattr(valid, name)
        or (name == "now" and NOW - timedelta(minutes=6) <= changed.now < NOW + timedelta(hours=1))
        or (name == "tier_now" and Tier(changed.tier_now).rank <= Tier.EXTERNAL.rank)
        or (name == "quorum_now" and changed.quorum_now <= 1)
        or (name == "request_expires_at" and changed.request_expires_at and changed.request_expires_at > NOW)
        or (name == "aliases" and "c@b.example" in changed.aliases)
    )
    assert bool(reasons) != bool(is_still_fine)


def strange_envelope(data: st.DataObject) -> Envelope:
    shapes: dict[str, st.SearchStrategy[Any]] = {
        "tier": st.sampled_from([one.value for one in Tier]),
        "mode": st.sampled_from([one.value for one in Mode]),
        "quorum": st.integers(0, 9),
        "requester": st.dictionaries(TEXTS, TEXTS, max_size=2),
        "resource": st.dictionaries(TEXTS, TEXTS, max_size=2),
        "expires_at": MOMENTS.map(rfc3339),
        "created_at": (MOMENTS | st.just(datetime.min.replace(tzinfo=UTC))).map(rfc3339),
        "not_before": st.none() | MOMENTS.map(rfc3339),
        "run_id": st.none() | TEXTS,
    }
    plain = asdict(envelope())
    names = data.draw(st.sets(st.sampled_from(sorted(set(plain) - {"schema"})), min_size=1, max_size=4))
    return Envelope(**plain | {name: data.draw(shapes.get(name, TEXTS)) for name in names})


@settings(max_examples=200)
@given(st.data())
def test_many_strange_facts_never_raise_and_never_pass(data: st.DataObject) -> None:
    names = data.draw(st.sets(st.sampled_from(sorted(STRANGE)), min_size=0, max_size=6))
    found = replace(facts(), **{name: data.draw(STRANGE[name]) for name in names})
    found = replace(found, envelope_bytes=strange_envelope(data).to_bytes())
    assert adjudicate(POLICIES, found)


def test_authority_asks_for_nothing_below_external() -> None:
    for one in Tier:
        found = authority(facts(request_id=None), envelope(tier=one.value))
        assert bool(found) == (one.rank >= Tier.EXTERNAL.rank)
