"""The stand-ins as the story sees them: their own books, what the world outside does, and their faults."""

import base64
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import httpx

from trinity.cli.story.teller import demand

TIMEOUT_S = 20.0
ANSWER_CHARS = 300
STRIPE_ACCOUNT = "acct_sandbox"

type Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sandboxes:
    """The addresses of the stand-ins that the story is told on."""

    gmail: str
    stripe: str
    smtp: str

    async def mails(self, mailbox: str) -> list[Json]:
        """What really left a mailbox."""
        sent = (await _get(f"{self.gmail}/_sandbox/books"))["sent"]
        return [one for one in sent if one["mailbox"] == mailbox]

    async def notices(self) -> list[Json]:
        """What the server for notices really took."""
        return list((await _get(f"{self.smtp}/_sandbox/books"))["mails"])

    async def money(self) -> Json:
        """Stripe's own books of the account."""
        return await _get(f"{self.stripe}/_sandbox/books?account={STRIPE_ACCOUNT}")

    async def answer(self, sent: Json, sender: tuple[str, str], text: str) -> None:
        """Somebody answers a mail of ours, as a mail program does."""
        mailbox, ours = sent["mailbox"], message_from_bytes(base64.b64decode(sent["raw_b64"]), policy=default)
        answer = EmailMessage()
        answer["From"] = f"{sender[1]} <{sender[0]}>"
        answer["To"] = mailbox
        answer["Subject"] = f"Re: {ours['subject']}"
        answer["Message-ID"] = f"<answer-to-{sent['message_id']}@customer.example>"
        answer["In-Reply-To"] = answer["References"] = sent["wire_message_id"]
        answer.set_content(text)
        raw = base64.urlsafe_b64encode(answer.as_bytes()).decode()
        await _post(f"{self.gmail}/_sandbox/deliver", {"mailbox": mailbox, "raw_b64": raw})

    async def pay_out(self, currency: str) -> None:
        """Stripe pays the balance out to the bank."""
        await _post(f"{self.stripe}/_sandbox/payouts", {"currency": currency})

    async def lose_an_answer(self, provider: str, path_contains: str) -> None:
        """The next such call is carried out, and the connection dropped before it is answered."""
        url = {"gmail": self.gmail, "stripe": self.stripe}[provider]
        body = {"path_contains": path_contains, "mode": "accept_then_drop", "times": 1, "method": "POST"}
        await _post(f"{url}/_sandbox/faults", body)

    async def repeat_webhooks(self) -> None:
        """From now on every event comes three times, in no order."""
        body = {"copies": 3, "order": "shuffled", "seed": 7}
        await _post(f"{self.stripe}/_sandbox/webhooks", body)


async def _get(url: str) -> Json:
    async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as http:
        answer = await http.get(url)
    demand(answer.is_success, f"{url} answered {answer.status_code}: {answer.text[:ANSWER_CHARS]}")
    found: Json = answer.json()
    return found


async def _post(url: str, body: Json) -> None:
    async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as http:
        answer = await http.post(url, json=body)
    demand(answer.is_success, f"{url} answered {answer.status_code}: {answer.text[:ANSWER_CHARS]}")
