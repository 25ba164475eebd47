"""The spent register: which approved digests have acted, kept outside PostgreSQL.

One file `digest/n` per act, created only if absent and synced (file and directory) before the act begins.
`digest/n+1` may follow only after `digest/n.absent`, the evidence that act n did not happen. Any other
collision means that the database was rewound or tampered with. A database that is restored from a backup
cannot forget what stands here. Evidence that act n did not happen uses its number up, too: an act that was
given up can't be taken any more.
"""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from trinity.errors import Refused, TrinityError
from trinity.kit.canonical import NotCanonical, canonical_bytes, parse_strict

ACTS_MAX = 50
EVIDENCE_BYTES_MAX = 10_000


class Collision(TrinityError):
    """The register already knows this act, or lacks the evidence that the one before did not happen."""

    code = "spent_register_collision"


class SpentRegister:
    """A register in a local folder; `file://` URLs only for now."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "file":
            raise Refused("setting_invalid", f"TRINITY_SPENT_URL must be a file:// URL, not {parts.scheme}://")
        self._root = Path(unquote(parts.path))
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def spend(self, digest: str, act_n: int, note: Mapping[str, object]) -> None:
        """Register act `act_n` of a digest, durably; raises `Collision`."""
        if not 1 <= act_n <= ACTS_MAX:
            raise Collision(f"act {act_n} is outside 1 … {ACTS_MAX}")
        folder = self._folder(digest)
        if act_n > 1 and not (folder / f"{act_n - 1}.absent").is_file():
            raise Collision(f"act {act_n} without evidence that act {act_n - 1} did not happen")
        if not _create(folder / str(act_n), canonical_bytes(note)):
            raise Collision(f"act {act_n} of this digest has been taken before")

    def record_absence(self, digest: str, act_n: int, evidence: Mapping[str, object]) -> None:
        """Write the evidence that act `act_n` did not happen. Repeatable; the first evidence stays."""
        content = canonical_bytes(evidence)
        assert len(content) <= EVIDENCE_BYTES_MAX, "evidence is a few short facts"
        _create(self._folder(digest) / str(act_n), content)
        _create(self._folder(digest) / f"{act_n}.absent", content)

    def first_note(self, digest: str) -> dict[str, str] | None:
        """What was noted with the first act of a digest that was really begun; None if none ever was.

        Evidence of absence says nothing about the provider from before an act, so it is passed over.
        Raises `Collision` if what stands there cannot be read.
        """
        for act_n in range(1, ACTS_MAX + 1):
            path = self._folder(digest) / str(act_n)
            if not path.is_file():
                continue
            try:
                note = parse_strict(path.read_bytes())
            except NotCanonical as error:
                raise Collision(f"act {act_n} of this digest is not readable") from error
            if isinstance(note, dict) and "because" not in note:
                return {name: value for name, value in note.items() if isinstance(value, str)}
        return None

    def is_spent(self, digest: str, act_n: int) -> bool:
        """Whether this act was taken, or given up."""
        return (self._folder(digest) / str(act_n)).is_file()

    def _folder(self, digest: str) -> Path:
        assert len(digest) == 64
        assert digest.isalnum()
        shelf = self._root / digest[:2]
        folder = shelf / digest
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sync(shelf)
            _sync(self._root)
        return folder


def _create(path: Path, content: bytes) -> bool:
    """Create a file with all its content or not at all; False if it is there already."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(unfinished, path)
    except FileExistsError:
        return False
    finally:
        unfinished.unlink()
    _sync(path.parent)
    return True


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
