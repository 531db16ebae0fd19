"""Every kind of alert ends by every way in which its cause can end, and nobody is written to about it afterwards."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from booking_app.db.tables import Account, Grant, ProviderApp
from booking_app.domain.appointment import ConnectionState, StoppedBy
from booking_app.domain.conflicts import Answer
from booking_app.jobs.alerts import tell
from booking_app.services import calendars, catalog, manage, provider_apps
from booking_app.services.context import Context
from booking_app.services.decisions import decide
from booking_app.sync import connect, health, listing
from booking_app.sync.errors import Rejected, Transient
from booking_app.sync.providers.memory import WRITES
from booking_app.sync.pull import Pulled
from tests.conftest import Clock
from tests.factories import at, make_booking
from tests.office import PASSWORD, Office, cells, make_office
from tests.rows import change

TEN = at("2027-03-02 10:00")
Way = Callable[[Office, Clock], Awaitable[object]]


async def switched_off(office: Office, _clock: Clock) -> None:
    await connect.choose(office.ctx, bookable_id=office.person, blocks=[], target=None)


async def only_receives_no_more(office: Office, _clock: Clock) -> None:
    work = str((await office.calendar()).uid)
    await connect.choose(office.ctx, bookable_id=office.person, blocks=[work], target=None)


async def another_is_used(office: Office, _clock: Clock) -> None:
    ((home,),) = await cells(office.ctx, "SELECT uid::text FROM calendar WHERE name = 'home'")
    await connect.choose(office.ctx, bookable_id=office.person, blocks=[home], target=home)


async def disconnected(office: Office, _clock: Clock) -> None:
    await connect.disconnect(
        office.ctx, bookable_id=office.person, connection_uid=office.connection_uid, future_events="keep"
    )


async def disconnected_and_emptied(office: Office, _clock: Clock) -> None:
    await connect.disconnect(
        office.ctx, bookable_id=office.person, connection_uid=office.connection_uid, future_events="remove"
    )


async def person_removed(office: Office, _clock: Clock) -> None:
    await catalog.remove_person(office.ctx, "anna")


async def works_again(office: Office, clock: Clock) -> None:
    office.server.heal()
    office.server.passwords["anna"] = PASSWORD
    if not any(each.remote_id == office.remote_id for each in office.server.account_calendars("anna")):
        office.server.add_calendar("anna", "work")
    clock.advance(hours=2)
    await office.reader().drain()
    await change(office.ctx, "UPDATE outbox SET parked = false, due_at = now() - interval '9 years'")


async def account_opened(office: Office, _clock: Clock) -> None:
    office.server.passwords["anna"] = "new"
    await connect.replace_password(
        office.ctx, office.accounts, bookable_id=office.person, connection_uid=office.connection_uid, secret="new"
    )


async def appointment_over(_office: Office, clock: Clock) -> None:
    clock.advance(days=2)


async def cancelled(office: Office, _clock: Clock) -> None:
    ((booking,),) = await cells(office.ctx, "SELECT id FROM booking")
    await manage.cancel_booking(office.ctx, booking, by="admin")


async def answered(office: Office, _clock: Clock) -> None:
    ((number,),) = await cells(office.ctx, "SELECT id FROM appointment")
    await decide(office.ctx, Answer.CANCEL, appointment_id=number, bookable_id=office.person)


LEAVING = (switched_off, another_is_used, disconnected, disconnected_and_emptied, person_removed)


async def calendar_gone(office: Office, _clock: Clock) -> None:
    office.server.drop_calendar(office.remote_id)
    assert await office.read() is Pulled.FAILED


async def calendar_stopped(office: Office, _clock: Clock) -> None:
    office.server.fail(lambda: Rejected("The reply makes no sense."))
    assert await office.read() is Pulled.FAILED


async def access_lost(office: Office, _clock: Clock) -> None:
    office.server.passwords["anna"] = "changed"
    for _ in range(2):
        await office.read()


async def unreadable(office: Office, clock: Clock) -> None:
    office.server.fail(lambda: Transient("The server does not answer."))
    clock.advance(minutes=11)
    await office.read()


async def link_ends(office: Office, clock: Clock) -> None:
    async with office.ctx.sessions.begin() as db:
        number = (await office.connection()).id or 0
        db.add(Grant(connection_id=number, refresh=b"", granted_at=clock(), ends_at=clock() + timedelta(hours=3)))


async def write_parked(office: Office, clock: Clock) -> None:
    office.server.fail(lambda: Rejected("The calendar is full."), verbs=WRITES)
    await make_booking(office.ctx, TEN)
    while not [each for each in await office.outbox() if each[3]]:
        await office.write()
        clock.advance(minutes=5)


async def provider_api_refused(office: Office, clock: Clock) -> None:
    await change(office.ctx, "UPDATE connection SET provider = 'google'")
    await change(office.ctx, "UPDATE calendar SET failures = 1 WHERE name = 'work'")
    async with office.ctx.sessions.begin() as db:
        await health.installation_refused(db, "google", "Its calendar service is off.", clock())


async def booked_and_written(office: Office) -> tuple[str, str, bytes]:
    """The key, the name and the content of the event of a new appointment."""
    await make_booking(office.ctx, TEN)
    await office.write()
    await office.read()
    ((key, data),) = office.server.read(office.remote_id).items()
    return key, key.rpartition("/")[2], data


async def event_made_odd(office: Office, _clock: Clock) -> None:
    _, name, data = await booked_and_written(office)
    whole_day = data.replace(b"DTSTART:20270302T100000Z", b"DTSTART;VALUE=DATE:20270302")
    whole_day = whole_day.replace(b"DTEND:20270302T103000Z", b"DTEND;VALUE=DATE:20270303")
    office.server.store(office.remote_id, name, whole_day)
    await office.read()


async def event_ends_before_it_starts(office: Office, _clock: Clock) -> None:
    _, name, data = await booked_and_written(office)
    office.server.store(office.remote_id, name, data.replace(b"20270302T103000Z", b"20270302T090000Z"))
    await office.read()


async def event_dragged_away(office: Office, _clock: Clock) -> None:
    key, _, data = await booked_and_written(office)
    office.server.erase(office.remote_id, key)
    office.server.store("memory://anna/home/", "dragged.ics", data)
    for _ in range(2):
        await office.read()


async def met_something(office: Office, clock: Clock) -> None:
    clock.advance(seconds=20)
    office.add_event("lunch", TEN - 60, TEN + 60)
    office.server.fail(lambda: Transient("The server does not answer."))
    await make_booking(office.ctx, TEN)
    office.server.heal()
    clock.advance(seconds=20)
    await office.read()


QUESTIONS: tuple[Way, ...] = (event_made_odd, event_ends_before_it_starts, event_dragged_away, met_something)

CASES: list[tuple[Way, str, tuple[Way, ...]]] = [
    (calendar_gone, "calendar", (*LEAVING, works_again)),
    (calendar_stopped, "calendar", (*LEAVING, works_again)),
    (access_lost, "connection", (switched_off, disconnected, disconnected_and_emptied, person_removed, account_opened)),
    (unreadable, "stale", (*LEAVING, works_again)),
    (link_ends, "ending", (switched_off, disconnected, person_removed)),
    (write_parked, "write", (switched_off, only_receives_no_more, disconnected, person_removed, appointment_over)),
    (provider_api_refused, "provider", (switched_off, another_is_used, disconnected, person_removed)),
    *((cause, "moved", (*LEAVING, appointment_over, cancelled, answered)) for cause in QUESTIONS),
]


@pytest.mark.parametrize(
    ("cause", "kind", "end"),
    [
        pytest.param(cause, kind, end, id=f"{cause.__name__}-{end.__name__}")
        for cause, kind, ends in CASES
        for end in ends
    ],
)
async def test_an_alert_ends_with_its_cause(ctx: Context, clock: Clock, cause: Way, kind: str, end: Way) -> None:
    office = await make_office(ctx)
    async with office.ctx.sessions.begin() as db:
        db.add(Account(email="boss@example.com", name="Boss", role="admin"))
    await cause(office, clock)
    await tell(office.ctx)
    assert kind in await kinds(office)
    await end(office, clock)
    for _ in range(20):
        await office.write()
    await tell(office.ctx)
    assert kind not in await kinds(office)
    if cause in QUESTIONS:
        state = "cancelled" if end in (cancelled, answered) else "confirmed"
        assert await cells(office.ctx, "SELECT state, conflict, conflict_kind FROM appointment") == [
            (state, None, None)
        ]
    if end in LEAVING and end is not another_is_used:
        mails = await mailed(office)
        for _ in range(8):
            clock.advance(days=1)
            await tell(office.ctx)
        assert await mailed(office) == mails


@pytest.mark.parametrize("end", ["accepted", "forgotten", "replaced"])
async def test_an_incident_of_the_installation_ends_when_it_is_taken_again_or_given_up(
    ctx: Context, clock: Clock, end: str
) -> None:
    office = await make_office(ctx)
    async with office.ctx.sessions.begin() as db:
        db.add(ProviderApp(provider="google", client_id="ours", updated_at=clock()))
    await provider_apps.refused(office.ctx, "google", "The secret is wrong.")
    await tell(office.ctx)
    assert await subjects(office) == ["provider:google"]
    if end == "accepted":
        await provider_apps.accepted(office.ctx, "google")
    elif end == "forgotten":
        await provider_apps.forget(office.ctx, provider="google")
    else:
        await change(office.ctx, "UPDATE provider_app SET trouble = ''")
    await tell(office.ctx)
    assert await subjects(office) == []


async def test_a_missing_key_is_over_when_nobody_meets_it_any_more(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    async with office.ctx.sessions.begin() as db:
        await health.key_missing(db, clock())
    await tell(office.ctx)
    assert await subjects(office) == ["keys"]
    await disconnected(office, clock)
    clock.advance(minutes=4)
    await tell(office.ctx)
    assert await subjects(office) == []


async def test_a_calendar_that_is_gone_offers_to_stop_using_it_and_goes(ctx: Context, clock: Clock) -> None:
    office = await make_office(ctx)
    await calendar_gone(office, clock)
    assert (await office.calendar()).stopped_by == StoppedBy.GONE
    (alert,) = await calendars.open_alerts(office.ctx, office.person)
    assert "stop using it" in alert.message
    assert (await office.connection()).state == ConnectionState.STOPPED.value
    await another_is_used(office, clock)
    assert (await office.connection()).state == ConnectionState.OK.value
    clock.advance(minutes=16)
    await listing.look(office.ctx, office.accounts)
    (view,) = await calendars.connections_of(office.ctx, office.person)
    assert [each.name for each in view.calendars] == ["home"]
    assert view.sentence == "Being read."


async def subjects(office: Office) -> list[str]:
    found = await cells(office.ctx, "SELECT subject FROM alert WHERE closed_at IS NULL ORDER BY subject")
    return [row[0] for row in found]


async def kinds(office: Office) -> set[str]:
    return {each.partition(":")[0] for each in await subjects(office)}


async def mailed(office: Office) -> int:
    found = await cells(office.ctx, "SELECT key FROM outbox WHERE effect = 'mail' AND key LIKE 'alert:%'")
    return len(found)
