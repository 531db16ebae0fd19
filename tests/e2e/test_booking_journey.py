"""A customer's way from the first page to a changed mind, in a real browser, into a real calendar and a real mail."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.instance import Instance
from tests.e2e.journeys import OwnCalendar, book, eventually, fill, keep, moment_of, open_service, show_day, slot

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def mails_to(instance: Instance, address: str) -> list[str]:
    """The plain texts of the mails to an address, decoded."""
    texts = []
    for file in sorted((instance.folder / "mail").glob("*.eml")):
        mail = message_from_bytes(file.read_bytes(), policy=policy.default)
        if mail["To"] == address:
            body = mail.get_body(("plain",))
            assert body is not None
            texts.append(f"{mail['Subject']}\n{body.get_content()}")
    return texts


def test_a_booking_is_in_the_persons_calendar_within_seconds(page: Page, instance: Instance) -> None:
    page.goto("/")
    expect(page).to_have_title(re.compile("Book an appointment"))
    page.get_by_role("link", name=re.compile("Follow-up with Anna")).click()
    page.locator(".slot").first.wait_for()
    expect(page.get_by_role("heading", level=1)).to_have_text("Follow-up with Anna")
    show_day(page, 0)
    chosen = slot(page, 1)
    start = moment_of(chosen)
    keep(page, chosen)
    book(page, "Willem Journey")
    expect(page.locator(".terms")).to_contain_text(f"{start:%A} {start.day} {start:%B %Y}")
    calendar = OwnCalendar(instance.staff("anna")["caldav"])
    [event] = eventually(lambda: calendar.at(start))
    assert "Willem Journey" in event


def test_the_confirmation_offers_the_calendar_file(page: Page) -> None:
    open_service(page, "quick-call")
    show_day(page, 0)
    keep(page, slot(page, 0))
    book(page, "Ida File")
    with page.expect_download() as download:
        page.get_by_role("link", name="Add to calendar").click()
    text = download.value.path().read_text()
    assert text.startswith("BEGIN:VCALENDAR")
    assert "Quick call" in text


def entries_settled(page: Page, step: bool) -> None:
    """The history has (or has not) an entry for the form on top."""
    page.wait_for_function("wanted => !!history.state?.step === wanted", arg=step)


def test_the_browsers_back_leads_from_the_form_to_the_times(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name=re.compile("Quick call")).click()
    page.locator(".slot").first.wait_for()
    day = show_day(page, 2)
    keep(page, slot(page, 0))
    entries_settled(page, True)
    page.go_back()
    page.locator(".slot").first.wait_for()
    assert urlsplit(page.url).path == "/book/quick-call"
    assert (page.locator(".day[aria-pressed=true]").get_attribute("aria-label") or "").split(",")[0] == day.split(",")[
        0
    ]
    keep(page, slot(page, 0))
    page.reload()
    page.get_by_role("heading", name="Your details").wait_for()
    page.go_back()
    page.locator(".slot").first.wait_for()
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Book an appointment")


def test_the_forms_own_back_leaves_nothing_in_the_history(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name=re.compile("Quick call")).click()
    page.locator(".slot").first.wait_for()
    show_day(page, 2)
    keep(page, slot(page, 0))
    page.get_by_role("button", name="Back").click()
    page.locator(".slot").first.wait_for()
    entries_settled(page, False)
    expect(page.get_by_role("heading", level=1)).to_have_text("Quick call")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Book an appointment")


def test_the_browsers_back_never_leads_from_the_confirmation_to_the_form(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name=re.compile("Quick call")).click()
    page.locator(".slot").first.wait_for()
    show_day(page, 3)
    keep(page, slot(page, 0))
    book(page, "Bella Back")
    entries_settled(page, False)
    expect(page.get_by_role("heading", name="You are booked")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Book an appointment")
    page.go_forward()
    page.locator(".slot").first.wait_for()
    expect(page.get_by_role("heading", name="Your details")).to_be_hidden()


def test_wrong_fields_are_named_and_nothing_typed_is_lost(page: Page) -> None:
    open_service(page, "quick-call")
    show_day(page, 1)
    keep(page, slot(page, 0))
    expect(page.get_by_role("heading", name="Your details")).to_be_focused()
    page.get_by_label(re.compile("Anything we should know")).fill("Gate code 12")
    page.locator("#book").click()
    expect(page.locator("#name-error")).to_have_text(re.compile("name"))
    expect(page.locator("#name")).to_be_focused()
    expect(page.locator("#name")).to_have_attribute("aria-invalid", "true")
    fill(page, "Nora Typed", "nora at example")
    page.locator("#book").click()
    expect(page.locator("#email-error")).to_have_text(re.compile("name@example.com"))
    expect(page.locator("#name")).to_have_value("Nora Typed")
    expect(page.locator("#notes")).to_have_value("Gate code 12")
    page.reload()
    page.get_by_role("heading", name="Your details").wait_for()
    expect(page.locator("#notes")).to_have_value("Gate code 12")
    book(page, "Nora Typed")


def test_p32_sending_twice_books_once(page: Page, instance: Instance) -> None:
    open_service(page, "follow-up")
    show_day(page, 1)
    chosen = slot(page, 0)
    start = moment_of(chosen)
    keep(page, chosen)
    fill(page, "Twice Sent", "twice@example.com")
    page.evaluate(
        "document.querySelector('#book').form.requestSubmit(), document.querySelector('#book').form.requestSubmit()"
    )
    page.get_by_role("heading", name="You are booked").wait_for()
    calendar = OwnCalendar(instance.staff("anna")["caldav"])
    assert len(eventually(lambda: calendar.at(start))) == 1
    eventually(lambda: mails_to(instance, "twice@example.com"))
    assert len(mails_to(instance, "twice@example.com")) == 1


def test_moving_and_cancelling_by_the_link(page: Page, instance: Instance) -> None:
    open_service(page, "follow-up")
    show_day(page, 2)
    chosen = slot(page, 0)
    start = moment_of(chosen)
    keep(page, chosen)
    link = book(page, "Mia Moves")
    calendar = OwnCalendar(instance.staff("anna")["caldav"])
    eventually(lambda: calendar.at(start))

    page.goto(urlsplit(link).path)
    page.get_by_role("button", name="Choose another time").click()
    page.locator(".slot").first.wait_for()
    show_day(page, 3)
    other = slot(page, 1)
    moved_to = moment_of(other)
    other.click()
    page.get_by_role("button", name=re.compile("^Move to")).click()
    expect(page.get_by_text("Moved.")).to_be_visible()
    expect(page.locator(".terms")).to_contain_text(f"{moved_to:%A} {moved_to.day} {moved_to:%B %Y}")
    eventually(lambda: calendar.at(moved_to) and not calendar.at(start))

    page.get_by_role("button", name="Cancel the appointment").click()
    question = page.get_by_role("dialog", name="Cancel this appointment?")
    expect(question.get_by_role("button", name="Keep it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    expect(page.get_by_role("button", name="Cancel the appointment")).to_be_focused()
    page.get_by_role("button", name="Cancel the appointment").click()
    question.get_by_role("button", name="Cancel the appointment").click()
    expect(page.get_by_text("Cancelled", exact=True)).to_be_visible()
    eventually(lambda: not calendar.at(moved_to))
    page.reload()
    expect(page.get_by_text("You cancelled this appointment.")).to_be_visible()
    expect(page.get_by_role("link", name="Book a new time")).to_be_visible()


def test_an_unknown_service_link_or_page_helps_on(page: Page) -> None:
    page.goto("/book/no-such-service")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no such service")
    page.goto("/manage/no-such-token")
    expect(page.get_by_role("heading", level=1)).to_have_text("We cannot find this appointment")
    page.goto("/no/such/page")
    expect(page.get_by_role("heading", level=1)).to_have_text("This page does not exist")
    page.get_by_role("link", name="See what can be booked").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Book an appointment")


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles"])
def test_p35_one_local_date_everywhere_after_a_zone_change(page: Page, instance: Instance, zone: str) -> None:
    """The month, the heading, the list, the confirmation and the mail name the same local date and time."""
    open_service(page, "first-consultation")
    show_day(page, 4)
    chosen = slot(page, 0)
    before = moment_of(chosen)
    chosen.click()
    page.get_by_role("button", name="Times in Europe/Amsterdam").click()
    expect(page.get_by_label("Show times in")).to_be_focused()
    page.get_by_label("Show times in").fill("Nowhere/City")
    page.keyboard.press("Enter")
    expect(page.locator("#zone-error")).to_have_text(re.compile("Europe/Amsterdam"))
    page.get_by_label("Show times in").fill(zone)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=f"Times in {zone}")).to_be_visible()

    pressed = page.locator(".slot[aria-pressed=true]")
    after = moment_of(pressed)
    assert after == before
    day = f"{after:%A} {after.day} {after:%B %Y}"
    expect(page.locator("#day")).to_have_text(f"{after:%a} {after.day} {after:%B}")
    expect(page.locator(".day[aria-pressed=true]")).to_have_attribute("aria-label", re.compile(f"^{day}"))
    page.get_by_role("button", name=re.compile("^Continue with")).click()
    fill(page, "Zara Zone", f"zone-{zone.split('/')[1].lower()}@example.com")
    page.locator("#book").click()
    page.get_by_role("heading", name="You are booked").wait_for()
    expect(page.locator(".terms")).to_contain_text(f"{day}{after.hour}:{after:%M}")
    expect(page.locator(".terms")).to_contain_text(zone)
    [mail] = eventually(lambda: mails_to(instance, f"zone-{zone.split('/')[1].lower()}@example.com"))
    assert f"{day}, {after.hour}:{after:%M}" in mail
