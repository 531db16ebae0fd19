"""`/settings/calendars`: setting out to a provider's consent page, and coming back from it."""

from __future__ import annotations

from collections.abc import Sequence

import reflex as rx

from booking_app import runtime
from booking_app.domain.appointment import Role
from booking_app.services import calendars, provider_apps
from booking_app.services.provider_apps import AppView
from booking_app.state import link_lines
from booking_app.state.guard import caller, guarded
from booking_app.state.views_calendars import Arrival, LinkOffer


class LinkingState(rx.State):
    """Which providers can be linked, and how the last attempt ended."""

    offers: tuple[LinkOffer, ...] = ()
    for_less: tuple[LinkOffer, ...] = ()
    """Those that can be connected for busy times only."""
    not_set_up: str = ""
    """Providers whose accounts cannot be linked before an admin has set them up."""
    arrival: Arrival = Arrival()

    @rx.event
    @guarded(Role.STAFF)
    async def open(self) -> None:
        """The page opens, maybe because somebody comes back."""
        ctx, person = runtime.current().context, caller().bookable_id
        apps = await provider_apps.listed(ctx)
        self._offer(apps)
        self.arrival = Arrival()
        if person is not None:
            views = await calendars.connections_of(ctx, person)
            self.arrival = link_lines.arrival(self.router.url.query_parameters, views, apps)

    @rx.event
    @guarded(Role.STAFF)
    async def hush(self) -> None:
        """Put away how it ended."""
        self.arrival = Arrival()

    def _offer(self, apps: Sequence[AppView]) -> None:
        """What can be connected, as the providers stand now; also while the page stays open."""
        offers = link_lines.offers(apps)
        if offers != self.offers:
            self.offers = offers
            self.for_less = tuple(each for each in offers if not each.refused)
        self.not_set_up = link_lines.not_set_up(apps)
