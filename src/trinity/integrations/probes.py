"""Asking a provider how it is, by reads alone. Each probe answers with findings and never raises a provider's error.

One lost answer is no outage: a provider that was not reached is `unknown` the first time and `failing` the second.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from trinity.errors import Declined, ProviderError, Unavailable
from trinity.integrations.checks import ALIAS, CREDENTIAL, REACHABLE, WATCH, WEBHOOK, Check, Finding
from trinity.kit.canonical import NotCanonical, parse_rfc3339
from trinity.providers.gmail import read as gmail
from trinity.providers.gmail.account import GmailClient
from trinity.providers.smtp.account import SmtpAccount
from trinity.providers.smtp.read import greet
from trinity.providers.stripe.client import StripeClient

WATCH_LEFT_MIN = timedelta(hours=24)
EVENTS_LOOKED_AT_MAX = 20
EVENT_GRACE = timedelta(minutes=5)
"""How long an event may be on its way before we miss it."""
OF_LATE = timedelta(hours=1)
"""What was lost longer ago says nothing about whether Stripe reaches us now."""
ENDPOINTS_LOOKED_AT_MAX = 100


@dataclass(frozen=True, slots=True)
class Webhooks:
    """How we are called: our address at Stripe, since when, and which events we have."""

    url: str
    since: datetime
    known: Callable[[Sequence[str]], Awaitable[set[str]]]


async def probe_gmail(
    client: GmailClient, aliases: Sequence[str], watch_until: str | None, before: Sequence[Check], now: datetime
) -> list[Finding]:
    """Reachable, grant good, each alias still verified, the watch (if there is one) not about to end."""
    try:
        who = await gmail.profile(client)
    except ProviderError as error:
        return [*_not_answered(error, before), *_watch(watch_until, now)]
    found = [_reached(), Finding(CREDENTIAL, "ok", f"Google lets us in as {who.address}.")]
    return [*found, await _aliases(client, aliases), *_watch(watch_until, now)]


async def probe_stripe(
    client: StripeClient, webhooks: Webhooks, before: Sequence[Check], now: datetime
) -> list[Finding]:
    """Reachable, key good, and Stripe calls us: our endpoint is enabled, and no event of late is missing here."""
    try:
        await client.get("balance")
    except ProviderError as error:
        return _not_answered(error, before)
    found = [_reached(), Finding(CREDENTIAL, "ok", "Stripe accepts our key.")]
    try:
        return [*found, await _webhook(client, webhooks, now)]
    except (ProviderError, KeyError, TypeError, ValueError) as error:
        return [*found, Finding(WEBHOOK, "unknown", f"Stripe did not say: {error}")]


async def probe_smtp(account: SmtpAccount, greeting: str, has_login: bool, before: Sequence[Check]) -> list[Finding]:
    """Reachable, encrypted where it must be, and it lets us in. No mail is begun."""
    try:
        await greet(account, greeting)
    except ProviderError as error:
        return _not_answered(error, before)
    said = "The server lets us in." if has_login else "The server asks for no login."
    return [_reached(), Finding(CREDENTIAL, "ok", said)]


def _reached() -> Finding:
    return Finding(REACHABLE, "ok", "It answers.")


def _not_answered(error: ProviderError, before: Sequence[Check]) -> list[Finding]:
    """A no is an answer; anything else leaves open whether our credential is good."""
    if isinstance(error, Declined):
        return [_reached(), Finding(CREDENTIAL, "failing", str(error))]
    if isinstance(error, Unavailable) and error.retry_after_s is not None:
        return [_reached(), Finding(CREDENTIAL, "unknown", str(error))]
    was_missed = any(one.name == REACHABLE and one.state != "ok" for one in before)
    missed = Finding(REACHABLE, "failing" if was_missed else "unknown", str(error))
    # A credential that was refused stays refused until the provider says otherwise.
    was_refused = any(one.name == CREDENTIAL and one.state == "failing" for one in before)
    return [missed] if was_refused else [missed, Finding(CREDENTIAL, "unknown", "It could not be asked.")]


async def _aliases(client: GmailClient, aliases: Sequence[str]) -> Finding:
    try:
        usable = {one.addr for one in await gmail.send_as(client) if one.is_verified}
    except ProviderError as error:
        return Finding(ALIAS, "unknown", str(error))
    lost = [one for one in aliases if one not in usable]
    if lost:
        return Finding(ALIAS, "failing", f"Gmail does not let this mailbox send as {', '.join(lost)}.")
    return Finding(ALIAS, "ok", f"Verified: {', '.join(aliases) or 'the mailbox itself'}.")


def _watch(until: str | None, now: datetime) -> list[Finding]:
    if until is None:
        return []
    try:
        ends = datetime.fromtimestamp(int(until) / 1000, UTC) if until.isdigit() else parse_rfc3339(until)
    except (NotCanonical, ValueError, OverflowError, OSError):
        return [Finding(WATCH, "unknown", "It is not known when the watch ends.")]
    if ends <= now:
        return [
            Finding(WATCH, "failing", f"The watch ended at {ends:%Y-%m-%d %H:%M} UTC; new mail is only polled for.")
        ]
    if ends - now < WATCH_LEFT_MIN:
        return [Finding(WATCH, "unknown", f"The watch ends at {ends:%Y-%m-%d %H:%M} UTC and is to be renewed.")]
    return [Finding(WATCH, "ok", f"Gmail tells of new mail until {ends:%Y-%m-%d %H:%M} UTC.")]


async def _webhook(client: StripeClient, webhooks: Webhooks, now: datetime) -> Finding:
    listed = (await client.get("webhook_endpoints", [("limit", str(ENDPOINTS_LOOKED_AT_MAX))])).data["data"]
    ours = [one for one in listed if one["url"] == webhooks.url]
    if not any(one["status"] == "enabled" for one in ours):
        what = "is disabled" if ours else "is not there"
        return Finding(WEBHOOK, "failing", f"Stripe's endpoint for {webhooks.url} {what}.")
    enabled = [one for one in ours if one["status"] == "enabled"]
    types = {name for one in enabled for name in one["enabled_events"]}
    since = max(webhooks.since.timestamp(), min(one["created"] for one in enabled), (now - OF_LATE).timestamp())
    events = (await client.get("events", [("limit", str(EVENTS_LOOKED_AT_MAX))])).data["data"]
    missed = await _missed(events, types, int(since), webhooks, now)
    if missed:
        return Finding(WEBHOOK, "failing", f"{missed} of the newest {len(events)} events at Stripe never came here.")
    return Finding(WEBHOOK, "ok", "Enabled, and no event of late is missing.")


async def _missed(
    events: Sequence[Mapping[str, Any]], types: set[str], since: int, webhooks: Webhooks, now: datetime
) -> int:
    """How many events of late that our endpoint asks for, and that had the time to come, are not here.

    Stripe counts in whole seconds, and so does `since`: an event may be of the second in which we connected.
    """
    until = (now - EVENT_GRACE).timestamp()
    due = [
        str(one["id"]) for one in events if ("*" in types or one["type"] in types) and since <= one["created"] <= until
    ]
    return len(set(due) - await webhooks.known(due))
