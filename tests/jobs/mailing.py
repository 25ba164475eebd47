"""Mail from outside for the tests of what becomes of it."""

import base64
from email.message import EmailMessage
from typing import Any
from uuid import UUID

from tests.world import World
from trinity import crm, gateway, sources
from trinity.jobs.inbound import ingest
from trinity.store.database import Tx


async def sent_mail(world: World, key: str = "key-1", **changes: Any) -> dict[str, Any]:
    """A mail of ours that went out, as the stand-in has it."""
    made = await world.approved(key, **changes)
    call = await world.drive(made.tool_call_id)
    assert call.state == "succeeded"
    await gateway.verify(world.rails, world.account_id, made.tool_call_id)
    return (await world.sent())[-1] | {"tool_call_id": made.tool_call_id}


def letter(text: str = "Yes, please.", *, html: str | None = None, **headers: str) -> EmailMessage:
    """A mail from Ada; header names with underscores."""
    fields = {
        "From": "Ada Byron <ada@customer.example>",
        "To": "desk@agency.example",
        "Subject": "Re: Your website",
        "Message_ID": "<answer@customer.example>",
    }
    message = EmailMessage()
    for name, value in (fields | headers).items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    return message


def answer_to(sent: dict[str, Any], text: str = "Yes, please.", **headers: str) -> EmailMessage:
    """Ada's answer to a mail of ours."""
    about = {"In_Reply_To": sent["wire_message_id"], "References": sent["wire_message_id"]}
    return letter(text, **{**about, **headers})


async def deliver(world: World, mail: EmailMessage | bytes, **more: Any) -> dict[str, Any]:
    """Let it arrive in the world's mailbox."""
    raw = mail if isinstance(mail, bytes) else mail.as_bytes()
    body = {"mailbox": world.mailbox, "raw_b64": base64.b64encode(raw).decode(), **more}
    response = await world.http.post(f"{world.gmail_url}/_sandbox/deliver", json=body, timeout=30.0)
    response.raise_for_status()
    return dict(response.json())


async def control(world: World, name: str, **body: Any) -> dict[str, Any]:
    """Call a control endpoint of the stand-in."""
    response = await world.http.post(f"{world.gmail_url}/_sandbox/{name}", json=body)
    response.raise_for_status()
    return dict(response.json())


async def mailbox_id(world: World) -> UUID:
    """The world's mailbox."""
    from trinity import integrations

    async with world.tx() as tx:
        found = await integrations.list_integrations(tx, "gmail")
    return found[0].id


async def read_mail(world: World) -> dict[str, int]:
    """Take in what came, and say what became of it."""
    return dict(await ingest(world.rails, world.account_id, await mailbox_id(world)))


async def conversations(world: World) -> list[tuple[crm.Thread, list[crm.Message]]]:
    """Every thread with its messages."""
    async with world.tx() as tx:
        return [(one, await crm.list_messages(tx, one.id)) for one in await crm.list_threads(tx)]


async def inbound_messages(world: World) -> list[crm.Message]:
    """Every message that came in, oldest first."""
    found = [one for _, messages in await conversations(world) for one in messages if one.direction == "in"]
    return sorted(found, key=lambda one: one.id)


async def source_of(tx: Tx, message: crm.Message) -> sources.Source:
    """The words of a message."""
    assert message.source_id is not None
    return await sources.get_source(tx, message.source_id)
