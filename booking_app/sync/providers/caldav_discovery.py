"""From a mail address or URL to the calendars of an account (RFC 6764, RFC 4791 section 6.2.1, RFC 5397)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urljoin, urlsplit

import dns.asyncresolver
import dns.exception
import dns.rdatatype

from booking_app.sync.errors import AccessLost, Gone, ProviderError, Rejected, Transient
from booking_app.sync.event_text import plain_address
from booking_app.sync.model import RemoteCalendar
from booking_app.sync.providers import caldav_xml as xml
from booking_app.sync.providers.addresses import AddressRefused
from booking_app.sync.providers.caldav_wire import MAX_REDIRECTS, Wire
from booking_app.sync.providers.caldav_zone import zone_of

_MAX_HOMES = 20
_CALENDAR = f"{xml.CALDAV}calendar"
_HOME_SET = f"{xml.CALDAV}calendar-home-set"
_WELL_KNOWN = "/.well-known/caldav"
_DELETED = "{http://nextcloud.com/ns}deleted-calendar"
"""What stands in the trash, to be restored."""
_WRITING = frozenset({"all", "write", "write-content", "bind"})
_COLOUR = re.compile(r"(#[0-9A-Fa-f]{6})(?:[0-9A-Fa-f]{2})?$")


def base_url(address: str) -> str:
    """The address that the credentials are for: the URL itself, or the domain of a mail address."""
    text = address.strip()
    if "://" in text:
        return text
    if "@" in text:
        domain = text.rpartition("@")[2]
        return f"https://{domain}/"
    return f"https://{text}"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """A place that answered: its final URL after redirects and what it says of itself."""

    url: str
    response: xml.Response

    @property
    def is_calendar(self) -> bool:
        return self.response.has_kind(_CALENDAR)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Account:
    """Where the calendars of the user are: `entry`, an address that leads to all of them, and the home collections,
    absolute. `addresses` are the user's own calendar addresses (RFC 6638 section 2.4.1)."""

    entry: str
    homes: tuple[str, ...]
    addresses: frozenset[str]

    def reached_by(self, url: str) -> bool:
        """Whether `url` is, or stands above, where this account is: then whoever enters it means this account."""
        place = _place(url)
        return any(_place(each).startswith(place) for each in (self.entry, *self.homes))


async def list_calendars(wire: Wire, address: str) -> tuple[RemoteCalendar, ...]:
    """All calendars that can hold events. Raises `AccessLost`, `Transient` or `Rejected` with a sentence that
    says why the account cannot be read; never an empty result for an unreadable one, nor the calendars of another
    place than the address names."""
    start, typed = await _start(wire, address)
    if start.is_calendar:
        listed = await wire.propfind(start.url, 0, xml.CALENDARS, "reading the calendar")
        return _calendars(listed, start.url, await _own_addresses(wire, start))
    account = await _account(wire, start)
    _refuse_another(account, wire.http.base if isinstance(typed, ProviderError) else start.url, typed)
    found: dict[str, RemoteCalendar] = {}
    for home in account.homes:
        listed = await wire.propfind(home, 1, xml.CALENDARS, "listing the calendars")
        own = _place(home)
        if all(_place(urljoin(home, item.href)) != own for item in listed.responses):
            raise Transient("The calendar server's list of calendars is not complete.")
        found.update((item.remote_id, item) for item in _calendars(listed, home, account.addresses))
    return tuple(found.values())


def _refuse_another(account: _Account, url: str, typed: ProviderError | bool) -> None:
    """Raises an error with the way out, unless whoever entered `url` means this account. `typed` is as in `_start`."""
    if not typed or account.reached_by(url):
        return
    match typed:
        case AccessLost():
            why = "This user may not read what is at this address."
        case Transient():
            why = "What is at this address could not be read as a calendar."
        case ProviderError():
            why = "There is no calendar at this address."
        case _:
            why = "What is at this address is neither a calendar nor this user's account."
    ways = f"This user's calendars are at {account.entry}: enter that for all of them, or the address of a single one."
    raise (Transient if isinstance(typed, Transient) else Rejected)(f"{why} {ways}")


async def _start(wire: Wire, address: str) -> tuple[_Found, ProviderError | bool]:
    """The first candidate that answers a PROPFIND for the current user; and of an address that names a place on its
    server what became of it: True if it is what answered, the error if another candidate did. False for an address
    that names a server only."""
    problems: dict[str, ProviderError] = {}
    for url in await _candidates(wire, address):
        try:
            found = await _probe(wire, url)
        except (Gone, Rejected, Transient, AccessLost) as error:
            problems[url] = error
            continue
        if _principal(found) or found.response.hrefs(_HOME_SET) or found.is_calendar:
            return found, not _names_server(wire.http.base) and problems.get(wire.http.base, True)
        problems[url] = Rejected("There is a server at this address, but it names no calendar account.")
    for kind in (AccessLost, AddressRefused, Transient, Rejected):
        for problem in problems.values():
            if isinstance(problem, kind):
                raise problem
    raise Rejected("No calendar server was found at this address.")


def _names_server(url: str) -> bool:
    return _place(url) in ("/", f"{_WELL_KNOWN}/")


def _place(url: str) -> str:
    """The path of a URL for comparing, with a slash behind."""
    return xml.comparable(urlsplit(url).path).rstrip("/") + "/"


async def _candidates(wire: Wire, address: str) -> list[str]:
    base = wire.http.base
    if "://" in address or "@" not in address:
        return list(dict.fromkeys([base, urljoin(base, _WELL_KNOWN), urljoin(base, "/")]))
    domain = address.strip().rpartition("@")[2]
    services = await _services(domain)
    return [*services, urljoin(base, _WELL_KNOWN), base]


async def _services(domain: str) -> list[str]:
    """What SRV and TXT records announce (RFC 6764 sections 3 and 4), best first. DNS is not proof of identity:
    a target outside the domain is refused later, when the credentials would go there."""
    name = f"_caldavs._tcp.{domain}"
    try:
        answer = await dns.asyncresolver.resolve(name, dns.rdatatype.SRV, lifetime=4)
        targets = sorted((item.priority, -item.weight, str(item.target).rstrip("."), item.port) for item in answer)
    except dns.exception.DNSException:
        return []
    path = _WELL_KNOWN
    try:
        for record in await dns.asyncresolver.resolve(name, dns.rdatatype.TXT, lifetime=4):
            text = b"".join(record.strings).decode("utf-8", "replace")
            if text.startswith("path=/"):
                path = text.removeprefix("path=")
    except dns.exception.DNSException:
        pass
    return [f"https://{host}:{port}{quote(path, safe='/%')}" for _, _, host, port in targets if host]


async def _probe(wire: Wire, url: str) -> _Found:
    """PROPFIND, repeated by hand where the server redirects (RFC 6764 section 5)."""
    headers = {"Depth": "0", "Content-Type": "application/xml; charset=utf-8"}
    for _ in range(MAX_REDIRECTS):
        reply = await wire.ask("PROPFIND", url, xml.propfind(xml.PRINCIPAL), headers)
        if reply.location is None:
            listed = wire.multistatus(reply, "looking for the account")
            if not listed.responses:
                raise Transient("The calendar server's answer is empty.")
            return _Found(url=url, response=listed.responses[0])
        url = reply.location
    raise Rejected("The calendar server redirects in circles.")


def _principal(found: _Found) -> str | None:
    element = found.response.props.get(f"{xml.DAV}current-user-principal")
    if element is not None and element.find(f"{xml.DAV}unauthenticated") is not None:
        raise AccessLost("The calendar server does not accept the user name and password.")
    hrefs = found.response.hrefs(f"{xml.DAV}current-user-principal")
    return urljoin(found.url, hrefs[0]) if hrefs else None


async def _account(wire: Wire, start: _Found) -> _Account:
    response, url = start.response, start.url
    principal = _principal(start)
    if principal is not None:
        response, url = await _described(wire, principal), principal
    homes = [urljoin(url, href) for href in response.hrefs(_HOME_SET)]
    if not homes:
        raise Rejected("The account has no calendars (no calendar home).")
    homes = list(dict.fromkeys(homes))[:_MAX_HOMES]
    return _Account(entry=principal or homes[0], homes=tuple(homes), addresses=_addresses(response))


async def _own_addresses(wire: Wire, calendar: _Found) -> frozenset[str]:
    """Of the user, from a calendar's own address. None where the server does not say who that is: the calendar can
    be read all the same."""
    principal = _principal(calendar)
    if principal is None or not wire.http.trusts(principal):
        return frozenset()
    try:
        return _addresses(await _described(wire, principal))
    except (Gone, Rejected, AccessLost):
        return frozenset()


async def _described(wire: Wire, principal: str) -> xml.Response:
    listed = await wire.propfind(principal, 0, xml.HOMES, "reading the account")
    if not listed.responses:
        raise Transient("The calendar server's answer is empty.")
    return listed.responses[0]


def _addresses(principal: xml.Response) -> frozenset[str]:
    """As they may stand in an ATTENDEE: mail addresses mostly, also `urn:uuid:` and paths of principals."""
    own = principal.hrefs(f"{xml.CALDAV}calendar-user-address-set")
    return frozenset(plain_address(each) for each in own)


def _calendars(listed: xml.Multistatus, base: str, addresses: frozenset[str]) -> tuple[RemoteCalendar, ...]:
    return tuple(
        _calendar(item, base, addresses) for item in listed.responses if _holds_events(item) and not item.status
    )


def _holds_events(item: xml.Response) -> bool:
    """What has C:calendar among its types is a calendar, whatever else it is (RFC 4791 section 4.2)."""
    if not item.has_kind(_CALENDAR) or item.has_kind(_DELETED):
        return False
    components = item.props.get(f"{xml.CALDAV}supported-calendar-component-set")
    supported = {comp.get("name", "").upper() for comp in components} if components is not None else set()
    return not supported or "VEVENT" in supported


def _calendar(item: xml.Response, base: str, addresses: frozenset[str]) -> RemoteCalendar:
    granted = item.props.get(f"{xml.DAV}current-user-privilege-set")
    privileges = {kind.tag.rpartition("}")[2] for kind in granted.iter()} if granted is not None else _WRITING
    colour = _COLOUR.match(item.text(xml.COLOUR) or "")
    url = urljoin(base, item.href)
    return RemoteCalendar(
        remote_id=url if url.endswith("/") else url + "/",
        name=item.text(f"{xml.DAV}displayname") or _last_segment(item.href),
        colour=colour[1].lower() if colour else None,
        zone=zone_of(item),
        can_write=bool(privileges & _WRITING),
        addresses=addresses,
    )


def _last_segment(href: str) -> str:
    return unquote(urlsplit(href).path.rstrip("/").rpartition("/")[2])
