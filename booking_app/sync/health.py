"""How a connection stands, derived from its calendars, and the alerts that follow from it."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db.alerts import KEYS, close_alerts, open_alert
from booking_app.db.changes import announce
from booking_app.db.locks import lock_calendar, lock_connection
from booking_app.db.push_work import wake_writes
from booking_app.db.tables import Alert, Bookable, Calendar, Connection
from booking_app.domain.appointment import ConnectionState, StoppedBy
from booking_app.services.provider_apps import alert_subject, api_alert_subject, is_vendor
from booking_app.sync.policy import Setback, takes

_KEY_MISSING = (
    "A process of this installation cannot open stored passwords and permissions, because they were sealed with a key "
    "that is not in its SECRET_KEYS. Put that key back and restart the process; after a change of keys, restart every "
    "process with the new ones. Until then it reads and writes none of these calendars. Nobody has to connect their "
    "account again, unless the key is lost for good."
)
_NO_ANSWER = "The calendar has been asked, but the server does not answer."


async def after_success(db: AsyncSession, calendar: Calendar, connection: Connection, now: datetime) -> None:
    """A calendar was read: the connection, which is locked, works, unless another of its calendars says otherwise.
    `read_queries.note_unchanged` knows all that has to be so for this to have nothing to do."""
    if connection.state == ConnectionState.DISCONNECTED.value:
        return
    before = (connection.state, connection.reason)
    connection.last_success_at = now
    if connection.state == ConnectionState.NEEDS_SIGN_IN.value:
        connection.state = ConnectionState.OK.value
        await wake_writes(db, connection.bookable_id, now)
    connection.failing_since = await _settle(db, connection, now)
    over = (
        f"connection:{connection.id}",
        f"calendar:{calendar.id}",
        f"stale:{calendar.id}",
        api_alert_subject(connection.provider),
    )
    await close_alerts(db, over, now)
    if before != (connection.state, connection.reason):
        await announce(db, "sync", [connection.id or 0])


async def after_failure(
    db: AsyncSession,
    calendar_id: int,
    setback: Setback,
    now: datetime,
    *,
    secret: bytes | None = None,
    took: float = 0,
) -> None:
    """A read failed after `took` seconds: note it, space the next one, withhold at once what cannot be trusted.

    `secret` is the sealed password that was used: if there is another one by now, the failure means nothing."""
    calendar = await lock_calendar(db, calendar_id)
    if calendar is None:
        return
    connection = await lock_connection(db, calendar.connection_id)
    if connection is None or connection.state == ConnectionState.DISCONNECTED.value:
        return
    if secret is not None and connection.secret != secret:
        calendar.lease_until = None
        return
    before = (connection.state, calendar.stopped, calendar.trouble == "")
    calendar.failures += 1
    calendar.takes = takes(calendar.takes, took)
    calendar.trouble = setback.trouble
    calendar.stopped = calendar.stopped or setback.stopped
    calendar.stopped_by = setback.by or calendar.stopped_by
    calendar.due_at = now + timedelta(seconds=setback.wait)
    calendar.lease_until = None
    await db.flush()
    if setback.state is ConnectionState.NEEDS_SIGN_IN:
        await lost_access(db, connection, setback, now)
    else:
        connection.failing_since = await _settle(db, connection, now)
    if calendar.stopped:
        await _alert_stopped(db, connection, calendar, setback, now)
    if before != (connection.state, calendar.stopped, False):
        await announce(db, "availability", [calendar.bookable_id])
    await announce(db, "sync", [connection.id or 0])


async def no_answer(db: AsyncSession, calendar_id: int, waited: float) -> None:
    """A read has been waiting for `waited` seconds: what is held is no longer on its way to being fresher. It is
    trouble until the read ends well, and costs nothing else."""
    calendar = await lock_calendar(db, calendar_id)
    if calendar is None:
        return
    # At once, so that it counts among the slow ones while it is being read.
    calendar.takes = max(calendar.takes, waited)
    if calendar.trouble or calendar.verified_at is None:
        return
    calendar.trouble = _NO_ANSWER
    await announce(db, "availability", [calendar.bookable_id])
    await announce(db, "sync", [calendar.connection_id])


async def lost_access(db: AsyncSession, connection: Connection, setback: Setback, now: datetime) -> None:
    """The provider refuses the credentials: writes wait, slots are withheld, owner and admins are told. An account that
    was disconnected meanwhile is nobody's concern any more."""
    if connection.state == ConnectionState.DISCONNECTED.value:
        return
    if connection.state != ConnectionState.NEEDS_SIGN_IN.value:
        await announce(db, "availability", [connection.bookable_id])
        await announce(db, "sync", [connection.id or 0])
    connection.state = ConnectionState.NEEDS_SIGN_IN.value
    connection.reason = setback.trouble
    connection.failing_since = connection.failing_since or now
    name = await db.scalar(select(col(Bookable.name)).where(col(Bookable.id) == connection.bookable_id))
    if is_vendor(connection.provider):
        what, until = "has to be connected again", "that is done"
    else:
        what, until = "no longer accepts its password", "it is replaced"
    await open_alert(
        db,
        subject=f"connection:{connection.id}",
        message=(
            f"{name}'s calendar account ({_place(connection)}) {what}. "
            f"Until {until}, times of that person are not offered and new appointments wait to be written."
        ),
        bookable_id=connection.bookable_id,
        connection_id=connection.id,
        now=now,
        grace=setback.grace,
    )


async def installation_refused(db: AsyncSession, provider: str, reason: str, now: datetime) -> None:
    """A provider that hands out access refuses the requests all the same (its calendar service is switched off for
    this installation, say): one incident, over with the next calendar of it that is read. One that is open because it
    hands out no access covers this."""
    covered = select(col(Alert.id)).where(col(Alert.subject) == alert_subject(provider), col(Alert.closed_at).is_(None))
    if await db.scalar(covered) is None:
        message = f"{reason} Nobody has to connect their account again; this is for an administrator to mend."
        await open_alert(db, subject=api_alert_subject(provider), message=message, now=now)


async def key_missing(db: AsyncSession, now: datetime) -> None:
    """A process cannot open what is stored: one incident for all accounts that it meets. Others may have the key and
    read them well, so a success says nothing; `jobs.alerts` ends it when nobody has met it for some time."""
    await open_alert(db, subject=KEYS, message=_KEY_MISSING, now=now)


async def reconsider(db: AsyncSession, connection: Connection, now: datetime) -> None:
    """Other calendars of the account, which is locked, are used now: whether it works goes by them alone."""
    if connection.state in (ConnectionState.STOPPED.value, ConnectionState.SLOWED.value):
        connection.failing_since = await _settle(db, connection, now)


def _place(connection: Connection) -> str:
    """`iCloud`; of a server of one's own, where it is: `CalDAV, calendar.example.com`."""
    return f"CalDAV, {connection.label}" if connection.preset == "other" else connection.label


async def _settle(db: AsyncSession, connection: Connection, now: datetime) -> datetime | None:
    """Set state and reason from the calendars that are used; since when it fails."""
    query = select(Calendar).where(
        col(Calendar.connection_id) == connection.id, col(Calendar.blocks) | col(Calendar.target)
    )
    troubled = [each for each in await db.scalars(query) if each.failures]
    if not troubled:
        connection.state, connection.reason = ConnectionState.OK.value, ""
        return None
    stopped = any(each.stopped for each in troubled)
    worst = next((each for each in troubled if each.stopped), troubled[0])
    if connection.state == ConnectionState.NEEDS_SIGN_IN.value and connection.failing_since is not None:
        return connection.failing_since
    connection.state = (ConnectionState.STOPPED if stopped else ConnectionState.SLOWED).value
    connection.reason = worst.trouble
    return connection.failing_since or now


async def _alert_stopped(
    db: AsyncSession, connection: Connection, calendar: Calendar, setback: Setback, now: datetime
) -> None:
    name = await db.scalar(select(col(Bookable.name)).where(col(Bookable.id) == calendar.bookable_id))
    message = f"The calendar “{calendar.name}” of {name} is not being followed: {calendar.trouble}"
    if calendar.stopped_by == StoppedBy.GONE:
        message += " Bring it back there, or stop using it on the page of the calendars."
    await open_alert(
        db,
        subject=f"calendar:{calendar.id}",
        message=message,
        bookable_id=calendar.bookable_id,
        connection_id=connection.id,
        now=now,
        grace=setback.grace,
    )
