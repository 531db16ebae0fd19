"""The XML of CalDAV (RFC 4791, 4918, 6578): requests built with the `caldav` library's elements, replies read by
namespace with entities off. A reply that is not a complete multistatus raises; it is never "empty".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urljoin, urlsplit
from xml.etree.ElementTree import Element, ParseError

from caldav.elements import cdav, dav
from caldav.elements import ical as apple
from caldav.elements.base import BaseElement
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from booking_app.domain.clock import from_instant
from booking_app.sync.errors import Rejected, Transient
from booking_app.sync.providers.xml_stream import Limits, NotXml, Parts, TooMuch

DAV = "{DAV:}"
CALDAV = "{urn:ietf:params:xml:ns:caldav}"
CTAG = "{http://calendarserver.org/ns/}getctag"
ZONE_ID = f"{CALDAV}calendar-timezone-id"
COLOUR = "{http://apple.com/ns/ical/}calendar-color"
_TEXTS = frozenset({f"{DAV}getetag", f"{CALDAV}calendar-data"})
_NO_LIST = "The calendar server's answer is not the list that was asked for."
_LIMITS = Limits(long=frozenset({f"{CALDAV}calendar-data"}))
_LONGEST_NAME = 2_000
"""Bytes of an href or etag. They are kept with an index on them, in which PostgreSQL takes at most 2,704."""
_MOST_OTHERS = 100
"""Elements of a list that are neither answers nor its token."""
_LONGEST_ERROR = 65_536
_STATUS = re.compile(r"HTTP/\d(?:\.\d)?\s+(\d{3})")


class GetCTag(BaseElement):
    tag = CTAG


class CalendarTimeZoneId(BaseElement):
    """RFC 7809 section 5.2."""

    tag = ZONE_ID


PRINCIPAL = (dav.CurrentUserPrincipal, cdav.CalendarHomeSet, dav.ResourceType)
HOMES = (cdav.CalendarHomeSet, cdav.CalendarUserAddressSet)
CALENDARS = (
    dav.ResourceType,
    dav.DisplayName,
    cdav.SupportedCalendarComponentSet,
    dav.CurrentUserPrivilegeSet,
    apple.CalendarColor,
    cdav.CalendarTimeZone,
    CalendarTimeZoneId,
)
STATE = (
    dav.ResourceType,
    dav.SyncToken,
    GetCTag,
    dav.SupportedReportSet,
    cdav.CalendarTimeZone,
    CalendarTimeZoneId,
)
MEMBERS = (dav.GetEtag, dav.ResourceType)


def _render(element: BaseElement, *children: BaseElement) -> bytes:
    element.append(children)
    return str(element).encode()


def _props(kinds: Iterable[type[BaseElement]]) -> BaseElement:
    return dav.Prop() + [kind() for kind in kinds]


def propfind(kinds: Sequence[type[BaseElement]]) -> bytes:
    return _render(dav.Propfind() + _props(kinds))


def sync_collection(token: str) -> bytes:
    """RFC 6578 section 3.2. No limit: some servers cut there and lose the rest."""
    level = dav.SyncLevel(value="1")
    return _render(dav.SyncCollection(), dav.SyncToken(value=token), level, _props([dav.GetEtag]))


def multiget(hrefs: Iterable[str]) -> bytes:
    wanted = _props([dav.GetEtag, cdav.CalendarData])
    return _render(cdav.CalendarMultiGet(), wanted, *(dav.Href(value=href) for href in hrefs))


def time_range(window: tuple[int, int]) -> bytes:
    """RFC 4791 section 7.8: VEVENTs that touch the half-open window of instants, with their data."""
    start, end = (from_instant(instant) for instant in window)
    return _query(cdav.TimeRange(start, end))


def with_uid(uid: str) -> bytes:
    return _query(cdav.PropFilter("UID") + cdav.TextMatch(uid, collation="i;octet"))


def _query(condition: BaseElement) -> bytes:
    events = cdav.CompFilter("VEVENT") + condition
    where = cdav.Filter() + (cdav.CompFilter("VCALENDAR") + events)
    return _render(cdav.CalendarQuery(), _props([dav.GetEtag, cdav.CalendarData]), where)


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """One `DAV:response`: the href as sent, its own status if it has one, and the properties with status 200: of those
    that long lists are made of the `texts` alone, which the garbage collector need not look at."""

    href: str
    status: int | None
    props: dict[str, Element] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()
    """Names of properties whose status was 401, 403 or 5xx: not readable, as opposed to not there."""

    def text(self, name: str) -> str | None:
        if name in _TEXTS:
            return self.texts.get(name) or None
        element = self.props.get(name)
        return None if element is None else _text(element) or None

    def has_kind(self, name: str) -> bool:
        """Whether the resource type contains `name`."""
        kinds = self.props.get(f"{DAV}resourcetype")
        return kinds is not None and kinds.find(name) is not None

    def hrefs(self, name: str) -> list[str]:
        element = self.props.get(name)
        found = element.iter(f"{DAV}href") if element is not None else iter(())
        return [text for item in found if (text := (item.text or "").strip())]


@dataclass(frozen=True, kw_only=True, slots=True)
class Multistatus:
    responses: tuple[Response, ...]
    token: str | None = None


class MultistatusReader:
    """Takes a 207 body in as it comes. `feed` raises `Transient` for what is no XML, and `Rejected` for more than a
    calendar can be; `close` gives the list, or raises `Transient` for anything but a complete multistatus."""

    def __init__(self) -> None:
        self._parts = Parts(self._take, _LIMITS)
        self._responses: list[Response] = []
        self._token: str | None = None
        self._others = 0

    def feed(self, data: bytes) -> None:
        try:
            self._parts.feed(data)
        except NotXml as error:
            raise Transient(_NO_LIST) from error
        except TooMuch as error:
            raise Rejected("The calendar server's answer is bigger than a calendar can be.") from error

    def close(self) -> Multistatus:
        try:
            self._parts.close()
        except NotXml as error:
            raise Transient(_NO_LIST) from error
        if self._parts.root != f"{DAV}multistatus":
            raise Transient(_NO_LIST)
        return Multistatus(responses=tuple(self._responses), token=self._token)

    def _take(self, element: Element) -> None:
        if element.tag == f"{DAV}sync-token":
            self._token = (element.text or "").strip() or None
        elif element.tag == f"{DAV}response":
            self._responses += _responses(element)
        else:
            self._others += 1
            if self._others > _MOST_OTHERS:
                raise TooMuch


def _responses(element: Element) -> list[Response]:
    """The answers in one `DAV:response`: one for each of its hrefs."""
    status = _status(element.find(f"{DAV}status"))
    props: dict[str, Element] = {}
    texts: dict[str, str] = {}
    refused: set[str] = set()
    for propstat in element.findall(f"{DAV}propstat"):
        found = _status(propstat.find(f"{DAV}status"))
        prop = propstat.find(f"{DAV}prop")
        for item in prop if prop is not None else ():
            if found == 200 and item.tag in _TEXTS:
                texts[item.tag] = _text(item)
            elif found == 200:
                props[item.tag] = item
            elif found is None or found in (401, 403) or found >= 500:
                refused.add(item.tag)
    hrefs = [(item.text or "").strip() for item in element.findall(f"{DAV}href")]
    if not any(hrefs):
        raise Transient("The calendar server's answer names no resource.")
    if max(len(each.encode()) for each in (*hrefs, texts.get(f"{DAV}getetag", ""))) > _LONGEST_NAME:
        raise Rejected("The calendar server gives events names or versions that are too long.")
    kept = frozenset(refused)
    return [Response(href=href, status=status, props=props, texts=texts, refused=kept) for href in hrefs if href]


def _text(element: Element) -> str:
    return "".join(element.itertext()).strip()


def parse(body: bytes) -> Element | None:
    """The root element of a short document, or None for what is not one complete XML document."""
    if len(body) > _LONGEST_ERROR:
        return None
    try:
        root: Element = fromstring(body)
    except (ParseError, DefusedXmlException, ValueError):
        return None
    return root


def error_elements(body: bytes) -> dict[str, list[str]]:
    """Precondition name -> hrefs inside it, from a `DAV:error` body (RFC 4918 section 16)."""
    root = parse(body)
    if root is None:
        return {}
    errors = [root] if root.tag == f"{DAV}error" else root.iter(f"{DAV}error")
    return {
        item.tag: [(href.text or "").strip() for href in item.iter(f"{DAV}href")] for error in errors for item in error
    }


def _status(element: Element | None) -> int | None:
    match = _STATUS.match((element.text or "").strip()) if element is not None else None
    return int(match[1]) if match else None


def path_of(href: str, base: str) -> str:
    """The path of an href as the server wrote it; `base` is the URL that was asked."""
    return urlsplit(urljoin(base, href)).path


def comparable(path: str) -> str:
    """A path in one spelling: `%7E` and `~`, `%40` and `@` are the same resource."""
    return quote(unquote(path, errors="surrogateescape"), safe="/", errors="surrogateescape")
