"""The websocket side of the server: who may open how many, how fast they may speak, how much may wait for them.

Reflex takes every message at once and keeps every answer until it is read. Here a client that speaks faster than
people do is listened to more slowly, until its own connection holds it back; one that does not read is cut off; and a
message that does not fit is nothing (`messages`). What is known of a tab is known by more than its token
(`services.tabs`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

from reflex.app import App, EventNamespace
from reflex.state import StateUpdate
from socketio import AsyncServer
from socketio.exceptions import ConnectionRefusedError as Refused
from starlette.types import Receive, Scope, Send

from booking_app import runtime
from booking_app.addresses import client_of
from booking_app.limiter import Limiter
from booking_app.services.tabs import tab_ident
from booking_app.state.asleep import Asleep
from booking_app.state.elsewhere import is_elsewhere, is_here, take_over
from booking_app.state.messages import checked

log = logging.getLogger(__name__)

LONGEST_MESSAGE = 64 * 1024
"""Characters of a message from a browser. The longest of good faith is a form with its notes."""
MOST_UNREAD = 64
"""Messages that wait for a client to read."""
MOST_UNREAD_CHARACTERS = 2_000_000
MOST_UNDONE = 32
"""Messages of one tab that wait for their turn."""
SPEED = (40, 4.0)
"""Messages of one socket in so many seconds: at once or spread, and then as many as that is in a second."""
CLIENT_SPEED_SECONDS = 4.0
"""In which all sockets of a client may send as many messages as the client may have connections."""
LONGEST_TOKEN = 200
_WRONG = (AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What the protocol's library raises over packets that are none."""
_SESSION = "booking.session"
_BINARY = ("5", "6")
"""Packets with binary attachments (Socket.IO protocol 5). Pages send none, and the server would gather them."""


class Sockets(EventNamespace):
    """Reflex's namespace of events, with bounds."""

    def __init__(self, namespace: str, app: App) -> None:
        super().__init__(namespace, app)
        self._clients: dict[str, str] = {}
        """Engine.IO session -> client, from the first request on."""
        self._sockets: Counter[str] = Counter()
        self._speeds: dict[str, Limiter] = {}
        self._asleep = Asleep(app)
        # Set with the first connection: the program starts after its pages are put together.
        self._client_speed: Limiter | None = None
        self._arrivals: Limiter | None = None

    def guard(self, server: AsyncServer) -> None:
        """Stand before what `server` does with each session and message of its transport."""
        handlers: dict[str, Callable[..., Awaitable[Any]]] = server.eio.handlers
        opened, told, closed = handlers["connect"], handlers["message"], handlers["disconnect"]

        async def connect(eio_sid: str, environ: dict[str, Any]) -> Any:
            client = _client(environ)
            if self._sockets[client] >= runtime.current().settings.connections:
                log.warning("socket.too_many")
                return False
            environ["asgi.scope"][_SESSION] = eio_sid
            self._clients[eio_sid] = client
            self._sockets[client] += 1
            return await opened(eio_sid, environ)

        async def message(eio_sid: str, data: object) -> None:
            if not isinstance(data, str) or data.startswith(_BINARY):
                log.warning("socket.malformed")
                return
            try:
                await told(eio_sid, data)
            except _WRONG as error:
                log.warning("socket.malformed", extra={"error": type(error).__name__})
            except Exception:
                log.exception("socket.failed")
                raise

        async def disconnect(eio_sid: str, reason: str) -> None:
            client = self._clients.pop(eio_sid, None)
            if client is not None:
                self._sockets[client] -= 1
                if self._sockets[client] <= 0:
                    del self._sockets[client]
            await closed(eio_sid, reason)

        serve = server.eio.handle_request

        async def request(scope: Scope, receive: Receive, send: Send) -> Any:
            try:
                return await serve(scope, receive, send)
            except _WRONG as error:
                # A packet that cannot be taken apart: the library leaves the session as it is.
                log.warning("socket.malformed", extra={"error": type(error).__name__})
                await _end(server.eio.sockets.get(scope.get(_SESSION)))

        server.eio.handle_request = request
        handlers |= {"connect": connect, "message": message, "disconnect": disconnect}

    def has(self, tab: str) -> bool:
        """Whether the tab is connected to this process."""
        return is_here(self._token_manager, tab)

    async def is_elsewhere(self, tab: str) -> bool:
        """Whether the tab is connected to another process."""
        return await is_elsewhere(self._token_manager, tab)

    async def on_connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        """A page opens its socket, with its first event. Refused when its client comes too often."""
        if self._arrivals is None or self._client_speed is None:
            most = runtime.current().settings.connections
            self._arrivals, self._client_speed = Limiter(most, 60), Limiter(most, CLIENT_SPEED_SECONDS)
        if self._arrivals.take(_client(environ), monotonic()):
            log.warning("socket.too_often")
            raise Refused("Please wait a moment.")
        if not parse_qs(environ.get("QUERY_STRING", "")).get("token"):
            raise Refused("A tab has to say which it is.")
        self._speeds[sid] = Limiter(*SPEED)
        try:
            await super().on_connect(sid, environ, auth if isinstance(auth, dict) else None)
        except BaseException:
            self._speeds.pop(sid, None)
            raise

    def on_disconnect(self, sid: str) -> asyncio.Task[Any] | None:
        """The socket is gone: what its tab kept is kept for a while, as one of its client's."""
        self._speeds.pop(sid, None)
        tab, known = self.sid_to_token.get(sid), self._static_router_data.get(sid)
        task = super().on_disconnect(sid)
        if tab is not None and known is not None:
            self._asleep.add(tab, known["ip"])
        return task

    async def link_token_to_sid(self, sid: str, token: str, *, update_state: bool = True) -> None:
        """What Reflex calls the token is from here on `tab_ident`. A duplicated tab gets a token of its own."""
        environ = self.app.sio.get_environ(sid, self.namespace) if self.app.sio is not None else None
        if environ is None or not 0 < len(token) <= LONGEST_TOKEN:
            raise Refused("A tab has to say which it is.")
        ident = _ident(token, environ)
        if self.has(ident) or not await take_over(self._token_manager, ident):
            token = str(uuid4())
            ident = _ident(token, environ)
            await self.emit("new_token", token, to=sid)  # type: ignore[no-untyped-call]
        self._asleep.wake(ident)
        await super().link_token_to_sid(sid, ident, update_state=update_state)

    async def trigger_event(self, event: str, *args: Any) -> Any:
        """Whatever a client says waits for its turn. Unknown kinds of events lead nowhere."""
        if event not in {"connect", "disconnect"} and not await self._turn(str(args[0])):
            return None
        return await super().trigger_event(event, *args)  # type: ignore[no-untyped-call]

    async def on_event(self, sid: str, data: Any) -> None:
        """An event of a page, if it is one."""
        message = checked(data)
        if message is None or sid not in self.sid_to_token:
            log.warning("socket.not_an_event")
            return
        await super().on_event(sid, message)

    async def emit_update(self, update: StateUpdate, token: str) -> None:
        """Tell a tab; one that does not read what it was told before is cut off."""
        if self.has(token) and self._too_much_waits(sid := self._token_manager.token_to_socket[token].sid):
            log.warning("socket.does_not_read")
            await _end(self._engine_socket(sid))
            return
        await super().emit_update(update, token)

    def _build_static_router_data(self, sid: str, environ: dict[str, Any]) -> dict[str, Any]:
        return super()._build_static_router_data(sid, environ) | {"ip": _client(environ)}

    async def _turn(self, sid: str) -> bool:
        """Wait until this socket may say something. False if it is gone by then."""
        while (known := self._static_router_data.get(sid)) is not None and (speed := self._speeds.get(sid)) is not None:
            now = monotonic()
            undone = len(self.app.event_processor._token_queues.get(self.sid_to_token.get(sid, ""), ()))
            wait = 0.05 if undone >= MOST_UNDONE else speed.take(sid, now)
            if not wait and self._client_speed is not None and (wait := self._client_speed.take(known["ip"], now)):
                speed.give_back(sid, now)
            if not wait:
                return True
            await asyncio.sleep(min(wait, 1.0))
        return False

    def _engine_socket(self, sid: str) -> Any:
        server = self.app.sio
        if server is None:
            return None
        return server.eio.sockets.get(server.manager.eio_sid_from_sid(sid, self.namespace))

    def _too_much_waits(self, sid: str) -> bool:
        socket = self._engine_socket(sid)
        if socket is None:
            return False
        waiting = [packet.data for packet in tuple(socket.queue._queue) if packet is not None]
        characters = sum(len(data) for data in waiting if isinstance(data, str | bytes))
        return len(waiting) > MOST_UNREAD or (len(waiting) > 1 and characters > MOST_UNREAD_CHARACTERS)


async def _end(socket: Any) -> None:
    """End a session of the transport, with all that still waits to be sent."""
    if socket is None:
        return
    while not socket.queue.empty():
        socket.queue.get_nowait()
        socket.queue.task_done()
    await socket.close(wait=False, abort=True)
    socket.queue.put_nowait(None)  # Whoever waits to send more has nothing to wait for.


def _headers(environ: dict[str, Any]) -> list[tuple[bytes, bytes]]:
    found: list[tuple[bytes, bytes]] = environ["asgi.scope"]["headers"]
    return found


def _client(environ: dict[str, Any]) -> str:
    peer = environ["asgi.scope"].get("client") or ("",)
    return client_of(_headers(environ), peer[0], runtime.current().settings.trusted_proxy_hops)


def _ident(token: str, environ: dict[str, Any]) -> str:
    cookies = "; ".join(value.decode("latin-1") for name, value in _headers(environ) if name == b"cookie")
    return tab_ident(token, cookies, _client(environ), runtime.current().settings.public_url)
