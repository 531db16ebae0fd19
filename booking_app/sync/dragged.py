"""Where our events went that are gone from a calendar: deleted, or dragged into one of the account that is not read."""

from __future__ import annotations

from dataclasses import replace

from booking_app.db import sync_queries
from booking_app.services.context import Context
from booking_app.sync.errors import Gone, ProviderError, Rejected
from booking_app.sync.model import CalendarRef
from booking_app.sync.provider import CalendarProvider
from booking_app.sync.question import Question
from booking_app.sync.vanished import Answer

_LOOKS = 200
"""Questions about our own events in calendars that are not read, after a read that missed some."""


async def dragged_away(ctx: Context, provider: CalendarProvider, asked: Question, answer: Answer) -> frozenset[str]:
    """The uids of those of our events, confirmed gone, that stand in another calendar of the account which is not read;
    and all of them where that cannot be found out: their owner is asked then, which is better than to cancel what
    stands."""
    gone = {answer.known[key].uid for key in answer.confirmed if key in answer.known}
    lost = {uid for uid in gone if uid in answer.ours and answer.ours[uid].live and answer.ours[uid].mirrored}
    if not lost:
        return frozenset()
    async with ctx.sessions() as db:
        read = await sync_queries.read_remote_ids(db, asked.connection.id or 0)
    try:
        others = [each for each in await provider.list_calendars() if each.remote_id not in read]
        if len(others) * len(lost) > _LOOKS:
            return frozenset(lost)
        found = set()
        for each in others:
            there = replace(asked.ref, remote_id=each.remote_id, zone=each.zone or asked.ref.zone)
            found |= {uid for uid in lost if uid not in found and await _stands(provider, there, uid)}
    except ProviderError:
        return frozenset(lost)
    return frozenset(found)


async def _stands(provider: CalendarProvider, calendar: CalendarRef, uid: str) -> bool:
    try:
        return await provider.find(calendar, uid=uid) is not None
    except (Gone, Rejected):
        return False  # there is no such calendar, or none that can hold it
