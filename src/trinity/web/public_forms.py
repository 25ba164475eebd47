"""What keeps machines out of the public forms: no script, no puzzle, and no answer that teaches them anything.

A form carries a field that people do not see (whoever fills it is a machine) and a signed stamp of when it was made
(a person takes a few seconds, and not a day). Posts are counted by remote address and by account. Every answer takes
at least as long as the slowest usual one, so that the time tells nothing either. A handler goes

    async with unhurried():
        form = await read_form(request)
        verdict = judge(request, account, "ask", form)

and answers `TRAPPED` exactly as success, `UNTIMELY` with the form filled in again under a new stamp, `TOO_MANY` with
`too_many`.
"""

import asyncio
import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv6Network
from uuid import UUID

from litestar import Request
from markupsafe import Markup

from trinity.accounts import PublicAccount
from trinity.web.config import WebConfig
from trinity.web.context import web_of
from trinity.web.forms import Form
from trinity.web.remote import HEADER, remote_of

PUBLIC_BODY_BYTES_MAX = 64_000
"""The largest body of a public form; give it to the handler as `request_max_body_size`."""
TRAP_FIELD = "topic"
"""A name that machines like and no browser fills in by itself."""
STAMP_FIELD = "stamp"
STAMP_CHARS_MAX = 80
FILL_MIN_S = 2.5
FILL_MAX_S = 24 * 3600.0
POSTS_PER_REMOTE_MAX = 12
POSTS_PER_ACCOUNT_MAX = 150
"""Posts within the meter's window of five minutes."""
ANSWER_FLOOR_S = 0.35
_PURPOSE = b"trinity/public-form/v1\0"


class Verdict(StrEnum):
    """What a posted form looks like: by a person, or why not."""

    PASSED = "passed"
    TRAPPED = "trapped"
    UNTIMELY = "untimely"
    TOO_MANY = "too_many"


def judge(request: Request, account: PublicAccount, name: str, form: Form) -> Verdict:  # type: ignore[type-arg]
    """Judge a post of the form `name`, and count it."""
    web = web_of(request)
    keys = ((f"r:{remote_in(request)}", POSTS_PER_REMOTE_MAX), (f"a:{account.id}", POSTS_PER_ACCOUNT_MAX))
    if any(web.public_meter.count(key) >= limit for key, limit in keys):
        return Verdict.TOO_MANY
    for key, _ in keys:
        web.public_meter.add(key)
    if form.text(TRAP_FIELD, chars_max=PUBLIC_BODY_BYTES_MAX):
        return Verdict.TRAPPED
    made_at = _stamped_at(web.config, account.id, name, form.text(STAMP_FIELD, chars_max=PUBLIC_BODY_BYTES_MAX))
    age_s = web.clock().timestamp() - made_at if made_at is not None else -1.0
    return Verdict.PASSED if FILL_MIN_S <= age_s <= FILL_MAX_S else Verdict.UNTIMELY


def guard_fields(request: Request, account: PublicAccount, name: str) -> Markup:  # type: ignore[type-arg]
    """The stamp and the trap of a form that is shown now. The trap is out of sight, of the keyboard and of readers."""
    web = web_of(request)
    stamp = make_stamp(web.config, account.id, name, web.clock())
    return Markup(
        '<input type="hidden" name="{stamp_field}" value="{stamp}">'
        '<div class="unseen" aria-hidden="true"><label>Leave this empty'
        '<input name="{trap}" tabindex="-1" autocomplete="off"></label></div>'
    ).format(stamp_field=STAMP_FIELD, stamp=stamp, trap=TRAP_FIELD)


def make_stamp(config: WebConfig, account_id: UUID, name: str, now: datetime) -> str:
    """When a form was made, signed for this form of this account."""
    millis = f"{int(now.timestamp() * 1000):x}"
    return f"{millis}.{_mac(config, account_id, name, millis)}"


def remote_in(request: Request) -> str:  # type: ignore[type-arg]
    """Where a request came from, as far as trusted proxies say; of IPv6 the network, which one customer has whole."""
    peer = request.client.host if request.client else None
    found = remote_of(peer, request.headers.getall(HEADER, []), web_of(request).config.trusted_proxies)
    return network_of(found)


def network_of(remote: str) -> str:
    """An IPv6 address's /64, anything else as it is."""
    try:
        return str(IPv6Network((remote.partition("%")[0], 64), strict=False))
    except ValueError:
        return remote


@asynccontextmanager
async def unhurried() -> AsyncIterator[None]:
    """Leave no earlier than `ANSWER_FLOOR_S` after coming in, however it ends."""
    started_at = time.monotonic()
    try:
        yield
    finally:
        await asyncio.sleep(max(0.0, ANSWER_FLOOR_S - (time.monotonic() - started_at)))


def _stamped_at(config: WebConfig, account_id: UUID, name: str, stamp: str) -> float | None:
    """The moment of a stamp of ours, or None."""
    millis, _, mac = stamp.partition(".")
    if len(stamp) > STAMP_CHARS_MAX or not stamp.isascii():
        return None
    if not hmac.compare_digest(mac, _mac(config, account_id, name, millis)):
        return None
    return int(millis, 16) / 1000


def _mac(config: WebConfig, account_id: UUID, name: str, millis: str) -> str:
    message = _PURPOSE + f"{account_id}\0{name}\0{millis}".encode()
    return hmac.new(config.secret_key, message, hashlib.sha256).hexdigest()[:40]
