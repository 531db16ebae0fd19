"""What to offer to somebody who was refused, by the rule that refused them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from booking_app.db.availability_queries import load_offering
from booking_app.db.engine import reads
from booking_app.domain.appointment import AssignmentMode
from booking_app.domain.errors import Alternative, Reason, Refused
from booking_app.domain.rules import Span
from booking_app.domain.slots import nearest
from booking_app.domain.zones import DAY
from booking_app.services.context import Context
from booking_app.services.offers import offers, sentence

_BEFORE, _AFTER = 3 * DAY, 14 * DAY


async def refused(
    ctx: Context,
    reason: Reason,
    *,
    service: str,
    start: int,
    now: int,
    staff: str | None = None,
    busy: Mapping[int, Sequence[Span]] | None = None,
    distrusted: Collection[int] = (),
    people: Collection[int] | None = None,
    without: Sequence[int] = (),
) -> Refused:
    """The refusal of `start`, with the nearest open starts: other times of `staff` (a slug), the same time of others.

    `busy` is what a live read just found and the stored copy may not know yet; `distrusted` are bookables that could
    not be read: neither they are proposed, nor anybody whose stored copy would not do without such a read. Given
    `people` (bookable ids), nobody else is. `without` are appointments that would make room. For a `start` that is
    over, the times from `now` on are the nearest."""
    span = (max(start - _BEFORE, now), max(start, now) + _AFTER)
    async with reads(ctx.sessions).connect() as db:
        offering = await load_offering(db, service, span, now, bookables=people, without=without)
    if offering is None or (offering.assignment is AssignmentMode.ALL and distrusted):
        return Refused(reason, sentence(reason, start, now))
    known = busy or {}
    candidates = tuple(
        replace(each, schedule=replace(each.schedule, busy=[*each.schedule.busy, *known.get(each.bookable_id, ())]))
        for each in offering.candidates
        if each.bookable_id not in distrusted
    )
    slugs = {each.bookable_id: each.slug for each in candidates}
    wished = next((each.bookable_id for each in candidates if each.slug == staff), None)
    bound = ctx.bounds.soft if distrusted else ctx.bounds.hard
    found = offers(replace(offering, candidates=candidates), span, now, bound, ctx.bounds.soft).open
    return Refused(
        reason,
        sentence(reason, start, now),
        [
            Alternative(start=at, staff=tuple(slugs[each] for each in free))
            for at, free in nearest(found, start, bookable_id=wished)
        ],
    )
