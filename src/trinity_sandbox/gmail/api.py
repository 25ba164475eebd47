"""Gmail's REST methods under `/gmail/v1/users/{userId}`."""

import sqlite3
from typing import Any

from litestar import Response, delete, get, post, put
from litestar.handlers import HTTPRouteHandler

from trinity_sandbox.gmail import bodies, resources, search
from trinity_sandbox.gmail.books import load
from trinity_sandbox.gmail.errors import GoogleError, invalid, not_found
from trinity_sandbox.gmail.faults import STALE
from trinity_sandbox.gmail.service import Call, mailbox_of, service_of

USERS = "/gmail/v1/users/{user_id:str}"
HISTORY_TYPES = ("messageAdded", "messageDeleted", "labelAdded", "labelRemoved")

type Json = dict[str, Any]


@get(f"{USERS}/profile")
async def profile(request: Call) -> Json:
    """users.getProfile"""
    box, mail = mailbox_of(request), service_of(request).post
    rows = mail.messages(box)
    return {
        "emailAddress": box.address,
        "messagesTotal": len(rows),
        "threadsTotal": len({row["thread_id"] for row in rows}),
        "historyId": str(mail.history_id(box)),
    }


@post(f"{USERS}/drafts", status_code=200)
async def create_draft(request: Call) -> Json:
    """users.drafts.create"""
    box, mail = mailbox_of(request), service_of(request).post
    _, body = bodies.draft_body(await bodies.json_object(request))
    row = mail.create_draft(box, body.must_raw(), body.thread_id)
    return {"id": row["id"], "message": resources.stub(mail.message(box, row["message_id"]))}


@get(f"{USERS}/drafts")
async def list_drafts(request: Call) -> Json:
    """users.drafts.list"""
    box, mail = mailbox_of(request), service_of(request).post
    wanted = bodies.query(request, "q") or ""
    drafts = [(row["id"], mail.message(box, row["message_id"])) for row in mail.drafts(box)]
    moment = bodies.before_ms(request)
    found = [(one, row) for one, row in drafts if row["internal_ms"] <= moment and search.matches(row, wanted)]
    shown, more = bodies.page(request, found)
    listed = [{"id": draft_id, "message": resources.reference(row)} for draft_id, row in shown]
    return _filled("drafts", listed) | more | {"resultSizeEstimate": len(found)}


@get(f"{USERS}/drafts/{{draft_id:str}}")
async def get_draft(request: Call, draft_id: str) -> Json:
    """users.drafts.get"""
    box, mail = mailbox_of(request), service_of(request).post
    row = mail.message(box, mail.draft(box, draft_id)["message_id"])
    return {"id": draft_id, "message": resources.message(row, bodies.query(request, "format") or "full")}


@put(f"{USERS}/drafts/{{draft_id:str}}")
async def update_draft(request: Call, draft_id: str) -> Json:
    """users.drafts.update"""
    box, mail = mailbox_of(request), service_of(request).post
    _, body = bodies.draft_body(await bodies.json_object(request))
    row = mail.update_draft(box, draft_id, body.must_raw(), body.thread_id)
    return {"id": row["id"], "message": resources.stub(mail.message(box, row["message_id"]))}


@post(f"{USERS}/drafts/send", status_code=200)
async def send_draft(request: Call) -> Json:
    """users.drafts.send"""
    box = mailbox_of(request)
    draft_id, body = bodies.draft_body(await bodies.json_object(request))
    if not draft_id:
        raise invalid("Missing draft id")
    row = service_of(request).post.send_draft(box, draft_id, body.raw, body.thread_id)
    return resources.stub(row)


@delete(f"{USERS}/drafts/{{draft_id:str}}")
async def delete_draft(request: Call, draft_id: str) -> None:
    """users.drafts.delete"""
    service_of(request).post.delete_draft(mailbox_of(request), draft_id)


@post(f"{USERS}/messages/send", status_code=200)
async def send_message(request: Call) -> Json:
    """users.messages.send"""
    box = mailbox_of(request)
    body = bodies.message_body(await bodies.json_object(request))
    return resources.stub(service_of(request).post.send(box, body.must_raw(), body.thread_id))


@get(f"{USERS}/messages")
async def list_messages(request: Call) -> Json:
    """users.messages.list"""
    box, mail = mailbox_of(request), service_of(request).post
    labels, wanted = bodies.query_all(request, "labelIds"), bodies.query(request, "q") or ""
    found = [row for row in _listed(request, mail.messages(box), labels) if search.matches(row, wanted)]
    shown, more = bodies.page(request, found)
    listed = [resources.reference(row) for row in shown]
    return _filled("messages", listed) | more | {"resultSizeEstimate": len(found)}


@get(f"{USERS}/messages/{{message_id:str}}")
async def get_message(request: Call, message_id: str) -> Json:
    """users.messages.get"""
    row = service_of(request).post.message(mailbox_of(request), message_id)
    form = bodies.query(request, "format") or "full"
    return resources.message(row, form, bodies.query_all(request, "metadataHeaders"))


@post(f"{USERS}/messages/{{message_id:str}}/modify", status_code=200)
async def modify_message(request: Call, message_id: str) -> Json:
    """users.messages.modify"""
    box, body = mailbox_of(request), await bodies.json_object(request)
    add, remove = body.get("addLabelIds", []), body.get("removeLabelIds", [])
    if any(name not in resources.SYSTEM_LABELS for name in [*add, *remove]):
        raise invalid("labelId not found")
    return resources.stub(service_of(request).post.modify(box, message_id, add, remove))


@get(f"{USERS}/messages/{{message_id:str}}/attachments/{{attachment_id:str}}")
async def get_attachment(request: Call, message_id: str, attachment_id: str) -> Json:
    """users.messages.attachments.get"""
    row = service_of(request).post.message(mailbox_of(request), message_id)
    found = resources.attachment(row, attachment_id)
    if found is None:
        raise not_found()
    return found


@get(f"{USERS}/threads")
async def list_threads(request: Call) -> Json:
    """users.threads.list"""
    box, mail = mailbox_of(request), service_of(request).post
    labels, wanted = bodies.query_all(request, "labelIds"), bodies.query(request, "q") or ""
    newest: dict[str, Json] = {}
    for row in _listed(request, mail.messages(box), labels):
        if search.matches(row, wanted):
            brief = resources.message(row, "minimal")
            wanted_keys = {"id": row["thread_id"], "snippet": brief["snippet"], "historyId": brief["historyId"]}
            newest.setdefault(row["thread_id"], wanted_keys)
    shown, more = bodies.page(request, list(newest.values()))
    return _filled("threads", shown) | more | {"resultSizeEstimate": len(newest)}


@get(f"{USERS}/threads/{{thread_id:str}}")
async def get_thread(request: Call, thread_id: str) -> Json:
    """users.threads.get"""
    rows = service_of(request).post.messages(mailbox_of(request), thread_id)
    if not rows:
        raise not_found()
    form, wanted = bodies.query(request, "format") or "full", bodies.query_all(request, "metadataHeaders")
    if form == "raw":
        raise invalid("Invalid value at 'format', \"raw\"")
    return {
        "id": thread_id,
        "historyId": str(max(row["history_id"] for row in rows)),
        "messages": [resources.message(row, form, wanted) for row in reversed(rows)],
    }


@get(f"{USERS}/labels")
async def list_labels(request: Call) -> Json:
    """users.labels.list"""
    mailbox_of(request)
    return {"labels": [resources.label(name) for name in resources.SYSTEM_LABELS]}


@get(f"{USERS}/history")
async def list_history(request: Call) -> Json:
    """users.history.list"""
    box, mail = mailbox_of(request), service_of(request).post
    if bodies.query(request, "startHistoryId") is None:
        raise invalid("Missing required parameter: startHistoryId")
    kinds, label = bodies.query_all(request, "historyTypes"), bodies.query(request, "labelId")
    if any(kind not in HISTORY_TYPES for kind in kinds):
        raise invalid("Invalid value at 'history_types'")
    after, moment = bodies.query_number(request, "startHistoryId", 0), bodies.before_ms(request)
    rows, newest = mail.history_behind(box, after, moment)
    if STALE not in request.scope["state"]:
        newest = mail.history_id(box)
    found = [
        row
        for row in rows
        if row["kind"] in (kinds or HISTORY_TYPES) and (label is None or label in load(row["labels"]))
    ]
    shown, more = bodies.page(request, found)
    listed = [resources.history(row) for row in shown]
    return _filled("history", listed) | more | {"historyId": str(newest)}


@post(f"{USERS}/watch", status_code=200)
async def watch(request: Call) -> Json:
    """users.watch: a mailbox has one watch; another call replaces it."""
    box, service = mailbox_of(request), service_of(request)
    topic, labels, is_excluding = bodies.watch_body(await bodies.json_object(request))
    until = service.watching.begin(box.address, topic, labels, is_excluding=is_excluding)
    return {"historyId": str(service.post.history_id(box)), "expiration": str(until)}


@post(f"{USERS}/stop", status_code=204)
async def stop(request: Call) -> None:
    """users.stop"""
    service_of(request).watching.end(mailbox_of(request).address)


@get(f"{USERS}/settings/sendAs")
async def list_send_as(request: Call) -> Json:
    """users.settings.sendAs.list"""
    return {"sendAs": resources.send_as(mailbox_of(request))}


def on_google_error(_request: Call, error: GoogleError) -> Response[Json]:
    """Every refusal in Google's form."""
    headers = {"www-authenticate": 'Bearer realm="https://accounts.google.com/"'} if error.status == 401 else {}
    return Response(error.body(), status_code=error.status, headers=headers)


def _listed(request: Call, rows: list[sqlite3.Row], labels: list[str]) -> list[sqlite3.Row]:
    """What a list shows: not what is younger than a stale list knows, nor spam and trash unless asked for."""
    moment, wanted = bodies.before_ms(request), set(labels)
    hidden = set() if bodies.query(request, "includeSpamTrash") == "true" else {"SPAM", "TRASH"} - wanted
    has = {row["id"]: set(load(row["labels"])) for row in rows}
    return [
        row for row in rows if row["internal_ms"] <= moment and wanted <= has[row["id"]] and not hidden & has[row["id"]]
    ]


def _filled(name: str, items: list[Json]) -> Json:
    """Gmail leaves an empty list out altogether."""
    return {name: items} if items else {}


ROUTES: list[HTTPRouteHandler] = [
    profile, create_draft, list_drafts, get_draft, update_draft, send_draft, delete_draft, send_message,
    list_messages, get_message, modify_message, get_attachment, list_threads, get_thread, list_labels,
    list_history, watch, stop, list_send_as,
]  # fmt: skip
