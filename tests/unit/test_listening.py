"""Where the server listens, and what is said when it cannot."""

from __future__ import annotations

import errno
import socket

import pytest

from booking_app.run import instance
from booking_app.run.instance import need_free
from booking_app.run.listening import listener, reachable
from booking_app.run.trouble import Trouble


def test_a_free_port_is_free_and_a_taken_one_is_named() -> None:
    with listener("127.0.0.1", 0) as taken:
        taken.listen()
        port: int = taken.getsockname()[1]
        with pytest.raises(Trouble, match=f"PORT: {port} is taken; set PORT to a free one"):
            need_free("127.0.0.1", port)
    need_free("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "code", "words"),
    [
        # What systems without IPv6 answer: compiled out, or switched off.
        ("::1", errno.EAFNOSUPPORT, "HOST: ::1 is an IPv6 address, and this machine has none such"),
        ("::1", errno.EADDRNOTAVAIL, "HOST: ::1 is an IPv6 address, and this machine has none such"),
        ("192.0.2.1", errno.EADDRNOTAVAIL, "HOST: 192.0.2.1 is not an address of this machine"),
        ("nowhere.invalid", socket.EAI_NONAME, "HOST: nowhere.invalid is not an address of this machine"),
        ("127.0.0.1", errno.EACCES, "PORT: 80 needs more rights"),
        ("127.0.0.1", errno.EADDRINUSE, "PORT: 80 is taken"),
    ],
)
def test_the_cause_is_named(monkeypatch: pytest.MonkeyPatch, host: str, code: int, words: str) -> None:
    def fail(*_: object) -> socket.socket:
        raise OSError(code, "as the system says it")

    monkeypatch.setattr(instance, "listener", fail)
    with pytest.raises(Trouble, match=words):
        need_free(host, 80)


def test_an_address_that_is_not_ours_is_named() -> None:
    with pytest.raises(Trouble, match=r"HOST: 192\.0\.2\.1 is not an address"):
        need_free("192.0.2.1", 0)


@pytest.mark.parametrize(
    ("host", "name"),
    [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]"), ("10.1.2.3", "10.1.2.3"), ("box.local", "box.local")],
)
def test_the_machine_reaches_what_it_serves(host: str, name: str) -> None:
    assert reachable(host) == name
