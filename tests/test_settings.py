"""Settings: where they come from, what is refused, and what decides between sandbox and live."""

from pathlib import Path

import pytest

from trinity.errors import Refused
from trinity.settings import load

KEY = "ab" * 32


def test_the_environment_is_stronger_than_a_file_and_a_file_than_toml(tmp_path: Path) -> None:
    (tmp_path / "trinity.toml").write_text(f'TRINITY_HOME = "{tmp_path}/toml"\nNVIDIA_MODEL = "from-toml"\n')
    secret = tmp_path / "secret"
    secret.write_text(KEY + "\n")
    environ = {"TRINITY_HOME": str(tmp_path / "environ"), "TRINITY_SECRET_KEY_FILE": str(secret)}
    found = load(environ, cwd=tmp_path)
    assert found.home == tmp_path / "environ"
    assert found.nvidia_model == "from-toml"
    assert found.secret_key == bytes.fromhex(KEY)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRINITY_BIND", "8000"),
        ("TRINITY_BIND", "localhost:99999"),
        ("TRINITY_BIND", "localhost:８000"),
        ("TRINITY_SECRET_KEY", "abcd"),
        ("TRINITY_SECRET_KEY", "not hexadecimal"),
        ("TRINITY_LEASE_S", "soon"),
        ("TRINITY_LEASE_S", "-1"),
        ("TRINITY_LEASE_S", "nan"),
        ("GMAIL_API_BASE", "ftp://mail.example"),
        ("GMAIL_API_BASE", "gmail.example"),
        ("TRINITY_SANDBOX_ENDPOINTS", "gmail.example"),
        ("SMTP_URL", "mail.example:587"),
        ("SMTP_URL", "https://mail.example"),
        ("SMTP_URL", "smtp://mail.example:99999"),
        ("TRINITY_SECRET_KEY_FILE", "/nonexistent/file"),
    ],
)
def test_what_does_not_parse_is_refused(name: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        load({name: value}, cwd=tmp_path)
    assert refused.value.code == "setting_invalid"
    assert name.removesuffix("_FILE") in refused.value.message


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    environ = {
        "TRINITY_SECRET_KEY": KEY,
        "TRINITY_ENCRYPTION_KEY": KEY,
        "TRINITY_LOG_KEY": "canary-log",
        "DATABASE_URL": "postgresql://owner:canary-database@localhost/x",
        "GOOGLE_CLIENT_SECRET": "canary-google",
        "NVIDIA_API_KEY": "canary-nvidia",
    }
    shown = repr(load(environ, cwd=tmp_path))
    assert "canary" not in shown
    assert KEY not in shown
    assert repr(bytes.fromhex(KEY)) not in shown


@pytest.mark.parametrize(
    ("url", "mode"),
    [
        ("smtp://127.0.0.1:2525", "sandbox"),
        ("smtp://127.0.0.1:587", "live"),
        ("http://127.0.0.1:9001", "sandbox"),
        ("http://127.0.0.1:9001/gmail/v1", "sandbox"),
        ("http://127.0.0.1:9002", "live"),
        ("https://127.0.0.1:9001", "live"),
        ("http://localhost:9001", "live"),
        ("https://gmail.googleapis.com", "live"),
    ],
)
def test_only_what_the_process_lists_is_a_sandbox(url: str, mode: str, tmp_path: Path) -> None:
    found = load({"TRINITY_SANDBOX_ENDPOINTS": "http://127.0.0.1:9001,smtp://127.0.0.1:2525"}, cwd=tmp_path)
    assert found.mode_of(url) == mode


def test_a_mail_servers_password_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        load({"SMTP_URL": "mail://notices:canary@mail.example"}, cwd=tmp_path)
    assert "canary" not in refused.value.message
    assert "canary" not in repr(load({"SMTP_URL": "smtp://notices:canary@mail.example"}, cwd=tmp_path))


def test_what_is_missing_is_refused_when_it_is_needed(tmp_path: Path) -> None:
    found = load({}, cwd=tmp_path)
    for demand in (found.demand_secret_key, found.demand_encryption_key, found.demand_log_key):
        with pytest.raises(Refused) as refused:
            demand()
        assert refused.value.code == "setting_missing"
