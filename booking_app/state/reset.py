"""What the pages around a forgotten password say. Their forms go to /auth/forgot and /auth/reset by HTTP."""

from __future__ import annotations

from typing import Any

import reflex as rx

from booking_app import runtime
from booking_app.domain.errors import NotFound
from booking_app.services import resets
from booking_app.state import live
from booking_app.state.focus import focus
from booking_app.state.guard import public
from booking_app.state.sign_in import WELCOME_ERRORS

_WAIT = "Too many requests from here. Wait an hour, then try again."


class ForgotState(rx.State):
    """Public, and the same for every address that is typed."""

    team: str = ""
    sent: bool = False
    mails: bool = True
    message: str = ""

    @rx.event
    @public
    async def open(self) -> Any:
        asked = self.router.url.query_parameters
        self.team = runtime.current().context.team_name
        self.mails = bool(runtime.current().settings.smtp_url)
        self.sent = asked.get("sent", "") == "1"
        self.message = _WAIT if asked.get("error", "") == "wait" else ""
        return focus("sent") if self.sent else None


class ResetState(rx.State):
    """A mailed link, before it is used. The token stays in the address and the form."""

    team: str = ""
    ready: bool = False
    invalid: bool = False
    email: str = ""
    token: str = ""
    wrong: str = ""
    message: str = ""

    @rx.event
    @public
    async def open(self) -> Any:
        """Show what the link opens; after a refusal with what is wrong."""
        ctx = runtime.current().context
        self.team = ctx.team_name
        self.token = live.last_of_path(self.router.url.path)[:128]
        error = self.router.url.query_parameters.get("error", "")
        said = WELCOME_ERRORS.get(error, "")
        self.wrong, self.message = (said, "") if error == "password" else ("", said)
        try:
            self.email = await resets.offer(ctx, self.token)
        except NotFound:
            self.invalid, self.ready = True, False
            return None
        self.invalid, self.ready = False, True
        return focus("password")
