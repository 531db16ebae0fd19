"""Writing out: make the person's calendar show the appointment as it stands now, once, whatever happened before.

Every step may be the last one before a crash. What is about to be written is committed first, the event's name is
derived from its uid, and each step leads to the same end when it is taken again.
"""

from __future__ import annotations

from dataclasses import dataclass

from booking_app.db import push_queries
from booking_app.db.changes import announce
from booking_app.db.left_queries import leave_event, left_key, wanted_back
from booking_app.db.locks import lock_calendar
from booking_app.db.push_queries import Placed, ToWrite
from booking_app.db.tables import DelaySample, Mirror
from booking_app.domain.appointment import AppointmentState, ConnectionState
from booking_app.domain.clock import from_instant, to_instant
from booking_app.domain.conflicts import ConflictKind, Shape
from booking_app.domain.effects import Done, Outcome, Park, Retry, Work
from booking_app.domain.zones import local_date
from booking_app.metrics import outbound
from booking_app.services.context import Context
from booking_app.sync.accounts import Accounts
from booking_app.sync.errors import EditConflict, Gone, ProviderError
from booking_app.sync.event import draft_of
from booking_app.sync.ical_write import draft_fields
from booking_app.sync.model import CalendarRef, EventDraft, OwnEvent, Written
from booking_app.sync.own import own_uid, standing_times
from booking_app.sync.provider import CalendarProvider
from booking_app.sync.push_failures import PATIENCE, SIGNED_OUT, failed
from booking_app.sync.reference import reference
from booking_app.sync.theirs import said


@dataclass(frozen=True, kw_only=True, slots=True)
class _Event:
    """The event of one appointment in one person's calendar, and what it says."""

    wanted: ToWrite
    appointment_id: int
    bookable_id: int
    draft: EventDraft


async def push(ctx: Context, accounts: Accounts, work: Work) -> Outcome:
    """The handler of the effect `calendar`; the key is "appointment id:bookable id"."""
    appointment_id, bookable_id = (int(part) for part in work.key.split(":"))
    async with ctx.sessions() as db:
        wanted = await push_queries.to_write(db, appointment_id, bookable_id)
    if wanted is None or wanted.appointment.state == AppointmentState.HELD.value:
        return Done()
    draft = _draft(ctx, wanted, bookable_id, work)
    event = _Event(wanted=wanted, appointment_id=appointment_id, bookable_id=bookable_id, draft=draft)
    place = _place(wanted)
    kind = wanted.appointment.conflict_kind
    if place is not None and kind is not None and ConflictKind(kind).about_event:
        return Park(reason=wanted.appointment.conflict or "")
    mirror, standing = wanted.mirror, wanted.mirrored_in
    if mirror is not None and standing is not None and (place is None or place.calendar.id != standing.calendar.id):
        try:
            waits = await _take_away(ctx, accounts, event, mirror, standing, moving=place is not None)
        except ProviderError as error:
            outcome = await failed(ctx, accounts, error, standing, work)
            waits_for_somebody = outcome == SIGNED_OUT or isinstance(outcome, Park)
            if waits_for_somebody and standing.connection.state == ConnectionState.DISCONNECTED.value:
                # Nobody looks after that account any more: the event stays in it, the password goes.
                await _forget(ctx, event, mirror, standing)
                return Retry(reason="The event could not be removed from the disconnected account.")
            return outcome
        if waits is not None:
            return waits
    if place is None or event.draft.end <= to_instant(ctx.now()):
        return Done()
    if place.connection.state == ConnectionState.NEEDS_SIGN_IN.value:
        return SIGNED_OUT
    try:
        return await _stand(ctx, accounts, event, place, work)
    except ProviderError as error:
        return await failed(ctx, accounts, error, place, work)


async def take_away_left(ctx: Context, accounts: Accounts, work: Work) -> Outcome:
    """The handler of the effect `left`; the key is "appointment id:bookable id:calendar id"."""
    appointment_id, bookable_id, calendar_id = (int(part) for part in work.key.split(":"))
    async with ctx.sessions() as db:
        wanted = await push_queries.to_write(db, appointment_id, bookable_id)
        place = await push_queries.placed(db, calendar_id)
    if wanted is None or place is None or place.connection.state == ConnectionState.DISCONNECTED.value:
        return Done()
    if wanted.mirror is not None and wanted.mirror.calendar_id == calendar_id:
        return Done()
    if place.connection.state == ConnectionState.NEEDS_SIGN_IN.value:
        return SIGNED_OUT
    key = work.payload["key"]
    try:
        draft = _draft(ctx, wanted, bookable_id, work)
        await _remove(accounts, place, draft, key=None if key is None else str(key), etag=None)
    except ProviderError as error:
        return await failed(ctx, accounts, error, place, work)
    return Done()


def _draft(ctx: Context, wanted: ToWrite, bookable_id: int, work: Work) -> EventDraft:
    place = wanted.target or wanted.mirrored_in
    day = local_date(place.owner.zone if place else "UTC", to_instant(wanted.appointment.during.lower or ctx.now()))
    link = f"{ctx.public_url}/admin/team?date={day.isoformat()}"
    return draft_of(wanted, own_uid(wanted.appointment.uid, bookable_id), link, int(work.created_at))


def _place(wanted: ToWrite) -> Placed | None:
    """Where the event belongs: the chosen target, else where it already stands; None if nowhere."""
    if wanted.appointment.state != AppointmentState.CONFIRMED.value or not wanted.occupies:
        return None
    if wanted.target is not None:
        return wanted.target
    standing = wanted.mirrored_in
    if standing is not None and standing.connection.state != ConnectionState.DISCONNECTED.value:
        return standing
    return None


async def _take_away(
    ctx: Context, accounts: Accounts, event: _Event, mirror: Mirror, standing: Placed, *, moving: bool
) -> Outcome | None:
    """Remove the event from where it stands. An outcome if that has to wait."""
    past = mirror.ends_at is not None and mirror.ends_at <= ctx.now()
    if standing.connection.state == ConnectionState.NEEDS_SIGN_IN.value and not moving:
        return SIGNED_OUT
    shut = standing.connection.state == ConnectionState.NEEDS_SIGN_IN.value
    # Its owner took it away: it does not stand there, and nothing was begun since.
    nowhere = mirror.key is None and mirror.intended_start is None
    if not shut and not past and not nowhere:
        await _remove(accounts, standing, event.draft, key=mirror.key, etag=mirror.etag)
    await _forget(ctx, event, mirror, standing, leaves=shut and not past and not nowhere)
    return None


async def _remove(accounts: Accounts, place: Placed, draft: EventDraft, *, key: str | None, etag: str | None) -> None:
    provider = await accounts.of(place.connection)
    ref = reference(place.calendar, place.connection, place.owner)
    if key is None:
        # Its creation was begun and perhaps finished: doing it again is the way to learn where it stands.
        written = await provider.put(ref, draft, key=None, etag=None)
        key, etag = written.key, written.etag
    try:
        await provider.remove(ref, key=key, etag=etag)
    except EditConflict:
        found = await provider.get(ref, key=key)
        if found is not None:
            await provider.remove(ref, key=key, etag=found[1])


async def _forget(ctx: Context, event: _Event, mirror: Mirror, standing: Placed, *, leaves: bool = False) -> None:
    async with ctx.sessions.begin() as db:
        await lock_calendar(db, standing.calendar.id or 0)
        await push_queries.forget_event(db, mirror)
        if leaves:
            await leave_event(db, mirror, ctx.now())
        await announce(db, "availability", [event.bookable_id])
        await announce(db, "sync", [standing.connection.id or 0])


async def _stand(ctx: Context, accounts: Accounts, event: _Event, place: Placed, work: Work) -> Outcome:
    """Write the event where it belongs, and note how it stands there."""
    start, end = from_instant(event.draft.start), from_instant(event.draft.end)
    provider = await accounts.of(place.connection)
    ref = reference(place.calendar, place.connection, place.owner)
    left = left_key(event.appointment_id, event.bookable_id, place.calendar.id or 0)
    async with ctx.sessions.begin() as db:
        if not await wanted_back(db, left, ctx.now()):
            return Retry(reason="The event is just being taken out of that calendar, after an earlier move.", after=2)
    async with ctx.sessions.begin() as db:
        await push_queries.intend(
            db,
            appointment_id=event.appointment_id,
            bookable_id=event.bookable_id,
            calendar_id=place.calendar.id or 0,
            uid=event.draft.uid,
            start=start,
            end=end,
            said=None if event.draft.before is None else event.draft.before | said(event.draft),
        )
    mirror = event.wanted.mirror
    key, etag = (mirror.key, mirror.etag) if mirror and mirror.calendar_id == place.calendar.id else (None, None)
    begun = mirror is not None and mirror.key is None and mirror.intended_start is not None
    if begun or (key is not None and etag is None):
        # Its creation was begun before, or its version is not known: what stands there may be its owner's doing.
        key = await _begun(provider, ref, event) if begun else key
        found = None if key is None else await _seen(provider, ref, key)
        if found is not None and not _as_written(event, found[0]):
            return await _leave_to_the_next_read(ctx, event, place, work, key=key)
        etag = None if found is None else found[1]
    try:
        written = await provider.put(ref, event.draft, key=key, etag=etag)
    except (EditConflict, Gone) as error:
        if key is None:
            raise
        found = await _seen(provider, ref, key)
        if found is None or not _as_written(event, found[0]):
            return await _leave_to_the_next_read(ctx, event, place, work)
        if isinstance(error, Gone):
            raise
        # A note or an alarm of the owner's: our fields go on top of it.
        written = await provider.put(ref, event.draft, key=key, etag=found[1])
    await _note(ctx, event, place, written, work)
    return Done()


async def _seen(provider: CalendarProvider, ref: CalendarRef, key: str) -> tuple[OwnEvent, str] | None:
    try:
        return await provider.get(ref, key=key)
    except Gone:
        return None  # the whole calendar


async def _begun(provider: CalendarProvider, ref: CalendarRef, event: _Event) -> str | None:
    try:
        return await provider.find(ref, uid=event.draft.uid)
    except Gone:
        return None  # the whole calendar, as the write will say


def _as_written(event: _Event, found: OwnEvent) -> bool:
    """Whether it stands where we put it, whatever its owner wrote into it."""
    times = standing_times(event.wanted.appointment, event.wanted.mirror)
    return not found.cancelled and found.shape is Shape.PLAIN and (found.start, found.end) in times


async def _note(ctx: Context, event: _Event, place: Placed, written: Written, work: Work) -> None:
    now = ctx.now()
    delay = max(0.0, now.timestamp() - work.created_at)
    async with ctx.sessions.begin() as db:
        await lock_calendar(db, place.calendar.id or 0)
        mirror = await push_queries.mirror_of(db, event.appointment_id, event.bookable_id)
        if mirror is not None:
            freed = await push_queries.wrote(
                db,
                mirror,
                key=written.key,
                etag=written.etag,
                fields=draft_fields(event.draft),
                said=said(event.draft),
                start=from_instant(event.draft.start),
                end=from_instant(event.draft.end),
                now=now,
            )
            if freed:
                await announce(db, "availability", [event.bookable_id])
        db.add(DelaySample(kind="outbound", seconds=delay, at=now))
        await announce(db, "sync", [place.connection.id or 0])
    outbound.observe(delay)


async def _leave_to_the_next_read(
    ctx: Context, event: _Event, place: Placed, work: Work, *, key: str | None = None
) -> Outcome:
    """The owner may have moved or deleted the event: that is never decided here, where nobody knows whether the whole
    calendar is gone, nor is it written over."""
    if not (place.calendar.blocks or place.calendar.target):
        reason = "The event was changed in a calendar that is no longer followed."
        return Retry(reason=reason) if work.attempts < PATIENCE else Park(reason=reason)
    async with ctx.sessions.begin() as db:
        await lock_calendar(db, place.calendar.id or 0)
        mirror = await push_queries.mirror_of(db, event.appointment_id, event.bookable_id)
        if mirror is not None:
            await push_queries.doubt(db, mirror, ctx.now(), key=key)
    return Retry(reason="The event was changed in the calendar, which is read first.")
