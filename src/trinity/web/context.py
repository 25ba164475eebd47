"""What every handler can reach: one object, put on the app at start."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import State

from trinity.accounts import SignedIn
from trinity.gateway import House
from trinity.web.config import WebConfig
from trinity.web.desk import Desk
from trinity.web.live import Hub
from trinity.web.templating import Templates
from trinity.web.throttle import Meter, Throttle

PageRequest = Request[SignedIn, str, State]
"""A request that passed a `People` guard."""


@dataclass(frozen=True, slots=True)
class Web:
    """The parts of the web app."""

    config: WebConfig
    desk: Desk
    hub: Hub
    templates: Templates
    clock: Callable[[], datetime]
    sign_in_throttle: Throttle
    house: House | None = None
    """What the rooms ask (`trinity.web.rooms`); None only in tests of pages that need no database."""
    public_meter: Meter = field(default_factory=lambda: Meter(lambda: datetime.now(UTC)))
    """How often public forms were sent of late (`trinity.web.public_forms`)."""


def house_of(connection: ASGIConnection) -> House:  # type: ignore[type-arg]
    """The house, for a room that answers from the contexts."""
    house = web_of(connection).house
    assert house is not None, "this app was built without a house"
    return house


def web_of(connection: ASGIConnection) -> Web:  # type: ignore[type-arg]
    """The app's parts, from any connection."""
    web = connection.app.state.web
    assert isinstance(web, Web)
    return web
