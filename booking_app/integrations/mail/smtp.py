"""Mail by SMTP submission (RFC 6409): `smtp://` with STARTTLS, `smtps://` with TLS from the start."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import aiosmtplib

from booking_app.integrations.mail.faults import Fault, Server, ServerUnusable
from booking_app.integrations.mail.mailer import Delayed, Refused
from booking_app.integrations.mail.reaching import dial, misgreeted, tls_fault

TIMEOUT = 20.0
"""Seconds for each exchange with the server."""
UNTIL_MENDED = 300.0
"""Seconds between attempts while the server refuses our sign-in."""
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_SIGN_IN_FIRST = 530
"""RFC 4954, section 6."""


class SmtpMailer:
    """`url` is `smtp://user:password@host:587` or `smtps://user:password@host:465`; both parts percent-encoded.

    A password is sent over TLS only, except to this machine itself. `context` says whose certificates are trusted;
    None: as this machine does."""

    def __init__(self, url: str, *, timeout: float = TIMEOUT, context: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
            raise ValueError("SMTP_URL must look like smtp://user:password@host:587 or smtps://user:password@host:465")
        tls = parts.scheme == "smtps"
        self._server = Server(host=parts.hostname, port=parts.port or (465 if tls else 587), tls=tls)
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._timeout = timeout
        self._context = context

    async def send(self, mail: EmailMessage) -> None:
        """Hand the mail over. A reply of 4xx, or none, is `Delayed`; of 5xx to this mail `Refused`."""
        async with self._session() as client:
            try:
                await client.send_message(mail)
            except aiosmtplib.SMTPRecipientsRefused as refused:
                raise self._verdict(refused.recipients[0]) from refused
            except (aiosmtplib.SMTPSenderRefused, aiosmtplib.SMTPDataError) as refused:
                raise self._verdict(refused) from refused

    async def check(self) -> None:
        """Go as far as for a mail, to the sign-in."""
        async with self._session():
            pass

    @contextlib.asynccontextmanager
    async def _session(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """The server, signed in to. What goes wrong with it, in the block too, is `ServerUnusable` with its cause."""
        client = aiosmtplib.SMTP(
            hostname=self._server.host,
            timeout=self._timeout,
            use_tls=self._server.tls,
            start_tls=False,
            tls_context=self._context,
        )
        await self._connect(client)
        try:
            async with client:
                await _introduce(client)
                await self._secure(client)
                await self._sign_in(client)
                yield client
        except (aiosmtplib.SMTPException, OSError) as error:
            raise tls_fault(error, self._server) or self._broken(error) from error

    async def _connect(self, client: aiosmtplib.SMTP) -> None:
        sock = await dial(self._server, self._timeout)
        try:
            await client.connect(sock=sock)
        except aiosmtplib.SMTPConnectResponseError as error:
            raise self._answered(error) from error
        except aiosmtplib.SMTPResponseException as error:
            raise ServerUnusable(Fault.NOT_SMTP, self._server) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise await misgreeted(error, self._server) from error

    async def _secure(self, client: aiosmtplib.SMTP) -> None:
        if self._server.tls:
            return
        if client.supports_extension("starttls"):
            await client.starttls()
            # RFC 3207, section 4.2: what was said before counts no more.
            await _introduce(client)
        elif self._user and self._server.host not in _LOOPBACK:
            raise ServerUnusable(Fault.STARTTLS_MISSING, self._server)

    async def _sign_in(self, client: aiosmtplib.SMTP) -> None:
        if self._user is None:
            return
        if not client.supported_auth_methods:
            raise ServerUnusable(Fault.SIGN_IN_MISSING, self._server)
        try:
            await client.login(self._user, self._password or "")
        except aiosmtplib.SMTPAuthenticationError as error:
            if error.code < 500:
                raise ServerUnusable(Fault.BUSY, self._server, detail=error.code, after=UNTIL_MENDED) from error
            raise ServerUnusable(Fault.SIGN_IN_REFUSED, self._server, after=UNTIL_MENDED) from error

    def _verdict(self, refused: aiosmtplib.SMTPResponseException) -> Delayed | Refused:
        if refused.code == _SIGN_IN_FIRST:
            return ServerUnusable(Fault.SIGN_IN_NEEDED, self._server, after=UNTIL_MENDED)
        if refused.code >= 500:
            return Refused(f"The mail server refused this mail with {refused.code}. The address may be wrong.")
        return Delayed(f"The mail server asked to try again later ({refused.code}).")

    def _broken(self, error: aiosmtplib.SMTPException | OSError) -> ServerUnusable:
        if isinstance(error, aiosmtplib.SMTPResponseException) and error.code >= 400:
            return self._answered(error)
        return ServerUnusable(Fault.SLOW if isinstance(error, TimeoutError) else Fault.BROKE_OFF, self._server)

    def _answered(self, error: aiosmtplib.SMTPResponseException) -> ServerUnusable:
        return ServerUnusable(Fault.TURNED_AWAY if error.code >= 500 else Fault.BUSY, self._server, detail=error.code)


async def _introduce(client: aiosmtplib.SMTP) -> None:
    """RFC 5321, section 3.2: whoever does not know EHLO is greeted with HELO."""
    try:
        await client.ehlo()
    except aiosmtplib.SMTPHeloError:
        await client.helo()
