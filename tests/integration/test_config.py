"""Settings are checked before anything starts, and each fault is named."""

from __future__ import annotations

import pytest

from booking_app import config
from booking_app.config import ConfigurationError, Settings
from booking_app.sync.vault import new_key


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def make_environment(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in {"SECRET_KEYS": new_key(), "PUBLIC_URL": "https://book.example.com", **variables}.items():
        monkeypatch.setenv(name, value)


def faults(monkeypatch: pytest.MonkeyPatch, **variables: str) -> list[str]:
    make_environment(monkeypatch, **variables)
    with pytest.raises(ConfigurationError) as caught:
        config.load()
    return str(caught.value).splitlines()


def test_a_complete_environment_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    make_environment(monkeypatch, PUBLIC_URL="https://book.example.com/", PORT="9000")
    settings = config.load()
    assert (settings.public_url, settings.port, settings.demo) == ("https://book.example.com", 9000, False)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ConfigurationError, match="SECRET_KEYS and PUBLIC_URL must be set"):
        config.load()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("DATABASE_URL", "mysql://localhost/x", "must start with postgresql://"),
        ("SECRET_KEYS", "short", "key 1 is not 32 bytes"),
        ("PUBLIC_URL", "book.example.com", "must be the address visitors use"),
        ("PUBLIC_URL", "http://localhost:8231/booking", "must be a host without anything behind it"),
        ("PUBLIC_URL", "https://example.com/a/b/", "not under a path"),
        ("PUBLIC_URL", "https://example.com?x=1", "must be a host without anything behind it"),
        ("PUBLIC_URL", "https://example.com#x", "must be a host without anything behind it"),
        ("PUBLIC_URL", "https://me@example.com", "must be a host without anything behind it"),
        ("PUBLIC_URL", "https://example.com:https", "Port could not be cast"),
        ("PUBLIC_URL", "https://", "must be the address visitors use"),
        ("PORT", "70000", "less than or equal to 65535"),
        ("PORT", "http", "valid integer"),
        ("HOLD_MINUTES", "0", "greater than or equal to 1"),
        ("SOFT_BOUND", "-1", "greater than 0"),
        ("RATE_BOOKINGS", "none", "valid integer"),
        ("LOG_LEVEL", "LOUD", "DEBUG"),
        ("ALLOW_PRIVATE_CALENDAR_HOSTS", "perhaps", "valid boolean"),
        ("SMTP_URL", "mail.example.com", "must look like smtp://"),
        ("CA_FILE", "/nowhere/authority.pem", "/nowhere/authority.pem cannot be read (No such file or directory)"),
        ("CA_FILE", "/etc", "/etc cannot be read (Is a directory)"),
        ("CA_FILE", __file__, "holds no certificate in PEM form"),
        ("CA_FILE", "/dev/null", "holds no certificate in PEM form"),
        ("GOOGLE_URL", "127.0.0.1:9001", "must be the address of a simulator"),
        ("MICROSOFT_URL", "ftp://127.0.0.1", "must be the address of a simulator"),
    ],
)
def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str) -> None:
    lines = faults(monkeypatch, **{name: value})
    assert len(lines) == 1
    assert lines[0].startswith(f"{name}: ")
    assert words in lines[0]


def test_all_faults_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = faults(monkeypatch, PORT="0", SOFT_BOUND="x")
    assert {line.split(":")[0] for line in lines} == {"PORT", "SOFT_BOUND"}


def test_bounds_that_contradict_each_other_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "HARD_BOUND" in faults(monkeypatch, SOFT_BOUND="60", HARD_BOUND="30")[0]


def test_several_processes_need_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "REDIS_URL" in faults(monkeypatch, WORKERS="2")[0]


def test_mail_that_is_sent_needs_a_sender(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "MAIL_FROM" in faults(monkeypatch, SMTP_URL="smtp://mail.example.com")[0]


def test_a_message_never_quotes_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "hunter2-hunter2"
    lines = faults(monkeypatch, SECRET_KEYS=secret, DATABASE_URL=f"mysql://user:{secret}@db/x")
    assert secret not in "\n".join(lines)


def test_the_first_key_seals_and_several_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = new_key(), new_key()
    make_environment(monkeypatch, SECRET_KEYS=f"{first}, {second}")
    assert config.load().secret_keys == (first, second)


def test_pages_of_other_origins_get_no_websocket(monkeypatch: pytest.MonkeyPatch) -> None:
    make_environment(monkeypatch)
    assert config.surface().origins == ["https://book.example.com"]
    monkeypatch.setenv("PUBLIC_URL", "http://localhost:8000")
    assert config.surface().origins == ["http://localhost:8000", "http://127.0.0.1:8000"]


@pytest.mark.parametrize(
    ("value", "origin"),
    [
        ("https://book.example.com/", "https://book.example.com"),
        ("HTTPS://Book.Example.com:443", "https://book.example.com"),
        ("http://book.example.com:80", "http://book.example.com"),
        ("http://book.example.com:8080", "http://book.example.com:8080"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_the_public_address_is_what_browsers_call_the_origin(
    monkeypatch: pytest.MonkeyPatch, value: str, origin: str
) -> None:
    make_environment(monkeypatch, PUBLIC_URL=value)
    assert config.load().origins == [origin]
