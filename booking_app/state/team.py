"""`/admin/team`: whose day or week is shown, kept up to date while the page is open."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import reflex as rx

from booking_app import runtime
from booking_app.domain.appointment import Role
from booking_app.domain.errors import Invalid, NotFound
from booking_app.services import team
from booking_app.state import team_board
from booking_app.state.admin_words import epoch, today_in
from booking_app.state.deciding import decided, needs_word
from booking_app.state.followers import keep_true
from booking_app.state.guard import guarded, short_text, whole_number
from booking_app.state.session import renew_attention
from booking_app.state.views_admin import Board, Choice, Detail

PAGE = "/admin/team"
_TICK = 20
"""Seconds after which the line of the present moves although nothing changed."""


class TeamState(rx.State):
    """The board as it stands, and what was chosen: the day, day or week, everybody or one person."""

    loaded: bool = False
    week: bool = False
    only: str = ""
    day: str = ""
    board: Board = Board()
    choices: tuple[Choice, ...] = ()
    now_top: int = -1
    several: bool = False
    chosen: Detail = Detail()
    said: str = ""
    sure: str = ""
    """What the page asks once more, before a customer is told."""
    _zone: str = ""

    @rx.event
    @guarded(Role.ADMIN)
    async def open(self) -> None:
        """Draw what the address asks for: `?date=2027-03-01&view=week&person=anna`."""
        self.said = self.sure = ""
        asked = self.router.url.query_parameters
        self._zone = await team.zone_of_team(runtime.current().context)
        self.week = asked.get("view", "") == "week"
        self.only = asked.get("person", "")[:80]
        self.day = _day(asked.get("date", ""), self._today()).isoformat()
        await self._draw()

    @rx.event(background=True)
    @guarded(Role.ADMIN)
    async def watch(self) -> None:
        """Keep the board right until the page is left."""
        topics = "availability", "verified", "sync", "catalog", "outbox"
        await keep_true(self, PAGE, *topics, tick=_TICK, look=self._look)

    async def _look(self, changed: set[str]) -> None:
        if not self.loaded:
            return
        if changed:
            await self._draw()
            await renew_attention(self)
        else:
            self._draw_now()

    @rx.event
    @guarded(Role.ADMIN)
    async def go(self, step: str) -> Any:
        """`today`, `next` or `previous` day or week."""
        days = (7 if self.week else 1) * {"next": 1, "previous": -1}.get(short_text(step, "step", 10), 0)
        moved = date.fromisoformat(self.day) + timedelta(days=days) if days else self._today()
        self.day = _day(moved.isoformat(), self._today()).isoformat()
        return await self._redraw()

    @rx.event
    @guarded(Role.ADMIN)
    async def pick_day(self, day: str) -> Any:
        self.day = _day(short_text(day, "day", 40), self._today()).isoformat()
        return await self._redraw()

    @rx.event
    @guarded(Role.ADMIN)
    async def show_week(self, week: bool) -> Any:
        self.week = bool(week)
        return await self._redraw()

    @rx.event
    @guarded(Role.ADMIN)
    async def show_only(self, slug: str) -> Any:
        """One person, or everybody with an empty name."""
        self.only = short_text(slug, "person", 80)
        return await self._redraw()

    @rx.event
    @guarded(Role.ADMIN)
    async def choose(self, appointment: int) -> Any:
        """Open an appointment."""
        self.sure = ""
        try:
            self.chosen = await self._detail(whole_number(appointment))
        except (NotFound, Invalid) as error:
            await self._draw()
            return rx.toast.info(str(error))
        return None

    @rx.event
    @guarded(Role.ADMIN)
    async def decide(self, appointment: int, answer: str) -> None:
        """Answer what is asked about an appointment; asked once more where the customer is told. It stays open for as
        long as something is left to decide."""
        self.sure = needs_word(answer, self.sure, appointment)
        if self.sure:
            return
        self.said = await decided(answer, appointment, None)
        try:
            left = await self._detail(appointment)
        except NotFound:
            left = Detail()
        self.chosen = left if left.conflict else Detail()
        await self._draw()

    @rx.event
    @guarded(Role.ADMIN)
    async def not_yet(self) -> None:
        """Decide later."""
        self.sure = ""

    @rx.event
    @guarded(Role.ADMIN)
    async def hush(self) -> None:
        """Put the last message away."""
        self.said = ""

    @rx.event
    @guarded(Role.ADMIN)
    async def close(self) -> None:
        self.chosen = Detail()

    async def _detail(self, appointment: int) -> Detail:
        return team_board.detail(await team.entry(runtime.current().context, appointment), self._zone)

    async def _redraw(self) -> Any:
        await self._draw()
        query = (
            f"?date={self.day}" + ("&view=week" if self.week else "") + (f"&person={self.only}" if self.only else "")
        )
        return rx.call_script(f"history.replaceState(history.state, '', '{PAGE}{query}')")

    async def _draw(self) -> None:
        ctx = runtime.current().context
        day, today = date.fromisoformat(self.day), self._today()
        first = team_board.week_of(day) if self.week else day
        days = await team.days(ctx, first, 7 if self.week else 1, self._zone)
        self.choices = team_board.choices(days)
        self.several = len(self.choices) > 1
        if self.only not in {each.key for each in self.choices}:
            self.only = ""
        if self.week:
            self.board = team_board.week_board(days, first, today, self.only)
        else:
            self.board = team_board.day_board(days, first, self.only)
        self._draw_now()
        self.loaded = True

    def _draw_now(self) -> None:
        day, today = date.fromisoformat(self.day), self._today()
        shown = team_board.week_of(day) == team_board.week_of(today) if self.week else day == today
        now = epoch(runtime.current().context.now())
        board = self.board
        self.now_top = team_board.now_line(board.first, board.height, self._zone, now) if shown else -1

    def _today(self) -> date:
        return today_in(self._zone, runtime.current().context.now())


def _day(text: str, otherwise: date) -> date:
    """A date between 2000 and 2100 from what the browser sent."""
    try:
        day = date.fromisoformat(text[:10])
    except ValueError:
        return otherwise
    return day if date(2000, 1, 10) <= day <= date(2100, 1, 1) else otherwise
