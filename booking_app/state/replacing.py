"""`/settings/calendars`: a new password for an account that has one."""

from __future__ import annotations

from typing import Any

import reflex as rx

from booking_app import runtime
from booking_app.domain.appointment import Role
from booking_app.domain.errors import BookingError
from booking_app.services import calendars
from booking_app.state import calendar_cards
from booking_app.state.calendars import CalendarsState
from booking_app.state.guard import guarded, own_bookable, secret_text, short_text
from booking_app.sync import connect


class ReplacingState(rx.State):
    """Whose password is asked for, and what is wrong with the one that was entered."""

    account: str = ""
    """Its name; empty while nothing is asked."""
    message: str = ""
    busy: bool = False
    _uid: str = ""

    @rx.event
    @guarded(Role.STAFF)
    async def ask(self, uid: str) -> None:
        """Open the question about an account of the caller's."""
        uid, views = (
            short_text(uid, "uid", 40),
            await calendars.connections_of(runtime.current().context, own_bookable()),
        )
        self._uid, self.message = uid, ""
        self.account = next((calendar_cards.full_name(each) for each in views if each.uid == uid), "")

    @rx.event
    @guarded(Role.STAFF)
    async def dismiss(self) -> None:
        """Nothing changes."""
        self._uid = self.account = self.message = ""

    @rx.event
    @guarded(Role.STAFF)
    async def replace(self, form: dict[str, Any]) -> Any:
        """Try it; every choice stays."""
        self.busy, self.message = True, ""
        yield
        try:
            await connect.replace_password(
                runtime.current().context,
                runtime.current().accounts,
                bookable_id=own_bookable(),
                connection_uid=self._uid,
                secret=secret_text(form.get("secret", "")),
            )
        except BookingError as error:
            self.message = str(error)
        else:
            self._uid = self.account = ""
            page = await self.get_state(CalendarsState)
            await page._tell("The new password works. Your choices are as they were.", changed=True)
        self.busy = False
