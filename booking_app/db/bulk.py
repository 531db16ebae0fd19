"""Many rows at once, without holding up the loop that serves the pages."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from itertools import islice

from psycopg import AsyncConnection
from sqlalchemy.ext.asyncio import AsyncSession

_SLICE = 250
"""Rows that are written out before others get their turn: a millisecond or two."""
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


async def copy_rows(db: AsyncSession, into: str, rows: Iterable[tuple[str | int, ...]]) -> None:
    """COPY rows into `into`, "table (columns)", in the caller's transaction. Values are given as PostgreSQL reads
    them; none is null."""
    source = iter(rows)
    first = _text(source)
    if not first:
        return
    raw = (await (await db.connection()).get_raw_connection()).driver_connection
    if not isinstance(raw, AsyncConnection):
        raise TypeError("the driver is not psycopg")
    async with raw.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN".encode()) as copy:
        await copy.write(first)
        while part := _text(source):
            await asyncio.sleep(0)
            await copy.write(part)


def sliced(values: Iterable[str]) -> Iterator[list[str]]:
    """The values in lists short enough to be handed over as one parameter."""
    source = iter(values)
    while some := list(islice(source, _SLICE)):
        yield some


def _text(source: Iterable[tuple[str | int, ...]]) -> str:
    """The next rows in COPY's text format; empty at the end."""
    return "".join(
        "\t".join(value.translate(_ESCAPES) if isinstance(value, str) else str(value) for value in row) + "\n"
        for row in islice(source, _SLICE)
    )
