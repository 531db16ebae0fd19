"""`/admin/bookings`: many bookings at once, taking them back in one step, and when a mail has to confirm one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import reflex as rx

from booking_app import runtime
from booking_app.domain.appointment import Role
from booking_app.domain.crowding import MANY_FROM_ONE_PLACE, Policy
from booking_app.domain.errors import Invalid
from booking_app.services import crowding, team
from booking_app.services.crowding import SPANS, Burst
from booking_app.state.admin_words import moment_words
from booking_app.state.focus import focus
from booking_app.state.guard import caller, guarded, short_text

PAGE = "/admin/bookings"
_NONE = "Nothing has changed since this list was made. Load it again."


@dataclass(frozen=True, kw_only=True)
class BurstLine:
    """A line of the list. `count` and `others` are words, `number` how many bookings it is about."""

    key: str = ""
    title: str = ""
    count: str = ""
    others: str = ""
    made: str = ""
    number: int = 0


class BurstsState(rx.State):
    """The list of one span of time, and the line that is about to be removed."""

    loaded: bool = False
    span: str = "day"
    lines: tuple[BurstLine, ...] = ()
    asking: BurstLine = BurstLine()
    confirm_after: str = ""
    most_upcoming: str = ""
    policy_words: str = ""
    wrong: str = ""
    message: str = ""
    said: str = ""

    _bursts: tuple[Burst, ...] = ()

    @rx.event
    @guarded(Role.ADMIN)
    async def open(self) -> None:
        """The page opens."""
        self.asking, self.said, self.wrong, self.message = BurstLine(), "", "", ""
        await self._draw()
        self._show(await crowding.policy(runtime.current().context, caller()))
        self.loaded = True

    @rx.event
    @guarded(Role.ADMIN)
    async def choose_span(self, span: str) -> None:
        """List the bookings of the last hour, day or week."""
        if span in SPANS:
            self.span = span
            await self._draw()

    @rx.event
    @guarded(Role.ADMIN)
    async def ask(self, key: str) -> None:
        """Open the question about a line."""
        self.asking = next((each for each in self.lines if each.key == key), BurstLine())

    @rx.event
    @guarded(Role.ADMIN)
    async def dismiss(self) -> None:
        """Close the question; everything stays."""
        self.asking = BurstLine()

    @rx.event
    @guarded(Role.ADMIN)
    async def remove(self) -> None:
        """Cancel what the question is about."""
        burst = next((each for each in self._bursts if _key(each) == self.asking.key), None)
        self.asking = BurstLine()
        if burst is None:
            return
        removed = await crowding.remove(runtime.current().context, caller(), burst)
        self.said = f"{_bookings(removed)} cancelled. Nobody was mailed." if removed else _NONE
        await self._draw()

    @rx.event
    @guarded(Role.ADMIN)
    async def save(self, form: dict[str, Any]) -> Any:
        """Store from when on a booking is confirmed by mail."""
        self.wrong = self.message = ""
        ctx = runtime.current().context
        try:
            wanted = Policy(
                confirm_after=_number(form.get("confirm_after", ""), "confirm_after", empty=True),
                most_upcoming=_number(form.get("most_upcoming", ""), "most_upcoming") or 0,
            )
            await crowding.set_policy(ctx, caller(), wanted)
        except Invalid as error:
            self.wrong, self.message = error.field, str(error)
            return focus(self.wrong)
        self._show(wanted)
        self.said = "Saved. It holds from the next booking on."
        return None

    @rx.event
    @guarded(Role.ADMIN)
    async def hush(self) -> None:
        """Put the last message away."""
        self.said = ""

    def _show(self, policy: Policy) -> None:
        after = policy.confirm_after
        self.confirm_after = "" if after is None else str(after)
        self.most_upcoming = str(policy.most_upcoming)
        self.policy_words = policy_words(policy)

    async def _draw(self) -> None:
        ctx = runtime.current().context
        zone = await team.zone_of_team(ctx)
        self._bursts = await crowding.list_bursts(ctx, caller(), self.span)
        self.lines = tuple(_line(each, zone) for each in self._bursts)


def policy_words(policy: Policy) -> str:
    """What is set, as a sentence."""
    most = f"At most {_appointments(policy.most_upcoming)} of one mail address may lie ahead."
    after = policy.confirm_after
    if after is None:
        return f"No booking has to be confirmed by mail. {most}"
    if after == 0:
        return f"Every booking is confirmed by mail. {most}"
    return (
        f"With {_appointments(after)} ahead, or as many booked within an hour, a mail address confirms each further "
        f"one by mail; so does everybody at a place from which {after * MANY_FROM_ONE_PLACE} were booked within an "
        f"hour. {most}"
    )


def _key(burst: Burst) -> str:
    return f"{burst.kind}-{burst.value}"


def _line(burst: Burst, zone: str) -> BurstLine:
    if burst.kind == "all":
        title, others = "Everything booked in this time", f"{_mails(burst.others)}"
    elif burst.kind == "mailbox":
        places = "1 place" if burst.others == 1 else f"{burst.others} places"
        title, others = burst.value, f"from {places}"
    else:
        title, others = f"From one place ({burst.value[:6]})", f"{_mails(burst.others)}"
    first, last = moment_words(burst.first, zone), moment_words(burst.last, zone)
    return BurstLine(
        key=_key(burst),
        title=title,
        count=_bookings(burst.bookings),
        others=others,
        made=f"made {first}" if first == last else f"made {first} to {last}",
        number=burst.bookings,
    )


def _bookings(number: int) -> str:
    return "1 booking" if number == 1 else f"{number} bookings"


def _appointments(number: int) -> str:
    return "1 appointment" if number == 1 else f"{number} appointments"


def _mails(number: int) -> str:
    return "1 mail address" if number == 1 else f"{number} mail addresses"


def _number(typed: object, field: str, *, empty: bool = False) -> int | None:
    text = short_text(typed, field, 10)
    if not text and empty:
        return None
    if not (text.isascii() and text.isdecimal()):
        raise Invalid(field, "Write a whole number, like 3.")
    return int(text)
