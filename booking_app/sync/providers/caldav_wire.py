"""The few exchanges that CalDAV is made of, each with a complete answer or an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urljoin

from caldav.elements import dav
from caldav.elements.base import BaseElement

from booking_app.sync.errors import AccessLost, Gone, Rejected, Transient
from booking_app.sync.providers import caldav_xml as xml
from booking_app.sync.providers.http import Http
from booking_app.sync.providers.reply import Reply, failure

_XML = {"Content-Type": "application/xml; charset=utf-8", "Accept": "application/xml, text/xml"}
# Some servers give a compressed reply another ETag, which then fits no condition.
_OBJECT = {"Accept": "text/calendar", "Accept-Encoding": "identity"}
_VERSION = (dav.GetEtag,)
MAX_REDIRECTS = 5
_LARGEST_OBJECT = 8_000_000
"""Bytes; more than one event with its attachments is."""
_LONGEST_ETAG = 2_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """An object as it stands: its version, verbatim, and its bytes."""

    etag: str
    data: bytes


class Wire:
    """Requests against one account. `collection` arguments are absolute URLs, `path` ones come from the server."""

    def __init__(self, http: Http) -> None:
        self.http = http

    async def propfind(self, url: str, depth: int, kinds: Sequence[type[BaseElement]], doing: str) -> xml.Multistatus:
        """The properties of `url`. A redirect is followed by repeating the request, within the same party."""
        headers = {**_XML, "Depth": str(depth)}
        for _ in range(MAX_REDIRECTS):
            reply = await self.ask("PROPFIND", url, xml.propfind(kinds), headers)
            if reply.location is None:
                return self.multistatus(reply, doing)
            url = reply.location
        raise Rejected("The calendar server redirects in circles.")

    async def report(self, url: str, depth: int, body: bytes) -> Reply:
        return await self.ask("REPORT", url, body, {**_XML, "Depth": str(depth)})

    async def ask(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """A reply whose list, if it is one, has been read while it came in."""
        return await self.http.send(method, url, content=body, headers=headers, into=xml.MultistatusReader)

    def multistatus(self, reply: Reply, doing: str) -> xml.Multistatus:
        """The list in a reply. Anything else than 207 with a whole multistatus raises, never means "empty"."""
        if reply.status != 207:
            raise failure(reply, doing)
        if reply.media_type == "text/html":
            raise Transient(f"The calendar server sent a web page instead of calendar data while {doing}.")
        assert isinstance(reply.reading, xml.MultistatusReader)
        return reply.reading.close()

    async def fetch(self, collection: str, path: str) -> Stored | None:
        """The object at `path`, or None when the server says 404 or 410."""
        url = urljoin(collection, path)
        reply = await self.http.send("GET", url, headers=_OBJECT)
        if reply.status in (404, 410):
            return None
        if reply.status != 200:
            raise failure(reply, "reading an event")
        if reply.media_type == "text/html" or b"BEGIN:VCALENDAR" not in reply.body:
            raise Transient("The calendar server sent something else than the event that was asked for.")
        etag = reply.header("etag") or await self._etag(url)
        if len(reply.body) > _LARGEST_OBJECT or len(etag.encode()) > _LONGEST_ETAG:
            raise Rejected("The calendar server sent more than one event can be.")
        return Stored(etag=etag, data=reply.body)

    async def exists(self, collection: str, path: str) -> bool:
        """Whether there is something at `path`, of which nothing is read. False only when the server says 404 or 410;
        one that does not take the question is not understood to say so."""
        try:
            listed = await self.propfind(urljoin(collection, path), 0, _VERSION, "looking for an event")
        except Gone:
            return False
        except (AccessLost, Rejected):
            return True
        return all(item.status not in (404, 410) for item in listed.responses)

    async def _etag(self, url: str) -> str:
        listed = await self.propfind(url, 0, _VERSION, "reading the version of an event")
        etag = next((text for item in listed.responses if (text := item.text(f"{xml.DAV}getetag"))), None)
        if etag is None:
            raise Rejected("The calendar server gives events no version (ETag).")
        return etag
