"""A person's own calendars, in the browser: connect, choose, replace a password in place, disconnect."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from booking_app.domain.clock import utc_now
from tests.e2e.instance import Instance
from tests.e2e.journeys import OwnCalendar
from tests.e2e.office import CalendarUsers, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture
def admin(browser: Browser, instance: Instance) -> Iterator[Page]:
    """An admin with the sync page open, in a browser of their own."""
    context = browser.new_context(base_url=instance.url, locale="en-GB")
    opened = context.new_page()
    sign_in(opened, instance.facts["admin"])
    opened.goto("/admin/sync")
    opened.locator(".sy").first.wait_for()
    yield opened
    context.close()


def account(page: Page, user: str) -> Locator:
    """The card of a connected account."""
    return page.locator(".cx").filter(has_text=user)


def connect(page: Page, address: str, user: str, password: str) -> None:
    page.get_by_label("Server address").fill(address)
    page.get_by_label("User name").fill(user)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Test and connect").click()


def test_staff_connect_an_account_choose_and_disconnect_it(page: Page, instance: Instance, shots: Path) -> None:
    users = CalendarUsers(instance)
    users.set("second", "a-secret-for-second")
    users.create_calendar("second", "a-secret-for-second", "Choir")
    sign_in(page, instance.staff("joost"))
    expect(page).to_have_url(re.compile("/settings/calendars"))
    expect(account(page, "joost").get_by_text("works")).to_be_visible()

    page.get_by_role("button", name="Other CalDAV").click()
    connect(page, "http://no-such-host.invalid/", "second", "wrong")
    expect(page.locator("#address-error")).to_contain_text("reached")
    connect(page, users.url, "second", "wrong")
    expect(page.locator("#secret-error")).to_contain_text("does not accept")
    expect(page.get_by_label("User name")).to_have_value("second")
    page.screenshot(path=shots / "staff-wrong-password.png")

    connect(page, users.url, "second", "a-secret-for-second")
    card = account(page, "second")
    expect(card.get_by_text("choose calendars")).to_be_visible()
    expect(page.locator("form.add")).to_have_count(0)
    switch = card.get_by_role("switch", name="Choir blocks my slots")
    switch.focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("status").filter(has_text="“Choir” of second blocks your slots.")).to_be_visible()
    expect(card.get_by_text("works")).to_be_visible()
    expect(card.get_by_text("Up to date.")).to_be_visible(timeout=30_000)
    page.reload()
    expect(card.get_by_role("switch", name="Choir blocks my slots")).to_be_checked()
    expect(account(page, "joost").get_by_role("button", name="Receives appointments: work")).to_be_visible()

    card.get_by_text("More about").locator("..").click()
    card.get_by_role("button", name="Disconnect").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("stops blocking your slots at once")
    # Nothing of ours stands in it.
    expect(dialog.get_by_role("radio")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(card.locator("summary")).to_be_focused()
    # Also where the dialog came before the menu was closed, as on a page that is not all there yet.
    card.get_by_text("More about").locator("..").click()
    card.get_by_role("button", name="Disconnect").evaluate("button => { button.focus(); button.click(); }")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(card.locator("summary")).to_be_focused()
    card.get_by_text("More about").locator("..").click()
    card.get_by_role("button", name="Disconnect").click()
    dialog.get_by_role("button", name="Disconnect").press("Enter")
    expect(card).to_have_count(0)
    expect(page.get_by_role("heading", name="Your calendars")).to_be_focused()
    expect(account(page, "joost").get_by_text("works")).to_be_visible()


def test_what_was_switched_can_be_undone(page: Page, instance: Instance) -> None:
    sign_in(page, instance.staff("joost"))
    switch = account(page, "joost").get_by_role("switch").first
    expect(switch).to_be_checked()
    switch.click()
    expect(switch).not_to_be_checked()
    page.get_by_role("button", name="Undo").click()
    expect(switch).to_be_checked()
    expect(switch).to_be_focused()
    page.get_by_role("button", name="Close this message").click()
    expect(page.locator(".snack")).to_have_count(0)
    expect(switch).to_be_focused()


def test_where_appointments_go_is_chosen_by_keyboard_and_undone(page: Page, instance: Instance) -> None:
    sign_in(page, instance.staff("joost"))
    card = account(page, "joost")
    chosen = card.get_by_role("button", name=re.compile("^Receives appointments: work", re.IGNORECASE))
    other = card.get_by_role("button", name=re.compile("^Receive here: private", re.IGNORECASE))
    expect(chosen).to_be_visible()
    expect(page.get_by_role("radio")).to_have_count(0)
    card.get_by_role("switch").first.focus()
    page.keyboard.press("Tab")
    expect(other).to_be_focused()
    for key in ("ArrowDown", "ArrowUp", "ArrowRight"):
        page.keyboard.press(key)
    expect(chosen).to_be_visible()
    page.keyboard.press("Enter")
    taken = card.get_by_role("button", name=re.compile("^Receives appointments: private", re.IGNORECASE))
    expect(taken).to_be_focused()
    expect(page.get_by_role("status").filter(has_text="coming ones too")).to_be_visible()
    page.get_by_role("button", name="Undo").press("Enter")
    expect(chosen).to_be_visible()
    expect(other).to_be_focused()


def test_a_message_goes_by_itself_but_not_while_it_is_in_use(page: Page, instance: Instance) -> None:
    sign_in(page, instance.staff("joost"))
    card = account(page, "joost")
    page.clock.install(time=utc_now())
    card.locator("summary").click()
    card.get_by_role("button", name="Test the connection").click()
    snack = page.locator(".snack")
    expect(snack).to_contain_text("It works")
    snack.get_by_role("button", name="Close this message").focus()
    page.clock.run_for(20_000)
    expect(snack).to_be_visible()
    card.locator("summary").focus()
    page.clock.run_for(20_000)
    expect(snack).to_have_count(0)
    # The same sentence once more is said once more.
    card.locator("summary").click()
    card.get_by_role("button", name="Test the connection").click()
    expect(snack).to_contain_text("It works")


def test_p23_a_changed_password_is_replaced_in_place_and_the_admin_sees_both(
    page: Page, admin: Page, instance: Instance, shots: Path
) -> None:
    facts = instance.staff("grace")
    users = CalendarUsers(instance)
    sign_in(page, facts)
    card = account(page, "grace")
    expect(card.get_by_role("switch")).to_have_count(2)
    before = card.locator("input").evaluate_all("all => all.map((each) => each.checked)")
    line = admin.locator(".sy").filter(has_text="Grace")
    expect(line.get_by_text("fresh")).to_be_visible(timeout=30_000)

    users.set("grace", "a new password of hers")
    line.get_by_role("button", name="Read Grace").click()
    expect(line.get_by_text("needs sign-in")).to_be_visible(timeout=60_000)
    expect(admin.locator(".sy").first).to_contain_text("Grace")
    expect(admin.get_by_role("status").filter(has_text="One needs its owner.")).to_be_visible()
    admin.screenshot(path=shots / "admin-sync-bad.png")

    expect(card.get_by_text("needs sign-in")).to_be_visible()
    page.screenshot(path=shots / "staff-needs-password.png")
    card.get_by_role("button", name="Enter the new password").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("New password").fill("still wrong")
    dialog.get_by_role("button", name="Test and replace").click()
    expect(dialog.get_by_role("alert").filter(has_text="does not accept")).to_be_visible()
    dialog.get_by_label("New password").fill("a new password of hers")
    dialog.get_by_role("button", name="Test and replace").click()
    expect(card.get_by_text("works")).to_be_visible()
    assert card.locator("input").evaluate_all("all => all.map((each) => each.checked)") == before
    expect(line.get_by_text("fresh")).to_be_visible(timeout=30_000)
    # For the tests after this one: facts and server agree again.
    facts["caldav"]["password"] = "a new password of hers"


def test_p27_a_calendar_that_lost_most_of_its_events_asks_its_owner(
    page: Page, instance: Instance, shots: Path
) -> None:
    users = CalendarUsers(instance)
    users.set("third", "a-secret-for-third")
    users.create_calendar("third", "a-secret-for-third", "Garden")
    garden = OwnCalendar(
        {
            "url": users.url,
            "user": "third",
            "password": "a-secret-for-third",
            "calendar_url": f"{users.url}third/Garden/",
        }
    )
    start = utc_now().replace(minute=0, second=0, microsecond=0) + timedelta(days=20)
    events = [garden.put(start + timedelta(days=number)) for number in range(14)]
    sign_in(page, instance.staff("joost"))
    page.get_by_role("button", name="Other CalDAV").click()
    connect(page, users.url, "third", "a-secret-for-third")
    card = account(page, "third")
    card.get_by_role("switch", name="Garden blocks my slots").click()
    expect(card.get_by_text("Up to date.")).to_be_visible(timeout=30_000)

    for event in events:
        event.delete()
    confirm = card.get_by_role("button", name="They are really gone")
    expect(confirm).to_be_visible(timeout=90_000)
    expect(card.get_by_text("stopped")).to_be_visible()
    page.screenshot(path=shots / "staff-stopped.png")
    confirm.click()
    expect(card.get_by_text("works")).to_be_visible(timeout=30_000)
    expect(confirm).to_have_count(0)
    card.get_by_text("More about").locator("..").click()
    card.get_by_role("button", name="Disconnect").click()
    page.get_by_role("dialog").get_by_role("button", name="Disconnect").click()
    expect(card).to_have_count(0)


def test_a_wrong_password_is_told_and_signing_out_everywhere_ends_other_browsers(
    page: Page, browser: Browser, instance: Instance
) -> None:
    esra = instance.staff("esra")
    page.goto("/sign-in?next=%2Fsettings%2Fcalendars")
    page.get_by_label("E-mail address").fill(esra["email"])
    page.get_by_label("Password").fill("not her password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert").filter(has_text="The address or the password is wrong.")).to_be_visible()
    sign_in(page, esra)
    elsewhere = browser.new_context(base_url=instance.url)
    other = elsewhere.new_page()
    sign_in(other, esra)
    expect(other.get_by_role("heading", name="Your calendars")).to_be_visible()
    page.locator("summary").filter(has_text="Account of").click()
    page.get_by_role("button", name="Sign out everywhere").click()
    page.wait_for_url("**/sign-in**", wait_until="commit")
    other.goto("/settings/calendars")
    other.wait_for_url("**/sign-in**", wait_until="commit")
    elsewhere.close()


@pytest.mark.parametrize("path", ["/admin/team", "/admin/sync", "/admin/people"])
def test_staff_may_not_open_the_admins_pages(page: Page, instance: Instance, path: str) -> None:
    sign_in(page, instance.staff("esra"))
    page.goto(path)
    expect(page.get_by_text("This page is for admins.")).to_be_visible()
    expect(page.locator(".tc, .sy, .pp")).to_have_count(0)
