"""A browser tab's state belongs to whoever was signed in when it was filled.

Reflex keeps a tab's state on the server under a token that outlives a sign-out, and sends all of it again when the
page loads. Without this, the next person at the same computer would receive what the last one saw.
"""

from __future__ import annotations

import hashlib

import reflex as rx
from reflex.app import App
from reflex.event import Event
from reflex.middleware.middleware import Middleware
from reflex.state import BaseState, StateUpdate

from booking_app import runtime
from booking_app.services.accounts import session_cookie


class SessionOwner(rx.State):
    """Remembers, on the server only, which session the tab's state was filled for."""

    _session: str = ""


class ForgetOnChangeOfSession(Middleware):
    """Before any event of a tab whose session cookie is another than before: every state starts afresh."""

    async def preprocess(self, app: App, state: BaseState, event: Event) -> StateUpdate | None:  # noqa: ARG002
        cookie = session_cookie(state.router.headers.cookie, runtime.current().settings.public_url)
        session = hashlib.sha256(cookie.encode()).hexdigest() if cookie else ""
        owner = await state.get_state(SessionOwner)
        if owner._session != session:
            state._get_root_state().reset()  # type: ignore[no-untyped-call]
            owner._session = session
        return None
