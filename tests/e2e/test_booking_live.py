"""Open pages tell the truth: whatever happens elsewhere shows in them, and takes nothing away from who is typing."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from booking_app.domain.clock import utc_now
from tests.e2e.instance import Instance
from tests.e2e.journeys import OwnCalendar, book, fill, keep, moment_of, open_service, show_day, slot

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture
def other(browser: Browser, instance: Instance) -> Iterator[Page]:
    """Somebody else's browser."""
    context = browser.new_context(base_url=instance.url, locale="en-GB", timezone_id="Europe/Amsterdam")
    yield context.new_page()
    context.close()


def test_p05_an_event_in_the_owners_calendar_closes_the_slot_in_the_open_page(page: Page, instance: Instance) -> None:
    open_service(page, "follow-up")
    show_day(page, 5)
    chosen = slot(page, 0)
    start = moment_of(chosen)
    OwnCalendar(instance.staff("anna")["caldav"]).put(start)
    expect(chosen).to_be_disabled(timeout=30_000)
    expect(page.locator(".gone-note")).to_have_text(re.compile("was just taken"))
    expect(page.get_by_role("status").filter(has_text="just taken")).to_have_count(1)


def test_an_event_taken_away_opens_the_slot_again(page: Page, instance: Instance) -> None:
    open_service(page, "follow-up")
    show_day(page, 6)
    chosen = slot(page, 1)
    start = moment_of(chosen)
    event = OwnCalendar(instance.staff("anna")["caldav"]).put(start)
    expect(chosen).to_be_disabled(timeout=30_000)
    event.delete()
    expect(chosen).to_be_enabled(timeout=30_000)


def test_a_slot_taken_in_one_browser_goes_in_the_other(page: Page, other: Page) -> None:
    for each in (page, other):
        open_service(each, "follow-up")
        show_day(each, 7)
    seen = slot(other, 2)
    mine = slot(page, 2)
    mine.click()
    page.get_by_role("button", name=re.compile("^Continue with")).click()
    page.get_by_role("heading", name="Your details").wait_for()
    expect(seen).to_be_disabled()
    page.get_by_role("button", name="Back").click()
    expect(seen).to_be_enabled()


def test_two_want_one_slot_one_gets_it_the_other_gets_choices(page: Page, other: Page) -> None:
    for each in (page, other):
        open_service(each, "follow-up")
        show_day(each, 8)
        slot(each, 0).click()
        expect(each.get_by_role("button", name=re.compile("^Continue with"))).to_be_enabled()
    press = "[...document.querySelectorAll('button')].find(b => b.textContent.startsWith('Continue'))?.click()"
    page.evaluate(press)
    other.evaluate(press)
    outcome = {}
    for each in (page, other):
        each.locator("h2:has-text('Your details'), .refusal, .gone-note").first.wait_for()
        outcome[each] = each.get_by_role("heading", name="Your details").is_visible()
    assert sorted(outcome.values()) == [False, True]
    loser = next(each for each, won in outcome.items() if not won)
    expect(loser.locator(".refusal, .gone-note").first).to_be_visible()
    expect(loser.locator(".slot:not(.gone)").first).to_be_visible()


def test_a_refusal_keeps_what_was_typed_and_offers_times_that_work(page: Page, instance: Instance) -> None:
    open_service(page, "follow-up")
    show_day(page, 9)
    chosen = slot(page, 3)
    start = moment_of(chosen)
    keep(page, chosen)
    page.get_by_label(re.compile("Anything we should know")).fill("Third floor, the blue door")
    fill(page, "Rita Refused")
    OwnCalendar(instance.staff("anna")["caldav"]).put(start)
    page.locator("#book").click()
    refusal = page.locator(".refusal")
    expect(refusal).to_contain_text("Something else has just come up")
    expect(refusal).to_be_focused()
    expect(page.locator("#notes")).to_have_value("Third floor, the blue door")
    refusal.get_by_role("button").first.click()
    expect(page.get_by_role("heading", name="Your details")).to_be_visible()
    expect(page.locator("#name")).to_have_value("Rita Refused")
    expect(page.locator("#notes")).to_have_value("Third floor, the blue door")
    page.locator("#book").click()
    expect(page.get_by_role("heading", name="You are booked")).to_be_visible()


def test_typing_goes_on_while_slots_come_and_go(page: Page, other: Page) -> None:
    open_service(page, "follow-up")
    show_day(page, 10)
    keep(page, slot(page, 0))
    notes = page.get_by_label(re.compile("Anything we should know"))
    notes.press_sequentially("We have a dog")
    open_service(other, "follow-up")
    show_day(other, 10)
    keep(other, slot(other, 1))
    notes.press_sequentially(" and a cat")
    book(other, "Somebody Else")
    notes.press_sequentially(", both friendly.")
    expect(notes).to_be_focused()
    expect(notes).to_have_value("We have a dog and a cat, both friendly.")


def test_p39_the_page_calls_nothing_live_beyond_the_bound(page: Page) -> None:
    """The browser tells by itself: its clock goes on while the server says nothing new."""
    page.clock.install(time=utc_now())
    open_service(page, "follow-up")
    pill = page.locator(".month-foot .pill")
    live, late = pill.locator(".in-time"), pill.locator(".too-late")
    expect(live).to_be_visible()
    expect(late).to_be_hidden()
    green = pill.evaluate("each => getComputedStyle(each).color")
    page.clock.fast_forward(45_000)
    expect(late).to_be_visible()
    expect(late).to_have_text("Checking again, last checked")
    expect(live).to_be_hidden()
    expect(pill.locator("[data-age]")).to_have_text(re.compile(r"^([345]\d s|1 min) ago$"))
    assert pill.evaluate("each => getComputedStyle(each).color") != green


def test_closing_the_tab_gives_the_slot_back(page: Page, other: Page) -> None:
    for each in (page, other):
        open_service(each, "follow-up")
        show_day(each, 11)
    seen = slot(page, 0)
    keep(other, slot(other, 0))
    expect(seen).to_be_disabled()
    other.close()
    expect(seen).to_be_enabled(timeout=20_000)


def test_a_lost_connection_is_told_and_nothing_is_lost(page: Page) -> None:
    lost: list[bool] = []
    sockets: list[WebSocketRoute] = []

    def carry(socket: WebSocketRoute) -> None:
        if lost:
            socket.close()
        else:
            socket.connect_to_server()
            sockets.append(socket)

    page.route_web_socket(re.compile("/_event"), carry)
    page.route(re.compile("/_event"), lambda route: route.abort() if lost else route.continue_())
    open_service(page, "quick-call")
    show_day(page, 3)
    keep(page, slot(page, 1))
    fill(page, "Otto Offline")
    lost.append(True)
    sockets.pop().close()
    expect(page.get_by_text("No connection. Trying again")).to_be_visible(timeout=30_000)
    page.get_by_label(re.compile("Anything we should know")).fill("Written without a connection")
    lost.clear()
    expect(page.get_by_text("No connection. Trying again")).to_be_hidden(timeout=30_000)
    expect(page.locator("#name")).to_have_value("Otto Offline")
    expect(page.locator("#notes")).to_have_value("Written without a connection")
    page.locator("#book").click()
    expect(page.get_by_role("heading", name="You are booked")).to_be_visible()
