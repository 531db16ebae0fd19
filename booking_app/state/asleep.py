"""The tabs that are not connected, whose states are kept for when they come back."""

from __future__ import annotations

from reflex.app import App
from reflex.istate.manager.memory import StateManagerMemory
from reflex.istate.manager.token import BaseStateToken

EACH = 200
"""Of one client: a state is about 100 KB."""
ALL = 4_000


class Asleep:
    """Forgets the states of those that went first when there are too many. In the memory of one process only: Redis
    lets them expire."""

    def __init__(self, app: App, *, each: int = EACH, most: int = ALL) -> None:
        self._app = app
        self._each = each
        self._all = most
        self._clients: dict[str, dict[str, None]] = {}
        self._tabs: dict[str, str] = {}

    def add(self, tab: str, client: str) -> None:
        """The tab has gone, for now."""
        self.wake(tab)
        self._tabs[tab] = client
        own = self._clients.setdefault(client, {})
        own[tab] = None
        if len(own) > self._each:
            self._forget(next(iter(own)))
        elif len(self._tabs) > self._all:
            self._forget(next(iter(self._tabs)))

    def wake(self, tab: str) -> None:
        """It is back."""
        client = self._tabs.pop(tab, None)
        if client is None:
            return
        own = self._clients[client]
        del own[tab]
        if not own:
            del self._clients[client]

    def _forget(self, tab: str) -> None:
        self.wake(tab)
        manager, root = self._app.state_manager, self._app._state
        if not isinstance(manager, StateManagerMemory) or root is None:
            return
        token = BaseStateToken(ident=tab, cls=root)
        lock = manager._states_locks.get(token.lock_key)
        if lock is None or not lock.locked():
            manager._purge_token(token)
