"""`/settings/calendars`: the question before an account is disconnected."""

from __future__ import annotations

from typing import Any, Literal

import reflex as rx

from booking_app import runtime
from booking_app.domain.appointment import Role
from booking_app.domain.errors import BookingError
from booking_app.services import calendars
from booking_app.state import disconnect_words
from booking_app.state.calendars import CalendarsState
from booking_app.state.guard import guarded, own_bookable, short_text
from booking_app.state.views_calendars import Question
from booking_app.sync import connect


class DisconnectingState(rx.State):
    """What is asked, and about which account; nothing while no question is open."""

    question: Question = Question()
    _account: str = ""

    @rx.event
    @guarded(Role.STAFF)
    async def ask(self, uid: str) -> None:
        """Open the question about an account of the caller's."""
        ctx, person, uid = runtime.current().context, own_bookable(), short_text(uid, "uid", 40)
        views = await calendars.connections_of(ctx, person)
        view = next((each for each in views if each.uid == uid), None)
        if view is None:
            return
        standing = await calendars.standing(ctx, connection_uid=uid, bookable_id=person)
        self._account, self.question = uid, disconnect_words.question(view, views, standing)

    @rx.event
    @guarded(Role.STAFF)
    async def dismiss(self) -> None:
        """Everything stays as it is."""
        self._account, self.question = "", Question()

    @rx.event
    @guarded(Role.STAFF)
    async def confirm(self, form: dict[str, Any]) -> None:
        """Forget the account; its events of ours that lie ahead are kept or removed."""
        page = await self.get_state(CalendarsState)
        future: Literal["keep", "remove"] = "remove" if form.get("future_events") == "remove" else "keep"
        try:
            outcome = await connect.disconnect(
                runtime.current().context,
                bookable_id=own_bookable(),
                connection_uid=self._account,
                future_events=future,
            )
        except BookingError as error:
            await page._tell(str(error))
        else:
            await page._tell(disconnect_words.done(self.question, future, outcome), changed=True)
        self._account, self.question = "", Question()
