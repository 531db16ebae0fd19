"""Where the server may be sent by a user's calendar address, and where a password may go."""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
from datetime import timedelta

import pytest

from booking_app.domain.clock import utc_now
from booking_app.sync.errors import AccessLost, EditConflict, Gone, ProviderError, Rejected, Transient
from booking_app.sync.model import Credentials
from booking_app.sync.providers.addresses import AddressPolicy, AddressRefused, may_have_credentials
from booking_app.sync.providers.body import Bounds
from booking_app.sync.providers.caldav import CaldavProvider
from booking_app.sync.providers.http import Http
from booking_app.sync.providers.reply import Reply, failure, retry_after
from tests.simulators.caldav_faulty import Answer, faulty_caldav

STRICT = AddressPolicy()
OPEN = AddressPolicy(allow_private=True, allow_http=True)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0",
        "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2001:db8::1", "100.100.100.200",
        "::127.0.0.1", "::10.0.0.1", "::8.8.8.8", "::2", "64:ff9b:1::808:808", "2002:808:808::1", "2001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2", "fec0::1", "2001:2::1", "2001:10::1", "2001:20::1", "3fff::1",
        "5f00::1", "100::1", "4000::1", "fe80::1%25lo", "ff0e::1", "192.0.0.1", "192.88.99.1", "198.51.100.1",
        "203.0.113.1", "::ffff:0:127.0.0.1", "64:ff9b::c000:201",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    with pytest.raises(AddressRefused):
        STRICT.check_ip(address)


@pytest.mark.parametrize("address", ["17.253.144.10", "2a01:4f8::1", "64:ff9b::808:808", "::ffff:8.8.8.8"])
def test_public_addresses_pass(address: str) -> None:
    STRICT.check_ip(address)


def test_the_setting_allows_private_addresses_but_never_the_clouds_metadata() -> None:
    for address in ("127.0.0.1", "::1", "192.168.1.1", "fd12::1"):
        OPEN.check_ip(address)
    for address in (
        "169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254", "::169.254.169.254", "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::", "0.0.0.0", "::",
    ):  # fmt: skip
        with pytest.raises(AddressRefused):
            OPEN.check_ip(address)


@pytest.mark.parametrize(
    "url",
    ["http://caldav.example.com/", "ftp://x/", "file:///etc/passwd", "https://", "https://[::1", "https://x:99999/"],
)
def test_only_https_addresses_are_taken(url: str) -> None:
    with pytest.raises(AddressRefused):
        CaldavProvider(Credentials(address=url, username="u", secret="s"), policy=STRICT)


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "127.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "[::127.0.0.1]", "[::]", "0", "localhost.",
        "127.0.0.1.", "017700000001", "0x7f000001", "[fe80::1%25lo]",
    ],
)  # fmt: skip
async def test_a_name_that_leads_inside_is_refused_before_a_connection(host: str) -> None:
    with faulty_caldav("http://127.0.0.1:9/") as proxy:
        port = proxy.url.rstrip("/").rpartition(":")[2]
        policy = AddressPolicy(allow_http=True)
        http = Http(f"http://{host}:{port}/", policy=policy, username="u", secret="s")
        with pytest.raises(ProviderError) as caught:
            await http.send("GET", f"http://{host}:{port}/")
        await http.close()
        assert isinstance(caught.value, AddressRefused | Transient)
        assert proxy.log == []


@pytest.mark.parametrize("host", ["0177.0.0.1", "１２７.0.0.1", "①②⑦.0.0.1"])
async def test_an_address_in_digits_that_no_address_has_is_refused_unread(host: str) -> None:
    http = Http(f"http://{host}/", policy=AddressPolicy(allow_http=True), username="u", secret="s")
    with pytest.raises(Rejected):
        await http.send("GET", f"http://{host}/")
    await http.close()


async def test_a_name_is_resolved_once_and_the_checked_address_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: public at the check, loopback at a second look-up. There is no second look-up."""
    asked: list[str] = []

    async def resolve(_host: str, port: int, **_more: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        asked.append(_host)
        return [(2, 1, 6, "", ("203.0.113.7" if len(asked) > 1 else "10.0.0.1", port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    http = Http("https://calendar.example/", policy=STRICT, username="u", secret="s")
    with pytest.raises(AddressRefused):
        await http.send("PUT", "https://calendar.example/")
    await http.close()
    assert asked == ["calendar.example"]


@pytest.mark.parametrize(
    ("base", "other", "allowed"),
    [
        ("https://caldav.icloud.com/", "https://p42-caldav.icloud.com:443/1/calendars/", True),
        ("https://caldav.icloud.com/", "https://icloud.com.evil.net/", False),
        ("https://caldav.icloud.com/", "https://evilicloud.com/", False),
        ("https://caldav.icloud.com/", "http://p42-caldav.icloud.com/", False),
        ("https://example.com/", "https://dav.example.com/", True),
        ("https://example.com/", "https://other.com/", False),
        ("https://cloud.example.co.uk/", "https://dav.example.co.uk/", True),
        ("https://example.co.uk/", "https://evil.co.uk/", False),
        ("https://cloud.example.com/", "https://cloud.example.com:8443/", False),
        ("https://cloud.example.com:8443/", "https://cloud.example.com:8443/x", True),
        ("http://localhost:5232/", "http://localhost:5232/ann/", True),
        ("http://localhost:5232/", "http://localhost:8080/", False),
        ("https://192.0.2.1/", "https://192.0.2.2/", False),
    ],
)
def test_a_password_goes_to_its_own_party_only(base: str, other: str, allowed: bool) -> None:
    assert may_have_credentials(base, other) is allowed


async def test_a_redirect_elsewhere_gets_no_password() -> None:
    with faulty_caldav("http://127.0.0.1:9/") as first, faulty_caldav("http://127.0.0.1:9/") as second:
        first.answer(302, Location=second.url)
        provider = CaldavProvider(Credentials(address=first.url, username="u", secret="s"), policy=OPEN)
        with pytest.raises(AddressRefused, match=r"127\.0\.0\.1"):
            await provider.list_calendars()
        await provider.close()
        assert second.log == []


async def test_a_reply_without_end_is_cut() -> None:
    with faulty_caldav("http://127.0.0.1:9/") as proxy:
        proxy.answer(200, b"x" * 100_000)
        http = Http(proxy.url, policy=OPEN, username="u", secret="s", bounds=Bounds(unpacked=50_000))
        with pytest.raises(Rejected):
            await http.send("GET", proxy.url)
        await http.close()


@pytest.mark.parametrize(("method", "asked"), [("PROPFIND", 2), ("PUT", 1)])
async def test_only_reads_are_sent_a_second_time(method: str, asked: int) -> None:
    with faulty_caldav("http://127.0.0.1:9/") as proxy:
        proxy.add(lambda _request, _forward: Answer(0, drop=True))
        http = Http(proxy.url, policy=OPEN, username="u", secret="s")
        with pytest.raises(Transient):
            await http.send(method, proxy.url)
        await http.close()
        assert len(proxy.log) == asked


def reply(status: int, **headers: str) -> Reply:
    named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    return Reply(status=status, headers=named, body=b"", url="https://x/")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AccessLost), (403, AccessLost), (404, Gone), (410, Gone), (412, EditConflict), (429, Transient),
        (408, Transient), (423, Transient), (500, Transient), (502, Transient), (503, Transient), (504, Transient),
        (400, Rejected), (405, Rejected), (409, Rejected), (413, Rejected), (415, Rejected), (501, Rejected),
        (507, Rejected),
        (204, Transient), (200, Transient),
    ],
)  # fmt: skip
def test_a_status_is_named_by_what_happens_next(status: int, kind: type[ProviderError]) -> None:
    assert type(failure(reply(status), "testing")) is kind


def test_retry_after_in_seconds_and_as_a_date() -> None:
    assert retry_after(reply(503, Retry_After="17")) == 17
    later = email.utils.format_datetime(utc_now() + timedelta(seconds=90), usegmt=True)
    assert 80 < (retry_after(reply(503, Retry_After=later)) or 0) <= 90
    past = email.utils.format_datetime(utc_now() - timedelta(seconds=90), usegmt=True)
    assert retry_after(reply(503, Retry_After=past)) == 0
    assert retry_after(reply(503, Retry_After="soon")) is None
    assert retry_after(reply(503)) is None
    for nonsense in (
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Mon, 01 Jan 2027 00:00:00 +99999999999999999999",
    ):
        assert retry_after(reply(503, Retry_After=nonsense)) is None
    assert retry_after(reply(503, Retry_After="9" * 40)) == 86_400


async def test_p24_an_answer_that_drips_in_for_ever_is_given_up() -> None:
    left = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 207 Multi-Status\r\nContent-Length: 1000000\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.02)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        left.set()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        http = Http(url, policy=OPEN, username="u", secret="s", deadline=0.3)
        async with asyncio.timeout(20):
            with pytest.raises(Transient, match="in time"):
                await http.send("PROPFIND", url)
            await http.close()
            await left.wait()


@pytest.mark.parametrize("status", [405, 501])
def test_a_server_without_calendars_is_named_without_a_code(status: int) -> None:
    assert str(failure(reply(status), "testing")) == "The server takes no calendar requests at this address."
