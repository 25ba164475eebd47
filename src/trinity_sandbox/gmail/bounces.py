"""Mail that comes back: delivery status notifications (RFC 3464 in RFC 6522's multipart/report), as Gmail writes them."""

import email.utils
import re
import secrets
from dataclasses import dataclass

from trinity_sandbox.gmail import mime
from trinity_sandbox.gmail.books import Books

STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
DAEMON = "Mail Delivery Subsystem <mailer-daemon@googlemail.com>"


@dataclass(frozen=True, slots=True)
class Bounce:
    """What happens to mail for an address: `action` is RFC 3464's, `failed` or `delayed`."""

    address: str
    status: str
    diagnostic: str
    action: str


def keep(books: Books, bounce: Bounce) -> None:
    """Let mail to this address bounce from now on; action `none` ends that."""
    with books.transaction():
        books.run("DELETE FROM bounce WHERE address = ?", bounce.address)
        if bounce.action != "none":
            values = (bounce.address, bounce.status, bounce.diagnostic, bounce.action)
            books.run("INSERT INTO bounce VALUES (?, ?, ?, ?)", *values)


def notification(sender: str, mail: mime.RawMail, bounce: Bounce) -> bytes:
    """The report that tells `sender` what became of his mail to one address."""
    boundary = f"000000000000{secrets.token_hex(8)}"
    wire_id, kind = mail.value("Message-ID"), "Failure" if bounce.action == "failed" else "Delay"
    head = {
        "From": DAEMON,
        "To": sender,
        "Auto-Submitted": "auto-replied",
        "Subject": f"Delivery Status Notification ({kind})",
        "Date": email.utils.formatdate(),
        "In-Reply-To": wire_id,
        "References": wire_id,
        "X-Failed-Recipients": bounce.address,
        "MIME-Version": "1.0",
        "Content-Type": f'multipart/report; report-type=delivery-status; boundary="{boundary}"',
    }
    said = f"Your message to {bounce.address} could not be delivered.\r\nThe response was:\r\n\r\n{bounce.diagnostic}"
    status = "\r\n".join(
        (
            "Reporting-MTA: dns; googlemail.com",
            f"Arrival-Date: {email.utils.formatdate()}",
            f"X-Original-Message-ID: {wire_id}",
            "",
            f"Final-Recipient: rfc822; {bounce.address}",
            f"Action: {bounce.action}",
            f"Status: {bounce.status}",
            f"Diagnostic-Code: smtp; {bounce.diagnostic}",
        )
    )
    original = b"".join(field + b"\r\n" for field in mail.without("Bcc").fields).decode("utf-8", "replace")
    parts = (
        ("text/plain; charset=UTF-8", said),
        ("message/delivery-status", status),
        ("text/rfc822-headers", original),
    )
    body = "".join(f"--{boundary}\r\nContent-Type: {kind}\r\n\r\n{text}\r\n\r\n" for kind, text in parts)
    fields = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    return f"{fields}\r\n{body}--{boundary}--\r\n".encode()
