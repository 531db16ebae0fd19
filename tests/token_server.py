"""A token endpoint for tests, over real HTTP: it hands out, rotates, refuses and revokes as it is told.

Only what grants need of a provider; the simulators of whole providers stand in tests/simulators.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from booking_app.domain.clock import utc_now

CLIENT = "test-client"
SECRET = "planted-client-secret"


@dataclass
class Granted:
    """One person's grant. `subject` names the person at the provider."""

    subject: str
    scopes: str
    refresh: str
    access: set[str] = field(default_factory=set)


@dataclass
class TokenServer:
    """`url` is what stands in for the provider. `secret` is the only one that is accepted."""

    url: str = ""
    secret: str = SECRET
    rotates: bool = True
    """Each refresh token is good once: the next one comes with the answer."""
    lifetime: int = 3600
    refresh_lifetime: int | None = None
    delay: float = 0.0
    ahead: float = 0.0
    """Seconds by which its clock is ahead of ours."""
    fault: tuple[int, dict[str, object]] | None = None
    """(status, body) of every answer instead of the real one."""
    breaks_off: Callable[[], None] | None = None
    """Called when an answer is ready, before it is sent."""
    grants: list[Granted] = field(default_factory=list)
    codes: dict[str, tuple[str, str, str, str]] = field(default_factory=dict)
    """code -> (subject, scopes, challenge, redirect)"""
    asked: list[dict[str, str]] = field(default_factory=list)
    """The forms that were received."""
    reused: list[str] = field(default_factory=list)
    """Refresh tokens that came a second time, which a rotating provider takes for theft."""
    numbers: Iterator[int] = field(default_factory=itertools.count)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def grant(self, subject: str, scopes: str) -> Granted:
        number = next(self.numbers)
        made = Granted(subject=subject, scopes=scopes, refresh=f"planted-refresh-{subject}-{number}")
        self.grants.append(made)
        return made

    def consent(self, address: str, subject: str, *, scopes: str | None = None) -> dict[str, str]:
        """What the person brings back from the consent page at `address`, all allowed unless `scopes` says less."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        code = f"code-{next(self.numbers)}"
        asked = query["scope"] if scopes is None else scopes
        self.codes[code] = (subject, asked, query["code_challenge"], query["redirect_uri"])
        return {"state": query["state"], "code": code}

    def withdraw(self, subject: str) -> None:
        """The person takes the permission back in their account's settings."""
        self.grants = [each for each in self.grants if each.subject != subject]

    def who(self, access: str) -> str | None:
        """Whose access token it is; None for one that is not good."""
        return next((each.subject for each in self.grants if access in each.access), None)

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, dict[str, object]]:
        with self.lock:
            self.asked.append(form)
            if self.fault is not None:
                return self.fault
            if path == "/revoke":
                found = next((each for each in self.grants if form["token"] in (each.refresh, *each.access)), None)
                if found is None:
                    return 400, {"error": "invalid_token"}
                self.withdraw(found.subject)
                return 200, {}
            if (form.get("client_id"), form.get("client_secret")) != (CLIENT, self.secret):
                return 401, {"error": "invalid_client", "error_codes": [7000215]}
            if form["grant_type"] == "authorization_code":
                return self._exchange(form)
            return self._refresh(form)

    def _exchange(self, form: dict[str, str]) -> tuple[int, dict[str, object]]:
        subject, scopes, challenge, redirect = self.codes.pop(form["code"], ("", "", "", ""))
        made = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        if not subject or made != challenge or form["redirect_uri"] != redirect:
            return 400, {"error": "invalid_grant"}
        return 200, self._tokens(self.grant(subject, scopes), first=True)

    def _refresh(self, form: dict[str, str]) -> tuple[int, dict[str, object]]:
        found = next((each for each in self.grants if each.refresh == form["refresh_token"]), None)
        if found is None:
            self.reused.append(form["refresh_token"])
            return 400, {"error": "invalid_grant"}
        return 200, self._tokens(found, first=False)

    def _tokens(self, grant: Granted, *, first: bool) -> dict[str, object]:
        number = next(self.numbers)
        access = f"planted-access-{grant.subject}-{number}"
        grant.access.add(access)
        answer: dict[str, object] = {"access_token": access, "expires_in": self.lifetime, "scope": grant.scopes}
        if self.rotates and not first:
            grant.refresh = f"planted-refresh-{grant.subject}-{number}"
        if self.rotates or first:
            answer["refresh_token"] = grant.refresh
        if self.refresh_lifetime is not None:
            answer["refresh_token_expires_in"] = self.refresh_lifetime
        if first:
            claims = {"aud": CLIENT, "sub": grant.subject, "email": f"{grant.subject}@example.com"}
            part = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
            answer["id_token"] = f"e30.{part}.x"
        return answer


@contextlib.contextmanager
def token_server() -> Iterator[TokenServer]:
    """A server on a free loopback port for as long as the block runs."""
    world = TokenServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            time.sleep(world.delay)
            status, answer = world.answer(self.path, form)
            if world.breaks_off is not None:
                world.breaks_off()
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string((utc_now().timestamp() if timestamp is None else timestamp) + world.ahead)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    world.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield world
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
