"""One follower a tab and page, for as long as the tab is there.

Reflex ends what a page's opening started when its tab goes; what a message asked for by itself it leaves running. So
whoever follows looks at each turn whether that is still wanted."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable

import reflex as rx
from reflex.istate.data import SessionData

from booking_app import runtime
from booking_app.state.guard import public, still_allowed
from booking_app.state.sockets import Sockets

log = logging.getLogger(__name__)

_newest: dict[tuple[str, str], object] = {}
_SHELL = "booking_app.booking_app"
_PAUSE = 0.25
"""Seconds between two looks: what changes in a burst is drawn once."""


class Following:
    """The place of a page's follower, for as long as the block runs. A later one of the same tab takes it over."""

    def __init__(self, page: str, tab: SessionData) -> None:
        self._key = tab.client_token, page
        self._mine = object()

    def __enter__(self) -> Following:
        _newest[self._key] = self._mine
        return self

    def __exit__(self, *_: object) -> None:
        if _newest.get(self._key) is self._mine:
            del _newest[self._key]

    @property
    def goes_on(self) -> bool:
        """Whether nobody has taken over and the tab is still connected to this process."""
        return _newest.get(self._key) is self._mine and _connected(self._key[0])


class WhereaboutsState(rx.State):
    """The page that a tab opened last, and has not left."""

    _page: str = ""

    @rx.event
    @public
    async def leave(self) -> None:
        """The browser has taken the page away. The next page's opening does not tell of it where a third page is
        opened before that is done: Reflex drops an opening that a later one overtakes."""
        self._page = ""


async def arrives(state: rx.State, page: str) -> bool:
    """For a handler that opens `page`: whether the tab comes from another one. Reflex may tell of an opening once more
    although the page was never left: whenever its router hears of a change in the browser's history, also of one that
    leads nowhere."""
    tab = await state.get_state(WhereaboutsState)
    before, tab._page = tab._page, page
    return before != page


async def is_elsewhere(token: str) -> bool:
    """Whether the tab is connected to another process by now."""
    sockets = _sockets()
    return sockets is not None and await sockets.is_elsewhere(token)


def _connected(token: str) -> bool:
    sockets = _sockets()
    return sockets is None or sockets.has(token)


def _sockets() -> Sockets | None:
    # The app is made by the shell, which knows us and not the other way round; without it there are no tabs to lose.
    app = getattr(sys.modules.get(_SHELL), "app", None)
    return getattr(app, "event_namespace", None)


async def keep_true(
    state: rx.State, page: str, *topics: str, tick: float, look: Callable[[set[str]], Awaitable[None]]
) -> None:
    """For a guarded background handler of `state`: keep `page`, a path, right until it is left or may not be seen.

    `look(changed)` is awaited within the page's lock, with the names of what changed: at once with all `topics`, since
    they may have while the page was drawn, then with those that did (`resync`: anything may have), and with none after
    `tick` seconds in which nothing did. In a new tab the first may come before the page has been opened."""
    with Following(page, state.router.session) as following, runtime.current().hub.subscribe(*topics) as news:
        changed = set(topics)
        while following.goes_on and await still_allowed():
            async with state:
                if not following.goes_on or not state.router.url.path.startswith(page):
                    return
                try:
                    await look(changed)
                except Exception:
                    # The outermost loop of the page: a database that restarts must not end it for good.
                    log.exception("page.follow", extra={"page": page})
            await asyncio.sleep(_PAUSE)
            changed = {change.topic for change in await news.next(tick)}
