"""Mails of bookings, alerts and accounts: from the outbox to what a reader and a calendar program see."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from icalendar import Calendar, Event
from sqlalchemy import text

from booking_app import runtime
from booking_app.api import ics
from booking_app.config import Settings
from booking_app.domain.appointment import Role, event_uid, invitation_uid
from booking_app.jobs.alerts import tell
from booking_app.services import accounts, booking, invitations, manage
from booking_app.services.context import Context
from booking_app.services.letters.words import span_words
from booking_app.services.mail_message import message_id
from booking_app.services.mailing import calendar_file
from booking_app.services.views import BookingReceipt
from booking_app.sync.errors import Transient
from booking_app.sync.vault import new_key
from tests.conftest import Clock
from tests.factories import at, make_booking, make_calendar, make_person, make_request, make_service
from tests.mailbox import (
    SENDER,
    Inbox,
    deliver,
    ics_of,
    mail_server,
    said,
    said_alone,
    sequence,
    start_of,
    waiting,
)
from tests.office import make_office
from tests.rows import rows

NINE, TEN = at("2027-03-02 09:00"), at("2027-03-02 10:00")
PASSWORD = "a calm green river"
ALWAYS = dict.fromkeys(range(7), ((0, 1440),))


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    async with mail_server(Inbox()) as box:
        yield box


async def make_shop(ctx: Context, **service: Any) -> int:
    anna = await make_person(ctx, name="Anna Bakker", zone="America/New_York", weekly=ALWAYS)
    await make_service(ctx, preparation="Bring a photo.", **service)
    return anna


async def uid_of(ctx: Context) -> Any:
    return (await rows(ctx, "SELECT uid FROM appointment"))[0][0]


async def test_p29_p36_a_booking_mails_customer_and_person_once_each_in_their_own_zone(
    ctx: Context, inbox: Inbox
) -> None:
    anna = await make_shop(ctx)
    request = make_request(NINE, phone="+31 20 555", notes="First visit <b>\nSecond line")
    receipt = await booking.book(ctx, request)
    assert await deliver(ctx, inbox) == 2
    assert await deliver(ctx, inbox) == 0
    assert len(inbox.mails) == 2
    [customer] = inbox.to("clara@example.com")
    [person] = inbox.to("anna@example.com")
    text_, html = said(customer)
    assert customer["Subject"] == "Confirmed: Haircut, Tuesday 2 March 2027, 10:00"
    assert customer["From"] == f"Studio Haarlem <{SENDER}>"
    assert customer["Auto-Submitted"] == "auto-generated"
    assert customer["Message-ID"] == message_id(f"confirmation:{receipt.id}:0:customer", SENDER)
    for part in (
        "Tuesday 2 March 2027, 10:00–10:30 (Amsterdam time, UTC+1)",
        "Anna Bakker",
        "Bring a photo.",
        "Grote Markt 1",
        receipt.manage_url,
        "Studio Haarlem",
    ):
        assert part in text_
        assert part in html
    text_, html = said(person)
    assert person["Subject"] == "New booking: Haircut, Tuesday 2 March 2027, 4:00"
    assert "Tuesday 2 March 2027, 4:00–4:30 (New York time, UTC−5)" in text_
    for part in ("Clara Customer", "clara@example.com", "+31 20 555", "First visit <b>", "Second line"):
        assert part in text_
    assert "First visit &lt;b&gt;<br>Second line" in html
    # The person's mail holds nothing with which to act as the customer, in no part and no encoding.
    assert receipt.token not in text_ + html + str(ics_of(person)[1])
    assert [envelope.rcpt_tos for envelope in inbox.envelopes] == [[mail["To"]] for mail in inbox.mails]
    uid = await uid_of(ctx)
    assert str(ics_of(customer)[1]["UID"]) == invitation_uid(uid)
    assert str(ics_of(person)[1]["UID"]) == event_uid(uid, anna)


async def test_p25_p29_a_change_and_a_cancellation_update_the_same_event_once_each(ctx: Context, inbox: Inbox) -> None:
    await make_shop(ctx)
    receipt = await make_booking(ctx, NINE)
    await deliver(ctx, inbox)
    await manage.reschedule(ctx, receipt.token, TEN)
    await deliver(ctx, inbox)
    await manage.cancel(ctx, receipt.token)
    await deliver(ctx, inbox)
    for address in ("clara@example.com", "anna@example.com"):
        mails = inbox.to(address)
        assert len(mails) == 3
        read = [ics_of(mail) for mail in mails]
        assert [str(calendar["METHOD"]) for calendar, _ in read] == ["REQUEST", "REQUEST", "CANCEL"]
        assert len({str(event["UID"]) for _, event in read}) == 1
        assert [sequence(event) for _, event in read] == [0, 1, 2]
        assert [start_of(event) for _, event in read] == [NINE, TEN, TEN]
        assert str(read[2][1]["STATUS"]) == "CANCELLED"
        assert len({str(mail["Message-ID"]) for mail in mails}) == 3
    _, changed, cancelled = inbox.to("clara@example.com")
    text_, html = said(changed)
    assert "When: Tuesday 2 March 2027, 11:00–11:30 (Amsterdam time, UTC+1)" in text_
    assert "Not any more: Tuesday 2 March 2027, 10:00–10:30 (Amsterdam time, UTC+1)" in text_
    assert "<s>Tuesday 2 March 2027, 10:00–10:30 (Amsterdam time, UTC+1)</s>" in html
    assert receipt.manage_url in text_
    assert "/book/haircut" in said(cancelled)[0]
    assert await waiting(ctx) == []


async def test_a_booking_inside_its_cut_off_is_confirmed_without_the_promise_of_a_change(
    ctx: Context, inbox: Inbox, clock: Clock
) -> None:
    await make_shop(ctx, cut_off=120)
    early, late = await make_booking(ctx, NINE), await make_booking(ctx, TEN)
    clock.advance(hours=23, minutes=1)  # 1:59 before the first, 2:59 before the second.
    await deliver(ctx, inbox)
    told = {
        receipt.id: said(mail)[0]
        for mail in inbox.to("clara@example.com")
        for receipt in (early, late)
        if receipt.manage_url in said(mail)[0]
    }
    assert "reply to this mail" in told[early.id]
    assert "Change or cancel" not in told[early.id]
    assert "Change or cancel your appointment" in told[late.id]
    assert "reply to this mail" not in told[late.id]
    invitations_ = {
        start_of(event): str(event["DESCRIPTION"])
        for mail in inbox.to("clara@example.com")
        for _, event in [ics_of(mail)]
    }
    assert "Change or cancel" not in invitations_[NINE]
    assert early.manage_url in invitations_[NINE]
    assert "Change or cancel" in invitations_[TEN]


async def test_what_a_newer_mail_overtook_is_not_sent(ctx: Context, inbox: Inbox) -> None:
    await make_shop(ctx)
    receipt = await make_booking(ctx, NINE)
    await manage.reschedule(ctx, receipt.token, TEN)
    await manage.reschedule(ctx, receipt.token, NINE)
    await deliver(ctx, inbox)
    for address in ("clara@example.com", "anna@example.com"):
        [mail] = inbox.to(address)
        assert mail["Subject"].endswith(("2 March 2027, 10:00", "2 March 2027, 4:00"))
        assert sequence(ics_of(mail)[1]) == 2
    other = await make_booking(ctx, TEN, email="carl@example.com")
    await manage.cancel(ctx, other.token)
    await deliver(ctx, inbox)
    [mail] = inbox.to("carl@example.com")
    assert mail["Subject"].startswith("Cancelled:")
    assert await waiting(ctx) == []


@pytest.mark.parametrize(
    ("customer_zone", "start"),
    [
        ("Europe/Amsterdam", "2027-03-28 00:30"),
        ("Europe/Amsterdam", "2027-03-28 01:00"),
        ("America/New_York", "2027-03-14 07:00"),
        ("Australia/Lord_Howe", "2027-04-03 15:00"),
        ("Asia/Kathmandu", "2027-03-28 01:00"),
    ],
)
async def test_p34_stored_calendar_file_and_mail_are_the_same_instant_around_a_switch(
    ctx: Context, inbox: Inbox, customer_zone: str, start: str
) -> None:
    await make_shop(ctx)
    instant = at(start)
    receipt = await booking.book(ctx, make_request(instant, zone=customer_zone))
    await deliver(ctx, inbox)
    stored = (await rows(ctx, "SELECT extract(epoch FROM lower(during))::bigint FROM appointment"))[0][0]
    starts = {stored, receipt.start, instant}
    for mail in inbox.mails:
        starts.add(start_of(ics_of(mail)[1]))
    downloaded = Calendar.from_ical(await calendar_file(ctx, receipt.token))
    [event] = downloaded.walk("VEVENT")
    starts.add(start_of(event))
    assert starts == {instant}
    view = await manage.view(ctx, receipt.token)
    words = span_words(view.start, view.end, customer_zone)
    assert words in said(inbox.to("clara@example.com")[0])[0]


async def test_p31_the_mail_goes_out_while_the_calendar_is_down(ctx: Context, inbox: Inbox) -> None:
    office = await make_office(ctx)
    office.server.fail(lambda: Transient("down"))
    receipt = await make_booking(office.ctx, TEN)
    await office.write()
    assert [key for key, *_ in await office.outbox()]
    assert await deliver(office.ctx, inbox) == 2
    [mail] = inbox.to("clara@example.com")
    assert sequence(ics_of(mail)[1]) == 0
    assert receipt.manage_url in said(mail)[0]


async def test_nobodys_text_reaches_a_header_or_another_recipient(ctx: Context, inbox: Inbox) -> None:
    await make_shop(ctx, name="Cut\r\nBcc: eve@example.com")
    request = make_request(NINE, name="=?utf-8?q?Eve?=, eve@example.com", notes="x\n.\nMAIL FROM:<eve@example.com>")
    await booking.book(ctx, request)
    await deliver(ctx, inbox)
    assert len(inbox.mails) == 2
    for mail, envelope in zip(inbox.mails, inbox.envelopes, strict=True):
        assert envelope.rcpt_tos == [mail["To"]]
        assert mail["Bcc"] is None
        assert set(mail.keys()) == {
            "From",
            "To",
            "Subject",
            "Date",
            "Message-ID",
            "Auto-Submitted",
            "MIME-Version",
            "Content-Type",
        }
        assert "Eve" not in mail["Subject"]
    assert "MAIL FROM:<eve@example.com>" in said(inbox.to("anna@example.com")[0])[0]


async def test_an_alert_reaches_admins_and_the_person_and_stops_when_it_is_over(
    ctx: Context, inbox: Inbox, clock: Clock
) -> None:
    anna = await make_person(ctx)
    await make_calendar(ctx, anna, age=7200)
    for email, role, bookable in (("ada@example.com", Role.ADMIN, None), ("anna@example.com", Role.STAFF, anna)):
        await accounts.create_account(
            ctx, email=email, name=email.partition("@")[0].title(), password=PASSWORD, role=role, bookable_id=bookable
        )
    await tell(ctx)
    clock.advance(minutes=5)
    await tell(ctx)
    await deliver(ctx, inbox)
    [admin], [person] = inbox.to("ada@example.com"), inbox.to("anna@example.com")
    assert "/admin/sync" in said_alone(admin)
    assert "/settings/calendars" in said_alone(person)
    assert "Hello Ada," in said_alone(admin)
    assert admin["Message-ID"] != person["Message-ID"]
    clock.advance(days=1)
    await tell(ctx)
    async with ctx.sessions.begin() as db:
        await db.execute(text("UPDATE alert SET closed_at = now()"))
    await deliver(ctx, inbox)
    assert len(inbox.mails) == 2
    assert await waiting(ctx) == []


async def test_an_invitation_to_the_team_arrives_with_its_link_and_only_the_newest(ctx: Context, inbox: Inbox) -> None:
    admin = await accounts.create_account(ctx, email="ada@example.com", name="Ada", password=PASSWORD, role=Role.ADMIN)
    await invitations.invite(ctx, admin, email="mila@example.com", role=Role.STAFF)
    link = await invitations.invite(ctx, admin, email="mila@example.com", role=Role.STAFF, name="Mila")
    await deliver(ctx, inbox)
    [mail] = inbox.to("mila@example.com")
    assert link in said_alone(mail)
    assert "Ada invites you" in said_alone(mail)
    assert link.rpartition("/")[2] not in str(mail["Message-ID"])
    assert await waiting(ctx) == []


async def test_the_calendar_file_follows_the_booking(ctx: Context) -> None:
    await make_shop(ctx)
    receipt: BookingReceipt = await make_booking(ctx, NINE)
    for expected, status in ((0, "CONFIRMED"), (1, "CANCELLED")):
        calendar = Calendar.from_ical(await calendar_file(ctx, receipt.token))
        [event] = calendar.walk("VEVENT")
        assert isinstance(event, Event)
        assert (sequence(event), str(event["STATUS"])) == (expected, status)
        assert str(event["UID"]) == invitation_uid(await uid_of(ctx))
        assert "METHOD" not in calendar
        if status == "CONFIRMED":
            await manage.cancel(ctx, receipt.token)


async def test_the_calendar_file_is_downloaded_by_the_private_link(database_url: str, clock: Clock) -> None:
    settings = Settings(database_url=database_url, secret_keys=(new_key(),), public_url="https://book.example.com")
    app = FastAPI()
    app.include_router(ics.router)
    async with runtime.running(settings, now=clock, elapsed=clock.elapsed) as running:
        await make_shop(running.context)
        receipt = await make_booking(running.context, NINE)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="https://book.example.com") as client:
            answer = await client.get(f"/ics/{receipt.token}.ics")
            unknown = await client.get("/ics/nothing.ics")
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="appointment.ics"'
    assert answer.headers["cache-control"] == "no-store"
    [event] = Calendar.from_ical(answer.content).walk("VEVENT")
    assert start_of(event) == NINE
    assert (unknown.status_code, unknown.text) == (404, "There is no such booking.")
