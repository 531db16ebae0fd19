"""An admin asks the owner of an account that lets nobody in to sign in there again: the owner's mail, once more."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlmodel import col

from booking_app.db.changes import announce
from booking_app.db.outbox import enqueue
from booking_app.db.tables import Account, Alert, Bookable, Connection
from booking_app.domain.appointment import ConnectionState, Effect
from booking_app.domain.clock import to_instant
from booking_app.domain.errors import Forbidden, NotFound
from booking_app.services.context import Context
from booking_app.services.letters.words import lasting

PAUSE = timedelta(hours=1)
"""An owner is asked at most once in so long, whoever asks and through whichever process."""
_ASKED = "asked:"


async def ask_owner(ctx: Context, *, connection_uid: str) -> str:
    """Write to the owner of an account that needs its sign-in; the owner's name.

    Raises `NotFound` if there is nothing to ask for any more, `Forbidden` if they were asked within the last hour or
    have no account to be written to, with words for the admin."""
    try:
        uid = UUID(connection_uid)
    except ValueError as error:
        raise NotFound("There is no such account.") from error
    now = ctx.now()
    async with ctx.sessions.begin() as db:
        connection = await db.scalar(
            select(Connection).where(col(Connection.uid) == uid).with_for_update(key_share=True)
        )
        if connection is None or connection.state != ConnectionState.NEEDS_SIGN_IN.value:
            raise NotFound("This account needs nobody any more.")
        incident = await db.scalar(
            select(Alert).where(col(Alert.subject) == f"connection:{connection.id}", col(Alert.closed_at).is_(None))
        )
        if incident is None:
            raise NotFound("This account needs nobody any more.")
        owner = await db.get_one(Bookable, connection.bookable_id)
        subject = f"{_ASKED}{connection.id}"
        last = await db.scalar(select(func.max(col(Alert.opened_at))).where(col(Alert.subject) == subject))
        if last is not None and now - PAUSE < last <= now:
            ago = lasting((now - last).total_seconds())
            raise Forbidden(f"{owner.name} was asked {ago} ago. A mail can be sent once an hour.")
        accounts = (
            await db.scalars(select(Account).where(col(Account.bookable_id) == owner.id, col(Account.active)))
        ).all()
        if not accounts:
            raise Forbidden(f"{owner.name} has no account here to be written to. Invite them on the page People.")
        for each in accounts:
            await enqueue(
                db,
                Effect.MAIL,
                f"alert:{incident.id}:asked-{to_instant(now)}:{each.id}",
                due=now,
                payload={"alert_id": incident.id, "account_id": each.id, "telling": max(1, incident.tellings)},
            )
        # What remembers it is an alert that is over at once: it counts for all processes, and goes with the old ones.
        db.add(
            Alert(
                subject=subject,
                message=f"{owner.name} was asked to sign in again.",
                bookable_id=owner.id,
                connection_id=connection.id,
                opened_at=now,
                tell_from=now,
                told_at=now,
                closed_at=now,
            )
        )
        await announce(db, "outbox")
        await announce(db, "sync", [connection.id or 0])
    return owner.name


async def asked(ctx: Context) -> dict[str, int]:
    """The accounts whose owner was asked within the last hour: account -> instant."""
    since = ctx.now() - PAUSE
    query = (
        select(col(Connection.uid), func.max(col(Alert.opened_at)))
        .join(Alert, col(Alert.connection_id) == col(Connection.id))
        .where(col(Alert.subject).startswith(_ASKED), col(Alert.opened_at) > since)
        .group_by(col(Connection.uid))
    )
    async with ctx.sessions() as db:
        return {str(row[0]): to_instant(row[1]) for row in await db.execute(query)}
