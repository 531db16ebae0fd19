"""What stands in the tables, for asserts on resulting state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text

from booking_app.db.tables import Calendar
from booking_app.services.context import Context


async def rows(ctx: Context, statement: str, **values: object) -> Sequence[Row[Any]]:
    """The rows that a query gives."""
    async with ctx.sessions() as db:
        return (await db.execute(text(statement), values)).all()


async def calendar_row(ctx: Context, calendar_id: int) -> Calendar:
    async with ctx.sessions() as db:
        found = await db.get(Calendar, calendar_id)
    assert found is not None
    return found


async def change(ctx: Context, statement: str, **values: object) -> None:
    """What nobody does by the program."""
    async with ctx.sessions.begin() as db:
        await db.execute(text(statement), values)
