"""`/book/<service>`: choose a time, keep it, fill in the form, have it."""

from __future__ import annotations

import logging
import secrets
from collections.abc import AsyncIterator
from typing import Any

import reflex as rx

from booking_app import runtime
from booking_app.domain.errors import Invalid, NotFound, Reason, Refused
from booking_app.domain.zones import local_date
from booking_app.feed import Change
from booking_app.services import catalog, confirming, holds
from booking_app.services.confirming import Awaiting
from booking_app.services.views import BookingReceipt, BookingRequest, Customer, ServiceView, SlotsAnswer
from booking_app.state import keeping, live, offers, picture, times
from booking_app.state.followers import Following, arrives
from booking_app.state.guard import public
from booking_app.state.picker import Picker
from booking_app.state.views import Appointment, FormErrors, Links, Offer, Refusal

log = logging.getLogger(__name__)

_BREATH = 30
"""Seconds for which typing keeps a slot no longer than it already is."""


class BookState(Picker, rx.State):
    """Steps: `pick` a time, fill in the `form` while the time is kept, `done`; or `mail`, if it is to be confirmed."""

    known: str = ""
    team: str = ""
    page_title: str = "Book an appointment"
    offer: Offer = Offer()
    person: str = ""
    people_open: bool = False
    step: str = "pick"
    busy: bool = False
    kept: Appointment = Appointment()
    kept_until: int = 0
    kept_over: bool = False
    refusal: Refusal = Refusal()
    errors: FormErrors = FormErrors()
    sent_to: str = ""
    until: str = ""
    links: Links = Links()

    _service: ServiceView | None = None
    _hold: str | None = None
    _kept_start: int = 0
    _extended: int = 0
    _key: str = ""
    _instead: tuple[tuple[int, tuple[str, ...]], ...] = ()

    @rx.event
    @public
    async def open(self) -> Any:
        """The page opens, is loaded again, or has its connection back. Only the first begins anew."""
        slug = live.last_of_path(self.router.url.path)
        anew = await arrives(self, "book") or slug != self._slug
        day, chosen = (None, 0) if anew else (self._looked_at(), self.chosen)
        if anew or self.step == "pick":
            await self._begin(slug)
        self._note_hold()
        if not await self._load_offer():
            return None
        if not self.zone:
            return rx.call_script(live.DETECTED_ZONE, callback=BookState.zone_found)
        if self.step == "pick":
            await self._open_picker(day, chosen)
        return None

    @rx.event
    @public
    async def zone_found(self, zone: str) -> None:
        """What the browser says about its zone."""
        if self.zone or self.known != "found":
            return
        self._set_zone(live.found_zone(zone))
        await self._open_picker()

    @rx.event(background=True)
    @public
    async def follow(self) -> None:
        """Keep the page true for as long as it is open."""
        tab, news = self.router.session, runtime.current().hub.subscribe("availability", "catalog")
        with Following("book", tab) as following, keeping.Watching(tab), news as changes:
            last: SlotsAnswer | None = None
            while following.goes_on:
                happened = await changes.next(live.pause(last))
                try:
                    last = await self._follow(happened, last)
                except NotFound:
                    async with self:
                        self.known = "missing"
                except Exception:
                    log.exception("page.follow")

    @rx.event
    @public
    async def toggle_people(self) -> None:
        self.people_open = not self.people_open

    @rx.event
    @public
    async def choose_person(self, slug: str) -> None:
        """With one of those who offer it, or with anyone (empty)."""
        if self.known != "found" or slug not in {"", *(each.slug for each in self.offer.people)}:
            return
        self.person, self._staff = slug, slug or None
        self.refusal = Refusal()
        if self.zone:
            await self._open_picker()

    @rx.event
    @public
    async def take_soonest(self) -> Any:
        """Keep the next free time and go on to the form."""
        return await self._keep(self.soonest.start) if self.step == "pick" and self.soonest.start else None

    @rx.event
    @public
    async def keep(self) -> Any:
        """Keep the chosen time and go on to the form."""
        return await self._keep(self.chosen) if self.step == "pick" and self.chosen else None

    @rx.event
    @public
    async def take_instead(self, start: int) -> Any:
        """Take an alternative; what was typed stays."""
        staff = next((staff for at, staff in self._instead if at == start), None)
        if staff is None:
            return None
        if self._staff is not None and self._staff not in staff:
            self.person, self._staff = staff[0], staff[0]
        return await self._keep(start)

    @rx.event
    @public
    async def typing(self) -> None:
        """Somebody is filling in the form: keep the time for longer."""
        if self._hold is None or live.now() < self._extended + _BREATH:
            return
        self._extended = live.now()
        try:
            self.kept_until = (await holds.extend(runtime.current().context, self._hold)).expires_at
        except Refused:
            self._hold, self.kept_over = None, True
        self._note_hold()

    @rx.event
    @public
    async def back(self) -> Any:
        """Give the time back and choose another one."""
        if self.step != "form":
            return None
        start = self._kept_start
        await self._give_back()
        self.step, self.refusal, self.errors = "pick", Refusal(), FormErrors()
        self._shown = picture.month_of(local_date(self.zone, start))
        self._select(await live.open_slots(self._query()), local_date(self.zone, start).isoformat())
        return rx.call_script("document.getElementById('day')?.focus()")

    @rx.event
    @public
    async def submit(self, data: dict[str, Any]) -> AsyncIterator[Any]:
        """Book. Whatever comes of it, what was typed stays in the form."""
        if self.step != "form" or self.busy:
            return
        if not live.may_change(self.router.session.client_ip):
            yield live.too_often()
            return
        self.busy, self.errors, self.refusal = True, FormErrors(), Refusal()
        yield
        self.busy = False
        who = Customer(**{field: str(data.get(field) or "") for field in ("name", "email", "phone", "notes")})
        request = BookingRequest(
            service=self._slug, start=self._kept_start, zone=self.zone, customer=who, staff=self._staff, hold=self._hold
        )
        try:
            ctx, visitor = runtime.current().context, live.visitor(self.router.session)
            outcome = await confirming.book_or_ask(ctx, request, idempotency_key=self._key, by=visitor)
        except Invalid as wrong:
            self.errors = offers.form_errors(wrong)
            yield rx.call_script(f"document.getElementById('{offers.first_wrong(self.errors) or 'book'}')?.focus()")
        except Refused as refused:
            self._refuse(refused)
        else:
            self._finish(outcome, who.email.strip())

    @rx.event
    @public
    async def again(self) -> None:
        """Book another one."""
        if self.known == "found" and self.zone:
            await self._begin(self._slug)
            await self._open_picker()

    async def _begin(self, slug: str) -> None:
        await self._give_back()
        if slug != self._slug:
            self.known, self.offer, self.person, self._staff = "", Offer(), "", None
        self._slug, self.step, self.ready, self.busy = slug, "pick", False, False
        self.refusal, self.errors, self.links, self._instead = Refusal(), FormErrors(), Links(), ()
        self.news, self.people_open, self.zone_open = "", False, False

    async def _load_offer(self) -> bool:
        context = runtime.current().context
        self._put("team", context.team_name)
        try:
            self._service = await catalog.service(context, self._slug)
        except NotFound:
            self.known, self.page_title = "missing", "Not found"
            return False
        self._horizon, self._notice = self._service.horizon_days, self._service.notice
        self._put("offer", offers.offer(self._service))
        self._put("page_title", f"{self._service.name} · {context.team_name}")
        self._put("known", "found")
        return True

    async def _follow(self, happened: tuple[Change, ...], last: SlotsAnswer | None) -> SlotsAnswer | None:
        """Look once. Only within the page's lock is what one reads there up to date."""
        async with self:
            if any(change.topic in {"catalog", "resync"} for change in happened):
                await self._load_offer()
            if self.kept_until and self.step == "form":
                self._put("kept_over", self.kept_over or live.now() >= self.kept_until)
            if not self.ready or self.step != "pick":
                return None
            query, zone, horizon = self._query(), self.zone, self._horizon
        answer = await runtime.current().board.get(query)
        if happened and answer is last:
            return last
        soonest, _ = await live.first_open(query.service, query.staff, zone, horizon)
        async with self:
            if self.ready and self.step == "pick" and self._query() == query:
                self._show(answer)
                self._show_soonest(soonest)
        return answer

    async def _keep(self, start: int) -> Any:
        service = self._service
        if service is None:
            return None
        if not live.may_change(self.router.session.client_ip):
            return live.too_often()
        await self._give_back()
        staff: tuple[str, ...] = (self._staff,) if self._staff else ()
        try:
            ctx, visitor = runtime.current().context, live.visitor(self.router.session)
            kept = await holds.hold(ctx, self._slug, start, self._staff, by=visitor)
        except Refused as error:
            if error.reason is not Reason.NOT_KEPT:
                self._refuse(error)
                if self.step == "pick":
                    self._select(await live.open_slots(self._query()), self._day)
                return None
        else:
            staff, self._hold, self.kept_until = kept.staff, kept.token, kept.expires_at
            self._note_hold()
        self._kept_start, self._extended = start, live.now()
        self._key = secrets.token_urlsafe(16)
        self._mine, self.kept_over, self.server_now = start, self._hold is None, live.now()
        self.kept = offers.appointment(service, start, self.zone, self.offer.people, staff)
        self.chosen, self.chosen_time = start, times.clock(start, self.zone)
        self.refusal, self.errors, self._instead, self.step = Refusal(), FormErrors(), (), "form"
        return None

    async def _give_back(self) -> None:
        if self._hold is not None:
            await holds.release(runtime.current().context, self._hold)
        keeping.end(self.router.session)
        self._hold, self._mine, self.kept_until = None, 0, 0

    def _note_hold(self) -> None:
        """Have the hold given back when this tab goes away."""
        if self._hold is not None:
            keeping.stands(self.router.session, self._hold, self.kept_until)

    def _refuse(self, refused: Refused) -> None:
        self._instead = tuple((each.start, each.staff) for each in refused.alternatives)
        self.refusal = offers.refusal(refused, zone=self.zone, people=self.offer.people, wished=self._staff)

    def _finish(self, outcome: BookingReceipt | Awaiting, email: str) -> None:
        """It is booked; or the slot stays held, no longer for this tab but for whoever presses the mailed link."""
        if self._service is not None:
            self.kept = offers.appointment(self._service, outcome.start, self.zone, self.offer.people, outcome.staff)
            if isinstance(outcome, BookingReceipt):
                self.links = offers.links(outcome, self._service, live.now())
        if isinstance(outcome, Awaiting):
            self.until = times.clock(outcome.expires_at, self.zone)
        self.step = "mail" if isinstance(outcome, Awaiting) else "done"
        self.sent_to, self._hold, self._key = email, None, ""
        self.kept_until, self._mine = 0, 0
        keeping.end(self.router.session)
