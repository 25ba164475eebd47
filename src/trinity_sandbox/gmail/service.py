"""One object that the HTTP handlers share: the books and what works on them."""

from dataclasses import dataclass
from pathlib import Path

from litestar import Request
from litestar.datastructures import State

from trinity_sandbox.gmail.books import Books
from trinity_sandbox.gmail.errors import GoogleError, unauthenticated
from trinity_sandbox.gmail.faults import Faults
from trinity_sandbox.gmail.mailboxes import Mailbox, Mailboxes
from trinity_sandbox.gmail.post import Post
from trinity_sandbox.gmail.pushing import Pump
from trinity_sandbox.gmail.watching import Watching

type Call = Request[None, None, State]


@dataclass(frozen=True, slots=True)
class Service:
    """What the stand-in is made of."""

    books: Books
    mailboxes: Mailboxes
    post: Post
    faults: Faults
    watching: Watching
    pump: Pump

    @classmethod
    def open(cls, data_dir: Path) -> "Service":
        """Open the books in a directory that exists."""
        books = Books(data_dir)
        mailboxes = Mailboxes(books)
        watching, pump = Watching(books), Pump(data_dir)
        books.on_commit = pump.wake
        pump.start()
        return cls(books, mailboxes, Post(books, mailboxes, watching), Faults(), watching, pump)

    def close(self) -> None:
        """End the sender of pushes."""
        self.pump.stop()


def service_of(request: Call) -> Service:
    """The service behind a request."""
    found = request.app.state["service"]
    assert isinstance(found, Service)
    return found


def mailbox_of(request: Call) -> Mailbox:
    """Whose mailbox the request may touch: the access token decides, `userId` must agree."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    mailbox = service_of(request).mailboxes.by_access_token(token) if scheme.lower() == "bearer" else None
    if mailbox is None:
        raise unauthenticated()
    user = str(request.path_params["user_id"])
    if user.lower() not in ("me", mailbox.address):
        raise GoogleError(403, "forbidden", f"Delegation denied for {mailbox.address}")
    return mailbox
