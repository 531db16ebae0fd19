"""Real CalDAV servers for tests: Radicale and Xandikos as subprocesses on free loopback ports."""

from __future__ import annotations

import base64
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server. `url` ends with a slash; `stop` ends the process and waits for it."""

    url: str
    stop: Callable[[], None]

    def home(self, user: str) -> str:
        """The URL of the user's calendar home, with a slash."""
        return f"{self.url}{user}/"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start_radicale(folder: Path, users: dict[str, str], port: int | None = None) -> Server:
    """Radicale with an htpasswd file (name -> password); every user owns `/<name>/`."""
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    htpasswd = folder / "users"
    htpasswd.write_text("".join(f"{name}:{password}\n" for name, password in users.items()))
    config = folder / "radicale.conf"
    config.write_text(
        f"[server]\nhosts = 127.0.0.1:{port}\n"
        f"[auth]\ntype = htpasswd\nhtpasswd_filename = {htpasswd}\nhtpasswd_encryption = plain\ndelay = 0\n"
        f"[storage]\nfilesystem_folder = {folder / 'collections'}\n"
        "[rights]\ntype = owner_only\n[logging]\nlevel = warning\n"
    )
    command = [sys.executable, "-m", "radicale", "--config", str(config)]
    return _start(command, folder / "radicale.log", f"http://127.0.0.1:{port}/")


def start_xandikos(folder: Path, port: int | None = None) -> Server:
    """Xandikos without authentication; the principal is `/user/`, its calendars stand in `/user/calendars/`."""
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    command = [sys.executable, "-m", "xandikos", "serve", "--directory", str(folder / "dav")]
    command += ["--listen-address", "127.0.0.1", "--port", str(port)]
    command += ["--current-user-principal", "/user/", "--defaults"]
    return _start(command, folder / "xandikos.log", f"http://127.0.0.1:{port}/")


def _start(command: list[str], log: Path, url: str) -> Server:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)

    def stop() -> None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    deadline = time.monotonic() + 30
    while not _answers(url):
        if process.poll() is not None or time.monotonic() > deadline:
            stop()
            raise RuntimeError(f"{command[2]} did not start: {log.read_text()[-2000:]}")
        time.sleep(0.05)
    return Server(url=url, stop=stop)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="OPTIONS"), timeout=2):
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return True
    except OSError:
        return False


def request(
    method: str, url: str, *, user: str = "", password: str = "", body: bytes = b"", **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    """One plain request as another program would send it: (status, body, headers in lower case)."""
    ask = urllib.request.Request(url, data=body or None, method=method)
    if user:
        ask.add_header("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())
    for name, value in headers.items():
        ask.add_header(name.replace("_", "-"), value)
    try:
        with urllib.request.urlopen(ask, timeout=30) as answer:
            found = {name.lower(): value for name, value in answer.headers.items()}
            return answer.status, answer.read(), found
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), {name.lower(): value for name, value in error.headers.items()}


def make_calendar(url: str, *, user: str = "", password: str = "", name: str = "Work") -> str:
    """MKCALENDAR at `url` (with a slash); returns `url`."""
    body = (
        '<?xml version="1.0"?><C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:set><D:prop>'
        f"<D:displayname>{escape(name)}</D:displayname><C:supported-calendar-component-set>"
        '<C:comp name="VEVENT"/></C:supported-calendar-component-set></D:prop></D:set></C:mkcalendar>'
    ).encode()
    status, answer, _ = request(
        "MKCALENDAR", url, user=user, password=password, body=body, Content_Type="application/xml"
    )
    if status != 201:
        raise RuntimeError(f"MKCALENDAR answered {status}: {answer[:200]!r}")
    return url
