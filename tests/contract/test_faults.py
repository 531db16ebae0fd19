"""CalDAV that misbehaves: unreadable is never empty, an error is never a deletion, a write is never doubled.

A real Radicale stands behind a proxy that breaks the exchange."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urljoin, urlsplit

import pytest

from booking_app.sync.errors import (
    AccessLost,
    CursorExpired,
    EditConflict,
    Gone,
    ProviderError,
    Rejected,
    Transient,
)
from booking_app.sync.model import CalendarRef, Credentials, Delta
from booking_app.sync.providers.caldav import CaldavProvider
from tests.contract.backends import LOCAL, LibraryApp, ref
from tests.contract.conftest import PASSWORD, USER
from tests.contract.test_reading import WINDOW, make_event
from tests.contract.test_writing import make_draft
from tests.known import holding
from tests.servers import Server, make_calendar
from tests.simulators.caldav_faulty import (
    Answer,
    FaultyCaldav,
    Forward,
    Request,
    faulty_caldav,
    is_put,
    method,
)


@dataclass(frozen=True, kw_only=True)
class Scene:
    proxy: FaultyCaldav
    provider: CaldavProvider
    calendar: CalendarRef
    app: LibraryApp

    async def read(self, before: Delta | None = None, known: Mapping[str, str] | None = None) -> Delta:
        seen = {item.key: item.etag for item in before.objects} if before else known or {}
        cursor = before.cursor if before else None
        return await self.provider.changes(self.calendar, cursor=cursor, known=holding(seen), window=WINDOW)


@pytest.fixture
def proxy(radicale: Server) -> Iterator[FaultyCaldav]:
    with faulty_caldav(radicale.url) as running:
        yield running


@pytest.fixture
async def scene(radicale: Server, proxy: FaultyCaldav) -> AsyncIterator[Scene]:
    url = make_calendar(f"{radicale.home(USER)}{uuid.uuid4()}/", user=USER, password=PASSWORD)
    app = LibraryApp(url, USER, PASSWORD)
    credentials = Credentials(address=proxy.url, username=USER, secret=PASSWORD)
    provider = CaldavProvider(credentials, policy=LOCAL)
    collection = urljoin(proxy.url, urlsplit(url).path)
    yield Scene(proxy=proxy, provider=provider, calendar=ref(collection), app=app)
    await provider.close()
    app.drop()
    app.close()


def is_report(request: Request) -> bool:
    return request.method == "REPORT"


EMPTY_LIST = b'<?xml version="1.0"?><D:multistatus xmlns:D="DAV:"/>'
ENTITY = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><D:multistatus xmlns:D="DAV:">&a;</D:multistatus>'

Break = Callable[[FaultyCaldav], None]
BREAKS: dict[str, tuple[Break, type[ProviderError]]] = {
    "401": (lambda p: p.answer(401), AccessLost),
    "403": (lambda p: p.answer(403), AccessLost),
    "429": (lambda p: p.answer(429, Retry_After="7"), Transient),
    "500": (lambda p: p.answer(500), Transient),
    "503": (lambda p: p.answer(503), Transient),
    "200 and nothing": (lambda p: p.answer(200), Transient),
    "207 and nothing": (lambda p: p.answer(207, Content_Type="application/xml"), Transient),
    "an empty list": (lambda p: p.answer(207, EMPTY_LIST, Content_Type="application/xml"), Transient),
    "entities": (lambda p: p.answer(207, ENTITY, Content_Type="application/xml"), Transient),
    "a log-in page": (lambda p: p.web_page(), Transient),
    "a log-in page as 207": (lambda p: p.web_page(status=207), Transient),
    "garbage": (lambda p: p.answer(207, b"\x00\xff\x1f<", Content_Type="application/xml"), Transient),
    "half of the body": (lambda p: p.cut_body(), Transient),
    "half of the XML": (lambda p: p.truncate_body(), Transient),
    "a redirect": (lambda p: p.answer(302, Location="https://login.example.invalid/"), Rejected),
}


@pytest.mark.parametrize("what", BREAKS)
async def test_p17_an_unreadable_calendar_is_never_an_empty_one(scene: Scene, what: str) -> None:
    scene.app.add(make_event())
    first = await scene.read()
    scene.app.add(make_event("2@other"))
    spoil, error = BREAKS[what]
    for when in (method("PROPFIND"), is_report):
        scene.proxy.heal()
        spoil(_Only(scene.proxy, when))
        for attempt in (scene.read(), scene.read(first)):
            with pytest.raises((error, CursorExpired)):
                await attempt
    if what != "an empty list":  # the right answer of a calendar-query that finds nothing
        with pytest.raises(error):
            await scene.provider.busy_now(scene.calendar, window=WINDOW)
    scene.proxy.heal()
    assert [item.uid for item in (await scene.read(first)).objects] == ["2@other"]


class _Only(FaultyCaldav):
    """The same proxy with every fault narrowed to some requests."""

    def __init__(self, proxy: FaultyCaldav, when: Callable[[Request], bool]) -> None:
        self._proxy, self._when = proxy, when

    def add(self, fault, *, when=None, times=None) -> None:  # type: ignore[no-untyped-def]
        self._proxy.add(fault, when=self._when, times=times)


async def test_p17_a_timeout_is_transient_and_leaves_in_time(scene: Scene) -> None:
    scene.proxy.delay(5)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await scene.read()


async def test_retry_after_is_handed_on(scene: Scene) -> None:
    scene.proxy.answer(503, Retry_After="120")
    with pytest.raises(Transient) as caught:
        await scene.read()
    assert caught.value.retry_after == 120


@pytest.mark.parametrize("what", [name for name in BREAKS if name != "entities"])
async def test_p26_an_error_is_never_gone(scene: Scene, what: str) -> None:
    written = await scene.provider.put(scene.calendar, make_draft(), key=None, etag=None)
    spoil, _ = BREAKS[what]
    spoil(scene.proxy)
    with pytest.raises(ProviderError) as caught:
        await scene.provider.get(scene.calendar, key=written.key)
    assert not isinstance(caught.value, Gone)
    scene.proxy.heal()
    found = await scene.provider.get(scene.calendar, key=written.key)
    assert found is not None
    assert found[1] == written.etag


@pytest.mark.parametrize("what", [name for name in BREAKS if name != "an empty list"])
async def test_p26_an_error_is_never_not_found(scene: Scene, what: str) -> None:
    written = await scene.provider.put(scene.calendar, make_draft(), key=None, etag=None)
    spoil, meaning = BREAKS[what]
    spoil(scene.proxy)
    with pytest.raises(meaning):
        await scene.provider.find(scene.calendar, uid=make_draft().uid)
    scene.proxy.heal()
    assert await scene.provider.find(scene.calendar, uid=make_draft().uid) == written.key


async def test_p09_paging_reads_every_page(scene: Scene) -> None:
    for number in range(23):
        scene.app.add(make_event(f"{number}@other"))
    scene.proxy.page(5)
    first = await scene.read()
    assert {item.uid for item in first.objects} == {f"{number}@other" for number in range(23)}
    for number in range(23, 40):
        scene.app.add(make_event(f"{number}@other"))
    second = await scene.read(first)
    assert {item.uid for item in second.objects} == {f"{number}@other" for number in range(23, 40)}


def thousand(page: int, refuse: Callable[[Request, int], bool]) -> Callable[[Request, Forward], Answer]:
    """A calendar of 1,000 events that answers in pages; `refuse` sees each report and its number."""
    reports = iter(range(100_000))
    kind = "<D:resourcetype><D:collection/><C:calendar/></D:resourcetype><D:sync-token>end</D:sync-token>"
    head = '<D:multistatus xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">'

    def item(href: str, props: str) -> str:
        status = "<D:status>HTTP/1.1 200 OK</D:status>"
        return (
            f"<D:response><D:href>{href}</D:href><D:propstat><D:prop>{props}</D:prop>{status}</D:propstat></D:response>"
        )

    def answer(request: Request, _forward: Forward) -> Answer:
        if request.method == "PROPFIND":
            return listed(item("/c/", kind))
        if refuse(request, next(reports)):
            return Answer(429, {"Retry-After": "9"})
        if request.is_multiget:
            wanted = re.findall(r"/c/(\d+)\.ics", request.body.decode())
            data = "<C:calendar-data>{}</C:calendar-data>"
            return listed(
                *(item(f"/c/{n}.ics", f"<D:getetag>{n}</D:getetag>" + data.format(make_event(n))) for n in wanted)
            )
        token = re.search(rb"sync-token>(\d+)<", request.body)
        first = int(token[1]) if token else 0
        members = [item(f"/c/{n}.ics", f"<D:getetag>{n}</D:getetag>") for n in range(first, first + page)]
        if first + page >= 1000:
            return listed(*members, "<D:sync-token>end</D:sync-token>")
        more = "<D:response><D:href>/c/</D:href><D:status>HTTP/1.1 507 Insufficient Storage</D:status></D:response>"
        return listed(*members, more, f"<D:sync-token>{first + page}</D:sync-token>")

    def listed(*parts: str) -> Answer:
        body = head + "".join(parts) + "</D:multistatus>"
        return Answer(207, {"Content-Type": "application/xml"}, body.encode())

    return answer


@pytest.mark.parametrize("what", ["page", "batch"])
async def test_p09_a_thousand_events_in_pages_of_ten_arrive_all_or_not_at_all(what: str) -> None:
    with faulty_caldav("http://127.0.0.1:9/") as site:
        provider = CaldavProvider(Credentials(address=site.url, username="u", secret="s"), policy=LOCAL)
        calendar = ref(f"{site.url}c/")
        site.add(thousand(10, lambda item, number: number == (37 if what == "page" else 112)))
        with pytest.raises(Transient) as caught:
            await provider.changes(calendar, cursor=None, known=holding(), window=WINDOW)
        assert caught.value.retry_after == 9
        site.heal()
        site.add(thousand(10, lambda _item, _number: False))
        delta = await provider.changes(calendar, cursor=None, known=holding(), window=WINDOW)
        await provider.close()
    assert {item.uid for item in delta.objects} == {str(number) for number in range(1000)}
    assert all(len(item.busy) == 1 for item in delta.objects)


@pytest.mark.parametrize("status", [403, 409, 410, 412, 415, 500])
@pytest.mark.parametrize("element", [True, False], ids=["named", "bare"])
async def test_an_invalid_token_is_an_expired_cursor(scene: Scene, status: int, element: bool) -> None:
    scene.app.add(make_event())
    first = await scene.read()
    scene.app.add(make_event("2@other"))
    scene.proxy.invalid_token(status, element=element)
    with pytest.raises(CursorExpired):
        await scene.read(first)
    known = {item.key: item.etag for item in first.objects}
    full = await scene.read(known=known)
    assert full.full
    assert full.unchanged == set(known)
    assert [item.uid for item in full.objects] == ["2@other"]


async def test_a_refused_sign_in_is_not_an_expired_cursor(scene: Scene) -> None:
    first = await scene.read()
    scene.app.add(make_event())
    scene.proxy.answer(401, when=is_report)
    with pytest.raises(AccessLost):
        await scene.read(first)


async def test_a_server_with_etags_only_is_read(scene: Scene) -> None:
    scene.proxy.no_sync_collection()
    scene.proxy.no_ctag()
    name = scene.app.add(make_event())
    first = await scene.read()
    scene.app.add(make_event("2@other"))
    second = await scene.read(first)
    assert second.full
    assert [item.uid for item in second.objects] == ["2@other"]
    assert second.unchanged == {first.objects[0].key}
    scene.app.delete(name)
    third = await scene.read(first)
    assert third.full
    assert third.unchanged == frozenset()


async def test_a_list_that_lost_its_members_is_not_believed(scene: Scene) -> None:
    """A sync-collection that answers well-formed and empty for a full calendar."""
    scene.app.add(make_event())
    token = b'<D:multistatus xmlns:D="DAV:"><D:sync-token>http://x.invalid/1</D:sync-token></D:multistatus>'
    scene.proxy.answer(207, token, when=lambda item: item.is_sync, Content_Type="application/xml")
    with pytest.raises(Transient):
        await scene.read()


async def test_a_multiget_that_omits_members_is_completed(scene: Scene) -> None:
    for number in range(3):
        scene.app.add(make_event(f"{number}@other"))

    def omit(request: Request, forward):  # type: ignore[no-untyped-def]
        answer = forward(request)
        start = answer.body.index(b"<response>")
        end = answer.body.index(b"</response>") + len(b"</response>")
        answer.body = answer.body[:start] + answer.body[end:]
        return answer

    scene.proxy.add(omit, when=lambda item: item.is_multiget)
    assert {item.uid for item in (await scene.read()).objects} == {"0@other", "1@other", "2@other"}


async def test_a_new_event_that_the_server_does_not_show_yet_is_read_in_the_next_round(scene: Scene) -> None:
    first = await scene.read()
    scene.app.add(make_event())
    scene.proxy.answer(404, when=method("GET"), times=1)
    multistatus = b'<D:multistatus xmlns:D="DAV:"><D:response><D:href>/other.ics</D:href>'
    multistatus += b"<D:status>HTTP/1.1 404 Not Found</D:status></D:response></D:multistatus>"
    scene.proxy.answer(207, multistatus, when=lambda item: item.is_multiget, times=1, Content_Type="text/xml")
    second = await scene.read(first)
    assert second.objects == ()
    third = await scene.read(second)
    assert [item.uid for item in third.objects] == ["1@other"]
    assert (await scene.read(third)).objects == ()


async def test_p28_a_lost_reply_to_a_creation_makes_no_second_event(scene: Scene) -> None:
    scene.proxy.lose_reply(when=is_put)
    with pytest.raises(Transient):
        await scene.provider.put(scene.calendar, make_draft(), key=None, etag=None)
    written = await scene.provider.put(scene.calendar, make_draft(), key=None, etag=None)
    assert len(scene.app.texts()) == 1
    assert await scene.provider.get(scene.calendar, key=written.key) is not None


async def test_p28_a_lost_reply_to_an_update_is_no_conflict(scene: Scene) -> None:
    draft = make_draft()
    first = await scene.provider.put(scene.calendar, draft, key=None, etag=None)
    moved = replace(draft, start=draft.start + 3600, end=draft.end + 3600, sequence=2)
    scene.proxy.lose_reply(when=is_put)
    with pytest.raises(Transient):
        await scene.provider.put(scene.calendar, moved, key=first.key, etag=first.etag)
    second = await scene.provider.put(scene.calendar, moved, key=first.key, etag=first.etag)
    assert second.key == first.key
    assert len(scene.app.texts()) == 1


async def test_a_lost_reply_to_a_removal_is_success_the_second_time(scene: Scene) -> None:
    written = await scene.provider.put(scene.calendar, make_draft(), key=None, etag=None)
    scene.proxy.lose_reply(when=method("DELETE"))
    with pytest.raises(Transient):
        await scene.provider.remove(scene.calendar, key=written.key, etag=written.etag)
    await scene.provider.remove(scene.calendar, key=written.key, etag=written.etag)
    assert scene.app.texts() == []


async def test_p30_a_put_without_an_etag_is_read_back(scene: Scene) -> None:
    scene.proxy.swallow_etag()
    written = await scene.provider.put(scene.calendar, make_draft(), key=None, etag=None)
    found = await scene.provider.get(scene.calendar, key=written.key)
    assert found is not None
    assert found[1] == written.etag


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"Haircut", b"Something else"), (b"DTEND:20270310T084500Z", b"DTEND:20270310T094500Z")],
    ids=["summary", "time"],
)
async def test_p30_a_server_that_keeps_something_else_is_noticed(scene: Scene, old: bytes, new: bytes) -> None:
    scene.proxy.rewrite_after_put(lambda body: body.replace(old, new))
    with pytest.raises(Rejected):
        await scene.provider.put(scene.calendar, make_draft(), key=None, etag=None)
    scene.proxy.heal()
    await scene.provider.put(scene.calendar, make_draft(), key=None, etag=None)
    assert len(scene.app.texts()) == 1


async def test_p30_what_servers_add_is_no_difference(scene: Scene) -> None:
    added = b"X-APPLE-TRAVEL-ADVISORY-BEHAVIOR:AUTOMATIC\r\nLAST-MODIFIED:20270101T000000Z\r\nEND:VEVENT"
    scene.proxy.rewrite_after_put(lambda body: body.replace(b"END:VEVENT", added))
    assert (await scene.provider.put(scene.calendar, make_draft(), key=None, etag=None)).etag


async def test_an_event_that_shows_up_late_is_waited_for(scene: Scene) -> None:
    scene.proxy.answer(404, when=method("GET"), times=2)
    written = await scene.provider.put(scene.calendar, make_draft(), key=None, etag=None)
    assert written.etag


@pytest.mark.parametrize(("status", "error"), [(403, AccessLost), (429, Transient), (507, Rejected), (400, Rejected)])
async def test_a_refused_write_says_what_happens_next(scene: Scene, status: int, error: type[ProviderError]) -> None:
    scene.proxy.answer(status, when=is_put)
    with pytest.raises(error):
        await scene.provider.put(scene.calendar, make_draft(), key=None, etag=None)
    scene.proxy.heal()
    written = await scene.provider.put(scene.calendar, make_draft(), key=None, etag=None)
    scene.proxy.answer(status, when=method("PUT", "DELETE"))
    with pytest.raises(error):
        await scene.provider.put(scene.calendar, make_draft(sequence=2), key=written.key, etag=written.etag)
    with pytest.raises(error):
        await scene.provider.remove(scene.calendar, key=written.key, etag=written.etag)


async def test_a_precondition_that_the_server_names_is_about_the_event(scene: Scene) -> None:
    body = b'<D:error xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><C:max-resource-size/></D:error>'
    scene.proxy.answer(403, body, when=is_put, Content_Type="application/xml")
    with pytest.raises(Rejected, match="max-resource-size"):
        await scene.provider.put(scene.calendar, make_draft(), key=None, etag=None)


async def test_a_conflict_that_only_echoes_stays_a_conflict(scene: Scene) -> None:
    written = await scene.provider.put(scene.calendar, make_draft(), key=None, etag=None)
    with pytest.raises(EditConflict):
        await scene.provider.put(scene.calendar, make_draft(sequence=2, summary="New"), key=written.key, etag='"stale"')
