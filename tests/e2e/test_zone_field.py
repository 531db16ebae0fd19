"""The time zone of the booking page by keyboard: a city is enough."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.e2e.journeys import moment_of, open_service, tab_to

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

LOOKS: tuple[ViewportSize, ...] = ({"width": 1280, "height": 900}, {"width": 390, "height": 844})


def show_zone(page: Page, typed: str) -> None:
    """Type it into the field, which is opened if it is not."""
    if not page.locator("#zone").count():
        tab_to(page, "^Times in")
        page.keyboard.press("Enter")
    expect(page.locator("#zone")).to_be_focused()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type(typed)
    page.keyboard.press("Enter")


def take_shots(page: Page, shots: Path, name: str) -> None:
    size = page.viewport_size
    assert size is not None
    for number, look in enumerate(LOOKS):
        page.set_viewport_size(look)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.locator("#zone").scroll_into_view_if_needed()
            page.screenshot(path=shots / f"zone-{name}-{number}-{scheme}.png", animations="disabled")
    page.set_viewport_size(size)
    page.emulate_media(color_scheme="light")


def test_a_city_typed_by_keyboard_is_the_zone_that_times_are_shown_in(page: Page, shots: Path) -> None:
    open_service(page, "quick-call")
    first = moment_of(page.locator(".slot").first)
    for typed, zone, words in (
        ("Tokyo", "Asia/Tokyo", "Times in Tokyo time"),
        ("New York", "America/New_York", "Times in New York time"),
        ("Kyiv", "Europe/Kyiv", "Times in Kyiv time"),
        ("amsterdam", "Europe/Amsterdam", "Times in Amsterdam time"),
    ):
        show_zone(page, typed)
        changer = page.get_by_role("button", name=f"Times in {zone}")
        expect(changer).to_be_visible()
        expect(page.get_by_text(words)).to_be_visible()
        expect(page.locator("#zone")).to_have_count(0)
        expect(changer).to_be_focused()
    expect(page.locator(".slot").first).to_be_visible()
    assert moment_of(page.locator(".slot").first) == first


def test_what_several_or_none_are_called_says_what_to_do(page: Page, shots: Path) -> None:
    open_service(page, "quick-call")
    show_zone(page, "Atlantis")
    field = page.locator("#zone")
    expect(page.get_by_role("alert").get_by_text("No time zone is known by this name.")).to_be_visible()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_value("Atlantis")
    take_shots(page, shots, "unknown")
    show_zone(page, "port")
    offered = page.get_by_role("group", name="Time zones")
    expect(offered).to_be_visible()
    take_shots(page, shots, "several")
    tab_to(page, "Port-au-Prince")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Times in America/Port-au-Prince")).to_be_focused()
