"""Surgery on raw mail: read header fields, replace some, leave every other byte as it was.

Mail is kept as bytes with CRLF line ends. Header fields stay folded as they came.
"""

import email
import email.policy
import email.utils
import re
from dataclasses import dataclass
from email.message import EmailMessage, MIMEPart

from trinity_sandbox.gmail.errors import invalid

FIELD = re.compile(rb"[!-9;-~]+:")
RECIPIENT_HEADERS = ("To", "Cc", "Bcc")
ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]]+@[^\s@<>,;:\"()\[\]]+")
HEADERS_MAX = 500


@dataclass(frozen=True, slots=True)
class RawMail:
    """One mail as header fields (`Name: value`, folded, without the final CRLF) and the body's bytes."""

    fields: tuple[bytes, ...]
    body: bytes

    def to_bytes(self) -> bytes:
        """The mail again."""
        return b"".join(field + b"\r\n" for field in self.fields) + b"\r\n" + self.body

    def values(self, name: str) -> list[str]:
        """The unfolded values of every header of that name, undecoded."""
        prefix = name.lower().encode() + b":"
        found = [field for field in self.fields if field.lower().startswith(prefix)]
        return [unfold(field[len(prefix) :]) for field in found]

    def value(self, name: str) -> str:
        """The first value, or an empty string."""
        return next(iter(self.values(name)), "")

    def without(self, name: str) -> "RawMail":
        """The mail with every header of that name removed."""
        prefix = name.lower().encode() + b":"
        kept = tuple(field for field in self.fields if not field.lower().startswith(prefix))
        return RawMail(kept, self.body)

    def replaced(self, name: str, value: str) -> "RawMail":
        """The mail with the header set to one value, where the first one stood, else at the end."""
        prefix = name.lower().encode() + b":"
        field = f"{name}: {value}".encode()
        places = [i for i, old in enumerate(self.fields) if old.lower().startswith(prefix)]
        kept = list(self.without(name).fields)
        kept.insert(places[0] if places else len(kept), field)
        return RawMail(tuple(kept), self.body)

    def with_first(self, name: str, value: str) -> "RawMail":
        """The mail with one more header on top, as a mail server adds `Received`."""
        return RawMail((f"{name}: {value}".encode(), *self.fields), self.body)


def unfold(value: bytes) -> str:
    """A header's value on one line."""
    return re.sub(r"\r\n(?=[ \t])", "", value.decode("utf-8", "replace")).strip()


def parse(raw: bytes) -> RawMail:
    """Read raw bytes, with bare LF mended to CRLF; what has no readable header block is refused with 400."""
    lines = re.sub(rb"\r?\n", b"\r\n", raw)
    head, separator, body = lines.partition(b"\r\n\r\n")
    if not separator:
        head, body = lines.removesuffix(b"\r\n"), b""
    fields: list[bytes] = []
    for line in head.split(b"\r\n"):
        if line[:1] in (b" ", b"\t") and fields:
            fields[-1] += b"\r\n" + line
        elif FIELD.match(line):
            fields.append(line)
        else:
            raise invalid("Invalid RFC822 message: unreadable header")
    if len(fields) > HEADERS_MAX:
        raise invalid("Invalid RFC822 message: too many headers")
    return RawMail(tuple(fields), body)


def addresses(mail: RawMail, name: str) -> list[str]:
    """The bare addresses of a header, in order; one that cannot be read is refused as Gmail refuses it."""
    values = mail.values(name)
    found = [addr for _, addr in email.utils.getaddresses(values)]
    if any(not ADDRESS.fullmatch(addr) for addr in found) and any(values):
        raise invalid(f"Invalid {name} header")
    return [addr for addr in found if addr]


def recipients(mail: RawMail) -> list[str]:
    """Everyone the mail goes to, each once, in the order of To, Cc, Bcc."""
    found = [addr for name in RECIPIENT_HEADERS for addr in addresses(mail, name)]
    return list(dict.fromkeys(found))


def subject_key(mail: RawMail) -> str:
    """The subject as threads compare it: without reply and forward marks, case and spaces set aside."""
    decoded = parsed(mail).get("Subject", "")
    bare = re.sub(r"^(\s*(re|fwd?|aw|wg)\s*:)+", "", str(decoded), flags=re.IGNORECASE)
    return " ".join(bare.split()).casefold()


def references(mail: RawMail) -> set[str]:
    """The message ids that the mail says it answers."""
    return set(re.findall(r"<[^<>\s]+>", " ".join(mail.values("References") + mail.values("In-Reply-To"))))


def parsed(mail: RawMail) -> EmailMessage:
    """The mail through the standard library's parser, for reading parts."""
    message = email.message_from_bytes(mail.to_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def text_of(part: MIMEPart) -> str:
    """A text part decoded, with what cannot be decoded shown as such."""
    data = part.get_payload(decode=True)
    charset = part.get_content_charset("utf-8")
    if not isinstance(data, bytes):
        return ""
    try:
        return data.decode(charset, "replace")
    except LookupError:
        return data.decode("utf-8", "replace")
