"""Setting a provider up and setting out to it, in the browser. No provider is there: what leaves the program is looked
at and answered here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.e2e.instance import Instance
from tests.e2e.journeys import turn
from tests.e2e.office import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

CLIENT = "123-abc.apps.googleusercontent.com"
SECRET = "GOCSPX-planted-in-the-browser"


@pytest.fixture
def admin(browser: Browser, instance: Instance) -> Iterator[Page]:
    """An admin on the page of the providers, in a browser of their own."""
    context = browser.new_context(base_url=instance.url, locale="en-GB")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened = context.new_page()
    sign_in(opened, instance.facts["admin"])
    opened.goto("/admin/providers")
    opened.locator(".pr-part").first.wait_for()
    yield opened
    context.close()


def test_before_a_provider_is_set_up_staff_are_told_whom_to_ask(page: Page, instance: Instance) -> None:
    sign_in(page, instance.staff("esra"))
    expect(page.get_by_text("Google Calendar and Outlook can be connected here once an administrator")).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("^Connect"))).to_have_count(0)
    expect(page.get_by_role("button", name="iCloud")).to_be_visible()


def test_how_linking_failed_is_said_once(page: Page, instance: Instance, shots: Path) -> None:
    sign_in(page, instance.staff("esra"))
    page.goto("/settings/calendars?link_error=missing&provider=google&scopes=calendar.events.readonly")
    said = page.get_by_role("alert").filter(has_text="Google Calendar was not connected")
    expect(said).to_contain_text("to see when you are busy was left out")
    expect(said).to_be_focused()
    page.screenshot(path=shots / "linking-failed.png")
    page.reload()
    expect(page.locator(".cx").first).to_be_visible()
    expect(said).to_have_count(0)
    page.goto("/settings/calendars?link_error=other_account&provider=microsoft")
    expect(page.get_by_role("alert").filter(has_text="another account than the one that is connected")).to_be_visible()
    page.get_by_role("button", name="Close", exact=True).click()
    expect(page.locator(".arrival")).to_have_count(0)
    page.goto("/settings/calendars?link_error=%3Cb%3E&provider=x&linked=nobody")
    expect(page.locator(".cx").first).to_be_visible()
    expect(page.locator(".arrival")).to_have_count(0)


def test_an_admin_sets_google_up_and_staff_set_out_to_it(
    admin: Page, page: Page, instance: Instance, shots: Path
) -> None:
    google = admin.get_by_role("region", name="Calendar provider Google")
    redirect = f"{instance.url}/oauth/google/callback"
    expect(admin.locator("#google-redirect")).to_have_text(redirect)
    expect(google.get_by_text("press “Publish app”")).to_be_visible()
    google.get_by_role("button", name="Copy the redirect address").click()
    assert admin.evaluate("navigator.clipboard.readText()") == redirect

    google.get_by_label("Client id", exact=True).fill("not-a-client")
    google.get_by_label("Client secret", exact=True).fill(SECRET)
    google.get_by_role("button", name="Save Google").click()
    expect(admin.locator("#google-client_id-error")).to_contain_text("ends with .apps.googleusercontent.com")
    expect(google.get_by_label("Client id", exact=True)).to_be_focused()
    expect(google.get_by_label("Client secret", exact=True)).to_have_value(SECRET)

    # Nothing is entered yet, so only this program's own addresses are asked.
    google.get_by_role("button", name="Check Google").click()
    findings = google.get_by_role("list", name="Findings")
    expect(findings).to_contain_text("No client id and client secret have been entered yet.")
    expect(findings).to_contain_text("It answers when asked from here.")
    expect(google.get_by_role("button", name="Check Google")).to_be_focused()

    google.get_by_label("Client id", exact=True).fill(CLIENT)
    google.get_by_text("The app is in “Testing”").click()
    google.get_by_role("button", name="Save Google").click()
    expect(google.get_by_text("not tried yet")).to_be_visible()
    expect(google.get_by_role("button", name="Save Google")).to_be_focused()
    expect(google.get_by_text("press “Publish app”")).to_be_hidden()
    expect(google.get_by_label("Client secret", exact=True)).to_have_count(0)
    admin.reload()
    expect(google.get_by_role("button", name="Replace the client secret of Google")).to_be_visible()
    expect(google.get_by_role("switch")).to_be_checked()
    assert SECRET not in admin.content()
    google.get_by_role("button", name="Replace the client secret of Google").click()
    expect(google.get_by_label("Client secret", exact=True)).to_be_focused()
    google.get_by_role("button", name="Keep the stored one").click()
    expect(google.get_by_role("button", name="Replace the client secret of Google")).to_be_focused()
    admin.screenshot(path=shots / "providers.png", full_page=True)

    asked: list[str] = []

    def consent_page(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(body="the consent page", content_type="text/html")

    page.route("https://accounts.google.com/**", consent_page)
    sign_in(page, instance.staff("esra"))
    link = page.get_by_role("link", name="Connect Google Calendar Gmail, Google Workspace")
    link.click()
    expect(page.get_by_text("the consent page")).to_be_visible()
    page.goto("/settings/calendars")
    page.get_by_role("link", name="Connect Google Calendar for busy times only").click()
    expect(page.get_by_text("the consent page")).to_be_visible()
    full, busy = (parse_qs(urlsplit(each).query) for each in asked)
    assert full["client_id"] == busy["client_id"] == [CLIENT]
    assert full["redirect_uri"] == [redirect]
    assert "calendar.events.owned" in full["scope"][0]
    assert "calendar.events.owned" not in busy["scope"][0]
    assert SECRET not in str(asked)

    google.get_by_role("button", name="Forget").click()
    dialog = admin.get_by_role("dialog")
    expect(dialog).to_contain_text("Nobody can link an account of Google")
    dialog.get_by_role("button", name="Forget them").click()
    expect(google.get_by_text("not set up")).to_be_visible()
    page.goto("/settings/calendars")
    expect(page.get_by_text("Google Calendar and Outlook can be connected here")).to_be_visible()


def test_an_emptied_tenant_shows_what_is_stored_for_it(admin: Page) -> None:
    microsoft = admin.get_by_role("region", name="Calendar provider Microsoft")
    microsoft.get_by_label("Application (client) ID").fill("0a1b2c3d-0000-4000-8000-000000000000")
    microsoft.get_by_label("Client secret (its Value)").fill(SECRET)
    microsoft.get_by_label("Tenant").fill("")
    microsoft.get_by_role("button", name="Save Microsoft").click()
    expect(microsoft.get_by_text("not tried yet")).to_be_visible()
    expect(microsoft.get_by_label("Tenant")).to_have_value("common")
    microsoft.get_by_role("button", name="Forget").click()
    admin.get_by_role("dialog").get_by_role("button", name="Forget them").click()
    expect(microsoft.get_by_text("not set up")).to_be_visible()


def test_a_busy_button_takes_no_second_press_and_keeps_the_focus(admin: Page) -> None:
    check = admin.get_by_role("button", name="Check Google")
    admin.evaluate("window.heard = 0, addEventListener('click', () => heard++)")
    check.evaluate("e => e.setAttribute('aria-disabled', 'true')")
    check.focus()
    admin.keyboard.press("Enter")
    turn(admin)
    assert admin.evaluate("heard") == 0
    expect(admin.get_by_role("list", name="Findings")).to_have_count(0)
    check.evaluate("e => e.setAttribute('aria-disabled', 'false')")
    admin.keyboard.press("Enter")
    expect(admin.get_by_role("list", name="Findings")).to_have_count(1)
    expect(check).to_be_focused()


@pytest.mark.parametrize("width", [390, 320])
def test_on_a_phone_the_addresses_are_read_whole_and_every_page_is_reached(admin: Page, width: int) -> None:
    admin.set_viewport_size({"width": width, "height": 800})
    cut = admin.evaluate(
        """() => [...document.querySelectorAll(".pr-url, .pr-scopes code, .topbar nav a")].filter((e) =>
         e.scrollWidth > e.clientWidth + 1 || e.getBoundingClientRect().right > innerWidth).map((e) => e.textContent)"""
    )
    assert cut == []
    assert admin.evaluate("document.documentElement.scrollWidth <= innerWidth")
    rows = admin.evaluate("new Set([...document.querySelectorAll('.topbar nav a')].map((e) => e.offsetTop)).size")
    assert rows == 1


def test_staff_do_not_see_the_page_of_the_providers(page: Page, instance: Instance) -> None:
    sign_in(page, instance.staff("esra"))
    expect(page.get_by_role("link", name="Providers")).to_have_count(0)
    page.goto("/admin/providers")
    expect(page).to_have_url(re.compile("/sign-in"))
