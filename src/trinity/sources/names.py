"""File names as people and browsers may see them. A name is content too: foreign, escaped wherever it is shown.

Refused is what could leave a directory, break a header or hide: nothing is repaired, since a name that was changed
silently is no longer what somebody approved. What is odd but honest is kept and flagged.
"""

import re
import unicodedata
from urllib.parse import quote

from trinity.errors import Refused
from trinity.kit.canonical import is_text

NAME_CHARS_MAX = 120
NAME_BYTES_MAX = 200
_SEPARATORS = "/\\:"
_HIDDEN_CATEGORIES = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_RIGHT_TO_LEFT = ("R", "AL")
_PROGRAM = re.compile(
    r"\.(exe|com|scr|bat|cmd|ps1|vbs|vbe|js|jse|wsf|msi|lnk|hta|jar|app|dmg|sh|py|php|html?|svg)\.[^.]+$", re.IGNORECASE
)


def checked_name(name: str) -> str:
    """The name itself, or `Refused` (422) with a sentence that says what is wrong with it."""
    if not is_text(name) or not name or len(name) > NAME_CHARS_MAX or len(name.encode()) > NAME_BYTES_MAX:
        raise _refused(f"A file name has 1 to {NAME_CHARS_MAX} characters.")
    if any(char in _SEPARATORS for char in name):
        raise _refused("A file name holds no slash, backslash or colon.")
    if any(unicodedata.category(char) in _HIDDEN_CATEGORIES for char in name):
        raise _refused("The file name holds characters that cannot be seen or that turn others around.")
    if name != name.strip() or name[0] == "." or name[-1] == ".":
        raise _refused("A file name begins and ends with a visible character other than a dot.")
    if not extension_of(name):
        raise _refused("A file name ends with an extension, such as .pdf.")
    return name


def extension_of(name: str) -> str:
    """What stands behind the last dot, in lower case; empty if there is nothing."""
    stem, dot, extension = name.rpartition(".")
    return extension.lower() if dot and stem else ""


def warnings_of(name: str) -> tuple[str, ...]:
    """What a person should look at twice in a name that is allowed."""
    found = []
    if any(unicodedata.bidirectional(char) in _RIGHT_TO_LEFT for char in name):
        found.append("The name holds right-to-left letters: its parts may be shown in another order.")
    if _PROGRAM.search(name):
        found.append("The name has a second extension that belongs to a program or page.")
    if unicodedata.normalize("NFKC", name) != name:
        found.append("The name holds characters that can look like others.")
    return tuple(found)


def attachment_header(name: str) -> str:
    """`Content-Disposition` for a download (RFC 6266): an ASCII stand-in, and the name itself percent-encoded."""
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _refused(sentence: str) -> Refused:
    return Refused("invalid_name", sentence, status=422)
