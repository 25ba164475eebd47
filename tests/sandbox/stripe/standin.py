"""The real Stripe stand-in as a process of its own, and a caller that holds a key to it, for tests."""

import itertools
import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.sandbox.stripe import spec

WAIT_S = 15.0
SUCCESS_URL = "http://127.0.0.1:9/thanks?session={CHECKOUT_SESSION_ID}"
GOOD, DECLINED, POOR = "4242424242424242", "4000000000000002", "4000000000009995"

_counter = itertools.count(1)

type Json = dict[str, Any]


class StandIn:
    """One running stand-in over the books in `data_dir`."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.base_url = ""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it on a free port and wait until it says that it is ready."""
        command = [sys.executable, "-m", "trinity_sandbox", "stripe", "--data-dir", str(self.data_dir)]
        self._process = subprocess.Popen([*command, "--die-with-parent"], stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        line = json.loads(self._process.stdout.readline())
        assert (line["ready"], line["name"]) == (True, "stripe")
        self.base_url = line["base_url"]

    def end(self, signal_number: int = signal.SIGTERM) -> None:
        """End it, by default in order."""
        if self._process is not None:
            self._process.send_signal(signal_number)
            self._process.wait(timeout=WAIT_S)
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def kill(self) -> None:
        """End it as a crash would."""
        self.end(signal.SIGKILL)

    def try_control(self, name: str, **body: Any) -> httpx.Response:
        """Call a control endpoint, which may refuse."""
        return httpx.post(f"{self.base_url}/_sandbox/{name}", json=body, verify=False)

    def control(self, name: str, **body: Any) -> Json:
        """Call a control endpoint."""
        answer = self.try_control(name, **body)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def books(self, account: str | None = None) -> Json:
        """Everything that really happened."""
        params = {"account": account} if account else {}
        found: Json = httpx.get(f"{self.base_url}/_sandbox/books", params=params, verify=False).json()
        return found

    def fault(self, path_contains: str, mode: str, **more: Any) -> None:
        """Let a fault wait."""
        self.control("faults", path_contains=path_contains, mode=mode, **{"times": 1, **more})

    def caller(self) -> "Caller":
        """A key to an account that no other test knows."""
        return Caller(self, f"t{next(_counter)}")


@dataclass(slots=True)
class Caller:
    """Whoever holds a key. Every call and every answer is held against Stripe's document."""

    standin: StandIn
    name: str

    @property
    def key(self) -> str:
        """The secret key."""
        return f"sk_test_sandbox_{self.name}_secret"

    @property
    def account(self) -> str:
        """The account that the key belongs to."""
        return f"acct_sandbox{self.name}"

    def send(
        self, method: str, path: str, data: Json | None = None, *, key: str | None = None, **more: Any
    ) -> httpx.Response:
        """A call as it is, its answer unchecked; `key` is the idempotency key."""
        headers = {"authorization": f"Bearer {self.key}", **more.pop("headers", {})}
        if key is not None:
            headers["idempotency-key"] = key
        sent: Json = {"data": data} if method == "POST" else {"params": data}
        with httpx.Client(base_url=self.standin.base_url, verify=False, timeout=WAIT_S) as http:
            return http.request(method, f"/v1/{path}", headers=headers, **sent, **more)

    def call(self, method: str, path: str, data: Json | None = None, *, key: str | None = None) -> Any:
        """A call that must succeed; returns the answer, checked."""
        spec.check_request(method, f"/v1/{path}", list(data or {}))
        answer = self.send(method, path, data, key=key)
        assert answer.status_code == 200, answer.text
        spec.check_response(method, f"/v1/{path}", 200, answer.json())
        return answer.json()

    def refused(self, method: str, path: str, data: Json | None = None, *, status: int = 400) -> Json:
        """A call that must be refused with this status; returns the error object, checked."""
        answer = self.send(method, path, data)
        assert answer.status_code == status, answer.text
        spec.check_object("error", answer.json())
        found: Json = answer.json()["error"]
        return found

    def session(self, amount: int = 4900, currency: str = "eur", /, **more: Any) -> Any:
        """An open Checkout Session for one thing."""
        data = {
            "mode": "payment",
            "success_url": SUCCESS_URL,
            "line_items[0][quantity]": "1",
            "line_items[0][price_data][currency]": currency,
            "line_items[0][price_data][unit_amount]": str(amount),
            "line_items[0][price_data][product_data][name]": "Snapshot report",
        }
        return self.call("POST", "checkout/sessions", data | more)

    def pay(self, session: Json, means: str = GOOD, email: str = "ada@customer.example") -> httpx.Response:
        """Send the hosted page's form."""
        url = f"{self.standin.base_url}/c/pay/{session['id']}"
        return httpx.post(url, data={"email": email, "means": means}, verify=False)

    def paid(self, amount: int = 4900, currency: str = "eur", /, **more: Any) -> Any:
        """A session that was paid, with its payment intent and charge expanded."""
        session = self.session(amount, currency, **more)
        assert self.pay(session).status_code == 303
        wanted = {"expand[0]": "payment_intent.latest_charge.balance_transaction"}
        return self.call("GET", f"checkout/sessions/{session['id']}", wanted)

    def charge(self, amount: int = 4900, currency: str = "eur") -> Any:
        """The charge of a session that was paid."""
        return self.paid(amount, currency)["payment_intent"]["latest_charge"]

    def refund(self, charge: Json, **more: Any) -> Any:
        """Refund a charge."""
        return self.call("POST", "refunds", {"charge": charge["id"], **more})

    def events(self, *types: str) -> list[Json]:
        """The newest events, oldest first."""
        data: Json = {"limit": "100"} | {f"types[{number}]": one for number, one in enumerate(types)}
        found: list[Json] = self.call("GET", "events", data)["data"]
        return found[::-1]

    def balance(self) -> dict[str, int]:
        """What the account has, by currency."""
        return {one["currency"]: one["amount"] for one in self.call("GET", "balance")["available"]}


def until(condition: Any, wait_s: float = WAIT_S) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + wait_s
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
