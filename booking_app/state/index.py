"""`/`: what can be booked, and when next."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import reflex as rx

from booking_app import runtime
from booking_app.domain.errors import NotFound
from booking_app.services.views import ServiceView
from booking_app.state import live, offers, picture
from booking_app.state.followers import Following, arrives
from booking_app.state.guard import public
from booking_app.state.views import Offer

log = logging.getLogger(__name__)


class IndexState(rx.State):
    """The services in their order, each with its next free time once it is known."""

    loaded: bool = False
    team: str = ""
    page_title: str = "Book an appointment"
    zone: str = ""
    offers: tuple[Offer, ...] = ()

    @rx.event
    @public
    async def open(self) -> Any:
        """The page opens."""
        await arrives(self, "index")
        self.team = runtime.current().context.team_name
        self.page_title = f"Book an appointment · {self.team}"
        self.offers = await _offers(self.zone)
        self.loaded = True
        return None if self.zone else rx.call_script(live.DETECTED_ZONE, callback=IndexState.zone_found)

    @rx.event
    @public
    async def zone_found(self, zone: str) -> None:
        """What the browser says about its zone."""
        self.zone = live.found_zone(zone)
        self.offers = await _offers(self.zone)

    @rx.event(background=True)
    @public
    async def follow(self) -> None:
        """Keep the page true for as long as it is open."""
        hub, tab = runtime.current().hub, self.router.session
        with Following("index", tab) as following, hub.subscribe("availability", "catalog") as changes:
            while following.goes_on:
                await changes.next(live.LOOK_AGAIN)
                try:
                    await self._follow()
                except Exception:
                    log.exception("page.follow")

    async def _follow(self) -> None:
        """Look once. Only within the page's lock is what one reads there up to date."""
        async with self:
            zone, offers = self.zone, self.offers
        shown = await _offers(zone)
        if shown != offers:
            async with self:
                if self.zone == zone:
                    self.offers = shown


async def _offers(zone: str) -> tuple[Offer, ...]:
    """All services; with the next free time of each where `zone` is known."""
    return tuple([await _offer(each, zone) for each in await runtime.current().board.services()])


async def _offer(service: ServiceView, zone: str) -> Offer:
    view = offers.offer(service)
    if not zone:
        return view
    try:
        soonest, withheld = await live.first_open(service.slug, None, zone, service.horizon_days)
    except NotFound:
        soonest, withheld = None, False
    if soonest is None:
        words = "Times cannot be shown right now" if withheld else "No free time right now"
        return replace(view, next_free=words, trouble=True)
    words = picture.next_button(soonest, zone, live.now()).words
    return replace(view, next_free=f"Free {words.replace('Today', 'today').replace('Tomorrow', 'tomorrow')}")
