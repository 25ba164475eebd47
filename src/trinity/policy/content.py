"""What an effect's content must still be when it is claimed: reviewed where an agent wrote it, its files let out."""

from collections.abc import Sequence
from dataclasses import dataclass

from trinity.errors import Reason
from trinity.kit.canonical import digest_hex
from trinity.kit.envelope import Envelope

ATTACHMENT = "attachment_"
"""With which the names of an envelope's attachments begin; the number follows."""


@dataclass(frozen=True, slots=True)
class Review:
    """One model decision about this call: its route, how it ended, and the digest of the input that it saw."""

    route: str
    outcome: str
    input_sha256: str


@dataclass(frozen=True, slots=True)
class FileFacts:
    """An artifact as it stands now."""

    id: str
    sha256: str
    size_bytes: int
    media_type: str
    is_released: bool

    def said(self) -> str:
        """The form that an envelope carries."""
        return f"{self.id} {self.sha256} {self.size_bytes} {self.media_type}"


def content(
    reviews: Sequence[Review], routes: Sequence[str], files: Sequence[FileFacts], payload: bytes, envelope: Envelope
) -> list[Reason]:
    """7. What an agent wrote was passed by each model that it needs, for these bytes; every attachment is released."""
    is_agents = envelope.requester.get("kind") == "agent"
    reasons = review_reasons(reviews, routes, payload) if is_agents else []
    found = {one.id: one for one in files}
    for said in attached(envelope):
        one = found.get(said.partition(" ")[0])
        if one is None or one.said() != said:
            text = "An attachment is not the one that was approved."
            reasons.append(Reason("7 content", "attachment_changed", text))
        elif not one.is_released:
            text = "An attachment is not released, so it does not leave."
            reasons.append(Reason("7 content", "attachment_not_released", text))
    return reasons


def review_reasons(reviews: Sequence[Review], routes: Sequence[str], payload: bytes) -> list[Reason]:
    """Why the reviews of exactly these bytes do not let them out. A no stays, however often a model was asked again."""
    digest = digest_hex(payload)
    reasons = []
    for route in routes:
        outcomes = {one.outcome for one in reviews if one.route == route and one.input_sha256 == digest}
        if "blocked" in outcomes:
            reasons.append(Reason("7 content", "review_blocked", f"The review `{route}` says no."))
        elif "passed" not in outcomes:
            text = "did not come to an end" if outcomes else "is missing"
            reasons.append(Reason("7 content", "review_missing", f"The review `{route}` of these bytes {text}."))
    return reasons


def attached(envelope: Envelope) -> list[str]:
    """What an envelope says of its attachments, in order: id, digest, size and type of each."""
    names = [name for name in envelope.resource if name.startswith(ATTACHMENT)]
    return [envelope.resource[name] for name in sorted(names)]
