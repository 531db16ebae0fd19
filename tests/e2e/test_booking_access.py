"""The whole way by keyboard, on a phone, in the dark, and for a screen reader."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.instance import Instance
from tests.e2e.journeys import book, day_of, keep, moment_of, open_service, show_day, slot, tab_to

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture
def phone(browser: Browser, instance: Instance) -> Iterator[Page]:
    context = browser.new_context(
        base_url=instance.url,
        viewport={"width": 390, "height": 844},
        has_touch=True,
        is_mobile=True,
        timezone_id="Europe/Amsterdam",
        color_scheme="dark",
    )
    yield context.new_page()
    context.close()


def focused_label(page: Page) -> str:
    return str(page.evaluate("document.activeElement.getAttribute('aria-label') || ''"))


def test_p49_the_whole_journey_by_keyboard(page: Page) -> None:
    # Its days reach into a later month whatever day it is.
    page.goto("/")
    page.get_by_role("link", name=re.compile("First consultation")).wait_for()
    tab_to(page, "First consultation")
    page.keyboard.press("Enter")
    page.locator(".slot").first.wait_for()
    tab_to(page, "Later month")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Earlier month")).to_be_enabled()
    tab_to(page, r"\d+ \w+ \d{4}, .*free")
    page.keyboard.press("Home")
    first = focused_label(page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert day_of(focused_label(page)) - day_of(first) == timedelta(days=8)
    page.keyboard.press("PageUp")
    expect(page.get_by_role("button", name="Later month")).to_be_enabled()
    page.keyboard.press("PageDown")
    expect(page.get_by_role("button", name="Earlier month")).to_be_enabled()
    page.locator(".day.free").nth(6).focus()
    page.keyboard.press("Enter")
    expect(page.locator(".day.free").nth(6)).to_have_attribute("aria-pressed", "true")
    tab_to(page, r"\d+:\d\d, Amsterdam time")
    label = focused_label(page)
    assert re.match(r"\w+day \d+ \w+ \d{4}, \d+:\d\d, Amsterdam time \(Europe/Amsterdam\)", label)
    page.keyboard.press("Space")
    tab_to(page, "^Continue with")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Your details")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.type("Kees Keyboard")
    page.keyboard.press("Tab")
    page.keyboard.type("kees@example.com")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="You are booked")).to_be_focused()


def test_p49_the_times_of_a_day_are_one_stop_of_the_tab_key(page: Page) -> None:
    open_service(page, "quick-call")
    show_day(page, 4)
    slots = page.locator(".slot:not(.gone)")
    expect(page.locator(".slot[tabindex='0']")).to_have_count(1)
    slots.first.focus()
    page.keyboard.press("ArrowRight")
    expect(slots.nth(1)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(slots.nth(3)).to_be_focused()
    page.keyboard.press("Home")
    expect(slots.first).to_be_focused()
    page.keyboard.press("End")
    expect(slots.last).to_be_focused()
    page.keyboard.press("Space")
    expect(slots.last).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name=re.compile("^Continue with"))).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(slots.last).to_be_focused()


@pytest.mark.parametrize("width", [390, 720, 1160])
def test_nothing_on_a_card_runs_over_its_edge(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/")
    page.locator(".offer .pill").first.wait_for()
    for card in page.locator("a.offer").all():
        inside = card.evaluate(
            "card => [...card.querySelectorAll('.offer-end > *')].every(each => each.getBoundingClientRect().right"
            " <= card.getBoundingClientRect().right - parseFloat(getComputedStyle(card).paddingRight) + 1)"
        )
        assert inside


def test_on_a_phone_in_the_dark(phone: Page) -> None:
    open_service(phone, "first-consultation")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    dark = phone.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark == "rgb(17, 17, 19)"
    show_day(phone, 8)
    chosen = slot(phone, 0)
    for target in (chosen, phone.locator(".day.free").first, phone.get_by_role("button", name="Take ")):
        box = target.bounding_box()
        assert box is not None
        assert box["height"] >= 44
        assert box["width"] >= 44
    keep(phone, chosen)
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    book(phone, "Fatima Phone")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390


def test_landmarks_titles_and_language(page: Page) -> None:
    open_service(page, "quick-call")
    assert page.locator("html").get_attribute("lang") == "en"
    expect(page).to_have_title(re.compile("^Quick call · "))
    assert page.get_by_role("main").count() == 1
    assert page.get_by_role("heading", level=1).count() == 1
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()


def test_a_visitor_far_away_sees_their_own_time(browser: Browser, instance: Instance) -> None:
    context = browser.new_context(base_url=instance.url, timezone_id="Asia/Tokyo")
    page = context.new_page()
    open_service(page, "quick-call")
    expect(page.get_by_role("button", name="Times in Asia/Tokyo")).to_be_visible()
    assert moment_of(page.locator(".slot").first).utcoffset() is not None
    expect(page.get_by_text("Times in Tokyo time")).to_be_visible()
    context.close()


def test_choosing_a_person_shows_only_their_times(page: Page) -> None:
    open_service(page, "quick-call")
    page.get_by_role("button", name="Choose a person").click()
    page.get_by_role("group", name="With whom").get_by_role("button", name="Chris Dekker").click()
    page.locator(".slot").first.wait_for()
    show_day(page, 5)
    keep(page, slot(page, 0))
    expect(page.get_by_text("with Chris Dekker")).to_be_visible()
