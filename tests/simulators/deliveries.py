"""What a simulated provider sends to webhooks: one thread, and a switch for everything that goes wrong on the way."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ssl import SSLContext

import httpx

_KEPT = 20_000


@dataclass(kw_only=True)
class Delivery:
    """One message. `status` is what the receiver answered, None: not sent (yet), 0: nobody answered. `took` seconds."""

    url: str
    headers: Mapping[str, str]
    body: bytes = b""
    status: int | None = None
    lost: bool = False
    attempts: int = 0
    took: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Reply:
    """`status` 0: no answer."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Deliveries:
    """`lose` drops every message; `delay` seconds before each; `double` sends each twice; `reorder` collects that many
    and sends them last one first; `hold` keeps all until `release`. `retry_on` are answers after which a message is
    sent again, `retries` times, `pause` seconds apart. `context` is the trust for https receivers."""

    def __init__(self) -> None:
        self.lose = False
        self.delay = 0.0
        self.double = False
        self.reorder = 0
        self.hold = False
        self.retry_on: frozenset[int] = frozenset({500, 502, 503, 504})
        self.retries = 3
        self.pause = 0.5
        self.timeout = 10.0
        self.context: SSLContext | None = None
        self.log: list[Delivery] = []
        self._held: list[Delivery] = []
        self._due: list[tuple[float, int, Delivery]] = []
        self._numbers = itertools.count()
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._busy = False
        self._over = False

    def post(self, url: str, headers: Mapping[str, str], body: bytes = b"") -> Delivery:
        """Send soon, from any thread, subject to the switches."""
        item = Delivery(url=url, headers=dict(headers), body=body)
        with self._wake:
            self.log.append(item)
            del self.log[:-_KEPT]
            if self.lose:
                item.lost = True
            elif self.hold:
                self._held.append(item)
            elif self.reorder > 1:
                self._held.append(item)
                if len(self._held) >= self.reorder:
                    self._queue(reversed_of(self._held))
            else:
                self._queue([item])
        return item

    def release(self) -> int:
        """Send what is held, in order, and hold no longer; how many there were."""
        with self._wake:
            self.hold, self.reorder = False, 0
            items, self._held = self._held, []
            self._queue(items)
            return len(items)

    def call(self, url: str, headers: Mapping[str, str], body: bytes = b"") -> Reply:
        """Send now and wait for the answer, whatever the switches say (a validation handshake)."""
        try:
            with self._client() as client:
                answer = client.post(url, headers=dict(headers), content=body)
        except (httpx.HTTPError, httpx.InvalidURL):
            return Reply(status=0)
        return Reply(status=answer.status_code, headers=dict(answer.headers), body=answer.content)

    def settle(self, seconds: float = 10.0) -> None:
        """Wait until nothing is waiting to be sent; held messages do not count."""
        with self._wake:
            if not self._wake.wait_for(lambda: not self._due and not self._busy, seconds):
                raise TimeoutError("messages are still waiting")

    def stop(self) -> None:
        with self._wake:
            self._over = True
            self._wake.notify_all()
        if self._thread is not None:
            self._thread.join()

    def settings(self) -> dict[str, object]:
        names = ("lose", "delay", "double", "reorder", "hold")
        return {name: getattr(self, name) for name in names} | {"held": len(self._held)}

    def command(self, given: Mapping[str, str]) -> str:
        """The switches from texts; those not named keep their state."""
        kinds: dict[str, Callable[[str], object]] = {"delay": float, "reorder": int}
        yes = {"1", "true", "on", "yes"}
        for name, text in given.items():
            if text != "":
                setattr(self, name, kinds[name](text) if name in kinds else text.lower() in yes)
        return str(self.settings())

    def _queue(self, items: list[Delivery]) -> None:
        copies = [copy for item in items for copy in ([item, self._again(item)] if self.double else [item])]
        for item in copies:
            heapq.heappush(self._due, (time.monotonic() + self.delay, next(self._numbers), item))
        if self._thread is None and items:
            self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
            self._thread.start()
        self._wake.notify_all()

    def _again(self, item: Delivery) -> Delivery:
        copy = Delivery(url=item.url, headers=item.headers, body=item.body)
        self.log.append(copy)
        return copy

    def _client(self) -> httpx.Client:
        return httpx.Client(timeout=self.timeout, verify=self.context or True, trust_env=False)

    def _run(self) -> None:
        with self._client() as client:
            while True:
                with self._wake:
                    self._busy = False
                    self._wake.notify_all()
                    while not self._over and (not self._due or self._due[0][0] > time.monotonic()):
                        self._wake.wait(max(0.0, self._due[0][0] - time.monotonic()) if self._due else None)
                    if self._over:
                        return
                    item = heapq.heappop(self._due)[2]
                    self._busy = True
                self._send(client, item)

    def _send(self, client: httpx.Client, item: Delivery) -> None:
        began = time.monotonic()
        try:
            item.status = client.post(item.url, headers=dict(item.headers), content=item.body).status_code
        except (httpx.HTTPError, httpx.InvalidURL):
            item.status = 0
        item.took = time.monotonic() - began
        item.attempts += 1
        if (item.status == 0 or item.status in self.retry_on) and item.attempts <= self.retries:
            with self._wake:
                heapq.heappush(self._due, (time.monotonic() + self.pause, next(self._numbers), item))


def reversed_of(items: list[Delivery]) -> list[Delivery]:
    """The items last one first; empties the list."""
    turned = items[::-1]
    items.clear()
    return turned
