"""What its owner chose about one calendar or event: carried out, and told with what it changed. Its opposite takes it
back."""

from __future__ import annotations

from functools import partial

from booking_app import runtime
from booking_app.services import calendars, unread
from booking_app.state import calendar_cards
from booking_app.state.previews import gained
from booking_app.sync import choices


async def weigh(person: int, uid: str, on: bool) -> str:
    """Whether what is tentative or unanswered in a calendar blocks."""
    change = partial(choices.choose_unsure, runtime.current().context, bookable_id=person, calendar_uid=uid, blocks=on)
    more = await gained(runtime.current(), person, change)
    how = "blocks too" if on else "no longer blocks"
    return f"{await _name(person, uid)}: what is tentative or unanswered {how}. {more} in the next seven days."


async def judge(person: int, uid: str, on: bool) -> str:
    """Whether an event that could not be read blocks."""
    change = partial(unread.set_unread, runtime.current().context, bookable_id=person, uid=uid, blocks=on)
    more = await gained(runtime.current(), person, change)
    how = "blocks again" if on else "does not block"
    return f"What could not be read {how}. {more} in the next seven days."


async def hide(person: int, uid: str, on: bool) -> str:
    """Whether others who see a calendar see only that its owner is busy."""
    await choices.choose_private(runtime.current().context, bookable_id=person, calendar_uid=uid, private=on)
    what = "see only that you are busy" if on else "see what your appointments say"
    return f"{await _name(person, uid)}: others who see it {what}, in coming ones too."


CHOICES = {"unsure": weigh, "unread": judge, "private": hide}
"""By what they are about. Each raises a `BookingError` and then changes nothing."""


async def _name(person: int, uid: str) -> str:
    return calendar_cards.name_of(await calendars.connections_of(runtime.current().context, person), uid)
