"""Finding an account's calendars: on real servers from any address, and in the dialects of servers we do not have."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from booking_app.sync.errors import AccessLost, ProviderError, Rejected, Transient
from booking_app.sync.model import Credentials
from booking_app.sync.providers.addresses import AddressPolicy, AddressRefused
from booking_app.sync.providers.caldav import CaldavProvider
from booking_app.sync.providers.caldav_discovery import base_url
from tests.contract.backends import LOCAL, ref
from tests.contract.conftest import PASSWORD, USER
from tests.contract.test_reading import WINDOW, make_event
from tests.known import holding
from tests.servers import Server, make_calendar
from tests.simulators.caldav_faulty import Answer, FaultyCaldav, Forward, Request, faulty_caldav


def open_at(address: str, *, user: str = USER, secret: str = PASSWORD) -> CaldavProvider:
    return CaldavProvider(Credentials(address=address, username=user, secret=secret), policy=LOCAL)


@pytest.fixture(scope="module")
def shop(radicale: Server) -> str:
    return make_calendar(f"{radicale.home(USER)}shop/", user=USER, password=PASSWORD, name="Shop & Co")


@pytest.mark.parametrize("path", ["", ".well-known/caldav", "ann/", "ann", "ann/shop/", "ann/shop"])
async def test_any_address_of_an_account_leads_to_its_calendar(radicale: Server, shop: str, path: str) -> None:
    provider = open_at(radicale.url + path)
    listed = {item.remote_id: item for item in await provider.list_calendars()}
    await provider.close()
    assert listed[shop].name == "Shop & Co"


@pytest.mark.parametrize("path", ["", ".well-known/caldav", "user/", "user/calendars/"])
async def test_a_redirect_of_well_known_keeps_the_method(xandikos: Server, path: str) -> None:
    provider = open_at(xandikos.url + path)
    listed = [item.remote_id for item in await provider.list_calendars()]
    await provider.close()
    assert f"{xandikos.url}user/calendars/calendar/" in listed
    assert not any("inbox" in item for item in listed)


async def test_a_wrong_password_is_access_lost(radicale: Server) -> None:
    provider = open_at(radicale.url, secret="wrong")
    with pytest.raises(AccessLost):
        await provider.list_calendars()
    await provider.close()


@pytest.fixture
def site() -> Iterator[FaultyCaldav]:
    with faulty_caldav("http://127.0.0.1:9/") as running:
        yield running


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [(404, b"", Rejected), (200, b"<html>Welcome</html>", Transient), (500, b"", Transient), (401, b"", AccessLost)],
)
async def test_a_site_without_calendars_says_so(
    site: FaultyCaldav, status: int, body: bytes, error: type[ProviderError]
) -> None:
    site.answer(status, body, Content_Type="text/html")
    provider = open_at(site.url)
    with pytest.raises(error):
        await provider.list_calendars()
    await provider.close()


async def test_a_redirect_in_circles_ends(site: FaultyCaldav) -> None:
    site.answer(301, Location="/round")
    provider = open_at(site.url)
    with pytest.raises(Rejected):
        await provider.list_calendars()
    await provider.close()


@pytest.mark.parametrize("location", ["http://169.254.169.254/latest/", "https://10.0.0.1/", "http://10.0.0.1/"])
async def test_a_redirect_is_checked_again(site: FaultyCaldav, location: str) -> None:
    site.answer(302, Location=location)
    provider = open_at(site.url)
    with pytest.raises(AddressRefused):
        await provider.list_calendars()
    await provider.close()


def test_a_mail_address_leads_to_its_domain() -> None:
    assert base_url("ann@example.com") == "https://example.com/"
    assert base_url("caldav.icloud.com") == "https://caldav.icloud.com"
    assert base_url(" https://dav.example/x/ ") == "https://dav.example/x/"
    with pytest.raises(AddressRefused):
        CaldavProvider(Credentials(address="http://example.com/", username="u", secret="s"), policy=AddressPolicy())


# A server that writes like iCloud: default namespaces on every element, absolute hrefs, CDATA, empty propstats.

PRINCIPAL = """<multistatus xmlns="DAV:"><response xmlns="DAV:"><href>/</href><propstat><prop>
<current-user-principal xmlns="DAV:"><href xmlns="DAV:">/123/principal/</href></current-user-principal></prop>
<status>HTTP/1.1 200 OK</status></propstat><propstat><prop><calendar-home-set xmlns="urn:ietf:params:xml:ns:caldav"/>
</prop><status>HTTP/1.1 404 Not Found</status></propstat></response></multistatus>"""
HOMES = """<multistatus xmlns="DAV:"><response><href>/123/principal/</href><propstat><prop>
<calendar-home-set xmlns="urn:ietf:params:xml:ns:caldav"><href xmlns="DAV:">{url}123/calendars/</href>
</calendar-home-set>
<calendar-user-address-set xmlns="urn:ietf:params:xml:ns:caldav">
<href xmlns="DAV:" preferred="1">mailto:Ann@Example.com</href>
<href xmlns="DAV:">/123/principal/</href></calendar-user-address-set></prop><status>HTTP/1.1 200 OK</status></propstat>
</response></multistatus>"""
ENTRY = """<response><href>{href}</href><propstat><prop><resourcetype><collection/>{kinds}</resourcetype>
<displayname>{name}</displayname><supported-calendar-component-set xmlns="urn:ietf:params:xml:ns:caldav">
<comp name="{comp}"/></supported-calendar-component-set><calendar-color xmlns="http://apple.com/ns/ical/">#FF2968FF</calendar-color>
<current-user-privilege-set><privilege><{privilege}/></privilege></current-user-privilege-set>
<calendar-timezone xmlns="urn:ietf:params:xml:ns:caldav"><![CDATA[BEGIN:VCALENDAR
BEGIN:VTIMEZONE
TZID:Europe/Amsterdam
END:VTIMEZONE
END:VCALENDAR]]></calendar-timezone></prop><status>HTTP/1.1 200 OK</status></propstat></response>"""
CALENDAR = '<calendar xmlns="urn:ietf:params:xml:ns:caldav"/>'
INBOX = '<schedule-inbox xmlns="urn:ietf:params:xml:ns:caldav"/>'


def entry(href: str, kinds: str = CALENDAR, *, name: str = "Home", comp: str = "VEVENT", privilege: str = "all") -> str:
    return ENTRY.format(href=href, kinds=kinds, name=name, comp=comp, privilege=privilege)


def listing(*entries: str, token: str = "") -> bytes:
    mark = f"<sync-token>{token}</sync-token>" if token else ""
    return f'<multistatus xmlns="DAV:">{"".join(entries)}{mark}</multistatus>'.encode()


def xml(body: bytes | str) -> Answer:
    return Answer(207, {"Content-Type": 'text/xml; charset="UTF-8"'}, body.encode() if isinstance(body, str) else body)


async def test_an_account_written_like_icloud_is_listed(site: FaultyCaldav) -> None:
    def account(request: Request, _forward: Forward) -> Answer:
        if request.path == "/123/principal/":
            return xml(HOMES.format(url=site.url))
        if request.path == "/123/calendars/":
            return xml(
                listing(
                    entry("/123/calendars/", ""),
                    entry("/123/calendars/home/"),
                    entry(f"{site.url}123/calendars/read/", name="Holidays", privilege="read"),
                    entry("/123/calendars/tasks/", comp="VTODO"),
                    entry("/123/calendars/inbox/", INBOX),
                    entry("/123/calendars/outbox/", CALENDAR),
                    entry("/123/calendars/notification/", ""),
                )
            )
        return xml(PRINCIPAL)

    site.add(account)
    provider = open_at(site.url)
    found = {item.remote_id.removeprefix(site.url): item for item in await provider.list_calendars()}
    await provider.close()
    assert set(found) == {"123/calendars/home/", "123/calendars/read/", "123/calendars/outbox/"}
    home = found["123/calendars/home/"]
    assert (home.name, home.colour, home.zone, home.can_write) == ("Home", "#ff2968", "Europe/Amsterdam", True)
    assert home.addresses == {"ann@example.com", "/123/principal/"}
    assert not found["123/calendars/read/"].can_write


async def test_a_home_that_does_not_list_itself_is_not_believed(site: FaultyCaldav) -> None:
    site.add(lambda request, _forward: xml(HOMES.format(url=site.url) if "123/p" in request.path else PRINCIPAL))
    provider = open_at(site.url)
    with pytest.raises(Transient):
        await provider.list_calendars()
    await provider.close()


STATE = """<multistatus xmlns="DAV:"><response><href>{href}</href><propstat><prop>
<resourcetype><collection/>{kinds}</resourcetype><sync-token>{token}</sync-token>
<supported-report-set><supported-report><report><sync-collection/></report></supported-report></supported-report-set>
</prop><status>HTTP/1.1 200 OK</status></propstat></response></multistatus>"""
MEMBER = """<response><href>{href}</href><propstat><prop><getetag>{etag}</getetag></prop>
<status>HTTP/1.1 200 OK</status></propstat>
<propstat><prop><displayname/></prop><status>HTTP/1.1 404 Not Found</status></propstat></response>"""
OBJECT = """<response><href>{href}</href><propstat><prop><getetag>{etag}</getetag><calendar-data
 xmlns="urn:ietf:params:xml:ns:caldav"><![CDATA[{data}]]></calendar-data></prop>
<status>HTTP/1.1 200 OK</status></propstat></response>"""


async def test_a_calendar_written_like_icloud_is_read(site: FaultyCaldav) -> None:
    """The collection lists itself, hrefs are absolute, `@` comes in two spellings, data in CDATA."""
    tokens = ["one", "two"]

    def calendar(request: Request, _forward: Forward) -> Answer:
        token = tokens[0]
        if request.method == "PROPFIND":
            return xml(STATE.format(href="/ann@x/home/", kinds=CALENDAR, token=token))
        if request.is_multiget:
            return xml(
                listing(OBJECT.format(href=f"{site.url}ann@x/home/a%7Eb.ics", etag="C=1@U=2", data=make_event()))
            )
        members = [MEMBER.format(href="/ann%40x/home/", etag="ignored")]
        members.append(MEMBER.format(href=f"{site.url}ann%40x/home/a~b.ics", etag="C=1@U=2"))
        return xml(listing(*members, token=token))

    site.add(calendar)
    provider = open_at(site.url)
    home = ref(f"{site.url}ann%40x/home/")
    first = await provider.changes(home, cursor=None, known=holding(), window=WINDOW)
    assert [(item.key, item.etag, item.uid) for item in first.objects] == [
        ("/ann%40x/home/a~b.ics", "C=1@U=2", "1@other")
    ]
    tokens.pop(0)
    again = await provider.changes(
        home, cursor=first.cursor, known=holding({"/ann@x/home/a%7eb.ics": "C=1@U=2"}), window=WINDOW
    )
    assert [item.key for item in again.objects] == ["/ann@x/home/a%7eb.ics"], (
        "known in another spelling, and read again"
    )
    await provider.close()


async def test_a_member_without_a_version_anywhere_is_refused(site: FaultyCaldav) -> None:
    def calendar(request: Request, _forward: Forward) -> Answer:
        if request.method == "GET":
            return Answer(200, {"Content-Type": "text/calendar"}, make_event().encode())
        if request.is_multiget:
            return xml(listing("<response><href>/c/a.ics</href><status>HTTP/1.1 404 Not Found</status></response>"))
        if request.method == "PROPFIND":
            return xml(STATE.format(href=request.path, kinds=CALENDAR, token="t"))
        member = (
            "<response><href>/c/a.ics</href><propstat><prop/><status>HTTP/1.1 200 OK</status></propstat></response>"
        )
        return xml(listing(member, token="t"))

    site.add(calendar)
    provider = open_at(site.url)
    with pytest.raises(Rejected):
        await provider.changes(ref(f"{site.url}c/"), cursor=None, known=holding(), window=WINDOW)
    await provider.close()


async def test_a_server_that_wants_digest_is_answered_so(radicale: Server, shop: str) -> None:
    basic = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    def digest(request: Request, forward: Forward) -> Answer:
        if not request.headers.get("Authorization", "").startswith("Digest "):
            return Answer(401, {"WWW-Authenticate": 'Digest realm="dav", nonce="abc", qop="auth", algorithm=MD5'})
        request.headers["Authorization"] = basic
        return forward(request)

    with faulty_caldav(radicale.url) as proxy:
        proxy.add(digest)
        provider = open_at(proxy.url)
        assert shop.removeprefix(radicale.url) in {
            item.remote_id.removeprefix(proxy.url) for item in await provider.list_calendars()
        }
        await provider.close()
