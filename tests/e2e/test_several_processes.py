"""Two processes behind one port, with a real Redis (Valkey): they share what is open, and either may be killed."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Protocol

import httpx
import psutil
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, WebSocketRoute, expect
from redis import Redis

from tests import redis_server
from tests.conftest import open_folder
from tests.e2e.instance import Instance, start
from tests.e2e.journeys import OwnCalendar, book, eventually, fill, keep, moment_of, open_service, show_day, slot

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

PATIENCE = 120_000
"""Milliseconds: a process starts, or the lease on a calendar runs out that a killed one was reading."""
EVENTS = re.compile("/_event")
LOST = "No connection. Trying again"
NOTES = re.compile("Anything we should know")


class Line:
    """What connects a page to the server, until it is cut."""

    def __init__(self, page: Page) -> None:
        self._cut = False
        self._sockets: list[WebSocketRoute] = []
        page.route_web_socket(EVENTS, self._carry)
        page.route(EVENTS, self._answer)

    def cut(self) -> None:
        self._cut = True
        while self._sockets:
            self._sockets.pop().close()

    def mend(self) -> None:
        self._cut = False

    def _carry(self, socket: WebSocketRoute) -> None:
        if self._cut:
            socket.close()
        else:
            self._sockets += [socket, socket.connect_to_server()]

    def _answer(self, route: Route) -> None:
        if self._cut:
            route.abort()
        else:
            route.continue_()


class Visit(Protocol):
    def __call__(self, process: psutil.Process) -> tuple[Page, Line]: ...


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with redis_server.running() as url:
        yield url


@pytest.fixture(scope="module")
def instance(redis_url: str) -> Iterator[Instance]:
    with open_folder() as folder:
        running = start(folder / "data", WORKERS="2", REDIS_URL=redis_url)
        yield running
        running.stop()


@pytest.fixture
def visit(browser: Browser, instance: Instance) -> Iterator[Visit]:
    """Opens the booking page in a browser of its own, served by the process that is given."""
    with contextlib.ExitStack() as opened:

        def open_page(process: psutil.Process) -> tuple[Page, Line]:
            (other,) = (each for each in workers(instance) if each != process)
            context = browser.new_context(base_url=instance.url, locale="en-GB", timezone_id="Europe/Amsterdam")
            opened.callback(context.close)
            page = context.new_page()
            line = Line(page)
            with paused(other):
                open_service(page, "follow-up")
            return page, line

        yield open_page


def workers(instance: Instance) -> list[psutil.Process]:
    """The two processes that serve, once both do; the one that started first comes first. One that was killed has a
    successor soon."""

    def found() -> list[psutil.Process]:
        demo = psutil.Process(instance.process.pid)
        servers = [child for child in demo.children() if "booking_app.run.server" in child.cmdline()]
        with contextlib.suppress(psutil.ZombieProcess):
            return [child for child in servers[0].children() if "spawn_main" in " ".join(child.cmdline())]
        return []

    both = eventually(lambda: two if len(two := found()) == 2 else [])
    for each in both:
        with paused(each):
            eventually(lambda: answers(instance))
    return sorted(both, key=psutil.Process.create_time)


def answers(instance: Instance) -> bool:
    try:
        return httpx.get(f"{instance.url}/readyz", timeout=5, trust_env=False).is_success
    except httpx.TransportError:
        return False


@contextlib.contextmanager
def paused(process: psutil.Process) -> Iterator[None]:
    """The process takes no connections, so that the other one does."""
    process.suspend()
    try:
        yield
    finally:
        process.resume()


def connected(redis_url: str) -> set[bytes]:
    """The tabs that are."""
    with Redis.from_url(redis_url) as redis:
        return set(redis.scan_iter("token_manager_socket_record_*"))


def in_all(pages: list[Page], day: int, place: int) -> list[Locator]:
    """The same slot of the same day in each of the pages."""
    for each in pages:
        show_day(each, day)
    return [slot(each, place) for each in pages]


def expect_taken(page: Page, at: Locator) -> None:
    """Among the slots on the page this one is not free; that it was taken is shown only for a while."""
    free = page.locator(".slot:enabled")
    expect(free.and_(at)).to_have_count(0)
    expect(free.first).to_be_visible()


def test_tabs_of_two_processes_see_each_others_bookings(visit: Visit, instance: Instance) -> None:
    pages = [visit(process)[0] for process in workers(instance)]
    for here, there in (pages, pages[::-1]):
        mine, seen = in_all([here, there], 3, 2)
        keep(here, mine)
        expect(seen).to_be_disabled()
        book(here, "Nina Next Door")
        here.get_by_role("button", name="Book another time").click()
        here.locator(".slot").first.wait_for()
        expect_taken(there, seen)


def test_processes_are_killed_one_after_the_other_and_no_visitor_loses_anything(
    visit: Visit, instance: Instance
) -> None:
    first, second = workers(instance)
    (page, _), (watcher, _), (other, _) = visit(first), visit(first), visit(second)
    mine, seen, kept = in_all([page, watcher, other], 4, 3)
    keep(page, mine)
    fill(page, "Clara Carried")
    page.get_by_label(NOTES).fill("Third floor, the blue door")
    for each in (seen, kept):
        expect(each).to_be_disabled()
    # The second dies when the first has a successor, to which everybody goes.
    for victim in (first, second):
        victim.kill()
        # What happens now shows in the pages that were open.
        for looking in (watcher, other):
            free = slot(looking, 0)
            OwnCalendar(instance.staff("anna")["caldav"]).put(moment_of(free))
            expect(free).to_be_disabled(timeout=PATIENCE)
        for opened in (page, watcher, other):
            expect(opened.get_by_text(LOST)).to_be_hidden(timeout=PATIENCE)
        expect(page.get_by_label("Your name")).to_have_value("Clara Carried")
        expect(page.get_by_label(NOTES)).to_have_value("Third floor, the blue door")
        expect_taken(watcher, seen)
        expect_taken(other, kept)
        workers(instance)
    expect(page.get_by_text("Kept for you")).to_be_visible()
    book(page, "Clara Carried")
    expect_taken(watcher, seen)
    expect_taken(other, kept)


def test_a_tab_that_comes_back_to_another_process_keeps_its_hold(
    visit: Visit, instance: Instance, redis_url: str
) -> None:
    here, there = workers(instance)
    watcher, _ = visit(there)
    before = connected(redis_url)
    page, line = visit(here)
    (tab,) = connected(redis_url) - before
    leaver, _ = visit(here)
    mine, seen = in_all([page, watcher], 5, 3)
    keep(page, mine)
    fill(page, "Theo Twice")
    (left,) = in_all([leaver], 5, 0)
    again = slot(watcher, 0)
    keep(leaver, left)
    for each in (seen, again):
        expect(each).to_be_disabled()
    line.cut()
    expect(page.get_by_text(LOST)).to_be_visible()
    eventually(lambda: tab not in connected(redis_url))
    with paused(here):
        line.mend()
        expect(page.get_by_text(LOST)).to_be_hidden(timeout=PATIENCE)
    assert tab in connected(redis_url)
    # The process gives back what those kept who left it for good: these after the other one, so that its time is over.
    leaver.close()
    expect(again).to_be_enabled(timeout=PATIENCE)
    expect_taken(watcher, seen)
    expect(page.get_by_text("Kept for you")).to_be_visible()
    expect(page.get_by_label("Your name")).to_have_value("Theo Twice")
    book(page, "Theo Twice")
    expect_taken(watcher, seen)
