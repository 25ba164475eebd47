"""What stands around every page: who is signed in, what waits, and whether a stand-in is in use."""

from dataclasses import dataclass

from trinity.accounts import SignedIn
from trinity.web.context import PageRequest, web_of
from trinity.web.views import Glance


@dataclass(frozen=True, slots=True)
class Shell:
    """The frame's values."""

    who: SignedIn
    sandboxes: tuple[str, ...]
    glance: Glance


async def read_shell(request: PageRequest) -> Shell:
    """Read the frame's values for one request."""
    web = web_of(request)
    return Shell(request.user, web.config.sandbox_sentences, await web.desk.glance(request.user))
