"""The admins' screens in the browser: the team calendar tells the truth at once, people come and go."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect

from booking_app.db.engine import create_engine, create_sessions
from booking_app.domain.clock import utc_now
from booking_app.domain.rules import SlotRules
from booking_app.services import catalog
from booking_app.services.context import Context
from booking_app.sync.vault import Vault, new_key
from tests.e2e.instance import Instance
from tests.e2e.journeys import OwnCalendar, turn, working_day
from tests.e2e.office import book, free_slots, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture
def admin(page: Page, instance: Instance) -> Page:
    sign_in(page, instance.facts["admin"])
    expect(page).to_have_url(re.compile("/admin/team"))
    return page


@pytest.fixture
def visitor(browser: Browser, instance: Instance) -> Iterator[Page]:
    """Somebody else's browser."""
    context = browser.new_context(base_url=instance.url, locale="en-GB")
    yield context.new_page()
    context.close()


def server(instance: Instance) -> str:
    """The demo's database."""
    return f"postgresql://postgres@/postgres?host={instance.folder / 'postgres'}"


def in_the_database(instance: Instance, work: Callable[[Context], Coroutine[None, None, None]]) -> None:
    """Prepare what no screen does yet, through the use-cases, in a thread of its own: it has a loop of its own."""

    async def run() -> None:
        engine = create_engine(server(instance))
        try:
            await work(
                Context(
                    sessions=create_sessions(engine),
                    now=utc_now,
                    sealer=Vault([new_key()]),
                    public_url=instance.url,
                )
            )
        finally:
            await engine.dispose()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, run()).result(60)


def test_a_booking_stands_in_the_team_calendar_at_once(admin: Page, instance: Instance, shots: Path) -> None:
    day = working_day(3)
    slots = free_slots(instance, "follow-up", day.isoformat(), (day + timedelta(days=1)).isoformat(), "anna")
    admin.goto(f"/admin/team?date={day.isoformat()}")
    column = admin.get_by_role("group", name=re.compile("^Anna"))
    column.wait_for()
    book(instance, "follow-up", slots[0]["start"], "Robin Okafor", "anna")
    block = column.get_by_role("button", name=re.compile("Follow-up with Anna with Robin Okafor"))
    expect(block).to_be_visible()
    block.click()
    dialog = admin.get_by_role("dialog")
    expect(dialog).to_contain_text("robin@example.com")
    admin.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(block).to_be_focused()
    admin.screenshot(path=shots / "admin-team.png")
    admin.get_by_role("button", name="Week", exact=True).click()
    expect(admin.get_by_role("button", name=re.compile("Robin Okafor"))).to_be_visible()
    admin.reload()
    expect(admin.get_by_role("button", name=re.compile("Robin Okafor"))).to_be_visible()


def test_the_focus_stays_with_its_appointment_while_others_come(admin: Page, instance: Instance) -> None:
    day = working_day(4)
    slots = free_slots(instance, "follow-up", day.isoformat(), (day + timedelta(days=1)).isoformat(), "anna")
    book(instance, "follow-up", slots[6]["start"], "Lena Late", "anna")
    admin.goto(f"/admin/team?date={day.isoformat()}")
    column = admin.get_by_role("group", name=re.compile("^Anna"))
    block = column.locator("button", has_text="Lena Late")
    block.focus()
    book(instance, "follow-up", slots[0]["start"], "Ellis Early", "anna")
    expect(column.locator("button", has_text="Ellis Early")).to_be_visible()
    expect(block).to_be_focused()
    admin.keyboard.press("Enter")
    expect(admin.get_by_role("dialog")).to_be_visible()
    book(instance, "follow-up", slots[3]["start"], "Mo Between", "anna")
    expect(column.locator("button", has_text="Mo Between")).to_be_visible()
    admin.keyboard.press("Escape")
    expect(admin.get_by_role("dialog")).to_have_count(0)
    expect(block).to_be_focused()


def test_what_is_busy_outside_is_drawn_without_a_word_about_it(admin: Page, instance: Instance) -> None:
    day = working_day(3) + timedelta(days=1)
    admin.goto(f"/admin/team?date={day.isoformat()}&person=chris")
    column = admin.get_by_role("group", name=re.compile("^Chris"))
    column.wait_for()
    before = column.locator(".tc-busy").count()
    start = datetime(day.year, day.month, day.day, 14, 0, tzinfo=UTC)
    OwnCalendar(instance.staff("chris")["caldav"]).put(start, 45, "Very private dentist")
    # Somebody looks at Chris's times, so the calendar is read often: within the promise.
    free_slots(instance, "quick-call", day.isoformat(), (day + timedelta(days=1)).isoformat(), "chris")
    expect(column.locator(".tc-busy")).to_have_count(before + 1, timeout=30_000)
    assert "dentist" not in admin.content()


def test_an_invitation_makes_an_account_and_its_link_works_once(admin: Page, visitor: Page, instance: Instance) -> None:
    admin.goto("/admin/people")
    admin.get_by_role("button", name="Invite somebody").click()
    admin.get_by_label("E-mail address").fill("not an address")
    admin.get_by_role("button", name="Make the invitation").click()
    expect(admin.locator("#email-error")).to_contain_text("e-mail address")
    expect(admin.get_by_label("E-mail address")).to_be_focused()
    expect(admin.get_by_text("No mail server is set up")).to_be_visible()
    admin.get_by_label("E-mail address").fill("office@example.com")
    admin.get_by_role("button", name="Make the invitation").click()
    link = admin.get_by_label("The link", exact=True).input_value()
    admin.get_by_role("button", name="Copy the link").click()
    expect(admin.get_by_text("Copied.")).to_be_visible()
    visitor.goto(link)
    visitor.get_by_label("Name").fill("Noor Office")
    visitor.get_by_label("Password").fill("1234567890")
    visitor.get_by_role("button", name="Create my account").click()
    expect(visitor.locator("#password-error")).to_contain_text("hard to guess")
    expect(visitor.get_by_label("Password")).to_be_focused()
    expect(visitor.get_by_label("Password")).to_have_attribute("aria-invalid", "true")
    expect(visitor.get_by_label("Password")).to_have_value("")
    expect(visitor.get_by_label("Name")).to_have_value("Noor Office")
    visitor.get_by_label("Password").fill("three plain words of hers")
    visitor.get_by_role("button", name="Create my account").click()
    expect(visitor.get_by_text("This account has no calendars")).to_be_visible()
    visitor.goto(link)
    expect(visitor.get_by_role("heading", name="This link is not valid any more")).to_be_visible()

    admin.reload()
    admin.get_by_role("button", name="Remove Noor Office").click()
    admin.get_by_role("button", name="Remove from the team").click()
    expect(admin.get_by_text("Noor Office is no longer on the team.")).to_be_visible()
    visitor.goto("/settings/calendars")
    visitor.wait_for_url("**/sign-in**", wait_until="commit")


def test_a_press_before_the_page_is_drawn_counts_once_it_is(admin: Page, instance: Instance) -> None:
    form = admin.get_by_role("button", name="Make the invitation")
    with psycopg.connect(server(instance)) as held:
        held.execute("LOCK TABLE account IN ACCESS EXCLUSIVE MODE")
        admin.goto("/admin/people", wait_until="domcontentloaded")
        admin.locator("main[aria-busy=true]").wait_for()
        admin.get_by_role("button", name="Invite somebody").click()
        turn(admin)
        expect(form).to_be_hidden()
    form.wait_for()
    admin.locator("main[aria-busy=false]").wait_for()
    expect(form).to_be_visible()


def test_a_mistyped_invitation_is_withdrawn_in_its_line(admin: Page, visitor: Page) -> None:
    admin.goto("/admin/people")
    admin.get_by_role("button", name="Invite somebody").click()
    admin.get_by_label("E-mail address").fill("typo@example.cmo")
    admin.get_by_role("button", name="Make the invitation").click()
    field = admin.get_by_label("The link", exact=True)
    first = field.input_value()
    line = admin.locator(".pp").filter(has_text="typo@example.cmo")
    line.get_by_role("button", name="New link for typo@example.cmo").click()
    expect(field).not_to_have_value(first)
    second = field.input_value()
    visitor.goto(first)
    expect(visitor.get_by_role("heading", name="This link is not valid any more")).to_be_visible()
    withdraw = line.get_by_role("button", name="Withdraw the invitation of typo@example.cmo")
    withdraw.click()
    expect(line.get_by_role("button", name="Keep it")).to_be_focused()
    admin.keyboard.press("Enter")
    expect(withdraw).to_be_focused()
    withdraw.click()
    line.get_by_role("button", name="Withdraw it").click()
    expect(line).to_have_count(0)
    expect(admin.get_by_role("button", name="Invite somebody")).to_be_focused()
    visitor.goto(second)
    expect(visitor.get_by_role("heading", name="This link is not valid any more")).to_be_visible()


def test_a_wrong_password_leaves_the_address_and_waits_at_the_password(page: Page, instance: Instance) -> None:
    account = instance.staff("anna")
    page.goto("/sign-in")
    page.get_by_label("E-mail address").fill(account["email"])
    page.get_by_label("Password").fill("not this one")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#password-error")).to_have_text("The address or the password is wrong.")
    expect(page.get_by_label("Password")).to_be_focused()
    expect(page.get_by_label("Password")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Password")).to_have_attribute("aria-describedby", "password-error")
    expect(page.get_by_label("E-mail address")).to_have_value(account["email"])
    assert "@" not in page.url
    assert "%40" not in page.url
    page.get_by_label("Password").fill(account["password"])
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/settings/calendars"))


def test_p50_removing_a_person_takes_the_slots_and_lists_the_bookings(admin: Page, instance: Instance) -> None:
    async def hire(ctx: Context) -> None:
        weekly = dict.fromkeys(range(5), ((540, 1020),))
        await catalog.create_person(ctx, slug="ruben", name="Ruben Smit", zone="Europe/Amsterdam", weekly=weekly)
        rules = SlotRules(duration=30, interval=30)
        await catalog.create_service(ctx, slug="ruben", name="With Ruben", rules=rules, staff=["ruben"])

    in_the_database(instance, hire)
    day = working_day(2)
    days = day.isoformat(), (day + timedelta(days=1)).isoformat()
    book(instance, "ruben", free_slots(instance, "ruben", *days, "ruben")[0]["start"], "Lou Meyer", "ruben")

    admin.goto("/admin/people")
    admin.get_by_role("button", name="Remove Ruben Smit").click()
    admin.get_by_role("button", name="Remove from the team").click()
    left = admin.locator(".banner").filter(has_text="Ruben Smit is no longer on the team.")
    expect(left).to_contain_text("With Ruben")
    expect(left).to_contain_text("Lou Meyer")
    expect(admin.locator(".pp").filter(has_text="Ruben Smit")).to_have_count(0)
    assert free_slots(instance, "ruben", *days, "") == []


_FAULTS = """() => {
  const faults = [];
  const name = (e) => e.getAttribute("aria-label") || e.labels?.[0]?.textContent || e.textContent || e.title;
  for (const e of document.querySelectorAll("button, a[href], input:not([type=hidden]), select, summary"))
    if (!name(e).trim()) faults.push("no name: " + e.outerHTML.slice(0, 80));
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  for (const id of ids.filter((each, at) => ids.indexOf(each) !== at)) faults.push("id twice: " + id);
  for (const e of document.querySelectorAll("[aria-labelledby]"))
    if (!document.getElementById(e.getAttribute("aria-labelledby"))) faults.push("label missing: " + e.className);
  if (document.querySelectorAll("h1").length !== 1) faults.push("headings: " + document.querySelectorAll("h1").length);
  if (document.querySelectorAll("main").length !== 1) faults.push("not one main");
  if (document.documentElement.scrollWidth > innerWidth) faults.push("wider than the screen");
  return faults;
}"""


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/admin/team", ".tc"),
        ("/admin/team?view=week", ".tc"),
        ("/admin/sync", ".sy"),
        ("/admin/people", ".pp"),
        ("/admin/providers", ".pr-part"),
    ],
)
def test_each_page_fits_a_phone_and_names_its_controls(admin: Page, path: str, shown: str) -> None:
    admin.set_viewport_size({"width": 390, "height": 800})
    admin.goto(path)
    admin.locator(shown).first.wait_for()
    assert admin.evaluate(_FAULTS) == []


def test_the_staffs_page_and_the_sign_in_fit_a_phone_and_name_their_controls(page: Page, instance: Instance) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/sign-in")
    page.get_by_label("Password").wait_for()
    assert page.evaluate(_FAULTS) == []
    sign_in(page, instance.staff("anna"))
    page.locator(".cx").first.wait_for()
    page.get_by_role("button", name="iCloud").click()
    page.get_by_label("App password").wait_for()
    assert page.evaluate(_FAULTS) == []
