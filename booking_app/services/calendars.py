"""What the pages about calendars show, in words, and the two things that can be asked of them at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from booking_app.db import alerts, channel_queries, health_queries
from booking_app.db.conflict_queries import conflict_kinds
from booking_app.db.health_queries import AccountRow, WaitingRow
from booking_app.db.tables import Alert, Calendar, Connection
from booking_app.domain.appointment import ConnectionState, Effect
from booking_app.domain.clock import to_instant
from booking_app.domain.conflicts import ANSWERS, ConflictKind
from booking_app.domain.errors import NotFound
from booking_app.domain.freshness import CalendarState, distrust
from booking_app.services import provider_apps
from booking_app.services.context import Bounds, Context
from booking_app.services.letters.words import start_words, zone_words
from booking_app.services.provider_apps import is_vendor
from booking_app.services.trouble_words import calm
from booking_app.services.views_sync import (
    AlertView,
    CalendarView,
    ConnectionView,
    Figures,
    HealthLine,
    SyncPage,
    WaitingView,
)

_LATE = timedelta(seconds=10)
"""Work that should have been done so long ago is shown as waiting even if it was never tried."""

_OTHER_WORK = {
    Effect.LEFT.value: "Taking an appointment out of the calendar in which it stood before",
    Effect.MAIL.value: "A mail",
    Effect.REVOKE.value: "Ending the access to an account that was disconnected",
}


async def connections_of(ctx: Context, bookable_id: int) -> tuple[ConnectionView, ...]:
    """The connected accounts of one person with all their calendars."""
    async with ctx.sessions() as db:
        found = await health_queries.accounts(db, bookable_id)
    return tuple(_connection(each, ctx.now(), ctx.bounds) for each in found)


async def standing(ctx: Context, *, connection_uid: str, bookable_id: int) -> int:
    """How many coming appointments of the person have an event in this account."""
    async with ctx.sessions() as db:
        return await health_queries.standing(db, UUID(connection_uid), bookable_id, ctx.now())


def receives_nowhere(views: Sequence[ConnectionView]) -> bool:
    """Whether calendars of a person could take their appointments and none was chosen to."""
    of_all = [calendar for view in views for calendar in view.calendars]
    return any(each.can_write for each in of_all) and not any(each.target for each in of_all)


async def sync_page(ctx: Context) -> SyncPage:
    """One line a connection with what waits for it, the delays of the last 24 hours, and the open alerts."""
    now = ctx.now()
    async with ctx.sessions() as db:
        accounts = await health_queries.accounts(db)
        waiting = await health_queries.waiting(db, late=now - _LATE)
        since = now - timedelta(days=1)
        inbound = await health_queries.delays(db, "inbound", since)
        outbound = await health_queries.delays(db, "outbound", since)
        without_push = await channel_queries.share_without_push(db, since)
        unparked, parked = await health_queries.counts(db)
        open_now = await _alerts(db)
    of_account: dict[int | None, list[WaitingView]] = {}
    known = {each.connection.id for each in accounts}
    for row in waiting:
        place = row.connection_id if row.connection_id in known else None
        of_account.setdefault(place, []).append(_waiting(row))
    return SyncPage(
        lines=tuple(
            HealthLine(
                owner=each.owner.name,
                owner_colour=each.owner.colour,
                connection=_connection(each, now, ctx.bounds),
                waiting=tuple(of_account.get(each.connection.id, ())),
                owner_id=each.owner.id or 0,
            )
            for each in accounts
        ),
        other_waiting=tuple(of_account.get(None, ())),
        figures=Figures(
            inbound_p50=inbound[0],
            inbound_p99=inbound[1],
            outbound_p50=outbound[0],
            outbound_p99=outbound[1],
            waiting=unparked,
            parked=parked,
            without_push=without_push,
        ),
        alerts=open_now,
    )


async def open_alerts(ctx: Context, bookable_id: int | None) -> tuple[AlertView, ...]:
    """What the banner warns of: about one person, or (None) everything, for admins."""
    async with ctx.sessions() as db:
        return await _alerts(db, bookable_id)


async def read_now(ctx: Context, *, connection_uid: str, bookable_id: int | None = None) -> None:
    """Read the account's calendars at once; only of that person, if one is named. Raises `NotFound`."""
    try:
        uid = UUID(connection_uid)
    except ValueError as error:
        raise NotFound("There is no such account.") from error
    async with ctx.sessions.begin() as db:
        if not await health_queries.make_due(db, uid, bookable_id, ctx.now()):
            raise NotFound("There is no such account.")


async def retry_now(ctx: Context, *, outbox_id: int) -> None:
    """Try waiting or parked work at once. Raises `NotFound` if it is done by now."""
    async with ctx.sessions.begin() as db:
        if not await health_queries.retry_work(db, outbox_id, ctx.now()):
            raise NotFound("This is done already.")


async def _alerts(db: AsyncSession, bookable_id: int | None = None) -> tuple[AlertView, ...]:
    found = await alerts.open_alerts(db, bookable_id)
    asked = [each for alert in found if (each := alerts.conflict_appointment(alert.subject)) is not None]
    kinds = await conflict_kinds(db, asked) if asked else {}
    return tuple(_alert(each, kinds) for each in found)


def _alert(alert: Alert, kinds: Mapping[int, ConflictKind]) -> AlertView:
    appointment = alerts.conflict_appointment(alert.subject)
    kind = None if appointment is None else kinds.get(appointment)
    return AlertView(
        id=alert.id or 0,
        message=calm(alert.message),
        since=to_instant(alert.opened_at),
        moved=appointment,
        provider=provider_apps.refusing(alert.subject),
        choices=() if kind is None else ANSWERS[kind],
    )


def _connection(row: AccountRow, now: datetime, bounds: Bounds) -> ConnectionView:
    connection = row.connection
    blocking = [each for each in row.calendars if each.blocks]
    ages = [_age(each, now) for each in blocking]
    known = [each for each in ages if each is not None]
    age = max(known) if known and len(known) == len(ages) else None
    withheld = any(_withheld(each, connection, now, bounds) for each in blocking)
    return ConnectionView(
        uid=str(connection.uid),
        label=connection.label,
        preset=connection.preset,
        address=connection.address,
        username=connection.username,
        state=connection.state,
        sentence=_sentence(connection, row.calendars, age, withheld=withheld),
        last_success=None if connection.last_success_at is None else to_instant(connection.last_success_at),
        age=age,
        calendars=tuple(_calendar(each, connection, now, bounds) for each in row.calendars),
        provider=connection.provider,
        by_consent=is_vendor(connection.provider),
        mode=connection.mode,
        writes=any(each.can_write for each in row.calendars),
        ends_at=None if row.grant is None or row.grant.ends_at is None else to_instant(row.grant.ends_at),
        reason=calm(connection.reason),
        zone=row.owner.zone,
        unlisted=connection.unlisted,
        withheld=withheld,
    )


def _withheld(calendar: Calendar, connection: Connection, now: datetime, bounds: Bounds) -> bool:
    """As those who look for a time have it, from the first good read on."""
    if calendar.verified_at is None:
        return bool(calendar.trouble)
    state = CalendarState(
        calendar_id=calendar.id or 0,
        verified_at=to_instant(calendar.verified_at),
        window=(0, 0),
        connection=ConnectionState(connection.state),
        stopped=calendar.stopped,
        troubled=bool(calendar.trouble),
        takes=calendar.takes,
    )
    return distrust([state], to_instant(now), bounds.hard, bounds.soft) is not None


def _age(calendar: Calendar, now: datetime) -> int | None:
    return None if calendar.verified_at is None else max(0, int((now - calendar.verified_at).total_seconds()))


def _sentence(connection: Connection, calendars: Sequence[Calendar], age: int | None, *, withheld: bool) -> str:
    reason = calm(connection.reason or next((each.trouble for each in calendars if each.blocks and each.trouble), ""))
    match ConnectionState(connection.state):
        case ConnectionState.NEEDS_SIGN_IN if is_vendor(connection.provider):
            return f"{reason} Connect it again to go on; nothing that was chosen is lost.".strip()
        case ConnectionState.NEEDS_SIGN_IN:
            return "The password is no longer accepted. Replace it to go on; nothing that was chosen is lost."
        case ConnectionState.STOPPED:
            return f"Not being followed: {reason}"
        case ConnectionState.SLOWED | ConnectionState.OK if withheld and age is not None:
            return f"Cannot be read, so these times are not offered. {reason}".strip()
        case ConnectionState.SLOWED:
            checked = "; the last good copy is checked again before each booking" if age is not None else ""
            return f"{reason} We keep trying{checked}.".strip()
        case _:
            if not any(each.blocks or each.target for each in calendars):
                receives = ", and which one receives appointments" if any(each.can_write for each in calendars) else ""
                return f"Connected. Choose which calendars block your slots{receives}."
            return "Up to date." if age is not None or not any(each.blocks for each in calendars) else "Being read."


def _calendar(calendar: Calendar, connection: Connection, now: datetime, bounds: Bounds) -> CalendarView:
    age = _age(calendar, now)
    if not calendar.blocks and not calendar.target:
        sentence = "Not used."
    elif connection.state == ConnectionState.NEEDS_SIGN_IN.value:
        sentence = "Waits to be connected again." if is_vendor(connection.provider) else "Waits for the password."
    elif calendar.trouble:
        sentence = calm(calendar.trouble)
    elif age is None:
        sentence = "Being read for the first time."
    elif age > bounds.hard:
        sentence = "Too old to be trusted; its times are not offered."
    elif calendar.problems:
        many = "1 event" if calendar.problems == 1 else f"{calendar.problems} events"
        blocks = "blocks" if calendar.problems == 1 else "block"
        sentence = f"Up to date. {many} could not be understood and {blocks} with a margin."
    else:
        sentence = "Up to date."
    return CalendarView(
        uid=str(calendar.uid),
        name=calendar.name,
        colour=calendar.colour or "",
        blocks=calendar.blocks,
        unsure_blocks=calendar.unsure_blocks,
        target=calendar.target,
        private=calendar.private,
        can_write=calendar.can_write,
        stopped=calendar.stopped,
        age=age,
        problems=calendar.problems,
        sentence=sentence,
        stopped_by=calendar.stopped_by,
    )


def _waiting(row: WaitingRow) -> WaitingView:
    work = row.work
    if row.starts_at is not None:
        starts = to_instant(row.starts_at)
        zone = row.zone or "UTC"
        what = f"{row.service}, {start_words(starts, zone)} ({zone_words(zone, starts)})"
    else:
        what = _OTHER_WORK.get(work.effect, f"Work for “{work.effect}”")
    return WaitingView(
        id=work.id or 0,
        what=what,
        reason=calm(work.reason) or "Is about to be done.",
        attempts=work.attempts,
        since=to_instant(work.created_at or work.due_at),
        retry_at=None if work.parked else to_instant(work.due_at),
        parked=work.parked,
    )
