"""Mail by SMTP submission (RFC 6409): `smtp://` with STARTTLS, `smtps://` with TLS from the start."""

from __future__ import annotations

import ssl
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import aiosmtplib

from booking_app.integrations.mail.mailer import Delayed, Refused

TIMEOUT = 20.0
"""Seconds for each exchange with the server."""
UNTIL_MENDED = 300.0
"""Seconds between attempts while the server refuses our sign-in."""
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class SmtpMailer:
    """`url` is `smtp://user:password@host:587` or `smtps://user:password@host:465`; both parts percent-encoded.

    A password is sent over TLS only, except to this machine itself. `context` replaces the usual trust of
    certificates."""

    def __init__(self, url: str, *, timeout: float = TIMEOUT, context: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
            raise ValueError("SMTP_URL must look like smtp://user:password@host:587 or smtps://user:password@host:465")
        self._host = parts.hostname
        self._tls = parts.scheme == "smtps"
        self._port = parts.port or (465 if self._tls else 587)
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._timeout = timeout
        self._context = context

    async def send(self, mail: EmailMessage) -> None:
        """Hand the mail over. A reply of 4xx, or none, is `Delayed`; of 5xx to this mail `Refused`."""
        client = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            timeout=self._timeout,
            use_tls=self._tls,
            start_tls=self._starttls(),
            tls_context=self._context,
        )
        try:
            async with client:
                await self._sign_in(client)
                await client.send_message(mail)
        except aiosmtplib.SMTPRecipientsRefused as refused:
            raise _verdict(refused.recipients[0]) from refused
        except (aiosmtplib.SMTPSenderRefused, aiosmtplib.SMTPDataError) as refused:
            raise _verdict(refused) from refused
        except aiosmtplib.SMTPException as error:
            raise Delayed(f"The mail server could not be reached or broke off ({type(error).__name__}).") from error
        except OSError as error:
            raise Delayed(f"The mail server could not be reached ({type(error).__name__}).") from error

    def _starttls(self) -> bool | None:
        """None: if the server offers it."""
        if self._tls:
            return False
        return True if self._user and self._host not in _LOOPBACK else None

    async def _sign_in(self, client: aiosmtplib.SMTP) -> None:
        if self._user is None:
            return
        try:
            await client.login(self._user, self._password or "")
        except aiosmtplib.SMTPAuthenticationError as error:
            raise Delayed("The mail server does not accept our user and password.", UNTIL_MENDED) from error


def _verdict(refused: aiosmtplib.SMTPResponseException) -> Delayed | Refused:
    if refused.code >= 500:
        return Refused(f"The mail server refused this mail with {refused.code}. The address may be wrong.")
    return Delayed(f"The mail server asked to try again later ({refused.code}).")
