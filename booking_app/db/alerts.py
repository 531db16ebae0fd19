"""Alerts: one open row a subject, told by mail and shown as a banner until it is closed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db.changes import announce
from booking_app.db.tables import Account, Alert

KEYS = "keys"
"""The one alert that a process lacks the key of something that is stored."""
MAIL = "mail"
"""The one alert that no mail can be sent. It is shown, and told nobody by mail."""
CONFLICT = "moved:"
"""How the subjects of all questions about an appointment begin. Never change it: open ones are stored."""


def conflict_alert(appointment_id: int) -> str:
    """The subject of an appointment that waits for somebody's decision."""
    return f"{CONFLICT}{appointment_id}"


def conflict_appointment(subject: str) -> int | None:
    """The appointment of such a subject; None for any other."""
    return int(subject.removeprefix(CONFLICT)) if subject.startswith(CONFLICT) else None


async def open_alert(
    db: AsyncSession,
    *,
    subject: str,
    message: str,
    now: datetime,
    bookable_id: int | None = None,
    connection_id: int | None = None,
    grace: float = 0,
) -> None:
    """Raise an alert unless one with this subject is open; an open one takes the newer message. It is shown at once;
    nobody is written to within `grace` seconds, nor if it is over by then. When it was met last is noted."""
    row = insert(Alert).values(
        subject=subject,
        message=message,
        bookable_id=bookable_id,
        connection_id=connection_id,
        opened_at=now,
        met_at=now,
        tell_from=now + timedelta(seconds=grace),
        tellings=0,
    )
    await db.execute(
        row.on_conflict_do_update(
            index_elements=["subject"],
            index_where=text("closed_at IS NULL"),
            set_={
                "message": row.excluded.message,
                "met_at": row.excluded.met_at,
                "tell_from": func.least(col(Alert.tell_from), row.excluded.tell_from),
            },
        )
    )


async def close_alerts(db: AsyncSession, subjects: Collection[str], now: datetime) -> None:
    """What they warned of is over."""
    closed = await db.execute(
        update(Alert)
        .where(col(Alert.subject).in_(subjects), col(Alert.closed_at).is_(None))
        .values(closed_at=now)
        .returning(col(Alert.connection_id))
    )
    ids = [each for each in closed.scalars() if each is not None]
    if ids:
        await announce(db, "sync", ids)


async def open_alerts(db: AsyncSession, bookable_id: int | None = None) -> Sequence[Alert]:
    """Open alerts, oldest first: all of them, or those about one person."""
    query = select(Alert).where(col(Alert.closed_at).is_(None)).order_by(col(Alert.opened_at), col(Alert.id))
    if bookable_id is not None:
        query = query.where(col(Alert.bookable_id) == bookable_id)
    return (await db.scalars(query)).all()


async def recipients(db: AsyncSession, bookable_id: int | None) -> dict[int, Account]:
    """Who is told: all active admins, and the person whom it is about. By account id."""
    query = select(Account).where(
        col(Account.active), (col(Account.role) == "admin") | (col(Account.bookable_id) == bookable_id)
    )
    return {each.id or 0: each for each in await db.scalars(query)}
