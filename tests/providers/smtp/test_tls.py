"""Encryption with a server that can: STARTTLS and implicit TLS, a certificate that is trusted or not."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.providers.smtp.test_act import RECIPIENTS, SENDER, a_notice, a_permit, now
from trinity.errors import Unavailable
from trinity.providers.smtp.account import SmtpAccount
from trinity.providers.smtp.act import send

NAMES = ("127.1", "localhost")
"""127.1 is this machine by a name that nobody takes for loopback, so encryption is demanded."""


class Taken:
    """A server's memory: each mail, and whether it came encrypted."""

    def __init__(self) -> None:
        self.mails: list[tuple[bytes, bool]] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take everything."""
        assert envelope.original_content is not None
        assert server.transport is not None
        is_encrypted = session.ssl is not None or server.transport.get_extra_info("sslcontext") is not None
        self.mails.append((envelope.original_content, is_encrypted))
        return "250 OK"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of our own for both names, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test mail server")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now() - timedelta(days=1))
    builder = builder.not_valid_after(now() + timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in NAMES]), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    found = tmp_path_factory.mktemp("tls") / "server.pem"
    found.write_bytes(
        builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return found


@asynccontextmanager
async def serving(certificate: Path, *, is_implicit: bool) -> AsyncIterator[tuple[int, Taken]]:
    """A server on this machine: its port, and what it took."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    taken = Taken()

    def protocol() -> SMTP:
        return SMTP(taken, hostname="mail.test", tls_context=None if is_implicit else context)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=context if is_implicit else None)
    async with server:
        yield server.sockets[0].getsockname()[1], taken


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_a_trusted_server_gets_it_encrypted(
    certificate: Path, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    raw = a_notice()
    async with serving(certificate, is_implicit=scheme == "smtps") as (port, taken):
        url = f"{scheme}://{'localhost' if scheme == 'smtps' else '127.1'}:{port}"
        await send(SmtpAccount(url), a_permit(url), raw, SENDER, RECIPIENTS, now)
    assert taken.mails == [(raw, True)]


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_a_server_that_nobody_vouches_for_gets_nothing(certificate: Path, scheme: str) -> None:
    async with serving(certificate, is_implicit=scheme == "smtps") as (port, taken):
        url = f"{scheme}://{'localhost' if scheme == 'smtps' else '127.1'}:{port}"
        with pytest.raises(Unavailable):
            await send(SmtpAccount(url), a_permit(url), a_notice(), SENDER, RECIPIENTS, now)
    assert taken.mails == []
