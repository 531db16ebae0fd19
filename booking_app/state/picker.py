"""The live slot picker, shared by booking and rescheduling: month, day, zone, freshness."""

from __future__ import annotations

from datetime import date
from typing import Any

import reflex as rx

from booking_app import runtime
from booking_app.domain.zone_names import meant
from booking_app.domain.zone_rules import zone_keys
from booking_app.domain.zones import DAY, local_date
from booking_app.services.views import SlotQuery, SlotsAnswer
from booking_app.state import live, picture, times
from booking_app.state.focus import focus
from booking_app.state.guard import public
from booking_app.state.views import DayView, Freshness, MonthView, TimeButton

_GONE_FOR = 60
"""Seconds that a slot taken while one looks stays struck through."""

ZONE_CHANGER = "zone-changer"
"""The element that opens the choice of the time zone, and has the focus when it is made."""


class Picker(rx.State, mixin=True):
    """A page sets `_slug`, `_staff` and `_horizon`, then calls `_open_picker`; it follows with `_look` in a loop."""

    ready: bool = False
    server_now: int = 0
    zone: str = ""
    zone_name: str = ""
    zone_words: str = ""
    zone_clock: str = ""
    zone_error: str = ""
    zone_open: bool = False
    zone_choices: tuple[str, ...] = ()
    """The zones that what was typed may mean, if it may mean several."""
    month: MonthView = MonthView()
    free: dict[str, int] = {}  # noqa: RUF012 - each session gets its own copy
    day: DayView = DayView()
    chosen: int = 0
    chosen_time: str = ""
    fresh: Freshness = Freshness()
    soonest: TimeButton = TimeButton()
    news: str = ""

    _slug: str = ""
    _staff: str | None = None
    _horizon: int = 60
    _notice: int = 0
    _shown: tuple[int, int] = (1970, 1)
    _day: str = ""
    _seen: tuple[int, ...] = ()
    _seen_withheld: frozenset[str] = frozenset()
    _gone: tuple[tuple[int, int], ...] = ()
    _mine: int = 0

    @rx.event
    @public
    async def turn(self, steps: int) -> None:
        """Show an earlier or later month."""
        if not self.ready or steps not in (-1, 1) or not (self.month.after if steps == 1 else self.month.before):
            return
        self._shown = picture.month_of(date(*self._shown, 1), steps)
        answer = await live.open_slots(self._query())
        inside = [day for day in live.pictures.days(answer, self.zone) if day.startswith(self._month_key())]
        self._select(answer, min(inside) if inside else f"{self._month_key()}-01")

    @rx.event
    @public
    async def pick_day(self, day: str) -> None:
        """Show the slots of a day of the month on the page."""
        if any(cell.date == day for cell in self.month.days):
            self._select(await live.open_slots(self._query()), day)

    @rx.event
    @public
    async def choose(self, start: int) -> None:
        """Choose one of the slots on the page."""
        if self.ready and start in self._seen:
            self.chosen, self.chosen_time = start, times.clock(start, self.zone)

    @rx.event
    @public
    async def toggle_zones(self) -> None:
        """Open or close the choice of the time zone."""
        self.zone_open, self.zone_error, self.zone_choices = not self.zone_open, "", ()

    @rx.event
    @public
    async def change_zone(self, data: dict[str, str]) -> Any:
        """Show everything in another zone. The instant one looks at stays; the date follows it."""
        found = meant(str(data.get("zone", ""))[:100], zone_keys())
        if len(found) != 1:
            self.zone_choices = found
            self.zone_error = (
                "There are several: choose one."
                if found
                else "No time zone is known by this name. Type a large city nearby, or a zone like Europe/Amsterdam."
            )
            return None
        zone = found[0]
        self.zone_open, self.zone_error, self.zone_choices = False, "", ()
        if not self.ready:
            return None
        looked_at = self.chosen or next(iter(self._seen), 0)
        chosen = self.chosen
        self._set_zone(zone)
        day = local_date(zone, looked_at) if looked_at else date.fromisoformat(self._day)
        self._shown = picture.month_of(day)
        self._select(await live.open_slots(self._query()), day.isoformat(), chosen)
        if self.soonest.start:
            self.soonest = picture.next_button(self.soonest.start, zone, live.now())
        self.news = f"Times are now in {times.zone_words(zone)}."
        return focus(ZONE_CHANGER)

    # What pages call, within a handler.

    def _set_zone(self, zone: str) -> None:
        self.zone, self.zone_name, self.zone_words = zone, times.place(zone), times.zone_words(zone)
        self.zone_clock = times.clock_rules(zone, live.now())

    def _query(self) -> SlotQuery:
        return SlotQuery(service=self._slug, span=picture.month_span(*self._shown), staff=self._staff)

    def _month_key(self) -> str:
        return f"{self._shown[0]}-{self._shown[1]:02d}"

    def _looked_at(self) -> date | None:
        """The day on the page, unless it has passed."""
        day = date.fromisoformat(self._day) if self.ready else None
        return None if day is None or day < local_date(self.zone, live.now()) else day

    async def _open_picker(self, day: date | None = None, chosen: int = 0) -> None:
        """Go to `day`, or to the first one with a slot, and `_select` it. Raises as `availability.slots`."""
        self._shown = picture.month_of(day or local_date(self.zone, live.now()))
        answer = await live.open_slots(self._query())
        soonest, _ = await live.first_open(self._slug, self._staff, self.zone, self._horizon)
        first = local_date(self.zone, live.now() if soonest is None else soonest)
        if day is None and picture.month_of(first) != self._shown:
            self._shown = picture.month_of(first)
            answer = await live.open_slots(self._query())
        self._show_soonest(soonest)
        self._select(answer, (day or first).isoformat(), chosen)
        self.ready = True

    def _show_soonest(self, soonest: int | None) -> None:
        self._put("soonest", picture.next_button(soonest, self.zone, live.now()) if soonest else TimeButton())

    def _select(self, answer: SlotsAnswer, day: str, chosen: int = 0) -> None:
        """Show a day of an answer; of what was chosen before only `chosen` is still, if it is among its slots."""
        self.chosen, self.chosen_time, self._gone = 0, "", ()
        self._day, self._seen = day, ()
        self._show(answer)
        if chosen in self._seen:
            self.chosen, self.chosen_time = chosen, times.clock(chosen, self.zone)

    def _show(self, answer: SlotsAnswer) -> None:
        """Draw an answer for what one looks at; only what differs is sent."""
        now = live.now()
        today = local_date(self.zone, now)
        starts = live.pictures.days(answer, self.zone).get(self._day, [])
        self._notice_gone(answer, starts, now)
        self._seen = tuple(starts)
        last = local_date(self.zone, now + self._horizon * DAY)
        self._put("month", picture.month_view(self._shown, today, last))
        self._put("free", live.pictures.free(answer, self.zone, self._shown))
        self._put("fresh", picture.freshness(answer, runtime.current().context.bounds.soft))
        day = date.fromisoformat(self._day)
        nothing = "Nothing is free on this day." if day >= today else "This day has passed."
        gone = tuple(start for start, _ in self._gone)
        view = live.pictures.day(answer, self.zone, day, gone, nothing=nothing)
        if view.notice and view.notice != self.day.notice:
            self.news = view.notice
        self._put("day", view)
        if self.chosen and self.chosen not in starts and self.chosen != self._mine:
            self.chosen, self.chosen_time = 0, ""
        if abs(now - self.server_now) > 60:
            self.server_now = now

    def _notice_gone(self, answer: SlotsAnswer, starts: list[int], now: int) -> None:
        """What was taken since the last look. Not: what is too soon by now, or withheld, or kept for oneself."""
        withheld = frozenset(each.staff for each in answer.withheld)
        gone = {start: until for start, until in self._gone if until > now and start not in starts}
        if withheld <= self._seen_withheld:
            for start in self._seen:
                if start not in starts and start != self._mine and start >= now + self._notice * 60:
                    gone[start] = now + _GONE_FOR
        self._seen_withheld = withheld
        self._gone = tuple(gone.items())

    def _put(self, name: str, value: object) -> None:
        if getattr(self, name) != value:
            setattr(self, name, value)
