"""A small HTTP proxy in front of a real CalDAV server that breaks what a test tells it to break."""

from __future__ import annotations

import base64
import http.client
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit
from xml.etree import ElementTree

DAV = "{DAV:}"
_PAGE = "http://faulty.invalid/page/"
_HOP = frozenset({"host", "connection", "accept-encoding", "content-length", "transfer-encoding", "server", "date"})


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def is_sync(self) -> bool:
        return self.method == "REPORT" and b"sync-collection" in self.body

    @property
    def is_multiget(self) -> bool:
        return self.method == "REPORT" and b"calendar-multiget" in self.body


@dataclass
class Answer:
    """`cut` sends only that share of the body under its full length; `drop` closes without a word."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: float | None = None
    drop: bool = False


Forward = Callable[[Request], Answer]
Fault = Callable[[Request, Forward], Answer]
When = Callable[[Request], bool]


def always(_request: Request) -> bool:
    return True


def method(*names: str) -> When:
    return lambda request: request.method in names


is_put = method("PUT")


class FaultyCaldav:
    """Faults apply in the order they were added, each to the requests its `when` accepts, `times` times (None:
    until `heal`). `log` holds (method, path, status) of what was answered."""

    def __init__(self, upstream: str) -> None:
        self._upstream = urlsplit(upstream)
        self._faults: list[tuple[When, Fault, list[int | None]]] = []
        self._lock = threading.Lock()
        self.log: list[tuple[str, str, int]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def heal(self) -> None:
        with self._lock:
            self._faults.clear()

    def add(self, fault: Fault, *, when: When = always, times: int | None = None) -> None:
        with self._lock:
            self._faults.append((when, fault, [times]))

    # Faults by name

    def answer(
        self, status: int, body: bytes = b"", *, when: When = always, times: int | None = None, **headers: str
    ) -> None:
        """Answer without asking the server. Header names with underscores for dashes."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.add(lambda _request, _forward: Answer(status, dict(named), body), when=when, times=times)

    def web_page(self, *, when: When = always, status: int = 200) -> None:
        page = b"<!DOCTYPE html><html><head><title>Log in</title></head><body>Please log in.<br></body></html>"
        self.answer(status, page, when=when, Content_Type="text/html; charset=utf-8")

    def delay(self, seconds: float, *, when: When = always, times: int | None = None) -> None:
        def wait(request: Request, forward: Forward) -> Answer:
            time.sleep(seconds)
            return forward(request)

        self.add(wait, when=when, times=times)

    def cut_body(self, share: float = 0.5, *, when: When = always, times: int | None = None) -> None:
        """Announce the whole body, send a share of it, close."""

        def cut(request: Request, forward: Forward) -> Answer:
            answer = forward(request)
            answer.cut = share
            return answer

        self.add(cut, when=when, times=times)

    def truncate_body(self, share: float = 0.5, *, when: When = always, times: int | None = None) -> None:
        """Send a share of the body as if it were all: correct HTTP, broken content."""

        def truncate(request: Request, forward: Forward) -> Answer:
            answer = forward(request)
            answer.body = answer.body[: int(len(answer.body) * share)]
            return answer

        self.add(truncate, when=when, times=times)

    def lose_reply(self, *, when: When, times: int | None = 1) -> None:
        """Let the server do it, then close the connection without an answer."""

        def lose(request: Request, forward: Forward) -> Answer:
            forward(request)
            return Answer(0, drop=True)

        self.add(lose, when=when, times=times)

    def swallow_etag(self, *, when: When = is_put, times: int | None = None) -> None:
        def swallow(request: Request, forward: Forward) -> Answer:
            answer = forward(request)
            answer.headers = {name: value for name, value in answer.headers.items() if name.lower() != "etag"}
            return answer

        self.add(swallow, when=when, times=times)

    def rewrite_after_put(self, change: Callable[[bytes], bytes], *, times: int | None = None) -> None:
        """After a successful PUT the server stores something else than was sent."""

        def rewrite(request: Request, forward: Forward) -> Answer:
            request.body = change(request.body)
            return forward(request)

        self.add(rewrite, when=is_put, times=times)

    def invalid_token(self, status: int, *, element: bool = True) -> None:
        """Refuse every sync token that is not empty."""
        inner = b"<D:valid-sync-token/>" if element else b""
        body = b'<?xml version="1.0"?><D:error xmlns:D="DAV:">' + inner + b"</D:error>"
        self.answer(
            status, body, when=lambda item: item.is_sync and bool(_token(item.body)), Content_Type="application/xml"
        )

    def no_sync_collection(self) -> None:
        """A server that only has ctag and etags."""

        def strip(request: Request, forward: Forward) -> Answer:
            if request.is_sync:
                body = b'<?xml version="1.0"?><D:error xmlns:D="DAV:"><D:supported-report/></D:error>'
                return Answer(403, {"Content-Type": "application/xml"}, body)
            answer = forward(request)
            if request.method == "PROPFIND" and answer.status == 207:
                root = ElementTree.fromstring(answer.body)
                for prop in root.iter(f"{DAV}prop"):
                    for name in ("sync-token", "supported-report-set"):
                        for item in prop.findall(DAV + name):
                            prop.remove(item)
                answer.body = ElementTree.tostring(root)
            return answer

        self.add(strip)

    def no_ctag(self) -> None:
        def strip(request: Request, forward: Forward) -> Answer:
            answer = forward(request)
            answer.body = re.sub(rb"<(\w+:)?getctag[^>]*>[^<]*</(\w+:)?getctag>", b"", answer.body)
            return answer

        self.add(strip, when=method("PROPFIND"))

    def page(self, size: int) -> None:
        """Answer sync-collection in pages of `size` members with 507 (RFC 6578 section 3.6)."""

        def paged(request: Request, forward: Forward) -> Answer:
            token, offset = _token(request.body), 0
            if token.startswith(_PAGE):
                number, _, rest = token.removeprefix(_PAGE).partition("/")
                offset, original = int(number), base64.urlsafe_b64decode(rest).decode()
                request.body = request.body.replace(token.encode(), original.encode())
                token = original
            answer = forward(request)
            if answer.status != 207:
                return answer
            root = ElementTree.fromstring(answer.body)
            members = root.findall(f"{DAV}response")
            for index, item in enumerate(members):
                if not offset <= index < offset + size:
                    root.remove(item)
            if offset + size < len(members):
                more = ElementTree.SubElement(root, f"{DAV}response")
                ElementTree.SubElement(more, f"{DAV}href").text = request.path
                ElementTree.SubElement(more, f"{DAV}status").text = "HTTP/1.1 507 Insufficient Storage"
                mark = root.find(f"{DAV}sync-token")
                assert mark is not None
                mark.text = f"{_PAGE}{offset + size}/{base64.urlsafe_b64encode(token.encode()).decode()}"
            answer.body = ElementTree.tostring(root)
            return answer

        self.add(paged, when=lambda item: item.is_sync)

    # The exchange

    def exchange(self, request: Request) -> Answer:
        with self._lock:
            due: list[Fault] = []
            for when, fault, left in self._faults:
                if left[0] != 0 and when(request):
                    due.append(fault)
                    if left[0] is not None:
                        left[0] -= 1
        answer = self._through(due)(request)
        self.log.append((request.method, request.path, answer.status))
        return answer

    def _through(self, faults: list[Fault]) -> Forward:
        if not faults:
            return self.forward
        first, rest = faults[0], self._through(faults[1:])
        return lambda request: first(request, rest)

    def forward(self, request: Request) -> Answer:
        connection = http.client.HTTPConnection(self._upstream.netloc, timeout=30)
        try:
            headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
            connection.request(request.method, request.path, body=request.body or None, headers=headers)
            reply = connection.getresponse()
            body = reply.read()
            kept = {name: value for name, value in reply.getheaders() if name.lower() not in _HOP}
        finally:
            connection.close()
        return Answer(reply.status, kept, body)


def _token(body: bytes) -> str:
    found = re.search(rb"<(?:\w+:)?sync-token>([^<]*)</", body)
    return found[1].decode() if found else ""


def _handler(faulty: FaultyCaldav) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30
        disable_nagle_algorithm = True

        def _any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length) if length else b""
            answer = faulty.exchange(Request(self.command, self.path, dict(self.headers.items()), body))
            if answer.drop:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            if answer.cut is not None:
                self.close_connection = True
                self.send_header("Connection", "close")
            self.end_headers()
            part = len(answer.body) if answer.cut is None else int(len(answer.body) * answer.cut)
            if self.command != "HEAD" and answer.status != 204:
                try:
                    self.wfile.write(answer.body[:part])
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

        do_GET = do_PUT = do_DELETE = do_PROPFIND = do_REPORT = do_OPTIONS = do_HEAD = _any
        do_MKCALENDAR = do_PROPPATCH = do_POST = do_MKCOL = do_MOVE = _any

        def log_message(self, format: str, *args: object) -> None:
            return

    return Handler


@contextmanager
def faulty_caldav(upstream: str) -> Iterator[FaultyCaldav]:
    proxy = FaultyCaldav(upstream)
    try:
        yield proxy
    finally:
        proxy.stop()
