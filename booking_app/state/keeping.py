"""The slots that the open pages of this process keep, given back when the page is left. How many a visitor may keep
is counted in the database (`services.holds`)."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

from reflex.istate.data import SessionData

from booking_app import runtime
from booking_app.services import holds
from booking_app.state import live
from booking_app.state.followers import is_elsewhere

GRACE = 10.0
"""Seconds after a page went away before the slot it kept is given back: it may only be reconnecting."""
LOOKS = 20
"""How often meanwhile it is looked whether it came back, to this process or to another."""


@dataclass(kw_only=True, slots=True)
class _Kept:
    """What a tab keeps, and until when."""

    hold: str
    until: int


_kept: dict[str, _Kept] = {}
_watchers: Counter[str] = Counter()
_farewells: set[asyncio.Task[None]] = set()


def stands(tab: SessionData, hold: str, until: int) -> None:
    """The tab keeps this hold until the instant `until`."""
    now = live.now()
    for over in [each for each, kept in _kept.items() if kept.until <= now]:
        del _kept[over]
    _kept[tab.client_token] = _Kept(hold=hold, until=until)


def end(tab: SessionData) -> None:
    """The tab keeps nothing any more."""
    _kept.pop(tab.client_token, None)


class Watching:
    """A page that follows, for as long as the block runs; what its tab keeps is given back afterwards."""

    def __init__(self, tab: SessionData) -> None:
        self._tab = tab.client_token

    def __enter__(self) -> None:
        _watchers[self._tab] += 1

    def __exit__(self, *_: object) -> None:
        _watchers[self._tab] -= 1
        if not _watchers[self._tab]:
            del _watchers[self._tab]
        if self._tab in _kept:
            farewell = asyncio.get_running_loop().create_task(_give_back(self._tab), name="give-back")
            _farewells.add(farewell)
            farewell.add_done_callback(_farewells.discard)


async def _give_back(tab: str) -> None:
    for _ in range(LOOKS):
        await asyncio.sleep(GRACE / LOOKS)
        if tab in _watchers:
            return
        if await is_elsewhere(tab):
            # Its slot is from now on the other process's to give back.
            _kept.pop(tab, None)
            return
    if (kept := _kept.pop(tab, None)) is not None:
        await holds.release(runtime.current().context, kept.hold)
