"""The SMTP stand-in, spoken to by the standard library's client: what it takes, keeps, refuses and shows."""

import signal
import smtplib
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.sandbox.smtp.standin import SmtpStandIn

MAIL = b"From: a@x.example\r\nTo: b@y.example\r\nSubject: <b>hi</b>\r\n\r\n.dot\r\n<script>alert(1)</script>\r\n"
SENDER, RECIPIENT = "a@x.example", "b@y.example"


def client(standin: SmtpStandIn) -> smtplib.SMTP:
    parts = urlsplit(standin.smtp_url)
    assert parts.hostname
    assert parts.port
    return smtplib.SMTP(parts.hostname, parts.port, local_hostname="x.example", timeout=5)


def test_a_mail_is_kept_byte_for_byte_and_shown_as_text(standin: SmtpStandIn) -> None:
    with client(standin) as smtp:
        assert smtp.sendmail(SENDER, [RECIPIENT], MAIL) == {}
    last = standin.books()["mails"][-1]
    assert (last["sender"], last["recipients"]) == (SENDER, [RECIPIENT])
    assert standin.taken()[-1] == MAIL
    page = httpx.get(standin.base_url)
    assert "SANDBOX" in page.text
    assert "&lt;script&gt;alert(1)" in page.text
    assert "<script>" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize(("mode", "code"), [("reject_450", 450), ("reject_550", 550), ("close_421", 421)])
@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
def test_a_refusal_takes_nothing_and_is_spent(standin: SmtpStandIn, command: str, mode: str, code: int) -> None:
    before = len(standin.taken())
    standin.fault(mode, command)
    with client(standin) as smtp, pytest.raises(smtplib.SMTPException) as refused:
        smtp.sendmail(SENDER, [RECIPIENT], MAIL)
    assert str(code) in str(refused.value)
    assert len(standin.taken()) == before
    with client(standin) as smtp:
        smtp.sendmail(SENDER, [RECIPIENT], MAIL)
    assert len(standin.taken()) == before + 1


@pytest.mark.parametrize(("mode", "taken"), [("accept_then_drop", 1), ("drop", 0)])
def test_a_cut_connection_gets_no_reply(standin: SmtpStandIn, mode: str, taken: int) -> None:
    before = len(standin.taken())
    standin.fault(mode)
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        client(standin).sendmail(SENDER, [RECIPIENT], MAIL)
    assert len(standin.taken()) == before + taken
    assert standin.books()["answers"][-1]["status"] == 0


def test_only_who_is_known_is_let_in(standin: SmtpStandIn) -> None:
    standin.control("logins", logins={"notices": "right"})
    with client(standin) as smtp:
        with pytest.raises(smtplib.SMTPException):
            smtp.sendmail(SENDER, [RECIPIENT], MAIL)
        with pytest.raises(smtplib.SMTPAuthenticationError):
            smtp.login("notices", "wrong")
    with client(standin) as smtp:
        smtp.login("notices", "right")
        assert smtp.sendmail(SENDER, [RECIPIENT], MAIL) == {}


def test_sizes_have_an_end(standin: SmtpStandIn) -> None:
    with client(standin) as smtp:
        with pytest.raises(smtplib.SMTPException):
            smtp.sendmail(SENDER, [RECIPIENT], MAIL + b"x" * 70 * 1024 * 16)
        assert smtp.sendmail(SENDER, [f"r{n}@y.example" for n in range(101)], MAIL).keys() == {"r100@y.example"}


@pytest.mark.parametrize(
    "body",
    [
        {"mode": "explode"},
        {"mode": "drop", "command": "QUIT"},
        {"mode": "accept_then_drop", "command": "RCPT"},
        {"times": 0},
    ],
)
def test_a_senseless_fault_is_refused(standin: SmtpStandIn, body: dict[str, object]) -> None:
    assert httpx.post(f"{standin.base_url}/_sandbox/faults", json=body).status_code == 400


def test_its_books_and_its_address_outlive_a_kill(tmp_path: Path) -> None:
    standin = SmtpStandIn(tmp_path)
    standin.start()
    with client(standin) as smtp:
        smtp.sendmail(SENDER, [RECIPIENT], MAIL)
    address = standin.smtp_url
    standin.end(signal.SIGKILL)
    standin.start()
    assert standin.smtp_url == address
    assert standin.taken() == [MAIL]
    standin.end()
    with pytest.raises(ConnectionError):
        client(standin)


def test_a_taken_mail_port_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        (tmp_path / "smtp-port").write_text(str(taken.getsockname()[1]))
        command = [sys.executable, "-m", "trinity_sandbox", "smtp", "--data-dir", str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    assert done.returncode == 1
    assert "cannot listen for mail" in done.stderr
