"""The offline verifier of Trinity's proof packets. No database, no network, nothing of Trinity.

Imports the standard library, `rfc8785` and `cryptography`. It runs these steps under these numbers, and each
says `passed`, `failed` or `missing`, and why:

     1  file         the file is strict JSON in its one canonical form (RFC 8785), within its limits
     2  format       format and shape are known: every object has exactly its keys, every value its kind
     3  digest       the note is a C2SP signed note whose text names the SHA-256 of the body
     4  signature    the note is signed by the pinned key
     5  sequence     records stand in the order of their ids, carry their times, and end with the export
     6  envelopes    each envelope is canonical and names this account and its call
     7  payloads     payloads have the digests of their envelopes, and say what was asked for
     8  tiers        operations are known, and tier and quorum are not lower than they need
     9  approvals    the needed people approved exactly this digest, in time, and nobody else did
    10  attempts     every step began in time, named the approved bytes, and none was repeated blindly
    11  receipts     what happened, happened once, and the provider's receipt says so
    12  records      the provider's own record of each effect is what was approved
    13  comparisons  the exporter's own comparison found nothing
    14  models       models judged each agent's mail, these very bytes, and passed it before a person was asked
    15  events       audit events account for every state, decision and step
    16  links        runs, calls, sources, artifacts and drafts belong together
    17  purchase     offer, checkout and order agree, and a checkout of this packet was paid
    18  ledger       every transfer is of a movement of this order, and the sums are the order's
    19  intake       what the buyer wrote was released by a person before a run began on it
    20  fulfilment   what was delivered was sent as approved, with the released artifact in it
    21  log          a transparency log holds the events (no packet of this format can show it yet)
    22  passkeys     decisions are signed by their approvers' passkeys (a sandbox needs none)

Steps 21 and 22 are said and not counted, nor is step 14 for a packet of the first format, which knew no models.
Of the others, one that failed or that lacks what it needs makes the verdict `failed`. `verified` needs a pinned
key; without one the best verdict is `self_consistent`. Read `form`, `packet` (with `shapes`, `operations`),
`authority`, `payload` (with `mail`), `effect` (with `mailbox`, `money`, `notice`), `judgement`, `history`, `work`,
`purchase`, `ledger`, in this order; docs/verify.md explains the format.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

from trinity_verify import authority, effect, form, history, judgement, ledger, payload, purchase, work
from trinity_verify.form import Failed, Missing, demand
from trinity_verify.packet import FORMAT, Packet, shape_packet

__all__ = ["STEPS", "Step", "Verdict", "verify"]

SAID_ONLY = ("log", "passkeys")
LOAD_BEARING = ("file", "format", "envelopes", "payloads", "tiers")
"""What later steps read; where one of these does not pass, the rest is not reached."""

REASON_CHARS_MAX = 600


@dataclass(frozen=True, slots=True)
class Step:
    """One numbered step: what it found, and why."""

    n: int
    name: str
    verdict: Literal["passed", "failed", "missing"]
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What all steps together say. `says_missing` are the packet's own sentences about what it does not hold."""

    overall: Literal["verified", "self_consistent", "failed"]
    kind: str | None
    subject_id: str | None
    steps: tuple[Step, ...]
    says_missing: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0 for `verified`, else 1."""
        return 0 if self.overall == "verified" else 1

    def as_dict(self) -> dict[str, object]:
        """The verdict as JSON data."""
        return asdict(self)


class _Check:
    """One verification: the steps in order, each reading what the steps before it have checked."""

    def __init__(self, data: bytes, pinned: str | None) -> None:
        self.data = data
        self.pinned = pinned
        self.file: dict[str, object] = {}
        self.packet = Packet({}, [], [])
        self.note = ("", "", b"")

    def read_file(self) -> str:
        value = form.parse(self.data, "the file")
        demand(type(value) is dict, "the file is not an object")
        self.file = value
        return f"{len(self.data)} bytes of canonical JSON"

    def check_format(self) -> str:
        form.shaped(self.file, {"format": "text", "body": "object", "note": "text"}, "the file")
        demand(self.file["format"] == FORMAT, "the file's format is not known to this verifier")
        self.packet = shape_packet(self.file["body"])
        return f"{FORMAT}, a packet about one {self.packet.body['kind']}"

    def check_digest(self) -> str:
        self.note = form.split_note(str(self.file["note"]))
        digest = form.sha256(form.canonical(self.file["body"]))
        format_ = self.packet.body["format"]
        demand(self.note[0] == f"{format_}\n{digest}\n", "the note is about another body")
        return f"the note names {digest}"

    def check_signature(self) -> str:
        name = self.note[1]
        if self.pinned is None:
            raise Missing(f"no key was pinned; the note says that it is by {name}, which anybody can write")
        demand(bool(name), "there is no signature to check")
        form.check_signature(self.note[0], name, self.note[2], self.pinned)
        return f"signed by {name}, the pinned key"

    def say_log(self) -> str:
        raise Missing(
            "there is no transparency log and no witness yet: that nothing was left out, and that no other history"
            " was signed, rests on the holder of the log key"
        )

    def say_passkeys(self) -> str:
        found = [call.data["approval"]["decisions"] for call in self.packet.calls if call.data["approval"]]
        lacking = [one["assertion_b64"] is None for decisions in found for one in decisions]
        if lacking:
            raise Missing(
                f"{form.number(sum(lacking), 'decision')} of {len(lacking)} without a passkey assertion, and this version"
                " checks none: that these people decided is the account's word"
            )
        return "there is no decision that could carry one"


def _steps(check: _Check) -> dict[str, Callable[[], str]]:
    return {
        "file": check.read_file,
        "format": check.check_format,
        "digest": check.check_digest,
        "signature": check.check_signature,
        "sequence": lambda: history.sequence(check.packet),
        "envelopes": lambda: authority.envelopes(check.packet),
        "payloads": lambda: payload.payloads(check.packet),
        "tiers": lambda: authority.tiers(check.packet),
        "approvals": lambda: authority.approvals(check.packet),
        "attempts": lambda: effect.attempts(check.packet),
        "receipts": lambda: effect.receipts(check.packet),
        "records": lambda: effect.records(check.packet),
        "comparisons": lambda: effect.comparisons(check.packet),
        "models": lambda: judgement.models(check.packet),
        "events": lambda: history.events(check.packet),
        "links": lambda: work.links(check.packet),
        "purchase": lambda: purchase.purchase(check.packet),
        "ledger": lambda: ledger.ledger(check.packet),
        "intake": lambda: purchase.intake(check.packet),
        "fulfilment": lambda: purchase.fulfilment(check.packet),
        "log": check.say_log,
        "passkeys": check.say_passkeys,
    }


STEPS = tuple(_steps(_Check(b"", None)))
"""The steps' names, in order."""


def verify(packet: bytes, vkey: str | None) -> Verdict:
    """Check a packet against a pinned verifier key (`name+id+base64`). Never raises."""
    check = _Check(packet, vkey)
    steps: list[Step] = []
    broken = 0
    for n, (name, run) in enumerate(_steps(check).items(), 1):
        if broken and name != "log":
            steps.append(Step(n, name, "missing", f"not reached, since step {broken} did not pass"))
            continue
        step = _take(n, name, run)
        steps.append(step)
        if step.verdict != "passed" and name in LOAD_BEARING:
            broken = n
    body = check.packet.body
    says = tuple(str(one) for one in body.get("missing", ()))
    return Verdict(_overall(steps, vkey, check.packet), body.get("kind"), body.get("subject_id"), tuple(steps), says)


def _take(n: int, name: str, run: Callable[[], str]) -> Step:
    try:
        return Step(n, name, "passed", run())
    except Failed as failure:
        return Step(n, name, "failed", str(failure)[:REASON_CHARS_MAX])
    except Missing as lack:
        return Step(n, name, "missing", str(lack)[:REASON_CHARS_MAX])
    except Exception as error:
        # Whatever this verifier did not foresee in a packet is no reason to accept it, nor to fall over.
        return Step(n, name, "failed", f"the step could not be taken: {type(error).__name__}")


def _overall(steps: list[Step], vkey: str | None, packet: Packet) -> Literal["verified", "self_consistent", "failed"]:
    said_only = SAID_ONLY + (("models",) if packet.body and packet.is_first_format else ())
    counted = [step for step in steps if step.name not in said_only]
    if vkey is None:
        counted = [step for step in counted if step.name != "signature"]
    if any(step.verdict != "passed" for step in counted):
        return "failed"
    return "verified" if vkey is not None else "self_consistent"
