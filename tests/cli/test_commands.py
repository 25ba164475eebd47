"""The commands that people script against: exit codes, JSON, clear refusals."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.postgres import SECRET_KEY
from tests.sandbox.smtp.standin import SmtpStandIn
from tests.world import ENCRYPTION_KEY, stand_in
from trinity.cli import LAZY


def trinity(*arguments: str, home: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run one command."""
    full = {"PATH": os.environ["PATH"], "TRINITY_HOME": str(home), **environ}
    argv = [sys.executable, "-m", "trinity", *arguments]
    return subprocess.run(argv, env=full, cwd=home, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def deployed(database_url: str) -> dict[str, str]:
    """The settings of a deployment with a database of its own."""
    return {
        "DATABASE_URL": database_url,
        "TRINITY_SECRET_KEY": SECRET_KEY.hex(),
        "TRINITY_ENCRYPTION_KEY": ENCRYPTION_KEY.hex(),
    }


@pytest.mark.parametrize("name", sorted(LAZY))
def test_every_command_explains_itself(name: str, tmp_path: Path) -> None:
    done = trinity(name, "--help", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Usage:" in done.stdout


def test_wrong_usage_is_2_and_a_refusal_is_1(tmp_path: Path) -> None:
    assert trinity("nonsense", home=tmp_path).returncode == 2
    assert trinity("verify", home=tmp_path).returncode == 2
    assert trinity("packet", "-o", "x", home=tmp_path).returncode == 2
    refused = trinity("migrate", home=tmp_path)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "[setting_missing]" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_file_that_is_no_packet_does_not_verify(tmp_path: Path) -> None:
    (tmp_path / "packet.json").write_text("{}")
    done = trinity("verify", "packet.json", "--json", home=tmp_path)
    assert done.returncode == 1
    assert json.loads(done.stdout)["overall"] == "failed"


def test_an_account_and_a_person_are_made(deployed: dict[str, str], tmp_path: Path) -> None:
    password = {"TRINITY_NEW_PASSWORD": "correct horse battery"}
    create = ("account", "create", "Acme", "--email", "owner@acme.example", "--owner", "Olga Owner", "--json")
    made = trinity(*create, home=tmp_path, **deployed, **password)
    assert made.returncode == 0, made.stderr
    account_id = json.loads(made.stdout)["account_id"]
    listed = trinity("account", "list", "--json", home=tmp_path, **deployed)
    assert json.loads(listed.stdout) == {"accounts": [account_id]}
    person = (
        "user",
        "create",
        "--account",
        account_id,
        "--email",
        "a@acme.example",
        "--name",
        "Al",
        "--role",
        "approver",
    )
    assert trinity(*person, home=tmp_path, **deployed, **password).returncode == 0
    again = trinity(*person, home=tmp_path, **deployed, **password)
    assert again.returncode == 1
    assert "[email_taken]" in again.stderr
    users = json.loads(trinity("user", "list", "--account", account_id, "--json", home=tmp_path, **deployed).stdout)
    assert {(one["email"], one["role"]) for one in users["users"]} == {
        ("owner@acme.example", "owner"),
        ("a@acme.example", "approver"),
    }


def test_a_deployment_without_its_key_seals_nothing(deployed: dict[str, str], tmp_path: Path) -> None:
    deployed.pop("TRINITY_ENCRYPTION_KEY")
    create = ("account", "create", "Acme", "--email", "owner@acme.example", "--owner", "Olga Owner", "--json")
    done = trinity(*create, home=tmp_path, TRINITY_NEW_PASSWORD="correct horse battery", **deployed)
    assert done.returncode == 1
    assert "[setting_missing]" in done.stderr
    assert not (tmp_path / "keys").exists()


def test_doctor_says_what_is_missing(deployed: dict[str, str], tmp_path: Path) -> None:
    done = trinity("doctor", "--json", home=tmp_path, **deployed)
    said = json.loads(done.stdout)
    states = {one["name"]: one["state"] for one in said["findings"]}
    assert done.returncode == 1
    assert states["TRINITY_SECRET_KEY"] == "ok"
    assert states["GMAIL_API_BASE"] == "missing"
    assert states["TRINITY_LOG_KEY"] == "missing"


def test_doctor_greets_the_mail_server_and_looks_at_the_place_for_files(
    deployed: dict[str, str], tmp_path: Path
) -> None:
    standin = SmtpStandIn(tmp_path / "smtp")
    standin.start()
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    mail = standin.smtp_url.replace("//", "//notices:canary@")
    named = deployed | {"SMTP_URL": mail, "ARTIFACTS_URL": open_to_all.as_uri()}
    standin.control("logins", logins={"notices": "another"})
    done = trinity("doctor", "--json", home=tmp_path, **named)
    assert "canary" not in done.stdout + done.stderr
    states = {one["name"]: one["state"] for one in json.loads(done.stdout)["findings"]}
    assert (states["SMTP_URL"], states["ARTIFACTS_URL"], states["STRIPE_API_BASE"]) == ("unsafe", "unsafe", "missing")
    standin.control("logins", logins={"notices": "canary"})
    open_to_all.chmod(0o700)
    done = trinity("doctor", "--json", home=tmp_path, **named)
    states = {one["name"]: one["state"] for one in json.loads(done.stdout)["findings"]}
    assert (states["SMTP_URL"], states["ARTIFACTS_URL"]) == ("ok", "ok")
    standin.end()
    done = trinity("doctor", "--json", home=tmp_path, **named)
    assert {one["name"]: one["state"] for one in json.loads(done.stdout)["findings"]}["SMTP_URL"] == "unreachable"


def test_the_environment_seeds_a_new_accounts_providers(deployed: dict[str, str], tmp_path: Path) -> None:
    with stand_in("stripe", tmp_path / "stripe") as stripe_url:
        named = deployed | {
            "SMTP_URL": "smtp://notices:canary@127.0.0.1:2525",
            "STRIPE_API_BASE": stripe_url,
            "STRIPE_API_KEY": "sk_test_sandbox",
            "STRIPE_WEBHOOK_SECRET": "whsec_canary",
            "TRINITY_SANDBOX_ENDPOINTS": f"smtp://127.0.0.1:2525,{stripe_url}",
        }
        create = ("account", "create", "Acme", "--email", "olga@acme.example", "--owner", "Olga Owner", "--json")
        made = trinity(*create, home=tmp_path, TRINITY_NEW_PASSWORD="correct horse battery", **named)
        assert made.returncode == 0, made.stderr
    with psycopg.connect(deployed["DATABASE_URL"]) as connection:
        connection.execute(
            "select set_config('trinity.account_id', %s, false)", [json.loads(made.stdout)["account_id"]]
        )
        rows = connection.execute("select provider, address, endpoint from integrations order by provider").fetchall()
        secrets = connection.execute("select count(*) from webhook_secrets").fetchone()
    assert rows == [
        ("smtp", "notices@acme.example", "smtp://127.0.0.1:2525"),
        ("stripe", "acct_sandbox", stripe_url),
    ]
    assert secrets == (1,)


def test_a_server_for_notices_is_connected_and_connected_again(deployed: dict[str, str], tmp_path: Path) -> None:
    password = {"TRINITY_NEW_PASSWORD": "correct horse battery"}
    create = ("account", "create", "Acme", "--email", "olga@acme.example", "--owner", "Olga Owner", "--json")
    account_id = json.loads(trinity(*create, home=tmp_path, **deployed, **password).stdout)["account_id"]
    connect = ("account", "connect", "--account", account_id, "--json", "--notices", "notices@acme.example")
    refused = trinity(*connect, home=tmp_path, **deployed)
    assert (refused.returncode, "SMTP_URL" in refused.stderr) == (1, True)
    mail = {"SMTP_URL": "smtp://notices:first@mail.acme.example"}
    first = trinity(*connect, home=tmp_path, **deployed, **mail)
    again = trinity(*connect, home=tmp_path, **deployed, **mail)
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert json.loads(first.stdout) == json.loads(again.stdout)
    moved = trinity(*connect, home=tmp_path, **deployed, SMTP_URL="smtp://elsewhere.example")
    assert (moved.returncode, "[endpoint_changed]" in moved.stderr) == (1, True)
    assert trinity(*connect, "--stripe", "acct_1", home=tmp_path, **deployed).returncode == 2


def test_a_log_key_is_made_and_shown(tmp_path: Path) -> None:
    done = trinity("key", "create", "--name", "acme.example/log", home=tmp_path)
    secret, public = (line.split("=", 1)[-1].removeprefix("verifier key: ") for line in done.stdout.splitlines())
    shown = trinity("key", "list", "--json", home=tmp_path, TRINITY_LOG_KEY=secret)
    assert json.loads(shown.stdout) == {"verifier_key": public}
    assert trinity("key", "list", home=tmp_path).returncode == 1


def test_a_mailbox_gets_an_address_for_pushes_and_a_new_one_ends_it(deployed: dict[str, str], tmp_path: Path) -> None:
    google = {"GMAIL_API_BASE": "http://127.0.0.1:9", "GOOGLE_TOKEN_URL": "http://127.0.0.1:9/token"}
    client = {"GOOGLE_CLIENT_ID": "c", "GOOGLE_CLIENT_SECRET": "s", "TRINITY_REFRESH_TOKEN": "r"}
    named = deployed | google | client | {"TRINITY_BASE_URL": "https://desk.acme.example"}
    create = ("account", "create", "Acme", "--email", "o@acme.example", "--owner", "Olga", "--json", "--mailbox")
    made = trinity(*create, "d@acme.example", home=tmp_path, TRINITY_NEW_PASSWORD="correct horse battery", **named)
    assert made.returncode == 0, made.stderr
    account_id = json.loads(made.stdout)["account_id"]
    push = ("account", "push", "--account", account_id, "--json", "--mailbox")
    urls = [json.loads(trinity(*push, "d@acme.example", home=tmp_path, **named).stdout)["push_url"] for _ in range(2)]
    assert len(set(urls)) == 2
    assert all(one.startswith(f"https://desk.acme.example/webhooks/gmail/{account_id}?token=") for one in urls)
    refused = trinity(*push, "other@acme.example", home=tmp_path, **named)
    assert (refused.returncode, "[not_found]" in refused.stderr) == (1, True)
    with psycopg.connect(deployed["DATABASE_URL"]) as connection:
        connection.execute("select set_config('trinity.account_id', %s, false)", [account_id])
        rows = connection.execute("select retired_at is null from webhook_secrets order by id").fetchall()
    assert rows == [(False,), (True,)]
