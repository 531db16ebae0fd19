"""A browser tab's state belongs to whoever was signed in when it was filled.

Reflex keeps a tab's state on the server under a token that outlives a sign-out, and sends all of it again when the
page loads. Without this, the next person at the same computer would receive what the last one saw; and so would a tab
whose session was ended elsewhere.
"""

from __future__ import annotations

import hashlib

import reflex as rx
from reflex.app import App
from reflex.event import Event
from reflex.middleware.middleware import Middleware
from reflex.state import BaseState, StateUpdate

from booking_app import runtime
from booking_app.services.accounts import session_cookie, who
from booking_app.state.sockets import Sockets


class SessionOwner(rx.State):
    """Remembers, on the server only, which session the tab's state was filled for."""

    _session: str = ""


class ForgetOnChangeOfSession(Middleware):
    """Before any event of a tab that is not signed in as it was before, by another session, none, or in another role:
    every state starts afresh."""

    async def preprocess(self, app: App, state: BaseState, event: Event) -> StateUpdate | None:  # noqa: ARG002
        session = await _session_of(state)
        owner = await state.get_state(SessionOwner)
        if owner._session != session:
            state._get_root_state().reset()  # type: ignore[no-untyped-call]
            owner._session = session
        return None


class DropWhatNobodyWaitsFor(Middleware):
    """An event whose tab has gone by the time it would begin is not begun."""

    async def preprocess(self, app: App, state: BaseState, event: Event) -> StateUpdate | None:  # noqa: ARG002
        sockets = app.event_namespace
        gone = isinstance(sockets, Sockets) and not sockets.has(state.router.session.client_token)
        return StateUpdate() if gone else None


async def _session_of(state: BaseState) -> str:
    """Different for every session and role; empty for a visitor, also for one whose session has ended."""
    running = runtime.current()
    cookie = session_cookie(state.router.headers.cookie, running.settings.public_url)
    person = await who(running.context, cookie)
    return "" if person is None else hashlib.sha256(f"{cookie} {person.role}".encode()).hexdigest()
