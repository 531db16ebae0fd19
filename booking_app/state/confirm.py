"""`/confirm/<token>`: press once, and what was asked for is booked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import reflex as rx

from booking_app import runtime
from booking_app.domain.errors import NotFound, Refused
from booking_app.services import confirming
from booking_app.services.confirming import Waiting
from booking_app.state import live, times
from booking_app.state.guard import public
from booking_app.state.views import Appointment


class ConfirmState(rx.State):
    """A mailed link. Opening it books nothing: mail programs open links by themselves."""

    team: str = ""
    known: str = ""
    busy: bool = False
    when: Appointment = Appointment()
    until: str = ""
    refused: str = ""

    _token: str = ""

    @rx.event
    @public
    async def open(self) -> None:
        """Show what the link books."""
        ctx = runtime.current().context
        self.team, self.busy, self.refused = ctx.team_name, False, ""
        self._token = live.last_of_path(self.router.url.path)[:128]
        try:
            found = await confirming.waiting(ctx, self._token)
        except NotFound:
            self.known = "missing"
            return
        self.known, self.when, self.until = "found", _appointment(found), times.clock(found.expires_at, found.zone)

    @rx.event
    @public
    async def confirm(self) -> AsyncIterator[Any]:
        """Book it, and go to the page where it can be changed."""
        if self.known != "found" or self.busy:
            return
        if not live.may_change(self.router.session.client_ip):
            yield live.too_often()
            return
        self.busy, self.refused = True, ""
        yield
        self.busy = False
        try:
            by = live.visitor(self.router.session)
            receipt = await confirming.confirm(runtime.current().context, self._token, by=by)
        except NotFound:
            self.known = "missing"
        except Refused as refused:
            self.refused = str(refused)
        else:
            yield rx.redirect(receipt.manage_url.removeprefix(runtime.current().context.public_url))


def _appointment(found: Waiting) -> Appointment:
    day, span = times.span_words(found.start, found.end, found.zone)
    return Appointment(
        service=found.service,
        day=day,
        times=span,
        zone=times.zone_words(found.zone),
        people=times.names(list(found.people)),
        location=found.location,
        preparation=found.preparation,
    )
