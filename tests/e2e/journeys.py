"""What browser tests do again and again: open a service, find a time, fill in the form, look into a real calendar."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from caldav.davclient import DAVClient
from playwright.sync_api import Locator, Page, expect

from booking_app.domain.clock import utc_now

Found = TypeVar("Found")

AMSTERDAM = ZoneInfo("Europe/Amsterdam")

FIRST_DAY = (utc_now().astimezone(AMSTERDAM) + timedelta(days=2)).date()
"""The first day that tests book: neither the notice nor midnight reaches it while they run."""


def working_day(weeks: int) -> date:
    """A Tuesday some weeks ahead."""
    today = utc_now().date()
    return today - timedelta(days=today.weekday()) + timedelta(days=1, weeks=weeks)


def eventually(look: Callable[[], Found], seconds: float = 60) -> Found:
    """The first truthy outcome of `look`; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)
    return found


def turn(page: Page) -> None:
    """Let the page's scripts do what the last press or key leads to in the browser."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")


def tab_to(page: Page, name: str, limit: int = 60) -> None:
    """Press Tab until the focused element has this text or label."""
    for _ in range(limit):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "[document.activeElement.textContent, document.activeElement.getAttribute('aria-label'),"
            " document.activeElement.id].join('|')"
        )
        if re.search(name, focused):
            return
    raise AssertionError(f"Tab never came to {name}")


def open_service(page: Page, slug: str) -> None:
    page.goto(f"/book/{slug}")
    page.locator(".slot").first.wait_for()


def show_day(page: Page, number: int) -> str:
    """Show the free day with this position, from the day after tomorrow on and over the ends of months; its label.

    Counted from the day on which the tests began: it is the same day in every page of a run, whatever hour strikes.
    """
    month = page.locator(".month")
    while (month.get_attribute("data-label") or "") > FIRST_DAY.isoformat():
        _turn(page, "Earlier month")
    while len(ahead := _free_days(page)) <= number:
        number -= len(ahead)
        _turn(page, "Later month")
    label = ahead[number]
    day = page.locator(f'.day.free[aria-label^="{label.split(",")[0]},"]')
    day.click()
    expect(day).to_have_attribute("aria-pressed", "true")
    page.locator(".slot:not(.gone)").first.wait_for()
    return label


def day_of(label: str) -> date:
    """The day that a screen reader names in a month."""
    return datetime.strptime(label.split(",")[0], "%A %d %B %Y").replace(tzinfo=UTC).date()


def _free_days(page: Page) -> list[str]:
    """The labels of the shown month's free days that `show_day` counts."""
    labels = page.locator(".day.free").evaluate_all("all => all.map((each) => each.ariaLabel)")
    return [label for label in labels if day_of(label) >= FIRST_DAY]


def _turn(page: Page, button: str) -> None:
    month = page.locator(".month")
    before = month.get_attribute("data-label") or ""
    page.get_by_role("button", name=button).click()
    expect(month).not_to_have_attribute("data-label", before)


def slot(page: Page, number: int) -> Locator:
    """A free slot of the day, by a locator that stays with its time."""
    label = page.locator(".slot:not(.gone)").nth(number).get_attribute("aria-label") or ""
    return page.locator(f'.slot[aria-label^="{label}"]')


def moment_of(chosen: Locator) -> datetime:
    """When a slot starts, from what a screen reader says: weekday, date, time and zone."""
    label = chosen.get_attribute("aria-label") or ""
    found = re.match(r"\w+ (\d+ \w+ \d+), (\d+:\d+), .*?(\w+/[\w/]+|UTC)\)?", label)
    assert found, label
    zone = ZoneInfo(found[3])
    return datetime.strptime(f"{found[1]} {found[2]}", "%d %B %Y %H:%M").replace(tzinfo=zone)


def keep(page: Page, chosen: Locator) -> None:
    """Choose a slot and go on to the form."""
    chosen.click()
    page.get_by_role("button", name=re.compile("^Continue with")).click()
    page.get_by_role("heading", name="Your details").wait_for()


def fill(page: Page, name: str, email: str = "robin@example.com") -> None:
    page.get_by_label("Your name").fill(name)
    page.get_by_label("E-mail").fill(email)


def book(page: Page, name: str) -> str:
    """Send the form; the manage link."""
    fill(page, name)
    page.locator("#book").click()
    page.get_by_role("heading", name="You are booked").wait_for()
    return page.get_by_label("Your private link to move or cancel").input_value()


class OwnCalendar:
    """A person's calendar as their own calendar app uses it: through the public `caldav` library."""

    def __init__(self, facts: dict[str, Any]) -> None:
        client = DAVClient(url=facts["url"], username=facts["user"], password=facts["password"])
        self._calendar: Any = client.calendar(url=facts["calendar_url"])  # type: ignore[no-untyped-call]

    def put(self, start: datetime, minutes: int = 30, summary: str = "Dentist") -> Any:
        """A foreign event."""
        return self._calendar.save_event(
            uid=str(uuid.uuid4()), dtstart=start, dtend=start + timedelta(minutes=minutes), summary=summary
        )

    def make_whole_day(self, start: datetime) -> None:
        """Tick "all day" in the event that starts then."""
        (found,) = self._calendar.search(start=start, end=start + timedelta(minutes=1), event=True, expand=False)
        lines = [each for each in found.data.splitlines() if not each.startswith(("DTSTART", "DTEND"))]
        span = f"DTSTART;VALUE=DATE:{start:%Y%m%d}", f"DTEND;VALUE=DATE:{start + timedelta(days=1):%Y%m%d}"
        lines[lines.index("BEGIN:VEVENT") + 1 : 0] = span
        found.data = "\r\n".join([*lines, ""])
        found.save()

    def at(self, start: datetime) -> list[str]:
        """The iCalendar texts of the events that start then."""
        found = self._calendar.search(start=start, end=start + timedelta(minutes=1), event=True, expand=False)
        return [str(each.data) for each in found]
