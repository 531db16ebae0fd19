"""Pages that reach the server where websockets do not pass: by HTTP long polling, which Socket.IO can do as well."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from reflex.plugins import Plugin

MODULE = "utils/state.js"
"""Reflex's own client, in the front end that it writes."""

_ORDER = """
// What a connection is tried by, in this order. A websocket that is refused is followed by polling at once; one that
// hangs lets polling begin the next time.
const order = ["websocket", "polling"];
const withPolling = (socket) => {
  socket.io.on("error", (error) => { if (error?.message === "timeout") order.reverse(); });
  return socket;
};

const createSocket = (endpoint, transports, token) =>
  withPolling(io(endpoint.href, {
    path: endpoint.pathname,
    transports: order,
    tryAllTransports: true,
    timeout: 8000,
"""

_REPLACED = (
    (
        """
const createSocket = (endpoint, transports, token) =>
  io(endpoint.href, {
    path: endpoint.pathname,
    transports,
""",
        _ORDER,
    ),
    ("    reconnection: false,\n  });\n", "    reconnection: false,\n  }));\n"),
    # A socket that was opened ahead of the page is used whatever it was opened by.
    (
        """ ||
      warmSocket.io.opts.transports.length !== transports.length ||
      transports.some(
        (transport, i) => transport !== warmSocket.io.opts.transports[i],
      ))
""",
        ")\n",
    ),
)


class FallBack(Plugin):
    """Lets Reflex's client, which knows one transport only, try the other one too."""

    def pre_compile(self, **context: Any) -> None:
        """Change the client before it is bundled. What a build before this one left is not looked at."""
        context["add_modify_task"](MODULE, lambda _left: with_polling(original()))


def original() -> str:
    """Reflex's client as it is installed."""
    found = find_spec("reflex_base")
    if found is None or found.origin is None:
        raise RuntimeError("reflex_base is not installed")
    return (Path(found.origin).parent / ".templates" / "web" / MODULE).read_text()


def with_polling(text: str) -> str:
    """Reflex's client with both transports. Raises `RuntimeError` when it is not what is expected."""
    for before, after in _REPLACED:
        if text.count(before) != 1:
            raise RuntimeError(f"{MODULE} is not what is expected: it could not be given a second transport")
        text = text.replace(before, after)
    return text
