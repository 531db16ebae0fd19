"""Which alerts are over: each stands only for as long as the data shows its cause, whichever way that ended."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from booking_app.db.changes import announce

MAIL_QUIET = timedelta(minutes=10)
"""After which mail can be sent again, whatever else a mail may still wait for: each is tried every six minutes at
least (`jobs/retry.py`)."""

_OVER = text(
    """
    WITH used AS (
      SELECT calendar.id, calendar.connection_id, calendar.stopped, calendar.failures, connection.provider,
             connection.state
      FROM calendar JOIN connection ON connection.id = calendar.connection_id
      WHERE (calendar.blocks OR calendar.target) AND connection.state <> 'disconnected'
    )
    UPDATE alert SET closed_at = :now
    WHERE closed_at IS NULL AND CASE split_part(subject, ':', 1)
      WHEN 'calendar' THEN NOT EXISTS (
        SELECT FROM used WHERE 'calendar:' || used.id = alert.subject AND used.stopped)
      WHEN 'connection' THEN NOT EXISTS (
        SELECT FROM used
        WHERE 'connection:' || used.connection_id = alert.subject AND used.state = 'needs_sign_in')
      WHEN 'provider' THEN CASE split_part(subject, ':', 3)
        WHEN 'api' THEN NOT EXISTS (
          SELECT FROM used
          WHERE used.provider = split_part(alert.subject, ':', 2) AND used.failures > 0
            AND used.state <> 'needs_sign_in')
        ELSE NOT EXISTS (
          SELECT FROM provider_app
          WHERE provider_app.provider = split_part(alert.subject, ':', 2) AND provider_app.trouble <> '')
      END
      WHEN 'mail' THEN met_at < :unmet
        OR NOT EXISTS (SELECT FROM outbox WHERE effect = 'mail' AND attempts > 0 AND NOT parked)
      ELSE false
    END
    RETURNING connection_id
    """
)


async def close_over(db: AsyncSession, now: datetime) -> None:
    """Close the alerts about calendars, accounts, providers and the mail server whose cause is over. Those that are
    found in the data each time (`jobs.alerts`) are closed where they are found no more."""
    closed = [row[0] for row in await db.execute(_OVER, {"now": now, "unmet": now - MAIL_QUIET})]
    if closed:
        await announce(db, "sync", [each for each in closed if each is not None])
