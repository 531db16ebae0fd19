"""From a mail address by what DNS announces to the calendars of an account (RFC 6764 section 6): real answers of a
small DNS server, a real calendar server behind TLS, and the addresses that names have here."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import httpcore
import pytest

from booking_app.sync.errors import ProviderError
from booking_app.sync.model import Credentials
from booking_app.sync.providers.addresses import AddressPolicy, AddressRefused
from booking_app.sync.providers.caldav import CaldavProvider
from tests.authority import Authority, tls_before
from tests.contract.conftest import PASSWORD, USER
from tests.servers import Server, make_calendar
from tests.simulators.caldav_faulty import FaultyCaldav, faulty_caldav

SERVER = "cal.example.test"
PUBLIC = "93.184.215.14"
"""Where the calendar server is for whoever looks its name up."""
SRV, TXT = "_caldavs._tcp.example.test. 60 IN SRV", "_caldavs._tcp.example.test. 60 IN TXT"


class _Zone(asyncio.DatagramProtocol):
    """A name server that holds these records and nothing else."""

    def __init__(self, records: list[str]) -> None:
        self.records = records

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        for record in self.records:
            name, ttl, _, kind, rest = record.split(" ", 4)
            rrset = dns.rrset.from_text(name, int(ttl), "IN", kind, rest)
            if (rrset.name, rrset.rdtype) == (query.question[0].name, query.question[0].rdtype):
                answer.answer.append(rrset)
        if not answer.answer:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self._transport.sendto(answer.to_wire(), addr)


@dataclass
class Net:
    """The net as it looks from here: `records` of the name server, the addresses of `names`, and where was `gone`."""

    site: FaultyCaldav
    context: ssl.SSLContext
    records: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=lambda: {SERVER: PUBLIC})
    gone: list[tuple[str, int]] = field(default_factory=list)

    async def calendars(self) -> list[str]:
        """The names of the calendars of ann@example.test."""
        credentials = Credentials(address=f"{USER}@example.test", username=USER, secret=PASSWORD)
        provider = CaldavProvider(credentials, policy=AddressPolicy(), context=self.context)
        try:
            return [each.name for each in await provider.list_calendars()]
        finally:
            await provider.close()


@asynccontextmanager
async def name_server(records: list[str], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Zone(records), local_addr=("127.0.0.1", 0))
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], transport.get_extra_info("sockname")[1]
    monkeypatch.setattr(dns.asyncresolver, "default_resolver", resolver)
    yield
    transport.close()


@pytest.fixture(scope="module")
def announced(radicale: Server) -> Server:
    """A calendar server on which the person has the calendar `Announced`."""
    make_calendar(f"{radicale.home(USER)}announced/", user=USER, password=PASSWORD, name="Announced")
    return radicale


@pytest.fixture
async def net(announced: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Net]:
    authority = Authority(tmp_path)
    with faulty_caldav(announced.url) as site:
        found = Net(site=site, context=ssl.create_default_context(cafile=str(authority.file)))
        loop = asyncio.get_running_loop()
        look_up, connect = loop.getaddrinfo, httpcore.AnyIOBackend.connect_tcp

        async def resolve(host: str, port: int, **more: Any) -> list[Any]:
            if host in found.names:
                return [(2, 1, 6, "", (found.names[host], port))]
            return await look_up(host, port, **more)

        async with tls_before(urlsplit(site.url).port or 0, authority.server(SERVER)) as secure:

            async def lead(self: httpcore.AnyIOBackend, host: str, port: int, *rest: Any) -> Any:
                found.gone.append((host, port))
                assert (host, port) == (PUBLIC, 443), "nothing else of this net is there"
                return await connect(self, "127.0.0.1", secure, *rest)

            async with name_server(found.records, monkeypatch):
                monkeypatch.setattr(loop, "getaddrinfo", resolve)
                monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", lead)
                yield found


async def test_the_announced_server_is_asked_at_the_announced_path(net: Net) -> None:
    net.records += [f"{SRV} 0 1 443 {SERVER}.", f'{TXT} "path=/{USER}/"']
    assert "Announced" in await net.calendars()
    assert net.site.log[0][1] == f"/{USER}/"


async def test_without_an_announced_path_the_well_known_one_is_asked(net: Net) -> None:
    net.records += [f"{SRV} 0 1 443 {SERVER}.", f'{TXT} "something else"']
    assert "Announced" in await net.calendars()
    assert net.site.log[0][1] == "/.well-known/caldav"


async def test_where_the_first_server_is_not_there_the_next_one_is_asked(net: Net) -> None:
    net.records += [f"{SRV} 20 1 443 {SERVER}.", f"{SRV} 10 1 443 away.example.test."]
    assert "Announced" in await net.calendars()


@pytest.mark.parametrize("records", [[], [f"{SRV} 0 0 0 ."]], ids=["nothing announced", "said to have none"])
async def test_else_the_domain_itself_is_asked(net: Net, records: list[str]) -> None:
    net.records += records
    net.names["example.test"] = PUBLIC
    # The certificate that is shown is that of the announced server.
    net.context.check_hostname = False
    assert "Announced" in await net.calendars()
    assert net.site.log[0][1] == "/.well-known/caldav"


@pytest.mark.parametrize("inside", ["127.0.0.1", "10.0.0.7", "192.168.1.1", "169.254.169.254", "::1", "fd00::7"])
async def test_p47_an_announced_server_inside_our_own_net_is_not_connected_to(net: Net, inside: str) -> None:
    net.names["inside.example.test"] = inside
    net.records += [f"{SRV} 0 1 443 inside.example.test.", f'{TXT} "path=/latest/meta-data/"']
    with pytest.raises(AddressRefused):
        await net.calendars()
    assert net.gone == []


@pytest.mark.parametrize(
    "target",
    [
        "443 cal.example.net.",
        f"8443 {SERVER}.",
        "443 cal.example.net/.example.test.",
        "443 cal.example.net#.example.test.",
        "443 cal.example.net\\@example.test.",
        "443 u\\@cal.example.net.",
    ],
)
async def test_p47_the_password_goes_to_no_announced_server_of_somebody_else(net: Net, target: str) -> None:
    net.names["cal.example.net"] = PUBLIC
    net.records += [f"{SRV} 0 1 {target}"]
    with pytest.raises(ProviderError):
        await net.calendars()
    assert net.gone == []
    assert net.site.log == []
