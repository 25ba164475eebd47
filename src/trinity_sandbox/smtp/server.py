"""The SMTP side: aiosmtpd's protocol with our books behind it, on a port that is kept in the data directory."""

import asyncio
import hmac
import logging
import socket
import warnings
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from trinity_sandbox.smtp.books import Books
from trinity_sandbox.smtp.faults import REFUSALS, Faults

MAIL_BYTES_MAX = 1024 * 1024
RECIPIENTS_MAX = 100
SILENCE_MAX_S = 30.0
CONNECTIONS_MAX = 100
FOREVER_S = 3600.0
PORT_FILE = "smtp-port"


class Post:
    """What happens to a mail on its way in: a fault that waits, or a line in the books."""

    def __init__(self, books: Books, faults: Faults) -> None:
        self._books = books
        self._faults = faults

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """MAIL FROM."""
        if refusal := await self._fault(server, "MAIL"):
            return refusal
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return self._answer("MAIL", "250 2.1.0 OK")

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """RCPT TO, up to a number of them."""
        if refusal := await self._fault(server, "RCPT"):
            return refusal
        if len(envelope.rcpt_tos) >= RECIPIENTS_MAX:
            return self._answer("RCPT", "452 4.5.3 Too many recipients")
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return self._answer("RCPT", "250 2.1.5 OK")

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """The end of a mail: it is in the books before it is said to be taken."""
        fault = self._faults.take("DATA")
        if fault and fault.mode in REFUSALS:
            return self._answer("DATA", REFUSALS[fault.mode])
        if fault and fault.mode == "drop":
            await self._cut(server, "DATA")
        content = envelope.original_content
        assert content is not None
        number = self._books.take(str(envelope.mail_from), [str(one) for one in envelope.rcpt_tos], content)
        if fault and fault.mode == "accept_then_drop":
            await self._cut(server, "DATA")
        if fault and fault.mode == "delay":
            await asyncio.sleep(fault.seconds)
        return self._answer("DATA", f"250 2.0.0 OK sandbox-{number}")

    async def _fault(self, server: SMTP, command: str) -> str | None:
        fault = self._faults.take(command)
        if fault is None:
            return None
        if fault.mode in REFUSALS:
            return self._answer(command, REFUSALS[fault.mode])
        if fault.mode == "delay":
            await asyncio.sleep(fault.seconds)
            return None
        await self._cut(server, command)
        return None

    async def _cut(self, server: SMTP, command: str) -> None:
        """Cut the connection; losing it ends the task that we wait in."""
        self._books.note(command, 0)
        assert isinstance(server.transport, asyncio.WriteTransport)
        server.transport.abort()
        await asyncio.sleep(FOREVER_S)

    def _answer(self, command: str, text: str) -> str:
        self._books.note(command, int(text[:3]))
        return text


class SmtpSide:
    """The server beside the HTTP one. Its port is chosen once and kept, since others note its address."""

    def __init__(self, books: Books, faults: Faults, data_dir: Path, host: str) -> None:
        self._books = books
        self._post = Post(books, faults)
        self._open = 0
        kept = data_dir / PORT_FILE
        self._listener = socket.create_server((host, int(kept.read_text()) if kept.is_file() else 0))
        port = self._listener.getsockname()[1]
        kept.write_text(str(port))
        self.url = f"smtp://{host}:{port}"
        self._server: asyncio.Server | None = None

    async def start(self) -> dict[str, str]:
        """Listen; gives what the ready line says too."""
        self._server = await asyncio.get_running_loop().create_server(self._protocol, sock=self._listener)
        return {"smtp_url": self.url}

    def stop(self) -> None:
        """Take nothing more."""
        if self._server is not None:
            self._server.close()

    def _protocol(self) -> SMTP:
        # Logins over loopback without encryption are what a stand-in is for; aiosmtpd warns at each of them.
        warnings.filterwarnings("ignore", message="Requiring AUTH while not requiring TLS")
        logging.getLogger("mail.log").setLevel(logging.ERROR)
        needs_login = bool(self._books.logins())
        return _Conversation(
            self,
            self._post,
            data_size_limit=MAIL_BYTES_MAX,
            hostname="sandbox.invalid",
            ident="SANDBOX, no mail leaves this machine",
            timeout=SILENCE_MAX_S,
            auth_required=needs_login,
            auth_require_tls=False,
            authenticator=self._authenticate if needs_login else None,
        )

    def _authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, given: Any) -> AuthResult:
        assert isinstance(given, LoginPassword)
        wanted = self._books.logins().get(given.login.decode("utf-8", "replace"))
        is_good = wanted is not None and hmac.compare_digest(wanted.encode(), given.password)
        self._books.note("AUTH", 235 if is_good else 535)
        return AuthResult(success=is_good, handled=False)

    def begin(self) -> bool:
        """Count a connection; False when there are too many."""
        self._open += 1
        return self._open <= CONNECTIONS_MAX

    def finish(self) -> None:
        """One connection less."""
        self._open -= 1


class _Conversation(SMTP):
    """aiosmtpd's protocol, with the number of connections bounded."""

    def __init__(self, side: SmtpSide, post: Post, **given: Any) -> None:
        super().__init__(post, **given)
        self._side = side

    def connection_made(self, transport: Any) -> None:
        is_allowed = self._side.begin()
        super().connection_made(transport)
        if not is_allowed:
            transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._side.finish()
        super().connection_lost(error)
