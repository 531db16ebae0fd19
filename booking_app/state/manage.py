"""`/manage/<token>`: see, move and cancel one's own booking."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import reflex as rx

from booking_app import runtime
from booking_app.domain.appointment import AssignmentMode
from booking_app.domain.errors import BookingError, NotFound, Refused
from booking_app.domain.zones import local_date
from booking_app.feed import Change
from booking_app.services import catalog, manage
from booking_app.services.views import BookingView, SlotsAnswer
from booking_app.state import live, offers, picture, times
from booking_app.state.followers import Following, arrives
from booking_app.state.guard import public
from booking_app.state.picker import Picker
from booking_app.state.views import Appointment, Managed, Refusal

log = logging.getLogger(__name__)

_CANCELLED_BY = {
    "customer": "You cancelled this appointment.",
    "owner": "This appointment was cancelled by the team.",
    "admin": "This appointment was cancelled by the team.",
}


class ManageState(Picker, rx.State):
    """Steps: `see`, and `move` while another time is chosen. Times are in the zone the booking was made in."""

    known: str = ""
    team: str = ""
    page_title: str = "Your appointment"
    step: str = "see"
    busy: bool = False
    asking: bool = False
    note: str = ""
    booked: Managed = Managed()
    refusal: Refusal = Refusal()

    _token: str = ""
    _start: int = 0
    _people: tuple[Any, ...] = ()
    _bookables: frozenset[int] = frozenset()

    @rx.event
    @public
    async def open(self) -> None:
        """The page opens."""
        await arrives(self, "manage")
        token = live.last_of_path(self.router.url.path)
        if token != self._token:
            self.zone, self.step = "", "see"
        self._token, self.asking, self.busy, self.note = token, False, False, ""
        self.refusal = Refusal()
        await self._load()
        if self.step == "move":
            await self._open_move()

    @rx.event(background=True)
    @public
    async def follow(self) -> None:
        """Keep the page true for as long as it is open."""
        hub, tab = runtime.current().hub, self.router.session
        with Following("manage", tab) as following, hub.subscribe("availability", "catalog") as changes:
            last: SlotsAnswer | None = None
            while following.goes_on:
                happened = await changes.next(live.pause(last))
                try:
                    last = await self._follow(happened, last)
                except Exception:
                    log.exception("page.follow")

    @rx.event
    @public
    async def start_move(self) -> Any:
        """Choose another time."""
        if self.known != "found" or self.booked.why_not:
            return None
        self.step, self.note, self.ready, self.asking, self.refusal = "move", "", False, False, Refusal()
        await self._open_move()
        return rx.call_script("document.getElementById('day')?.focus()")

    @rx.event
    @public
    async def stop_move(self) -> None:
        """Leave the time as it is."""
        self.step, self.refusal = "see", Refusal()

    @rx.event
    @public
    async def move(self) -> AsyncIterator[Any]:
        """Move to the chosen time."""
        if self.step == "move" and self.chosen and not self.busy:
            async for each in self._change_to(self.chosen):
                yield each

    @rx.event
    @public
    async def take_instead(self, start: int) -> AsyncIterator[Any]:
        """Move to an alternative."""
        if not self.busy and any(each.start == start for each in self.refusal.instead):
            async for each in self._change_to(start):
                yield each

    @rx.event
    @public
    async def ask(self) -> None:
        """Ask once whether to cancel."""
        self.asking = self.known == "found" and not self.booked.why_not

    @rx.event
    @public
    async def keep_it(self) -> None:
        """Not cancelled after all."""
        self.asking = False

    @rx.event
    @public
    async def cancel(self) -> AsyncIterator[Any]:
        """Cancel the appointment."""
        if not self.asking or self.busy:
            return
        if not live.may_change(self.router.session.client_ip):
            yield live.too_often()
            return
        self.busy = True
        yield
        self.busy, self.asking, self.step = False, False, "see"
        try:
            self._draw(await manage.cancel(runtime.current().context, self._token))
            self.note = "Cancelled. A confirmation is on its way to you, and the time is free for others again."
        except Refused as refused:
            self._refuse(refused)
        except NotFound:
            self.known = "missing"

    async def _load(self) -> None:
        context = runtime.current().context
        self._put("team", context.team_name)
        try:
            view = await manage.view(context, self._token)
        except BookingError:
            self.known, self.page_title, self.booked = "missing", "Not found", Managed()
            return
        if not self.zone:
            self._set_zone(view.zone)
        self._draw(view)
        self._put("known", "found")
        self._put("page_title", f"{view.service_name} · {context.team_name}")

    def _draw(self, view: BookingView) -> None:
        day, span = times.span_words(view.start, view.end, view.zone)
        cancelled = view.state == "cancelled"
        if (view.state, view.start) != (self.booked.state, self._start):
            self.note, self.refusal, self.asking = "", Refusal(), False
            self._put("step", "see" if cancelled else self.step)
        self._slug, self._start, self._bookables = view.service, view.start, frozenset(view.bookables)
        self._people = tuple(offers.person(each) for each in view.staff)
        self._put(
            "booked",
            Managed(
                when=Appointment(
                    service=view.service_name,
                    day=day,
                    times=span,
                    zone=times.zone_words(view.zone),
                    people=times.names([each.name for each in view.staff]),
                    location=view.location,
                    preparation=view.preparation,
                ),
                customer=view.customer.name,
                state=view.state,
                state_words=_CANCELLED_BY.get(view.cancelled_by or "", "Cancelled.") if cancelled else "Confirmed",
                why_not="" if view.can_change else view.change_refusal,
                until=times.moment(view.changeable_until, view.zone),
                slug=view.service,
            ),
        )

    async def _open_move(self) -> None:
        service = await catalog.service(runtime.current().context, self._slug)
        one_of_many = service.assignment == AssignmentMode.ANY and self._people
        self._staff = self._people[0].slug if one_of_many else None
        self._horizon, self._notice = service.horizon_days, service.notice
        await self._open_picker(local_date(self.zone, self._start))

    async def _follow(self, happened: tuple[Change, ...], last: SlotsAnswer | None) -> SlotsAnswer | None:
        """Look once. Only within the page's lock is what one reads there up to date."""
        async with self:
            if self.known == "found" and any(_concerns(change, self._bookables) for change in happened):
                self._draw(await manage.view(runtime.current().context, self._token))
            if self.step != "move" or not self.ready:
                return None
            query = self._query()
        answer = await runtime.current().board.get(query)
        if happened and answer is last:
            return last
        async with self:
            if self.step == "move" and self._query() == query:
                self._show(answer)
        return answer

    async def _change_to(self, start: int) -> AsyncIterator[Any]:
        if not live.may_change(self.router.session.client_ip):
            yield live.too_often()
            return
        self.busy, self.refusal = True, Refusal()
        yield
        self.busy = False
        try:
            self._draw(await manage.reschedule(runtime.current().context, self._token, start))
        except Refused as refused:
            self._refuse(refused)
            self._shown = picture.month_of(local_date(self.zone, start))
            self._select(await live.open_slots(self._query()), local_date(self.zone, start).isoformat())
        except NotFound:
            self.known = "missing"
        else:
            self.step, self.note = "see", "Moved. The new time is on its way to you, and to the calendar."

    def _refuse(self, refused: Refused) -> None:
        self.refusal = offers.refusal(refused, zone=self.zone, people=self._people, wished=None)


def _concerns(change: Change, bookables: frozenset[int]) -> bool:
    """Whether a booking of these may be another one now."""
    return change.topic != "availability" or not change.ids or bool(change.ids & bookables)
