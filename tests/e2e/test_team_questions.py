"""What waits for a decision about an appointment, where an admin meets it first: in the team calendar."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.e2e.instance import Instance
from tests.e2e.journeys import OwnCalendar, eventually, working_day
from tests.e2e.office import book, free_slots, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

LOOKS: tuple[ViewportSize, ...] = ({"width": 1280, "height": 900}, {"width": 390, "height": 800})


def test_an_admin_answers_by_keyboard_what_the_owners_calendar_asks(
    page: Page, instance: Instance, shots: Path
) -> None:
    sign_in(page, instance.facts["admin"])
    day = working_day(6)
    span = day.isoformat(), (day + timedelta(days=1)).isoformat()
    start = free_slots(instance, "follow-up", *span, "anna")[0]["start"]
    book(instance, "follow-up", start, "Uma Unsure", "anna")
    calendar = OwnCalendar(instance.staff("anna")["caldav"])
    at = datetime.fromisoformat(start)
    eventually(lambda: calendar.at(at))
    page.goto(f"/admin/team?date={day.isoformat()}")
    block = page.get_by_role("button", name=re.compile("Uma Unsure"))
    expect(block).to_be_visible()
    calendar.make_whole_day(at)
    # Somebody looks at Anna's times, so the calendar is read often.
    free_slots(instance, "follow-up", *span, "anna")
    expect(block).to_have_accessible_name(re.compile("needs a decision"), timeout=60_000)
    block.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("was made a whole day in the calendar")
    for number, look in enumerate(LOOKS):
        page.set_viewport_size(look)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=shots / f"team-question-{number}-{scheme}.png", animations="disabled")
    page.emulate_media(color_scheme="light")
    dialog.get_by_role("button", name="Cancel the appointment").press("Enter")
    expect(dialog).to_contain_text("The customer is told by mail.")
    expect(dialog.get_by_role("button", name="Not yet")).to_be_focused()
    page.screenshot(path=shots / "team-question-sure.png")
    page.keyboard.press("Enter")
    expect(dialog).not_to_contain_text("The customer is told by mail.")
    expect(dialog.locator(":focus")).to_have_count(1)
    dialog.get_by_role("button", name="Put it back").press("Enter")
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("status").get_by_text("The event is being put back")).to_be_visible()
    expect(block).not_to_have_accessible_name(re.compile("needs a decision"))
    expect(block).to_be_focused()
    page.screenshot(path=shots / "team-question-answered.png")
    assert not any("VALUE=DATE" in each for each in eventually(lambda: calendar.at(at)))
