"""Linking at the simulated Google and Microsoft, through their consent pages, and the main job with what was linked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import open_folder
from tests.e2e.instance import Instance, start
from tests.e2e.journeys import book, eventually, keep, moment_of, open_service, show_day, slot
from tests.e2e.office import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def simulated() -> Iterator[Instance]:
    """`make run PROVIDERS=sim`."""
    with open_folder() as folder:
        running = start(folder / "data", PROVIDERS="sim")
        yield running
        running.stop()


TITLES = {"Google": "Google Calendar", "Microsoft": "Outlook"}


def visit(browser: Browser, simulated: Instance) -> Page:
    context = browser.new_context(base_url=simulated.url, locale="en-GB", timezone_id="Europe/Amsterdam")
    context.set_default_timeout(20_000)
    return context.new_page()


@pytest.fixture
def staff(browser: Browser, simulated: Instance) -> Iterator[Page]:
    opened = visit(browser, simulated)
    sign_in(opened, simulated.staff("anna"))
    opened.locator(".cx").first.wait_for()
    yield opened
    opened.context.close()


@pytest.fixture
def customer(browser: Browser, simulated: Instance) -> Iterator[Page]:
    opened = visit(browser, simulated)
    yield opened
    opened.context.close()


class Panel:
    """The control page of a simulated provider, as a script uses it."""

    def __init__(self, simulated: Instance, provider: str) -> None:
        facts = simulated.facts["providers"][provider]
        self.url, self.person = facts["panel"], facts["people"][0]

    def do(self, command: str, **fields: Any) -> str:
        answer = httpx.post(f"{self.url}/{command}", json=fields)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["done"])

    def events(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = json.loads(self.do("events", email=self.person))
        return found

    def put(self, begin: datetime, minutes: int = 30) -> str:
        ends = begin.astimezone(UTC), begin.astimezone(UTC) + timedelta(minutes=minutes)
        low, high = (f"{each:%Y-%m-%dT%H:%M:%SZ}" for each in ends)
        return self.do("add-event", email=self.person, start=low, end=high)


def link(staff: Page, provider: str, person: str) -> None:
    """Off to the consent page, allow, and back."""
    staff.get_by_role("link", name=re.compile(f"^Connect {TITLES[provider]}")).first.click()
    expect(staff.get_by_role("note")).to_contain_text(f"Simulation of {provider}, not the real service")
    staff.get_by_label(re.compile(re.escape(person))).check()
    staff.get_by_role("button", name=re.compile("^(Allow|Accept)$")).click()
    expect(staff).to_have_url(re.compile("/settings/calendars"))


@pytest.mark.parametrize(
    ("provider", "name", "calendar"),
    [("google", "Google", "ann@gmail.example"), ("microsoft", "Microsoft", "Calendar")],
)
def test_linked_chosen_booked_and_blocked(
    staff: Page, customer: Page, simulated: Instance, shots: Path, provider: str, name: str, calendar: str
) -> None:
    panel = Panel(simulated, provider)
    before = {each["id"] for each in panel.events()}
    link(staff, name, panel.person)
    card = staff.locator(".cx").filter(has_text=panel.person)
    expect(card).to_contain_text("Simulation")
    expect(staff.locator("#arrival")).to_be_focused()
    expect(staff.locator("#arrival")).to_be_in_viewport()
    expect(staff.locator("#arrival")).to_contain_text(f"{TITLES[name]} is connected.")
    expect(staff).to_have_url(re.compile(r"/settings/calendars/?$"))
    card.get_by_role("switch", name=f"{calendar} blocks my slots").click()
    expect(staff.locator("#arrival")).to_have_count(0)
    card.get_by_role("button", name=f"Receive here: {calendar}").click()
    expect(card.get_by_role("button", name=f"Receives appointments: {calendar}")).to_be_visible()
    expect(card).to_contain_text("Up to date", timeout=30_000)
    staff.screenshot(path=shots / f"linked-{provider}.png", full_page=True)
    assert {each["id"] for each in panel.events()} == before

    open_service(customer, "follow-up")
    show_day(customer, 3 if provider == "google" else 6)
    chosen, other = slot(customer, 0), slot(customer, 3)
    start, taken = moment_of(chosen), moment_of(other)
    event = panel.put(taken)
    expect(other).to_be_disabled(timeout=30_000)
    panel.do("delete-event", email=panel.person, event=event)
    expect(other).to_be_enabled(timeout=30_000)
    keep(customer, chosen)
    manage = book(customer, "Robin Okafor")
    made = eventually(lambda: [each for each in panel.events() if each["id"] not in before])
    assert len(made) == 1
    assert "Robin Okafor" in made[0]["text"]
    assert f"{start.astimezone(UTC):%Y-%m-%dT%H:%M}" in made[0]["text"]
    # Who reads a colleague's calendar must not be able to act as the customer.
    assert manage not in made[0]["text"]
    panel.do("delete-event", email=panel.person, event=made[0]["id"])
    customer.goto(manage)
    expect(customer.get_by_text("Cancelled", exact=True)).to_be_visible(timeout=30_000)


def test_p20_a_revoked_consent_is_told_and_linked_again_with_every_choice_kept(
    staff: Page, browser: Browser, simulated: Instance, shots: Path
) -> None:
    panel = Panel(simulated, "google")
    card = staff.locator(".cx").filter(has_text=panel.person)
    if not card.count():
        link(staff, "Google", panel.person)
        card.get_by_role("switch").first.click()
    panel.do("revoke", email=panel.person)
    panel.do("expire-tokens")
    expect(card).to_contain_text("connected again", timeout=60_000)
    admin = visit(browser, simulated)
    sign_in(admin, simulated.facts["admin"])
    admin.goto("/admin/sync")
    expect(admin.locator(".sy").first).to_contain_text("Google")
    line = admin.locator(".sy").filter(has_text=panel.person)
    expect(line.get_by_role("button", name="Read")).to_have_count(0)
    expect(admin.get_by_role("link", name="1 account needs its owner")).to_be_visible()
    ask = line.get_by_role("button", name="Ask to sign in")
    ask.click()
    expect(admin.get_by_text("Anna de Bruin is asked by mail to sign in again.")).to_be_visible()
    expect(line).to_contain_text("asked")
    expect(ask).to_be_focused()
    ask.click()
    expect(admin.get_by_text("A mail can be sent once an hour.")).to_be_visible()
    admin.screenshot(path=shots / "sync-link-lost.png", full_page=True)
    admin.context.close()
    staff.screenshot(path=shots / "link-lost.png", full_page=True)
    card.get_by_role("link", name="Connect again").first.click()
    staff.get_by_role("button", name="Allow").click()
    expect(card).to_contain_text("Up to date", timeout=60_000)
    assert card.get_by_role("switch", checked=True).count() >= 1


def test_what_was_unticked_is_named(staff: Page, simulated: Instance) -> None:
    staff.goto("/oauth/google/start?mode=full")
    staff.get_by_label(re.compile("ben@gmail.example")).check()
    staff.get_by_label(re.compile("calendar.events.readonly")).uncheck()
    staff.get_by_role("button", name="Allow").click()
    expect(staff.get_by_role("alert").filter(has_text="was not connected")).to_contain_text("when you are busy")
    staff.goto("/oauth/google/start?mode=full")
    staff.get_by_role("button", name="Cancel").click()
    expect(staff.get_by_role("alert").filter(has_text="was not connected")).to_be_visible()


def test_on_a_phone_the_way_back_leads_to_what_was_connected_and_disconnecting_it_is_told(
    browser: Browser, simulated: Instance, shots: Path
) -> None:
    context = browser.new_context(
        base_url=simulated.url, locale="en-GB", timezone_id="Europe/Amsterdam", viewport={"width": 390, "height": 844}
    )
    context.set_default_timeout(20_000)
    staff = context.new_page()
    sign_in(staff, simulated.staff("esra"))
    google = Panel(simulated, "google")
    link(staff, "Google", google.person)
    arrival = staff.locator("#arrival")
    expect(arrival).to_be_focused()
    expect(arrival).to_be_in_viewport()
    card = staff.locator(".cx").filter(has_text=google.person)
    arrival.get_by_role("button", name="Close").click()
    expect(arrival).to_have_count(0)
    expect(card.locator("summary")).to_be_focused()

    link(staff, "Microsoft", "eva@contoso.example")
    staff.goto("/oauth/microsoft/start?mode=full")
    staff.get_by_label(re.compile("eva@contoso.example")).check()
    staff.get_by_role("button", name=re.compile("^(Allow|Accept)$")).click()
    said = staff.get_by_role("alert").filter(has_text="is connected already")
    expect(said).to_contain_text("eva@contoso.example is connected already")
    names = [each.get_attribute("aria-label") for each in staff.get_by_role("region").all()]
    assert len(set(names)) == len(names)

    card.get_by_role("button", name=re.compile("^Receive here")).first.click()
    expect(said).to_have_count(0)
    card.locator("summary").click()
    card.get_by_role("button", name="Disconnect").click()
    dialog = staff.get_by_role("dialog")
    expect(dialog).to_contain_text("This account receives your appointments")
    expect(dialog).to_contain_text("blocks none of your slots")
    staff.screenshot(path=shots / "disconnect-receiving-phone.png")
    dialog.get_by_role("button", name="Disconnect").click()
    expect(card).to_have_count(0)
    warning = staff.get_by_role("status").filter(has_text="No calendar receives your appointments")
    expect(warning).to_be_visible()
    expect(staff.get_by_role("link", name="1 calendar needs you")).to_be_visible()
    staff.screenshot(path=shots / "nothing-receives-phone.png", full_page=True)
    staff.get_by_role("button", name=re.compile("^Receive here")).first.click()
    expect(warning).to_have_count(0)
    expect(staff.get_by_role("link", name="1 calendar needs you")).to_have_count(0)
    context.close()
