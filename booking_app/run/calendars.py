"""The demo's calendar server: Radicale, with one user a person and calendars that already hold a life."""

from __future__ import annotations

import base64
import configparser
import http.client
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import escape

from booking_app.run.children import Children
from booking_app.run.trouble import Trouble

START_LIMIT = 30


class CalendarServer:
    """A Radicale on this machine only. `users` maps names to passwords; each sees only what is theirs."""

    def __init__(self, folder: Path, port: int, users: Mapping[str, str]) -> None:
        self._folder = folder / "calendars"
        self._port = port
        self._users = users

    @property
    def url(self) -> str:
        """The address that a calendar app is given; discovery finds the rest."""
        return f"http://127.0.0.1:{self._port}/"

    def calendar_url(self, user: str, name: str) -> str:
        return f"{self.url}{user}/{name}/"

    def start(self, children: Children, log: Path) -> None:
        """Start it; `wait` until it answers before it is used."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        passwords = self._folder / "users"
        _write_private(passwords, "".join(f"{user}:{password}\n" for user, password in self._users.items()))
        settings = configparser.RawConfigParser()
        settings.read_dict(
            {
                "server": {"hosts": f"127.0.0.1:{self._port}"},
                "auth": {"type": "htpasswd", "htpasswd_filename": str(passwords), "htpasswd_encryption": "plain"},
                "rights": {"type": "owner_only"},
                "storage": {"filesystem_folder": str(self._folder / "collections")},
                "web": {"type": "none"},
                "logging": {"level": "warning"},
            }
        )
        file = self._folder / "radicale.ini"
        with file.open("w") as output:
            settings.write(output)
        command = [sys.executable, "-m", "radicale", "--config", str(file)]
        children.start("radicale", command, environment=os.environ, log=log)

    def wait(self, children: Children) -> None:
        """Until it answers. Raises `Trouble`."""
        children.wait(
            f"http://127.0.0.1:{self._port}/.well-known/caldav",
            limit=START_LIMIT,
            failing=lambda: "The demo's calendar server did not start; its log is in the data folder, logs.",
        )

    def create_calendar(self, user: str, name: str, title: str, colour: str) -> None:
        """A new calendar (RFC 4791, section 5.3.1)."""
        body = (
            '<?xml version="1.0" encoding="utf-8"?>'
            '<C:mkcalendar xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:D="DAV:" xmlns:A="http://apple.com/ns/ical/">'
            f"<D:set><D:prop><D:displayname>{escape(title)}</D:displayname>"
            f"<A:calendar-color>{escape(colour)}</A:calendar-color>"
            '<C:supported-calendar-component-set><C:comp name="VEVENT"/></C:supported-calendar-component-set>'
            "</D:prop></D:set></C:mkcalendar>"
        )
        self._request("MKCALENDAR", f"/{user}/{name}/", user, body, "application/xml; charset=utf-8")

    def put_event(self, user: str, name: str, key: str, text: str) -> None:
        """Store one event, as a calendar app does."""
        self._request("PUT", f"/{user}/{name}/{key}.ics", user, text, "text/calendar; charset=utf-8")

    def _request(self, method: str, path: str, user: str, body: str, kind: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        credentials = base64.b64encode(f"{user}:{self._users[user]}".encode()).decode()
        try:
            connection.request(
                method, path, body.encode(), {"Authorization": f"Basic {credentials}", "Content-Type": kind}
            )
            answer = connection.getresponse()
            answer.read()
        finally:
            connection.close()
        if answer.status not in {200, 201, 204}:
            raise Trouble(f"The demo's calendar server answered {answer.status} to {method} {path}.")


def _write_private(file: Path, text: str) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as output:
        output.write(text)
