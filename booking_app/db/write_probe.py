"""Whether the database takes writes: reading goes on when its disk is full or it has become read-only."""

from __future__ import annotations

from datetime import datetime

from psycopg import errors
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from booking_app.db.engine import Sessions
from booking_app.db.time_queries import see_time

_SORT_ON_DISK = text("SELECT count(DISTINCT repeat(md5(n::text), 16)) FROM generate_series(1, 2000) AS n")
"""One megabyte, far more than the memory it is given ("Resource Consumption", work_mem)."""


async def refused_writes(sessions: Sessions, now: datetime) -> str | None:
    """Why a booking could not be stored at `now`; None if it could.

    A sort that does not fit into memory needs new room where the data is, and leaves none of it taken; the update of
    one row, committed, needs a database that is not read-only, and room in the log. Raises `DBAPIError` for what is
    no refusal (a server that is gone)."""
    try:
        async with sessions.begin() as db:
            await see_time(db, now)
        async with sessions.begin() as db:
            await db.execute(text("SET LOCAL work_mem = '64kB'"))
            await db.execute(_SORT_ON_DISK)
    except DBAPIError as error:
        return _words(error)
    return None


def _words(error: DBAPIError) -> str | None:
    """By the codes of "PostgreSQL Error Codes" (appendix A)."""
    match error.orig:
        case errors.ReadOnlySqlTransaction():
            return "takes no writes: it is a standby, or default_transaction_read_only is on"
        case errors.DiskFull():
            return "takes no writes: its disk is full"
        case errors.ConfigurationLimitExceeded():
            # Files of sorts may be bounded (temp_file_limit) where there is room enough.
            return None
        case errors.Error(sqlstate=str()) as cause if not error.connection_invalidated:
            return f"takes no writes ({type(cause).__name__})"
    raise error
