"""What the team calendar and the page of people are given, from a real database."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.dialects.postgresql import Range

from booking_app.db.alerts import open_alert
from booking_app.db.tables import Appointment, Bookable, Booking, BusyBlock, Calendar, Connection, Occupancy, Service
from booking_app.domain.appointment import ConnectionState, Role
from booking_app.domain.errors import Forbidden, NotFound
from booking_app.services import accounts, catalog, invitations, people, team
from booking_app.services.accounts import SignedIn
from booking_app.services.context import Context

DAY = date(2027, 3, 2)
AMSTERDAM = "Europe/Amsterdam"
ADMIN = SignedIn(account_id=9999, name="Marit", email="marit@example.com", role=Role.ADMIN, bookable_id=None)
STAFF = SignedIn(account_id=9998, name="Anna", email="anna@example.com", role=Role.STAFF, bookable_id=1)


def at(hour: int, minute: int = 0) -> datetime:
    """The wall clock of Amsterdam on the day, an hour ahead of UTC."""
    return datetime(2027, 3, 2, hour - 1, minute, tzinfo=UTC)


async def hire(ctx: Context, name: str, **overrides: object) -> int:
    slug = name.lower()
    wanted = {"zone": AMSTERDAM, "weekly": {1: ((540, 720), (780, 1020))}} | overrides
    return await catalog.create_person(ctx, slug=slug, name=name, **wanted)  # type: ignore[arg-type]


async def connect(
    ctx: Context, bookable_id: int, *, state: str = "ok", blocks: bool = True, target: bool = False
) -> int:
    """A connected account with one calendar; the calendar's id."""
    async with ctx.sessions.begin() as db:
        connection = Connection(bookable_id=bookable_id, preset="icloud", label="Apple iCloud", state=state)
        db.add(connection)
        await db.flush()
        calendar = Calendar(
            connection_id=connection.id or 0,
            bookable_id=bookable_id,
            remote_id="r",
            name="Work",
            blocks=blocks,
            target=target,
            due_at=ctx.now(),
        )
        db.add(calendar)
        await db.flush()
        return calendar.id or 0


async def be_busy(ctx: Context, calendar: int, bookable_id: int, start: datetime, end: datetime) -> None:
    async with ctx.sessions.begin() as db:
        db.add(BusyBlock(calendar_id=calendar, bookable_id=bookable_id, key="k", starts_at=start, ends_at=end))


async def meet(
    ctx: Context, bookables: list[int], start: datetime, *, held_until: datetime | None = None, name: str = "R. Visser"
) -> int:
    """An appointment of half an hour, or a hold."""
    during = Range(start, start + timedelta(minutes=30))
    async with ctx.sessions.begin() as db:
        service = Service(slug=f"s{start:%H%M}", name="Intake", location="Haarlem")
        db.add(service)
        await db.flush()
        state = "confirmed" if held_until is None else "held"
        made = Appointment(service_id=service.id or 0, during=during, state=state, hold_expires_at=held_until)
        db.add(made)
        await db.flush()
        number = made.id or 0
        for each in bookables:
            row = Occupancy(bookable_id=each, appointment_id=number, service_id=service.id or 0, during=during)
            row.expires_at = held_until
            db.add(row)
        if held_until is None:
            token = f"{start}".encode()
            db.add(
                Booking(
                    appointment_id=number, token_hash=token, token_sealed=b"", name=name, email="r@x.nl", zone=AMSTERDAM
                )
            )
    return number


async def test_a_day_shows_hours_appointments_and_merged_busy_times(ctx: Context) -> None:
    anna = await hire(ctx, "Anna")
    bo = await hire(ctx, "Bo", kind="resource")
    calendar = await connect(ctx, anna)
    await be_busy(ctx, calendar, anna, at(10), at(11))
    await be_busy(ctx, calendar, anna, at(10, 30), at(12))
    together = await meet(ctx, [anna, bo], at(14))
    days = await team.days(ctx, DAY, 1, AMSTERDAM)
    first, second = days.diaries
    assert (first.name, first.account, first.account_state, second.resource) == ("Anna", "icloud", "ok", True)
    assert first.open == ((at(9).timestamp(), at(12).timestamp()), (at(13).timestamp(), at(17).timestamp()))
    assert first.busy == ((at(10).timestamp(), at(12).timestamp()),)
    assert second.busy == ()
    [entry] = days.entries
    assert (entry.appointment_id, entry.service, entry.customers, entry.held) == (
        together,
        "Intake",
        ("R. Visser",),
        False,
    )
    assert sorted(entry.bookables) == sorted([anna, bo])


async def test_what_does_not_occupy_is_not_shown(ctx: Context) -> None:
    anna = await hire(ctx, "Anna")
    ignored = await connect(ctx, anna, blocks=False)
    gone = await connect(ctx, anna, state=ConnectionState.DISCONNECTED)
    for calendar in (ignored, gone):
        await be_busy(ctx, calendar, anna, at(10), at(11))
    await meet(ctx, [anna], at(14), held_until=ctx.now() - timedelta(seconds=1))
    standing = await meet(ctx, [anna], at(15), held_until=ctx.now() + timedelta(minutes=5))
    await meet(ctx, [anna], at(10) + timedelta(days=1))
    days = await team.days(ctx, DAY, 1, AMSTERDAM)
    assert days.diaries[0].busy == ()
    assert [(each.appointment_id, each.held, each.customers) for each in days.entries] == [(standing, True, ())]


async def test_an_appointment_is_opened_with_its_guests_and_calendars(ctx: Context) -> None:
    anna, bo = await hire(ctx, "Anna"), await hire(ctx, "Bo")
    await connect(ctx, anna, target=True)
    number = await meet(ctx, [anna, bo], at(14))
    found = await team.entry(ctx, number)
    assert [each.email for each in found.guests] == ["r@x.nl"]
    assert [(each.name, each.calendar, each.written_at) for each in found.attendance] == [
        ("Anna", "Work", None),
        ("Bo", "", None),
    ]
    with pytest.raises(NotFound):
        await team.entry(ctx, number + 1)


async def test_the_zone_of_the_team_is_what_most_live_in(ctx: Context) -> None:
    assert await team.zone_of_team(ctx) == AMSTERDAM
    for number, zone in enumerate(("America/New_York", "Asia/Kolkata", "Asia/Kolkata")):
        await hire(ctx, f"P{number}", zone=zone)
    assert await team.zone_of_team(ctx) == "Asia/Kolkata"


async def test_admins_are_told_of_all_calendars_and_staff_of_their_own(ctx: Context) -> None:
    anna, bo = await hire(ctx, "Anna"), await hire(ctx, "Bo")
    await connect(ctx, anna)
    unreadable = await connect(ctx, anna, state=ConnectionState.SLOWED)
    await connect(ctx, bo, state=ConnectionState.NEEDS_SIGN_IN)
    await connect(ctx, bo, state=ConnectionState.STOPPED)
    mine = SignedIn(account_id=1, name="Anna", email="a@x.nl", role=Role.STAFF, bookable_id=anna)
    assert (await people.bar(ctx, ADMIN)).need_attention == 2
    assert (await people.bar(ctx, mine)).need_attention == 0
    async with ctx.sessions.begin() as db:
        calendar = await db.get_one(Calendar, unreadable)
        await open_alert(
            db, subject="stale:1", message="It is too old.", now=ctx.now(), connection_id=calendar.connection_id
        )
    assert (await people.bar(ctx, mine)).need_attention == 1
    await catalog.remove_person(ctx, "bo")
    assert (await people.bar(ctx, ADMIN)).need_attention == 1


async def test_members_are_people_accounts_and_invitations_each_once(ctx: Context) -> None:
    anna, bo = await hire(ctx, "Anna"), await hire(ctx, "Bo")
    await hire(ctx, "Cy")
    marit = await accounts.create_account(
        ctx, email="marit@x.nl", name="Marit", password="three plain words", role=Role.ADMIN
    )
    await accounts.create_account(
        ctx, email="anna@x.nl", name="Anna", password="three plain words", role=Role.STAFF, bookable_id=anna
    )
    await invitations.invite(ctx, marit, email="bo@x.nl", role=Role.STAFF, bookable_id=bo)
    await invitations.invite(ctx, marit, email="new@x.nl", role=Role.STAFF)
    found = await people.members(ctx, marit)
    assert [(each.name, each.email, each.invited_until is not None) for each in found] == [
        ("Anna", "anna@x.nl", False),
        ("Bo", "bo@x.nl", True),
        ("Cy", "", False),
        ("Marit", "marit@x.nl", False),
        ("new@x.nl", "new@x.nl", True),
    ]


async def test_only_admins_see_and_change_the_team_and_never_their_own_account(ctx: Context) -> None:
    marit = await accounts.create_account(
        ctx, email="marit@x.nl", name="Marit", password="three plain words", role=Role.ADMIN
    )
    for attempt in (
        people.members(ctx, STAFF),
        people.close_account(ctx, STAFF, marit.account_id),
        people.end_account_sessions(ctx, STAFF, marit.account_id),
        people.close_account(ctx, marit, marit.account_id),
    ):
        with pytest.raises(Forbidden):
            await attempt
    with pytest.raises(NotFound):
        await people.end_account_sessions(ctx, marit, marit.account_id + 1)


async def test_a_removed_person_is_in_no_column(ctx: Context) -> None:
    await hire(ctx, "Anna")
    await catalog.remove_person(ctx, "anna")
    assert (await team.days(ctx, DAY, 1, AMSTERDAM)).diaries == ()
    async with ctx.sessions() as db:
        assert await db.get(Bookable, 1) is not None, "the history stays"
