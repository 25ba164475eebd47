"""What pages and the API show: plain frozen values, already decoded, never rows and never HTML."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from trinity.kit.canonical import Json
from trinity.web.matters import CardFile, Matter


@dataclass(frozen=True, slots=True)
class Posture:
    """How far the account may act now (`live`, `draft_only`, `read_only`, `hold`), who said so, and why."""

    mode: str
    reason: str = ""
    by: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Glance:
    """What stands around every page."""

    waiting: int
    runs_live: int
    posture: Posture
    incidents: int = 0
    """The critical ones that are still news."""


@dataclass(frozen=True, slots=True)
class ProjectRow:
    """A project in a list. `mailbox` is the address it may send from, if one is connected."""

    id: UUID
    name: str
    summary: str
    mailbox: str | None
    undo_window_s: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A piece of content. `text` is for people only; agents get it once it is released."""

    id: UUID
    origin: str
    title: str
    size_bytes: int
    state: str
    created_at: datetime
    text: str = ""
    released_by: str = ""
    project_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run in a list."""

    id: UUID
    project_id: UUID
    project_name: str
    goal: str
    contact: str
    state: str
    outcome: str
    isolation: str
    started_by: str
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    kind: str = "outreach"
    order_id: UUID | None = None
    order_number: int | None = None
    thread_id: UUID | None = None
    held_for_id: UUID | None = None

    @property
    def is_over(self) -> bool:
        """True once nothing more can happen in it."""
        return self.state in ("completed", "failed", "stopped")


@dataclass(frozen=True, slots=True)
class CallRow:
    """A proposed or executed effect in a list."""

    id: UUID
    project_name: str
    run_id: UUID | None
    operation: str
    tier: str
    mode: str
    state: str
    proof_state: str
    subject: str
    sender: str
    to: tuple[str, ...]
    created_at: datetime
    settled_at: datetime | None
    approval_id: UUID | None
    approval_state: str
    expires_at: datetime
    requester: str
    agent_reason: str = ""


@dataclass(frozen=True, slots=True)
class Happening:
    """One entry of a run's timeline. `kind` picks the icon; the text is the agent's or the system's."""

    id: str
    kind: str
    at: datetime
    title: str
    text: str = ""
    steps: tuple[str, ...] = ()
    call: CallRow | None = None
    source_id: str = ""


@dataclass(frozen=True, slots=True)
class ModelDecision:
    """What a model said about a text, or why it said nothing. The reasons are its own words; nothing follows them."""

    id: UUID
    route: str
    outcome: str
    failure: str
    score: int | None
    reasons: tuple[str, ...]
    findings: tuple[str, ...]
    model: str
    provider: str
    input_sha256: str
    at: datetime
    tool_call_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One step of a run's plan: `open`, `started`, `done`, or `left` when the run ended before it."""

    title: str
    state: str


@dataclass(frozen=True, slots=True)
class UsedSource:
    """A source that an agent said it works with."""

    id: UUID
    title: str
    origin: str


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A file that a run had made."""

    id: UUID
    name: str
    media_type: str
    size_bytes: int
    state: str


@dataclass(frozen=True, slots=True)
class Run:
    """A run, whole. `held_for` is the text that it waits for a person to release."""

    row: RunRow
    happenings: tuple[Happening, ...]
    calls: tuple[CallRow, ...]
    package_sha256: str = ""
    held_for: SourceRow | None = None
    plan: tuple[PlanStep, ...] = ()
    sources_used: tuple[UsedSource, ...] = ()
    decisions: tuple[ModelDecision, ...] = ()
    files: tuple[MadeFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Project:
    """A project, whole."""

    row: ProjectRow
    sources: tuple[SourceRow, ...]
    runs: tuple[RunRow, ...]


@dataclass(frozen=True, slots=True)
class Alternative:
    """One body of the mail. `source` is the exact text of the part, shown with what hides in it marked."""

    media_type: str
    source: str


@dataclass(frozen=True, slots=True)
class MailView:
    """A mail as decoded from the stored bytes: exactly what the provider is given."""

    sender: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    bcc: tuple[str, ...]
    reply_to: str
    subject: str
    alternatives: tuple[Alternative, ...]
    attachments: tuple[str, ...]
    warnings: tuple[str, ...]
    size_bytes: int
    headers: tuple[tuple[str, str], ...]
    sha256: str


@dataclass(frozen=True, slots=True)
class Trace:
    """Where one value of the action came from."""

    value: str
    field: str
    origin: str
    note: str
    source_id: UUID | None = None
    is_trusted: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What one person decided."""

    by: str
    decision: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a policy said no."""

    policy: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One step that the executor took."""

    act_n: int
    lease_epoch: int
    step: str
    started_at: datetime
    outcome: str
    finished_at: datetime | None
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the provider said."""

    kind: str
    sha256: str
    at: datetime
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A ToolCall, whole: its envelope, the mail it carries, what became of it."""

    row: CallRow
    envelope: dict[str, Json]
    envelope_digest: str
    mail: MailView | None
    reasons: tuple[Reason, ...]
    attempts: tuple[Attempt, ...]
    receipts: tuple[Receipt, ...]
    decisions: tuple[Decision, ...]
    traces: tuple[Trace, ...]
    not_before: datetime | None
    undo_window_s: int
    quorum: int
    request_state: str = ""
    draft_text: str = ""
    supersedes_id: UUID | None = None
    superseded_by_id: UUID | None = None
    model_decisions: tuple[ModelDecision, ...] = ()
    differences: tuple[tuple[str, str, str], ...] = ()
    typed_payload: dict[str, Json] = field(default_factory=dict)
    matter: Matter | None = None
    files: tuple[CardFile, ...] = ()
    has_decided: bool = False
    """True for the person who looks when this person has decided already."""
    is_mine: bool = False
    """True for the person who looks when this person proposed it: then somebody else must approve."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked: `ok`, `pending`, `missing` or `failed`, and the evidence in a sentence."""

    name: str
    state: str
    text: str


@dataclass(frozen=True, slots=True)
class Proof:
    """The proof of one ToolCall or run as it stands now."""

    kind: str
    id: UUID
    title: str
    state: str
    checks: tuple[Check, ...]
    calls: tuple[CallRow, ...]
    events: tuple["AuditEvent", ...]
    key_id: str = ""


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One line of the record."""

    id: UUID
    at: datetime
    actor: str
    kind: str
    subject: str
    facts: dict[str, Json]


@dataclass(frozen=True, slots=True)
class Verification:
    """What checking a packet found, step by step. `verdict` is `verified`, `self_consistent` or `failed`."""

    verdict: str
    checks: tuple[Check, ...]
    size_bytes: int
    says_missing: tuple[str, ...] = ()
    """The packet's own sentences about what it does not hold."""


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that people must look at. `severity` is `warning` or `critical`; `call` is what it is about."""

    id: UUID
    kind: str
    severity: str
    at: datetime
    subject_id: UUID | None
    facts: dict[str, object]
    lines: tuple[tuple[str, str], ...] = ()
    """The plain ones among the facts, as pairs of texts."""
    call: CallRow | None = None


@dataclass(frozen=True, slots=True)
class Home:
    """The first page."""

    waiting: tuple[CallRow, ...]
    runs: tuple[RunRow, ...]
    mails: tuple[CallRow, ...]
    held: tuple[CallRow, ...]
    quarantined: tuple[SourceRow, ...]
    sent_by_hour: tuple[int, ...]
    sent_24h: int
    incidents: tuple[Incident, ...] = ()
    """The newest ones, if a critical one is among the news; else none."""


@dataclass(frozen=True, slots=True)
class Tightened:
    """The answer to a tightening: what is in flight although nothing new may start."""

    mode: str
    in_flight: tuple[CallRow, ...]
