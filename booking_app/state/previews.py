"""How customers see a person: the free times of the next seven days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from booking_app.domain.errors import Reason
from booking_app.runtime import Runtime
from booking_app.services import catalog, people
from booking_app.services.views import SlotQuery, Withheld
from booking_app.state.admin_words import today_in
from booking_app.state.views_calendars import Preview


async def previews_of(runtime: Runtime, bookable_id: int) -> tuple[Preview, ...]:
    """A line for each service that the person offers, from what all pages share."""
    ctx = runtime.context
    me = await people.person(ctx, bookable_id)
    today = today_in(me.zone, ctx.now())
    found = []
    for service in await catalog.services(ctx):
        if me.slug in {each.slug for each in service.staff}:
            query = SlotQuery.of_days(service.slug, today + timedelta(days=1), 7, me.zone, me.slug)
            answer = await runtime.board.get(query)
            free = "1 free time" if len(answer.starts) == 1 else f"{len(answer.starts)} free times"
            sentence = withheld_words(answer.withheld, me.slug) or f"{free} in the next seven days"
            href = f"/book/{service.slug}?staff={me.slug}"
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
