"""A small CalDAV server in memory that keeps to RFC 4791 and 6578, except where a test tells it to be like some other.

Principal, home and calendars have paths of their own, and the user name is no mail address, so nothing can be guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tests.simulators.caldav_faulty import Answer, FaultyCaldav, Forward, Request, faulty_caldav

_OPEN = (
    '<multistatus xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:CS="http://calendarserver.org/ns/"'
    ' xmlns:I="http://apple.com/ns/ical/">'
)
_COLLECTION, _CALENDAR = "<collection/>", "<collection/><C:calendar/>"
_TOKEN = "http://small.invalid/sync/"


@dataclass(kw_only=True)
class Collection:
    """`objects`: name -> (etag, text). `history`: the names touched, oldest first; the token is its length."""

    kinds: str = _CALENDAR
    zone: str = "Europe/Amsterdam"
    objects: dict[str, tuple[str, str]] = field(default_factory=dict)
    history: list[str] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=dict)


@dataclass(kw_only=True)
class SmallCaldav:
    """What `ann` has, and how the server errs.

    `hears_conditions`: else If-Match is ignored, and what it was to change is created. `always_created`: every PUT is
    answered with 201. `forgets`: a token that it does not know means an empty one. `counts_anew`: the versions of a
    name begin again when it is created again. `by_etag_only`: it knows no sync-collection. `addresses`: the hrefs of
    `calendar-user-address-set`."""

    hears_conditions: bool = True
    always_created: bool = False
    forgets: bool = False
    counts_anew: bool = False
    by_etag_only: bool = False
    addresses: list[str] = field(default_factory=lambda: ["mailto:Ann.Owner@example.org", "/principals/ann/"])
    calendars: dict[str, Collection] = field(default_factory=lambda: {"work": Collection()})
    known_from: int = 0
    """Tokens before this one are not known any more."""
    generation: int = 0
    log: list[tuple[str, str, str]] = field(default_factory=list)
    """(method, path, which report) of what was asked."""
    url: str = ""

    def path(self, name: str = "", calendar: str = "work") -> str:
        return f"/calendars/ann/{calendar}/{name}"

    def add(self, name: str, text: str, calendar: str = "work") -> str:
        """Somebody writes an object in their calendar app; its path."""
        where = self.calendars[calendar]
        number = 0 if name not in where.objects and self.counts_anew else where.versions.get(name, -1) + 1
        where.versions[name] = number
        where.objects[name] = (f'"{name}-{number}"', text)
        where.history.append(name)
        return self.path(name, calendar)

    def drop(self, name: str, calendar: str = "work") -> None:
        """Somebody deletes an object."""
        where = self.calendars[calendar]
        del where.objects[name]
        where.history.append(name)

    def forget_tokens(self) -> None:
        """As after a restored backup: no token that was given before is known."""
        self.generation += 1

    def __call__(self, request: Request, _forward: Forward) -> Answer:
        report = re.search(rb"(sync-collection|calendar-multiget|calendar-query)", request.body)
        self.log.append((request.method, request.path, report[1].decode() if report else ""))
        parts = request.path.strip("/").split("/")
        if request.method == "PROPFIND":
            return self._propfind(parts, request)
        if parts[:2] != ["calendars", "ann"] or len(parts) < 3 or parts[2] not in self.calendars:
            return Answer(404)
        where = self.calendars[parts[2]]
        if request.method == "REPORT":
            return self._report(where, parts[2], request)
        return self._object(where, parts[2], parts[3] if len(parts) > 3 else "", request)

    def _propfind(self, parts: list[str], request: Request) -> Answer:
        """Where somebody asks who they are, the principal; other people's places may be looked at, but not into."""
        me = "<current-user-principal><href>/principals/ann/</href></current-user-principal>"
        if parts == [""] or parts == [".well-known", "caldav"]:
            return _list(_entry(request.path, f"<resourcetype>{_COLLECTION}</resourcetype>{me}"))
        if parts[0] == "principals" and len(parts) == 2:
            own = "".join(f"<href>{escape(each)}</href>" for each in self.addresses)
            mine = (
                "<C:calendar-home-set><href>/calendars/ann/</href></C:calendar-home-set>"
                f"<C:calendar-user-address-set>{own}</C:calendar-user-address-set>"
            )
            kind = f"<resourcetype>{_COLLECTION}<principal/></resourcetype>"
            return _list(_entry(request.path, kind + me + (mine if parts[1] == "ann" else "")))
        if parts[0] != "calendars" or len(parts) < 2:
            return Answer(404)
        home = _entry(f"/calendars/{parts[1]}/", f"<resourcetype>{_COLLECTION}</resourcetype>{me}")
        if len(parts) == 2:
            deep = request.headers.get("Depth") == "1" and parts[1] == "ann"
            return _list(home, *(self._collection(name, me) for name in (self.calendars if deep else ())))
        if parts[1] != "ann":
            return Answer(403)
        if parts[2] not in self.calendars:
            return Answer(404)
        where = self.calendars[parts[2]]
        if len(parts) == 4:
            if parts[3] not in where.objects:
                return Answer(404)
            return _list(self._member(where, parts[2], parts[3]))
        deep = request.headers.get("Depth") == "1"
        members = [self._member(where, parts[2], name) for name in (where.objects if deep else ())]
        return _list(self._collection(parts[2], me), *members)

    def _collection(self, name: str, me: str) -> str:
        where = self.calendars[name]
        zone = f"BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nTZID:{where.zone}\nEND:VTIMEZONE\nEND:VCALENDAR"
        shown = (
            f"<resourcetype>{where.kinds}</resourcetype><displayname>{name}</displayname>{me}"
            f"<current-user-privilege-set><privilege><all/></privilege></current-user-privilege-set>"
        )
        if where.zone:
            shown += f"<C:calendar-timezone>{zone}</C:calendar-timezone>"
        if self.by_etag_only:
            shown += f"<CS:getctag>{self._token(where)}</CS:getctag>"
        else:
            shown += (
                f"<sync-token>{self._token(where)}</sync-token><supported-report-set><supported-report><report>"
                "<sync-collection/></report></supported-report></supported-report-set>"
            )
        return _entry(self.path(calendar=name), shown)

    def _token(self, where: Collection) -> str:
        return f"{_TOKEN}{self.generation}/{len(where.history)}"

    def _member(self, where: Collection, calendar: str, name: str, *, data: bool = False) -> str:
        etag, text = where.objects[name]
        shown = f"<getetag>{escape(etag)}</getetag>"
        if data:
            shown += f"<C:calendar-data>{escape(text)}</C:calendar-data>"
        return _entry(self.path(name, calendar), shown)

    def _report(self, where: Collection, calendar: str, request: Request) -> Answer:
        root = ElementTree.fromstring(request.body)
        if root.tag.endswith("sync-collection"):
            return self._sync(where, calendar, root.findtext("{DAV:}sync-token") or "")
        if root.tag.endswith("calendar-multiget"):
            names = [(each.text or "").rpartition("/")[2] for each in root.iter("{DAV:}href")]
            return _list(
                *(
                    self._member(where, calendar, name, data=True)
                    if name in where.objects
                    else _gone(self.path(name, calendar))
                    for name in names
                )
            )
        uid = next((each.text or "" for each in root.iter() if each.tag.endswith("text-match")), "")
        found = [name for name, (_, text) in where.objects.items() if uid in text]
        return _list(*(self._member(where, calendar, name, data=True) for name in found))

    def _sync(self, where: Collection, calendar: str, token: str) -> Answer:
        if self.by_etag_only:
            return Answer(403)
        number, known = 0, token.startswith(f"{_TOKEN}{self.generation}/")
        if known:
            number = int(token.rpartition("/")[2])
        elif token and not self.forgets:
            body = b'<error xmlns="DAV:"><valid-sync-token/></error>'
            return Answer(403, {"Content-Type": "application/xml"}, body)
        names = dict.fromkeys(where.history[number:]) if known else dict.fromkeys(where.objects)
        members = [
            self._member(where, calendar, name) if name in where.objects else _gone(self.path(name, calendar))
            for name in names
        ]
        return _list(*members, f"<sync-token>{self._token(where)}</sync-token>")

    def _object(self, where: Collection, calendar: str, name: str, request: Request) -> Answer:
        held = where.objects.get(name)
        condition = request.headers.get("If-Match")
        failed = condition is not None and (held is None or held[0] != condition)
        if request.method == "GET":
            if held is None:
                return Answer(404)
            return Answer(200, {"Content-Type": "text/calendar", "ETag": held[0]}, held[1].encode())
        if request.method == "PUT":
            if failed and (held is not None or self.hears_conditions):
                return Answer(412)
            if request.headers.get("If-None-Match") == "*" and held is not None:
                return Answer(412)
            self.add(name, request.body.decode(), calendar)
            return Answer(201 if held is None or self.always_created else 204, {"ETag": where.objects[name][0]})
        if request.method == "DELETE":
            if held is None:
                return Answer(404)
            if failed:
                return Answer(412)
            self.drop(name, calendar)
            return Answer(204)
        return Answer(405)


def _entry(href: str, props: str) -> str:
    found = f"<prop>{props}</prop><status>HTTP/1.1 200 OK</status>"
    return f"<response><href>{escape(href)}</href><propstat>{found}</propstat></response>"


def _gone(href: str) -> str:
    return f"<response><href>{escape(href)}</href><status>HTTP/1.1 404 Not Found</status></response>"


def _list(*entries: str) -> Answer:
    body = f"{_OPEN}{''.join(entries)}</multistatus>"
    return Answer(207, {"Content-Type": 'application/xml; charset="utf-8"'}, body.encode())


@contextmanager
def small_caldav(server: SmallCaldav) -> Iterator[FaultyCaldav]:
    """`server` over HTTP, its address in `server.url`; the front can be told to break the exchange besides."""
    with faulty_caldav("http://127.0.0.1:9/") as front:
        front.add(server)
        server.url = front.url
        yield front
