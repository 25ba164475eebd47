"""Keys that `up` and `demo` make for themselves: files of mode 0600 under TRINITY_HOME/keys.

A deployment gives its keys by settings; what is set is never overwritten and never written down.
"""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from trinity.proof.keys import generate, signer

KEYS = "keys"
SECRET_BYTES = 32
LOG_KEY_NAME = "trinity.local/log"
VERIFIER_KEY_FILE = "log.vkey"


def ensure_keys(home: Path, environ: dict[str, str]) -> dict[str, str]:
    """The environment with every key set, from the settings or from files that are made on first use."""
    folder = home / KEYS
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = dict(environ)
    for name in ("TRINITY_SECRET_KEY", "TRINITY_ENCRYPTION_KEY"):
        if not (environ.get(name) or environ.get(f"{name}_FILE")):
            found[name] = _kept(folder / name.lower(), lambda: secrets.token_hex(SECRET_BYTES))
    if not (environ.get("TRINITY_LOG_KEY") or environ.get("TRINITY_LOG_KEY_FILE")):
        found["TRINITY_LOG_KEY"] = _log_key(folder)
    if not found.get("TRINITY_LOG_VERIFIER_KEY") and found.get("TRINITY_LOG_KEY"):
        found["TRINITY_LOG_VERIFIER_KEY"] = signer(found["TRINITY_LOG_KEY"]).verifier_key
    return found


def _log_key(folder: Path) -> str:
    path = folder / "trinity_log_key"
    if path.is_file():
        return path.read_text("ascii").strip()
    signer_text, verifier_text = generate(LOG_KEY_NAME)
    write_private(folder / VERIFIER_KEY_FILE, verifier_text + "\n")
    write_private(path, signer_text + "\n")
    return signer_text


def _kept(path: Path, make: Callable[[], str]) -> str:
    if path.is_file():
        return path.read_text("ascii").strip()
    value = make()
    write_private(path, value + "\n")
    return value


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
