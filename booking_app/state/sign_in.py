"""What the sign-in page and the welcome page say. The forms themselves go to /auth/login and /auth/accept by HTTP."""

from __future__ import annotations

from typing import Any

import reflex as rx

from booking_app import runtime
from booking_app.domain.appointment import Role
from booking_app.domain.errors import NotFound
from booking_app.services import invitations, typed
from booking_app.services.passwords import SHORTEST
from booking_app.state import live
from booking_app.state.focus import fill, focus
from booking_app.state.guard import public, visitor

HOME = {Role.ADMIN: "/admin/team", Role.STAFF: "/settings/calendars"}

BUSY = "Many people sign in at this moment. Please try again in a few seconds."
SIGN_IN_ERRORS = {
    "busy": BUSY,
    "wrong": "The address or the password is wrong.",
    "wait": "Too many attempts. Wait five minutes, or have a link mailed to you.",
    "role": "This page is for admins. Sign in with an admin's account.",
    "link": "This link is not valid any more. Ask an admin for a new one, or sign in.",
}
WELCOME_ERRORS = {
    "busy": BUSY,
    "wait": "Too many attempts. Wait five minutes, then try again.",
    "name": "Write your name, at most 100 characters.",
    "email": "Write an address like name@example.com that has no account yet.",
    "password": f"Choose a password of at least {SHORTEST} characters that is hard to guess.",
}


_FIELDS = ("email", "name", "password")


class SignInState(rx.State):
    """Public: nothing here is anybody's."""

    team: str = ""
    message: str = ""
    wrong: str = ""
    """What is said at the password; `message` is what is said above the form."""
    next: str = ""

    @rx.event
    @public
    async def open(self) -> Any:
        """Somebody who is signed in already goes on, unless an error brought them here."""
        asked = self.router.url.query_parameters
        self.team = runtime.current().context.team_name
        error = asked.get("error", "")
        said = SIGN_IN_ERRORS.get(error, "")
        self.wrong, self.message = (said, "") if error == "wrong" else ("", said)
        email = typed.unpack(self.router.headers.cookie).get("email", "") if said else ""
        self.next = asked.get("next", "")
        person = await visitor(self)
        if person is not None and not said:
            return rx.redirect(HOME[person.role])
        return [*([fill("email", email)] if email else []), *([focus("password")] if self.wrong else [])]


class WelcomeState(rx.State):
    """An invitation or the first admin's link, before it is used. The token stays in the address and the form."""

    team: str = ""
    ready: bool = False
    invalid: bool = False
    first_admin: bool = False
    email: str = ""
    name: str = ""
    token: str = ""
    wrong: str = ""
    message: str = ""

    @rx.event
    @public
    async def open(self) -> Any:
        """Show what the link offers; after a refusal with what was typed, and with what is wrong at its field."""
        ctx = runtime.current().context
        self.team = ctx.team_name
        self.token = live.last_of_path(self.router.url.path)[:128]
        self.wrong = self.router.url.query_parameters.get("error", "")
        self.message = WELCOME_ERRORS.get(self.wrong, "")
        try:
            offer = await invitations.offer(ctx, self.token)
        except NotFound:
            self.invalid = True
            return None
        before = typed.unpack(self.router.headers.cookie) if self.message else {}
        self.first_admin = offer.purpose == invitations.FIRST_ADMIN
        self.email, self.name = offer.email or before.get("email", ""), before.get("name", offer.name)
        self.invalid, self.ready = False, True
        return focus(self.wrong) if self.wrong in _FIELDS and self.message else None
