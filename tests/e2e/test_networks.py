"""Booking from networks and browsers that leave things out: no websockets, no connection at all, no scripts."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, Route, WebSocketRoute, expect

from tests.e2e.instance import Instance
from tests.e2e.journeys import fill, keep, open_service, show_day, slot

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

REFUSED = """
window.WebSocket = class extends EventTarget {
  readyState = 3; binaryType = ""; bufferedAmount = 0;
  constructor() {
    super();
    setTimeout(() => { this.onerror?.(new Event("error")); this.onclose?.(new CloseEvent("close")); });
  }
  send() {} close() {}
};
"""
"""A network whose proxy refuses websockets."""
EVENTS = re.compile("/_event")


def book(page: Page, name: str, number: int) -> None:
    open_service(page, "quick-call")
    show_day(page, number)
    keep(page, slot(page, 1))
    fill(page, name)
    page.locator("#book").click()
    expect(page.get_by_role("heading", name="You are booked")).to_be_visible()


def test_a_whole_booking_where_websockets_are_refused(page: Page) -> None:
    page.add_init_script(REFUSED)
    with page.expect_request(re.compile("transport=polling")):
        book(page, "Polly Proxy", 5)


def test_a_whole_booking_where_websockets_hang(page: Page) -> None:
    hanging: list[WebSocketRoute] = []
    page.route_web_socket(EVENTS, lambda socket: hanging.append(socket))
    page.goto("/book/quick-call")
    page.locator(".slot").first.wait_for(timeout=60_000)
    assert hanging
    book(page, "Hank Hanging", 6)


def test_where_nothing_passes_the_page_says_how_else_to_book(page: Page) -> None:
    page.add_init_script(REFUSED)
    page.route(EVENTS, lambda route: route.abort())
    page.goto("/book/quick-call")
    notice = page.get_by_role("status").filter(has_text="No connection")
    expect(notice).to_contain_text("cannot reach us from your network. You can also book by phone", timeout=60_000)
    expect(notice.get_by_role("link", name="+31 20 555 01 23")).to_have_attribute("href", "tel:+31205550123")
    expect(notice.get_by_role("link", name=re.compile("@"))).to_have_attribute("href", re.compile("^mailto:hello@"))


def test_a_network_that_dies_after_the_page_was_loaded_is_told_and_forgotten_when_it_is_back(page: Page) -> None:
    dead: list[bool] = []
    sockets: list[WebSocketRoute] = []

    def carry(socket: WebSocketRoute) -> None:
        if dead:
            socket.close()
        else:
            socket.connect_to_server()
            sockets.append(socket)

    def answer(route: Route) -> None:
        if dead:
            route.abort()
        else:
            route.continue_()

    page.route_web_socket(EVENTS, carry)
    page.route(EVENTS, answer)
    open_service(page, "quick-call")
    dead.append(True)
    sockets.pop().close()
    notice = page.get_by_role("status").filter(has_text="No connection")
    expect(notice).to_contain_text("You can also book by phone", timeout=60_000)
    dead.clear()
    expect(page.get_by_text("No connection")).to_be_hidden(timeout=60_000)


def test_without_scripts_there_is_a_sentence_and_a_way(browser: Browser, instance: Instance) -> None:
    context = browser.new_context(base_url=instance.url, java_script_enabled=False)
    page = context.new_page()
    for path in ("/", "/book/quick-call", "/manage/x", "/sign-in"):
        page.goto(path)
        # Playwright's search for texts leaves out what is within <noscript>.
        expect(page.locator("noscript p")).to_contain_text("This page needs JavaScript.")
        expect(page.locator("noscript p")).to_be_visible()
    page.get_by_role("link", name="see how else you can reach us").click()
    expect(page.get_by_role("link", name="+31 20 555 01 23")).to_be_visible()
    context.close()
