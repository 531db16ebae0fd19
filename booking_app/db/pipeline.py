"""Several statements in one round trip, inside the transaction of a session (PostgreSQL's pipeline mode).

A booking holds the lock of a person from its first answer to its commit: what is not waited for there is throughput.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from psycopg import AsyncConnection
from sqlalchemy import TextClause
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.ext.asyncio import AsyncSession

Step = tuple[TextClause, Mapping[str, Any]]


async def together(db: AsyncSession, *steps: Step) -> list[Sequence[tuple[Any, ...]]]:
    """The rows of each statement; they run one after the other, each seeing what those before it did and waited for.

    Raises the driver's `psycopg.Error`; the transaction is then only good for a rollback."""
    connection = await (await db.connection()).get_raw_connection()
    driver = connection.driver_connection
    assert isinstance(driver, AsyncConnection)
    async with driver.pipeline():
        cursors = [await driver.execute(_sql(statement), dict(values)) for statement, values in steps]
        return [await cursor.fetchall() for cursor in cursors]


@cache
def _sql(statement: TextClause) -> bytes:
    """The statement with its parameters as the driver writes them."""
    return str(statement.compile(dialect=PGDialect_psycopg())).encode()  # type: ignore[no-untyped-call]
