"""Whose address a request comes from."""

from __future__ import annotations

import pytest

from booking_app.addresses import came_through_a_proxy, client_of

PEER = "10.0.0.9"


def came(*lines: str, hops: int = 1, peer: str = PEER) -> str:
    headers = [(b"host", b"book.example.com"), *((b"x-forwarded-for", line.encode()) for line in lines)]
    return client_of(headers, peer, hops)


@pytest.mark.parametrize(
    ("lines", "hops", "client"),
    [
        # One line, and the same as several lines: HAProxy adds one of its own.
        (["192.0.2.1"], 1, "192.0.2.1"),
        (["198.51.100.7, 192.0.2.1"], 1, "192.0.2.1"),
        (["198.51.100.7", "192.0.2.1"], 1, "192.0.2.1"),
        (["198.51.100.7", "203.0.113.5, 192.0.2.1"], 1, "192.0.2.1"),
        (["198.51.100.7, 192.0.2.1", "10.0.0.8"], 2, "192.0.2.1"),
        (["198.51.100.7", "192.0.2.1", "10.0.0.8"], 2, "192.0.2.1"),
        # Empty entries count for nothing.
        (["198.51.100.7, , 192.0.2.1, ,"], 1, "192.0.2.1"),
        (["", "192.0.2.1", " "], 1, "192.0.2.1"),
        # Fewer entries than proxies: it did not come through all of them.
        (["192.0.2.1"], 2, PEER),
        ([], 1, PEER),
        ([" , ,"], 1, PEER),
        # Nobody is in front: nothing is believed.
        (["192.0.2.1"], 0, PEER),
        # As some proxies write it.
        (["192.0.2.1:50123"], 1, "192.0.2.1"),
        (["2001:db8:1:2:3:4:5:6"], 1, "2001:db8:1:2::/64"),
        (["[2001:db8:1:2:3:4:5:6]:443"], 1, "2001:db8:1:2::/64"),
        (['"[2001:db8:1:2::9]"'], 1, "2001:db8:1:2::/64"),
        (["::ffff:192.0.2.1"], 1, "192.0.2.1"),
        # A proxy that does not know puts all whom it does not know into one.
        (["198.51.100.7, unknown"], 1, "unknown"),
        (["x" * 5000], 1, "x" * 64),
        (["[", ], 1, ""),
    ],
)  # fmt: skip
def test_the_entry_of_the_outermost_proxy_of_ours_counts(lines: list[str], hops: int, client: str) -> None:
    assert came(*lines, hops=hops) == client


def test_what_a_client_writes_in_front_changes_nothing() -> None:
    clients = {came(f"203.0.113.{number}", "192.0.2.1") for number in range(50)}
    assert clients == {"192.0.2.1"}


def test_a_forwarded_header_is_not_believed() -> None:
    headers = [(b"forwarded", b"for=198.51.100.7"), (b"x-forwarded-for", b"192.0.2.1")]
    assert client_of(headers, PEER, 1) == "192.0.2.1"
    assert client_of(headers[:1], PEER, 1) == PEER


def test_each_trace_of_a_proxy_is_seen() -> None:
    assert not came_through_a_proxy([(b"host", b"x"), (b"user-agent", b"Prometheus")])
    for name in (b"x-forwarded-for", b"forwarded", b"via", b"x-real-ip", b"x-forwarded-proto", b"x-forwarded-host"):
        assert came_through_a_proxy([(b"host", b"x"), (name, b"")])
