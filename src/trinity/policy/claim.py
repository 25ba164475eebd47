"""The policies that every claim passes, first time and each retry, on facts read under the lock."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from trinity.errors import Reason
from trinity.kit.canonical import (
    NotCanonical,
    canonical_bytes,
    commitment_hex,
    digest_hex,
    parse_rfc3339,
    parse_strict,
)
from trinity.kit.envelope import Envelope, Mode, Tier
from trinity.policy.content import FileFacts, Review
from trinity.policy.content import content as content_reasons
from trinity.policy.money import OrderFacts, reservation

STATEMENT_SCHEMA = "trinity/decision/v1"
STATEMENT_SAYS_TOO = ("role", "reason_sha256", "issued_at", "nonce")
"""What a decision's statement holds beside the facts that it is compared with."""
CLOCK_SKEW = timedelta(minutes=5)
"""By how much the clocks of the machines that proposed, decided and claimed may differ."""
CALLED = {"gmail": "mailbox", "stripe": "account", "smtp": "sender"}
"""By what name an envelope's resource says which integration of a provider is meant."""
POSTURE_ALLOWS = {
    "live": frozenset(Tier),
    "draft_only": frozenset({Tier.READ, Tier.INTERNAL, Tier.DRAFT}),
    "read_only": frozenset({Tier.READ}),
    "hold": frozenset[Tier](),
}


@dataclass(frozen=True, slots=True)
class Decision:
    """One person's decision with its canonical statement, and what that person is *now*."""

    approver_id: str
    decision: str
    statement: bytes
    assertion: bytes | None
    is_approver_now: bool


@dataclass(frozen=True, slots=True)
class ClaimFacts:
    """What one locked read found. Column values are claims to be checked against the envelope's bytes."""

    now: datetime
    state: str
    tool_call_id: str
    columns: dict[str, str | None]
    envelope_bytes: bytes
    envelope_digest: str
    payload: bytes
    salt: bytes
    typed_payload: bytes
    key_typed_digest: str | None
    act_n: int
    not_before: datetime | None
    request_id: str | None
    request_state: str | None
    request_digest: str | None
    request_expires_at: datetime | None
    decisions: tuple[Decision, ...]
    run_state: str | None
    posture: str | None
    integration_state: str | None
    address: str | None
    aliases: tuple[str, ...]
    endpoint_now: str | None
    mode_now: str
    tier_now: str
    quorum_now: int
    policy_version_now: str
    routes: tuple[str, ...]
    reviews: tuple[Review, ...]
    files: tuple[FileFacts, ...]
    order: OrderFacts | None
    failing_checks: tuple[str, ...] = ()

    def envelope(self) -> Envelope:
        """The envelope from its stored bytes; raises `NotCanonical`."""
        return Envelope.from_bytes(self.envelope_bytes)


type Policy = Callable[[ClaimFacts, Envelope], list[Reason]]


def adjudicate(policies: Sequence[Policy], facts: ClaimFacts) -> list[Reason]:
    """Ask every policy. Returns the reasons to refuse; the empty list is the only yes."""
    if not policies:
        return [Reason("0", "no_policies", "No policy is in force, so nothing is allowed.")]
    try:
        envelope = facts.envelope()
    except NotCanonical as error:
        return [Reason("1 integrity", "envelope_invalid", f"The stored envelope is not what was bound: {error}.")]
    return [reason for policy in policies for reason in policy(facts, envelope)]


def integrity(facts: ClaimFacts, envelope: Envelope) -> list[Reason]:
    """1. The bytes are those that were bound: digest, payload, typed payload, and every column that repeats them."""
    found = []
    if digest_hex(facts.envelope_bytes) != facts.envelope_digest:
        found.append("the envelope's bytes do not have the recorded digest")
    if commitment_hex(facts.salt, facts.payload) != envelope.payload_digest:
        found.append("the payload's bytes are not those of the envelope")
    if digest_hex(facts.typed_payload) != envelope.typed_digest:
        found.append("the typed payload is not that of the envelope")
    if facts.key_typed_digest != envelope.typed_digest:
        found.append("the idempotency key was given to other content")
    said = {
        "account_id": envelope.account_id,
        "project_id": envelope.project_id,
        "run_id": envelope.run_id,
        "tool_call_id": envelope.tool_call_id,
        "integration_id": envelope.resource.get("integration_id"),
        "provider": envelope.provider,
        "operation": envelope.operation,
        "tier": envelope.tier,
        "idempotency_key": envelope.idempotency_key,
        "requester_kind": envelope.requester.get("kind"),
        "requester_id": envelope.requester.get("id"),
        "supersedes_id": envelope.supersedes,
        "subject_id": envelope.resource.get("subject_id"),
        "amount_minor": envelope.resource.get("amount_minor"),
        "stored_digest": facts.envelope_digest,
    }
    found += [f"the row's {name} is not the envelope's" for name, value in said.items() if facts.columns[name] != value]
    return [
        Reason("1 integrity", "digest_mismatch", f"What stands in the database was changed: {text}.") for text in found
    ]


def currency(facts: ClaimFacts, envelope: Envelope) -> list[Reason]:
    """2. The call is ready, its time has come, and neither envelope nor approval has expired."""
    reasons = []
    if facts.state != "ready":
        reasons.append(Reason("2 currency", "not_ready", f"The call is {facts.state}."))
    if envelope.not_before and facts.now < parse_rfc3339(envelope.not_before):
        reasons.append(Reason("2 currency", "too_early", "The chosen send time has not come."))
    if envelope.is_expired(facts.now):
        reasons.append(Reason("2 currency", "expired", "The envelope has expired."))
    return reasons


def binding(facts: ClaimFacts, envelope: Envelope) -> list[Reason]:
    """3. The integration, its alias, endpoint and mode are still the ones that were approved, and it is ready."""
    reasons = []
    what = CALLED.get(envelope.provider, "integration")
    if facts.integration_state != "ready":
        reasons.append(Reason("3 binding", "not_ready", f"The {what} is {facts.integration_state or 'gone'}."))
    if facts.failing_checks:
        text = f"The {what} is not ready; what fails is: {', '.join(facts.failing_checks)}."
        reasons.append(Reason("3 binding", "not_ready", text))
    alias = envelope.resource.get("alias", facts.address)
    if facts.address != envelope.resource.get(what) or alias not in (facts.address, *facts.aliases):
        reasons.append(Reason("3 binding", "resource_changed", f"The {what} or its alias is not the approved one."))
    if facts.endpoint_now != envelope.endpoint or facts.mode_now != envelope.mode:
        reasons.append(
            Reason("3 binding", "endpoint_changed", "The provider's endpoint or mode is not the approved one.")
        )
    return reasons


def tier(facts: ClaimFacts, envelope: Envelope) -> list[Reason]:
    """4. The tier, recomputed now, is not higher than the approved one; the policies are those of the envelope."""
    reasons = []
    if Tier(facts.tier_now).rank > Tier(envelope.tier).rank or facts.quorum_now > envelope.quorum:
        reasons.append(Reason("4 tier", "tier_raised", "The action is more far-reaching than what was approved."))
    if facts.policy_version_now != envelope.policy_version:
        reasons.append(Reason("4 tier", "policy_changed", "The policies changed since this was bound."))
    return reasons


def authority(facts: ClaimFacts, envelope: Envelope) -> list[Reason]:
    """5. Enough people who may approve *now* approved exactly this digest; nobody said no; nothing is spent twice."""
    if Tier(envelope.tier).rank < Tier.EXTERNAL.rank:
        return []
    if facts.request_id is None or facts.request_digest != facts.envelope_digest:
        return [Reason("5 authority", "approval_missing", "No approval belongs to this envelope.")]
    reasons = []
    is_unspent = facts.request_state == "approved"
    is_own_retry = facts.request_state == "spent" and facts.act_n > 1
    if not (is_unspent or is_own_retry):
        reasons.append(Reason("5 authority", "approval_not_valid", f"The approval is {facts.request_state}."))
    if facts.request_expires_at is None or facts.now >= facts.request_expires_at:
        reasons.append(Reason("5 authority", "expired", "The approval has expired."))
    if any(decision.decision != "approve" for decision in facts.decisions):
        reasons.append(Reason("5 authority", "rejected", "Somebody rejected this."))
    counted = {d.approver_id for d in facts.decisions if _counts(facts, envelope, d)}
    if len(counted) < envelope.quorum:
        text = f"{len(counted)} of {envelope.quorum} needed approvals count."
        reasons.append(Reason("5 authority", "quorum_missing", text))
    return reasons


def posture(facts: ClaimFacts, envelope: Envelope) -> list[Reason]:
    """6. The account's posture lets this tier through; a run that was stopped acts no more."""
    reasons = []
    if Tier(envelope.tier) not in POSTURE_ALLOWS.get(facts.posture or "hold", frozenset()):
        reasons.append(Reason("6 posture", "posture", f"The account's posture is {facts.posture or 'hold'}."))
    if facts.run_state == "stopped":
        reasons.append(Reason("6 posture", "run_stopped", "The run was stopped."))
    return reasons


def content(facts: ClaimFacts, envelope: Envelope) -> list[Reason]:
    """7. What leaves was reviewed where it must be, for exactly these bytes, and every file with it is released."""
    return content_reasons(facts.reviews, facts.routes, facts.files, facts.payload, envelope)


def money(facts: ClaimFacts, envelope: Envelope) -> list[Reason]:
    """8. What moves money still agrees with the order that it is about."""
    return reservation(facts.order, envelope)


POLICIES: tuple[Policy, ...] = (integrity, currency, binding, tier, authority, posture, content, money)
POLICY_VERSION = "2026-11-2"


def _counts(facts: ClaimFacts, envelope: Envelope, decision: Decision) -> bool:
    """Whether a decision is by somebody who may, who is not the requester, and says exactly this."""
    is_requester = envelope.requester == {"kind": "user", "id": decision.approver_id}
    if decision.decision != "approve" or not decision.is_approver_now or is_requester:
        return False
    if envelope.mode != Mode.SANDBOX:
        # A live endpoint needs an assertion of a passkey. Nothing here can verify one yet, and bytes that
        # nobody verified are no evidence, so no decision counts there.
        return False
    try:
        said = parse_strict(decision.statement)
    except NotCanonical:
        return False
    wanted = {
        "schema": STATEMENT_SCHEMA,
        "account_id": envelope.account_id,
        "request_id": facts.request_id,
        "tool_call_id": facts.tool_call_id,
        "envelope_digest": facts.envelope_digest,
        "decision": "approve",
        "approver_id": decision.approver_id,
        "expires_at": envelope.expires_at,
    }
    if not isinstance(said, dict) or set(said) != {*wanted, *STATEMENT_SAYS_TOO}:
        return False
    is_exact = (
        all(said[name] == value for name, value in wanted.items()) and canonical_bytes(said) == decision.statement
    )
    try:
        issued_at = parse_rfc3339(str(said["issued_at"]))
    except NotCanonical:
        return False
    is_late_enough = issued_at - parse_rfc3339(envelope.created_at) >= -CLOCK_SKEW
    return is_exact and is_late_enough and issued_at - facts.now <= CLOCK_SKEW
