"""How customers see a person: the free times of the next seven days."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from booking_app.domain.errors import Reason
from booking_app.runtime import Runtime
from booking_app.services import availability, catalog, people
from booking_app.services.context import Context
from booking_app.services.views import ServiceView, SlotQuery, Withheld
from booking_app.state.admin_words import today_in
from booking_app.state.views_calendars import Preview


async def gained(runtime: Runtime, bookable_id: int, change: Callable[[], Awaitable[None]]) -> str:
    """Make a change, and what it did to the free times of the next seven days: `12 free times more`."""
    before = await _free(runtime, bookable_id)
    await change()
    more = await _free(runtime, bookable_id) - before
    if not more:
        return "As many free times as before"
    return f"{abs(more)} free time{'' if abs(more) == 1 else 's'} {'more' if more > 0 else 'fewer'}"


async def _free(runtime: Runtime, bookable_id: int) -> int:
    # Not from what the pages share, which hears of a change a moment later.
    queries = [query for _, query in await _queries(runtime.context, bookable_id)]
    return sum([len((await availability.slots(runtime.context, each)).starts) for each in queries])


async def _queries(ctx: Context, bookable_id: int) -> list[tuple[ServiceView, SlotQuery]]:
    """The services that the person offers, and the next seven days of each with them."""
    me = await people.person(ctx, bookable_id)
    tomorrow = today_in(me.zone, ctx.now()) + timedelta(days=1)
    return [
        (service, SlotQuery.of_days(service.slug, tomorrow, 7, me.zone, me.slug))
        for service in await catalog.services(ctx)
        if me.slug in {each.slug for each in service.staff}
    ]


async def previews_of(runtime: Runtime, bookable_id: int) -> tuple[Preview, ...]:
    """A line for each service that the person offers, from what all pages share."""
    found = []
    for service, query in await _queries(runtime.context, bookable_id):
        answer, slug = await runtime.board.get(query), query.staff or ""
        free = "1 free time" if len(answer.starts) == 1 else f"{len(answer.starts)} free times"
        sentence = withheld_words(answer.withheld, slug) or f"{free} in the next seven days"
        href = f"/book/{service.slug}?staff={slug}"
        found.append(Preview(service=service.name, href=href, sentence=sentence))
    return tuple(found)


def withheld_words(withheld: Sequence[Withheld], slug: str) -> str:
    """Why nothing is shown, to the person `slug` themselves; empty if nothing is withheld."""
    mine = next((each for each in withheld if each.staff == slug), None)
    if mine is None:
        return withheld[0].message if withheld else ""
    if mine.reason is Reason.CALENDAR_STALE:
        return "Your calendar is still being checked. Your times are shown as soon as that is done."
    return "You are temporarily not bookable online, because your calendar cannot be read."
