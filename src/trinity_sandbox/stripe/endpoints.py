"""Webhook endpoints: where events go, and the secrets that sign them. Only addresses on this machine."""

import ipaddress
from urllib.parse import urlsplit

from trinity_sandbox.stripe.books import Json
from trinity_sandbox.stripe.errors import invalid
from trinity_sandbox.stripe.fields import Fields
from trinity_sandbox.stripe.ids import token
from trinity_sandbox.stripe.work import API_VERSION, Work

ENDPOINTS_MAX = 16
SECRET_LENGTH = 32


def create(work: Work, fields: Fields) -> Json:
    """`POST /v1/webhook_endpoints`: the only answer that tells the secret."""
    url = checked_url(fields.text("url", must=True))
    events = fields.texts("enabled_events")
    if not events:
        raise invalid("Missing required param: enabled_events.", "enabled_events", "parameter_missing")
    version = fields.text("api_version")
    if version not in (None, API_VERSION):
        raise invalid(f"Only {API_VERSION} is spoken here.", "api_version")
    description, metadata = fields.text("description"), fields.metadata()
    fields.end()
    endpoint = make(work, url, events, f"whsec_{token(SECRET_LENGTH)}", description, metadata)
    return endpoint | {"secret": endpoint["_secrets"][0]}


def update(work: Work, fields: Fields, endpoint: Json) -> Json:
    """`POST /v1/webhook_endpoints/{id}`"""
    url = fields.text("url")
    endpoint["url"] = checked_url(url) if url else endpoint["url"]
    endpoint["enabled_events"] = fields.texts("enabled_events") or endpoint["enabled_events"]
    endpoint["description"] = fields.text("description") or endpoint["description"]
    endpoint["metadata"] = fields.metadata(held=endpoint["metadata"])
    is_disabled = fields.boolean("disabled")
    if is_disabled is not None:
        endpoint["status"] = "disabled" if is_disabled else "enabled"
    fields.end()
    if is_disabled:
        _give_up(work, endpoint)
    return work.books.save(endpoint)


def delete(work: Work, endpoint: Json) -> Json:
    """`DELETE /v1/webhook_endpoints/{id}`: what waits for it never goes out."""
    _give_up(work, endpoint)
    work.books.run("UPDATE object SET kind = 'deleted.webhook_endpoint' WHERE id = ?", endpoint["id"])
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}


def make(
    work: Work,
    url: str,
    events: list[str],
    secret: str,
    description: str | None = None,
    metadata: dict[str, str] | None = None,
) -> Json:
    """A new, enabled endpoint with this secret."""
    if len(work.books.all("webhook_endpoint", work.account)) >= ENDPOINTS_MAX:
        raise invalid(f"You have reached the maximum of {ENDPOINTS_MAX} test webhook endpoints.")
    return work.books.add(
        work.new(
            "webhook_endpoint",
            api_version=API_VERSION,
            application=None,
            created=work.now,
            description=description,
            enabled_events=events,
            livemode=False,
            metadata=metadata or {},
            status="enabled",
            url=url,
            _secrets=[secret],
        )
    )


def checked_url(url: str) -> str:
    """An http(s) address on the loopback interface: nothing that the stand-in says leaves the machine."""
    parts = urlsplit(url)
    try:
        is_local = parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname or "").is_loopback
        port = parts.port
    except ValueError:
        is_local, port = False, None
    if parts.scheme not in ("http", "https") or not is_local or port == 0:
        raise invalid("Invalid URL: the sandbox sends webhooks to this machine only.", "url", "url_invalid")
    return url


def _give_up(work: Work, endpoint: Json) -> None:
    work.books.run("UPDATE delivery SET state = 'failed' WHERE endpoint = ? AND state = 'pending'", endpoint["id"])
