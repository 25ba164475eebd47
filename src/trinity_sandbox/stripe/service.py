"""One object that the HTTP handlers share: the books, the faults, the sender of webhooks, the clock."""

import re
import time
from dataclasses import dataclass
from pathlib import Path

from litestar import Request
from litestar.datastructures import State

from trinity_sandbox.stripe import checkout
from trinity_sandbox.stripe.books import Books
from trinity_sandbox.stripe.faults import Faults
from trinity_sandbox.stripe.webhooks import Pump
from trinity_sandbox.stripe.work import Work

type Http = Request[None, None, State]

KEY = re.compile(r"sk_test_sandbox(?:_([a-z0-9]{1,32}))?(?:_[A-Za-z0-9]{1,64})?")
ACCOUNT = re.compile(r"acct_sandbox[a-z0-9]{0,32}")


@dataclass(frozen=True, slots=True)
class Service:
    """What the stand-in is made of."""

    books: Books
    faults: Faults
    pump: Pump

    @classmethod
    def open(cls, data_dir: Path) -> "Service":
        """Open the books in a directory that exists, and go on sending what was left."""
        service = cls(Books(data_dir), Faults(), Pump(data_dir))
        service.pump.start()
        return service

    def close(self) -> None:
        """Stop sending and let the books go."""
        self.pump.stop()
        self.books.close()

    def now(self) -> int:
        """The stand-in's clock in whole seconds: the real time plus what it was set ahead."""
        return int(time.time()) + int(self.books.setting("clock_ahead_s", 0))

    def account_of(self, key: str) -> str | None:
        """Whose key this is: `sk_test_sandbox_NAME[_anything]` is the account `acct_sandboxNAME`."""
        found = KEY.fullmatch(key)
        if found is None or key in self.books.setting("revoked_keys", []):
            return None
        return f"acct_sandbox{found[1] or ''}"

    def work(self, account: str, request_id: str | None = None, idempotency_key: str | None = None) -> Work:
        """A change in this account, now."""
        return Work(self.books, self.faults, account, self.now(), request_id, idempotency_key)

    def sweep(self) -> None:
        """Expire the sessions whose time is over."""
        now = self.now()
        if not checkout.overdue(self.books, now):
            return
        with self.books.transaction():
            for session in checkout.overdue(self.books, now):
                checkout.expire(self.work(session["_account"]), session)
        self.pump.wake()


def service_of(request: Http) -> Service:
    """The service behind a request."""
    found = request.app.state["service"]
    assert isinstance(found, Service)
    return found
