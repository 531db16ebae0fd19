"""What the pages of this process share: the board's answers and their pictures, and how often a visitor may change."""

from __future__ import annotations

from functools import partial
from urllib.parse import unquote

import reflex as rx
from reflex.event import EventSpec
from reflex.istate.data import SessionData

from booking_app import runtime
from booking_app.domain.clock import to_instant
from booking_app.domain.errors import Invalid
from booking_app.domain.freshness import is_fresh
from booking_app.domain.zone_names import present_name
from booking_app.domain.zones import DAY, checked_zone, local_date
from booking_app.feed import read_again
from booking_app.limiter import client_key
from booking_app.services import availability
from booking_app.services.views import SlotQuery, SlotsAnswer
from booking_app.services.visitors import Visitor
from booking_app.state.picture import Pictures, month_of, month_span

LOOK_AGAIN = 10.0
"""Seconds after which an open page looks at its slots again without a change: notice periods pass, data ages."""

DETECTED_ZONE = "Intl.DateTimeFormat().resolvedOptions().timeZone"
"""Evaluates in the browser to the visitor's IANA zone."""

pictures = Pictures()


def pause(answer: SlotsAnswer | None) -> float:
    """Seconds until an open page that shows `answer` looks again without a change: sooner where times have to be
    withheld before."""
    if answer is None or answer.stands_until is None:
        return LOOK_AGAIN
    return min(LOOK_AGAIN, max(1.0, answer.stands_until + 1 - now()))


def now() -> int:
    return to_instant(runtime.current().context.now())


async def open_slots(query: SlotQuery) -> SlotsAnswer:
    """The shared answer, with calendars beyond the soft bound read first. Raises as `availability.slots`."""
    context, board = runtime.current().context, runtime.current().board
    answer = await board.get(query)
    if answer.verified_at is not None and not is_fresh(answer.verified_at, now(), context.bounds.soft):
        await availability.fresh_slots(context, query, partial(read_again, runtime.current().hub))
        answer = await board.get(query)
    return answer


async def first_open(service: str, staff: str | None, zone: str, horizon_days: int) -> tuple[int | None, bool]:
    """The earliest open start within the horizon, from the shared answers month by month; and whether somebody is
    withheld, so that there may be more than is known."""
    board, since, withheld = runtime.current().board, now(), False
    last = month_of(local_date(zone, since + (horizon_days + 1) * DAY))
    for steps in range(0, 600):
        month = month_of(local_date(zone, since), steps)
        if month > last:
            break
        answer = await board.get(SlotQuery(service=service, span=month_span(*month), staff=staff))
        withheld = withheld or bool(answer.withheld)
        if answer.starts:
            return answer.starts[0], withheld
    return None, withheld


def may_change(address: str) -> bool:
    """Whether this client may book, hold or change once more; counts the attempt, as one over HTTP."""
    run = runtime.current()
    return run.changes.take(client_key(address), run.context.elapsed()) == 0


def visitor(tab: SessionData) -> Visitor:
    """Who looks at a tab."""
    return Visitor(address=client_key(tab.client_ip), tab=tab.client_token)


def too_often() -> EventSpec:
    """Said to somebody who is refused by `may_change`."""
    told: EventSpec = rx.toast.warning("That was a lot in a short time. Please wait a moment, then try again.")
    return told


def found_zone(said: object) -> str:
    """What a browser says about its zone; for nonsense UTC, which the visitor can change."""
    try:
        return checked_zone(present_name(str(said)))
    except Invalid:
        return "UTC"


def last_of_path(path: str) -> str:
    """The last part of an address, as typed: `/book/a%20b` -> `a b`."""
    return unquote(path.rstrip("/").rsplit("/", 1)[-1])
