"""Act: no transaction open. Spend the digest, then take the driver's steps, each written down before it is taken.

The spent register's note holds what the driver needs to look later, from before the act: whoever reconciles reads the
provider's own list from there, and so does not depend on what a rewound database still remembers.
"""

from collections.abc import Mapping

from trinity import audit, controls, effects, integrations
from trinity.effects import StaleLease
from trinity.errors import Declined, OutcomeUnknown, Reason, Refused, Unavailable
from trinity.gateway.house import Rails
from trinity.gateway.operations import OPERATIONS
from trinity.gateway.outcome import Outcome
from trinity.gateway.spent import Collision
from trinity.gateway.steps import MESSAGE_CHARS_MAX, Claimed
from trinity.kit.actor import Actor
from trinity.kit.barriers import reached
from trinity.kit.canonical import rfc3339

UNAVAILABLE_ACTS_MAX = 6
BACKOFF_S = 2.0
BACKOFF_MAX_S = 300.0
SUSPENDING = ("mailbox_disconnected", "stripe_key_refused", "smtp_login_refused")
"""Refusals of our credential: the integration is not used any more until a person connects it again."""


async def act(rails: Rails, claimed: Claimed) -> Outcome:
    """Do what was claimed, once. Whatever happens, the answer says what is known about the outside world."""
    async with rails.house.db.transaction(claimed.account_id) as tx:
        integration = await integrations.get_integration(tx, claimed.integration_id)
    operation = OPERATIONS[claimed.envelope.operation]
    try:
        begun = await operation.driver.begin(rails, claimed, integration)
        if operation.uses_register:
            _spend(rails, claimed, begun.note)
        return await begun.steps()
    except Collision as error:
        return await _collided(rails, claimed, error)
    except Refused as error:
        return Outcome("failed", (Reason("credential", error.code, error.message),))
    except Declined as error:
        if error.code in SUSPENDING:
            await _suspend(rails, claimed, str(error))
        return Outcome("failed", (Reason("provider", error.code, str(error)[:MESSAGE_CHARS_MAX]),))
    except Unavailable as error:
        return _unavailable(rails, claimed, error)
    except OutcomeUnknown as error:
        return Outcome("in_doubt", (Reason("provider", "outcome_unknown", str(error)[:MESSAGE_CHARS_MAX]),))


def _spend(rails: Rails, claimed: Claimed, more: Mapping[str, str]) -> None:
    reached("spend.before")
    note = {"tool_call_id": str(claimed.call_id), "at": rfc3339(rails.house.clock()), **more}
    rails.spent.spend(claimed.envelope.digest, claimed.act_n, note)
    reached("spend.after")


def _unavailable(rails: Rails, claimed: Claimed, error: Unavailable) -> Outcome:
    """Nothing happened, which is evidence of absence: the next act may follow, a bounded number of times."""
    reason = Reason("provider", "unavailable", str(error)[:MESSAGE_CHARS_MAX])
    if claimed.act_n >= UNAVAILABLE_ACTS_MAX:
        return Outcome("failed", (reason,))
    if OPERATIONS[claimed.envelope.operation].uses_register:
        because = "no byte left us, or the provider put it off before doing anything"
        evidence = {"verdict": "absent", "because": because, "at": rfc3339(rails.house.clock())}
        rails.spent.record_absence(claimed.envelope.digest, claimed.act_n, evidence)
    wait_s = error.retry_after_s or min(BACKOFF_S * 2 ** (claimed.act_n - 1), BACKOFF_MAX_S)
    return Outcome("ready", (reason,), retry_after_s=wait_s)


async def _collided(rails: Rails, claimed: Claimed, error: Collision) -> Outcome:
    """The register knows this act: the database was rewound or tampered with. Hold everything; people look.

    Unless this worker is the late one: then the act was given to another, and there is nothing to alarm about.
    """
    now = rails.house.clock()
    async with rails.house.db.transaction(claimed.account_id) as tx:
        if (await effects.get_tool_call(tx, claimed.call_id)).lease_epoch != claimed.epoch:
            raise StaleLease("The lease of this call was taken over.")
    async with rails.house.db.transaction(claimed.account_id) as tx:
        facts = {"envelope_digest": claimed.envelope.digest, "act_n": claimed.act_n, "message": str(error)}
        await audit.record_incident(tx, "spent_register_collision", claimed.call_id, now, facts, is_critical=True)
    async with rails.house.db.transaction(claimed.account_id) as tx:
        text = "The spent register knows an act that the database does not."
        await controls.tighten(tx, Actor.system(claimed.account_id, "gateway"), "hold", text, now)
    return Outcome("failed", (Reason("spent register", "collision", str(error)),))


async def _suspend(rails: Rails, claimed: Claimed, reason: str) -> None:
    async with rails.house.db.transaction(claimed.account_id) as tx:
        actor = Actor.system(claimed.account_id, "gateway")
        await integrations.suspend(tx, actor, claimed.integration_id, reason, rails.house.clock())
