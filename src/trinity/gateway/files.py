"""The files of an envelope as they stand now: read for the claim, and before a person approves."""

from uuid import UUID

from trinity.kit.canonical import NotCanonical
from trinity.kit.envelope import Envelope
from trinity.policy.content import FileFacts, attached
from trinity.store.database import Tx

FILES_MAX = 50


async def list_files(tx: Tx, envelope_bytes: bytes) -> tuple[FileFacts, ...]:
    """The artifacts that an envelope names, as far as they are there; none for bytes that are no envelope.

    Part of the claim's exception to "each context owns its tables": it is read in the claim's own transaction.
    """
    try:
        said = attached(Envelope.from_bytes(envelope_bytes))
    except NotCanonical:
        return ()
    ids = [one for text in said[:FILES_MAX] if (one := _id(text.partition(" ")[0]))]
    if not ids:
        return ()
    rows = await tx.all(
        "select id, sha256, size_bytes, media_type, release_state from artifacts where id = any(%(ids)s)", {"ids": ids}
    )
    return tuple(
        FileFacts(
            str(row["id"]), row["sha256"], row["size_bytes"], row["media_type"], row["release_state"] == "released"
        )
        for row in rows
    )


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
