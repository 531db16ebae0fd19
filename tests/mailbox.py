"""A mail server of a test: what it took, what it answers, and how a mail is read."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

from aiosmtpd.smtp import SMTP
from icalendar import Calendar, Component, Event

from booking_app.domain.clock import to_instant
from booking_app.integrations.mail.delivery import create_handler
from booking_app.integrations.mail.mailer import Mailer
from booking_app.integrations.mail.smtp import SmtpMailer
from booking_app.jobs.worker import Lane, Leases
from booking_app.services.context import Context
from tests.rows import rows

SENDER = "bookings@studio.example"


@dataclass
class Inbox:
    """What the mail server took. `script` are the answers to the next mails; `cut` breaks off instead of answering."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Any] = field(default_factory=list)
    script: list[str] = field(default_factory=list)
    rcpt: list[str] = field(default_factory=list)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.rcpt:
            return self.rcpt.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        answer = self.script.pop(0) if self.script else "250 OK"
        if answer.startswith("250") or answer == "cut":
            self.envelopes.append(envelope)
            self.mails.append(message_from_bytes(envelope.content, policy=default))
        if answer == "cut":
            server.transport.abort()
        return "250 OK" if answer == "cut" else answer

    def to(self, address: str) -> list[EmailMessage]:
        return [mail for mail in self.mails if mail["To"] == address]


def lane(ctx: Context, mailer: Mailer) -> Lane:
    return Lane(ctx, "mail", create_handler(ctx, mailer, SENDER), Leases())


async def deliver(ctx: Context, inbox: Inbox) -> int:
    """Try all that is due once; how much it was."""
    return await lane(ctx, SmtpMailer(f"smtp://127.0.0.1:{inbox.port}", timeout=5)).drain()


async def waiting(ctx: Context) -> list[tuple[str, int, str, bool]]:
    found = await rows(ctx, "SELECT key, attempts, reason, parked FROM outbox WHERE effect = 'mail' ORDER BY id")
    return [cast(tuple[str, int, str, bool], tuple(row)) for row in found]


def ics_of(mail: EmailMessage) -> tuple[Calendar, Event]:
    """The invitation, after the checks that every mail must stand."""
    alternative, attachment = list(mail.iter_parts())
    plain, html, invitation = list(alternative.iter_parts())
    assert [part.get_content_type() for part in (mail, alternative, plain, html, invitation, attachment)] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "text/calendar",
        "application/ics",
    ]
    data = cast(bytes, invitation.get_payload(decode=True))
    assert data == attachment.get_payload(decode=True)
    assert attachment.get_filename() == "invite.ics"
    assert invitation.get_content_disposition() is None
    assert data.count(b"\n") == data.count(b"\r\n") > 0
    calendar = Calendar.from_ical(data)
    assert isinstance(calendar, Calendar)
    assert invitation.get_param("method") == calendar["METHOD"]
    [event] = calendar.walk("VEVENT")
    assert isinstance(event, Event)
    assert not isinstance(event["ATTENDEE"], list)
    assert str(event["ATTENDEE"]) == f"mailto:{mail['To']}"
    assert str(event["ORGANIZER"]) == f"mailto:{SENDER}"
    return calendar, event


def start_of(event: Component) -> int:
    """The instant at which the calendar shows it."""
    moment = cast(Any, event["DTSTART"]).dt
    assert isinstance(moment, datetime)
    return to_instant(moment)


def said(mail: EmailMessage) -> tuple[str, str]:
    """(plain text, HTML)."""
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    return str(plain.get_content()), str(html.get_content())


def sequence(event: Event) -> int:
    return int(event["SEQUENCE"].to_ical())


@contextlib.asynccontextmanager
async def mail_server(box: Inbox) -> AsyncIterator[Inbox]:
    """A real SMTP server on a free port, with `box` behind it."""
    connections: list[SMTP] = []

    def connect() -> SMTP:
        connections.append(SMTP(box, enable_SMTPUTF8=False))
        return connections[-1]

    server = await asyncio.get_running_loop().create_server(connect, "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    async with server:
        yield box
    for each in connections:
        if each.transport is not None:
            each.transport.close()
    await asyncio.sleep(0)


def said_alone(mail: EmailMessage) -> str:
    """The plain text of a mail without an invitation."""
    assert mail.get_content_type() == "multipart/alternative"
    return said(mail)[0]
