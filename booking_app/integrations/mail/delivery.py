"""The handler of the outbox effect `mail`: compose, send, say what became of it."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

from booking_app.db.alerts import MAIL, open_alert
from booking_app.domain.clock import to_instant
from booking_app.domain.effects import Done, Outcome, Park, Retry, Work
from booking_app.integrations.mail.folder import FolderMailer
from booking_app.integrations.mail.mailer import Delayed, Mailer, Refused, Unusable
from booking_app.integrations.mail.smtp import SmtpMailer
from booking_app.services.context import Context
from booking_app.services.mail_bounds import WAIT, may_send
from booking_app.services.mail_message import Undeliverable
from booking_app.services.mailing import compose
from booking_app.sync.vault import UnreadableSecret

log = logging.getLogger(__name__)

KEY_WAIT = 86_400
"""Seconds for which a mail waits for the key of its link."""


def create_mailer(smtp_url: str, folder: Path, context: ssl.SSLContext | None = None) -> Mailer:
    """By SMTP where a server is set, else into `folder`. `context` says whose certificates are trusted. Raises
    `ValueError` for an address that is none."""
    return SmtpMailer(smtp_url, context=context) if smtp_url else FolderMailer(folder)


def create_handler(ctx: Context, mailer: Mailer, sender: str) -> Callable[[Work], Awaitable[Outcome]]:
    """The handler; mails come from the address `sender`."""

    async def deliver(work: Work) -> Outcome:
        try:
            mail = await compose(ctx, work, sender)
            if mail is not None:
                if not await may_send(ctx, work, str(mail["To"])):
                    return Retry(reason="This address gets no more mails in this hour.", after=WAIT)
                await mailer.send(mail)
        except Delayed as error:
            await _tell(ctx, work, error)
            return Retry(reason=str(error), after=error.after)
        except (Refused, Undeliverable) as error:
            return Park(reason=str(error))
        except UnreadableSecret:
            reason = "The link in this mail cannot be read: its key is not in SECRET_KEYS."
            # Another process may have it, or this one be restarted with it.
            return Park(reason=reason) if to_instant(ctx.now()) - work.created_at > KEY_WAIT else Retry(reason=reason)
        return Done()

    return deliver


async def _tell(ctx: Context, work: Work, error: Delayed) -> None:
    """In the log; and if it is about all mails, by an alert (`db/alert_ends.py` ends it)."""
    cause = error.cause if isinstance(error, Unusable) else "delayed"
    log.warning("mail.not_sent", extra={"work": work.id, "cause": cause, "reason": str(error)})
    if isinstance(error, Unusable):
        async with ctx.sessions.begin() as db:
            await open_alert(db, subject=MAIL, message=f"Mails cannot be sent. {error}", now=ctx.now())
