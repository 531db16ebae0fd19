"""What nobody means without a word, and what was put where nobody reads: the owner is asked, nobody else is told."""

from __future__ import annotations

import pytest

from booking_app.domain.conflicts import Answer
from booking_app.jobs.alerts import tell
from booking_app.services import calendars, manage
from booking_app.services.availability import slots
from booking_app.services.context import Context
from booking_app.services.decisions import decide
from booking_app.services.views import SlotQuery
from booking_app.sync import connect
from booking_app.sync.errors import Transient
from tests.conftest import Clock
from tests.factories import at, make_booking
from tests.integration.test_owner_edits import ELEVEN, TEN, appointment, customer_mails, written
from tests.office import Office, cells, make_office

HOME = "memory://anna/home/"
PLAIN = ("DTSTART:20270302T100000Z", "DTEND:20270302T103000Z")
ODD = {
    "all day": (("DTSTART;VALUE=DATE:20270302", "DTEND;VALUE=DATE:20270303"), "reshaped", "was made a whole day"),
    "several days": (("DTSTART:20270302T100000Z", "DTEND:20270304T103000Z"), "reshaped", "longer than a day"),
    "to the past": (("DTSTART:20270222T100000Z", "DTEND:20270222T103000Z"), "reshaped", "to a time that is over"),
    "repeating": ((*PLAIN, "RRULE:FREQ=WEEKLY;COUNT=3"), "repeats", "was made to repeat"),
    "with another date": ((*PLAIN, "RDATE:20270309T100000Z"), "repeats", "was made to repeat"),
    "unknown zone": (
        ("DTSTART;TZID=Nowhere/At All:20270302T140000", "DTEND;TZID=Nowhere/At All:20270302T143000"),
        "moved",
        "a time in the calendar that cannot be read",
    ),
}


def made(uid: str, *lines: str) -> bytes:
    """Our event as its owner's app writes it after an edit."""
    body = ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//another//EN", "BEGIN:VEVENT", f"UID:{uid}")
    return "\r\n".join([*body, "DTSTAMP:20270101T000000Z", *lines, "END:VEVENT", "END:VCALENDAR", ""]).encode()


async def decided(office: Office, answer: Answer) -> None:
    ((number,),) = await cells(office.ctx, "SELECT id FROM appointment")
    assert await decide(office.ctx, answer, appointment_id=number, bookable_id=office.person)


@pytest.mark.parametrize("odd", sorted(ODD))
async def test_what_nobody_means_without_a_word_is_a_question_and_mails_nobody(
    ctx: Context, clock: Clock, odd: str
) -> None:
    office, name, uid = await written(ctx)
    lines, kind, words = ODD[odd]
    office.server.store(office.remote_id, name, made(uid, *lines))
    for _ in range(3):
        clock.advance(seconds=15)
        await office.read()
        await office.write()
        assert await cells(office.ctx, "SELECT state, conflict_kind FROM appointment") == [("confirmed", kind)]
        assert (await appointment(office))[1] == TEN
    assert await customer_mails(office) == 0
    (alert,) = await calendars.open_alerts(office.ctx, office.person)
    assert words in alert.message
    assert "the customer was not told" in alert.message
    assert made(uid, *lines) in office.own_events(), "it is left as its owner made it until then"
    # Changed back by its owner, nothing is left to decide.
    office.server.store(office.remote_id, name, made(uid, *PLAIN))
    await office.read()
    assert await appointment(office) == ("confirmed", TEN, None)
    assert await calendars.open_alerts(office.ctx, None) == ()
    assert await customer_mails(office) == 0


@pytest.mark.parametrize("odd", ["all day", "repeating", "to the past"])
async def test_put_back_the_event_stands_as_the_appointment_does(ctx: Context, clock: Clock, odd: str) -> None:
    office, name, uid = await written(ctx)
    office.server.store(office.remote_id, name, made(uid, *ODD[odd][0]))
    await office.read()
    await decided(office, Answer.PUT_BACK)
    await office.write()
    (event_now,) = office.own_events()
    assert b"DTSTART:20270302T100000Z" in event_now
    assert b"RRULE" not in event_now
    clock.advance(seconds=15)
    await office.read()
    assert await appointment(office) == ("confirmed", TEN, None)
    assert await office.blocks() == []
    assert await customer_mails(office) == 0


async def test_a_whole_day_is_followed_once_its_owner_says_so(ctx: Context, clock: Clock) -> None:
    office, name, uid = await written(ctx)
    office.server.store(office.remote_id, name, made(uid, *ODD["all day"][0]))
    await office.read()
    assert await office.blocks() == [(at("2027-03-02"), at("2027-03-03"))]
    await decided(office, Answer.FOLLOW)
    assert await appointment(office) == ("confirmed", at("2027-03-02"), None)
    assert await customer_mails(office) == 1
    for _ in range(2):
        clock.advance(seconds=15)
        await office.read()
        await office.write()
    assert await office.blocks() == []
    assert await appointment(office) == ("confirmed", at("2027-03-02"), None)
    assert b"VALUE=DATE" in office.own_events()[0]


async def test_left_repeating_it_is_not_asked_again(ctx: Context, clock: Clock) -> None:
    office, name, uid = await written(ctx)
    office.server.store(office.remote_id, name, made(uid, *ODD["repeating"][0]))
    await office.read()
    await decided(office, Answer.KEEP)
    for _ in range(2):
        clock.advance(seconds=15)
        office.server.expire_cursors(office.remote_id)
        await office.read()
        await office.write()
    assert await appointment(office) == ("confirmed", TEN, None)
    assert len(await office.blocks()) == 2, "the others take their time"


@pytest.mark.parametrize(
    "lines", [("TRANSP:TRANSPARENT",), ("CLASS:PRIVATE",), ("STATUS:TENTATIVE",), ("X-A:1", "CATEGORIES:Red")]
)
async def test_shown_as_free_private_or_tentative_the_appointment_stands_and_nobody_is_asked(
    ctx: Context, lines: tuple[str, ...]
) -> None:
    office, name, uid = await written(ctx)
    office.server.store(office.remote_id, name, made(uid, *PLAIN, *lines))
    await office.read()
    assert await appointment(office) == ("confirmed", TEN, None)
    assert await customer_mails(office) == 0


async def test_the_same_instant_in_another_zone_is_no_move(ctx: Context) -> None:
    office, name, uid = await written(ctx)
    tokyo = ("DTSTART;TZID=Asia/Tokyo:20270302T190000", "DTEND;TZID=Asia/Tokyo:20270302T193000")
    office.server.store(office.remote_id, name, made(uid, *tokyo))
    await office.read()
    assert await appointment(office) == ("confirmed", TEN, None)
    assert await customer_mails(office) == 0


async def dragged_away(ctx: Context, clock: Clock) -> tuple[Office, bytes]:
    """An office whose person dragged the event into the calendar that is not read; how it stands there."""
    office, _, _ = await written(ctx)
    ((key, data),) = office.server.read(office.remote_id).items()
    office.server.erase(office.remote_id, key)
    office.server.store(HOME, "dragged.ics", data)
    for _ in range(3):
        clock.advance(seconds=15)
        await office.read()
        await office.write()
    assert await cells(office.ctx, "SELECT state, conflict_kind FROM appointment") == [("confirmed", "away")]
    assert await customer_mails(office) == 0
    assert office.own_events() == []
    return office, data


async def test_dragged_into_a_calendar_that_is_not_read_its_owner_is_asked_and_nobody_is_told(
    ctx: Context, clock: Clock
) -> None:
    office, _ = await dragged_away(ctx, clock)
    (alert,) = await calendars.open_alerts(office.ctx, office.person)
    assert "was put into a calendar that is not read here" in alert.message
    assert alert.choices == (Answer.PUT_BACK, Answer.KEEP, Answer.CANCEL)
    assert TEN not in (await slots(office.ctx, SlotQuery(service="haircut", span=(TEN, TEN + 1)))).starts


@pytest.mark.parametrize("answer", [Answer.PUT_BACK, Answer.KEEP, Answer.CANCEL])
async def test_what_was_dragged_away_is_written_again_left_or_cancelled(
    ctx: Context, clock: Clock, answer: Answer
) -> None:
    office, _ = await dragged_away(ctx, clock)
    await decided(office, answer)
    for _ in range(2):
        await office.write()
        clock.advance(seconds=15)
        await office.read()
    state = "cancelled" if answer is Answer.CANCEL else "confirmed"
    assert await cells(office.ctx, "SELECT state, conflict_kind FROM appointment") == [(state, None)]
    assert await customer_mails(office) == (answer is Answer.CANCEL)
    assert len(office.own_events()) == (answer is Answer.PUT_BACK)
    assert len(office.server.read(HOME)) == 1, "what is not read is not touched"
    assert await office.outbox() == []


async def test_dragged_back_nothing_is_left_to_decide(ctx: Context, clock: Clock) -> None:
    office, data = await dragged_away(ctx, clock)
    (key,) = office.server.read(HOME)
    office.server.erase(HOME, key)
    office.server.store(office.remote_id, "back.ics", data)
    for _ in range(2):
        clock.advance(seconds=15)
        await office.read()
        await office.write()
    assert await appointment(office) == ("confirmed", TEN, None)
    assert await calendars.open_alerts(office.ctx, None) == ()
    assert len(office.own_events()) == 1
    assert await office.blocks() == []


async def test_dragged_away_and_moved_by_the_customer_it_is_written_where_it_is_now(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    receipt = await make_booking(office.ctx, TEN)
    await office.write()
    await office.read()
    ((key, data),) = office.server.read(office.remote_id).items()
    office.server.erase(office.remote_id, key)
    office.server.store(HOME, "dragged.ics", data)
    clock.advance(seconds=15)
    await office.read()
    await manage.reschedule(office.ctx, receipt.token, ELEVEN)
    await office.write()
    clock.advance(seconds=15)
    await office.read()
    assert await appointment(office) == ("confirmed", ELEVEN, None)
    assert len(office.own_events()) == 1


async def test_where_nobody_can_look_its_owner_is_asked_rather_than_the_customer_told(ctx: Context) -> None:
    office, _, _ = await written(ctx)
    (key,) = office.server.read(office.remote_id)
    office.server.erase(office.remote_id, key)
    office.server.fail(lambda: Transient("503"), verbs=frozenset({"find"}))
    await office.read()
    assert await cells(office.ctx, "SELECT state, conflict_kind FROM appointment") == [("confirmed", "away")]
    assert await customer_mails(office) == 0


async def test_asked_again_when_its_calendar_is_used_again(ctx: Context, clock: Clock) -> None:
    office, name, uid = await written(ctx)
    office.server.store(office.remote_id, name, made(uid, *ODD["all day"][0]))
    await office.read()
    work = str((await office.calendar()).uid)
    await connect.choose(office.ctx, bookable_id=office.person, blocks=[], target=None)
    await tell(office.ctx)
    assert await appointment(office) == ("confirmed", TEN, None)
    await connect.choose(office.ctx, bookable_id=office.person, blocks=[work], target=work)
    for _ in range(3):
        clock.advance(seconds=15)
        await office.write()
        await office.read()
    assert await cells(office.ctx, "SELECT state, conflict_kind FROM appointment") == [("confirmed", "reshaped")]
    assert made(uid, *ODD["all day"][0]) in office.own_events(), "no write went over it"
    assert await customer_mails(office) == 0
    await decided(office, Answer.PUT_BACK)
    await office.write()
    assert b"DTSTART:20270302T100000Z" in office.own_events()[0]


async def test_with_another_calendar_the_event_stands_there_as_the_appointment_does(ctx: Context, clock: Clock) -> None:
    office, name, uid = await written(ctx)
    office.server.store(office.remote_id, name, made(uid, *ODD["all day"][0]))
    await office.read()
    ((home,),) = await cells(office.ctx, "SELECT uid::text FROM calendar WHERE name = 'home'")
    await connect.choose(office.ctx, bookable_id=office.person, blocks=[home], target=home)
    await office.write()
    await tell(office.ctx)
    for _ in range(2):
        clock.advance(seconds=15)
        await office.write()
    assert await appointment(office) == ("confirmed", TEN, None)
    assert office.own_events() == []
    (there,) = office.server.read(HOME).values()
    assert b"DTSTART:20270302T100000Z" in there
    assert await customer_mails(office) == 0
    assert await office.outbox() == []
