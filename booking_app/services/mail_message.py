"""A letter as a mail: headers, plain text, HTML and, for an appointment, the invitation (RFC 6047).

Headers hold only what we write ourselves, except the reader's address, which must be one address and nothing else.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from booking_app.services.letters.letter import Letter, as_html, as_text
from booking_app.services.letters.words import one_line


class Undeliverable(Exception):
    """The reader's address cannot be written to; `str()` says why without naming it."""


def message_id(key: str, sender: str) -> str:
    """The Message-ID of the mail with this outbox key: always the same, so that a repeat is recognised."""
    kind = key.partition(":")[0]
    # Short, so that the header is never folded.
    digest = hashlib.sha256(key.encode()).hexdigest()[:24]
    return f"<{kind}-{digest}@{sender.rpartition('@')[2]}>"


def reader_address(email: str) -> str:
    """The address as SMTP takes it, an international domain in its ASCII form. Raises `Undeliverable`."""
    local, _, domain = email.rpartition("@")
    try:
        ascii_domain = domain.encode("idna").decode("ascii")
        address = Address(username=local, domain=ascii_domain)
    except (UnicodeError, ValueError, MessageError, IndexError):
        raise Undeliverable("The reader's address is not one that mail can be sent to.") from None
    if not local.isascii() or not local.isprintable() or " " in email:
        raise Undeliverable("The reader's address has letters that mail servers do not take.")
    return address.addr_spec


def build(
    letter: Letter,
    *,
    key: str,
    sender: str,
    sender_name: str,
    reader: str,
    now: datetime,
    ics: bytes | None = None,
    method: str = "",
) -> EmailMessage:
    """The mail. `ics` with its `method` becomes the last alternative and an attachment, byte for byte the same."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address(display_name=one_line(sender_name), addr_spec=sender)
    mail["To"] = reader_address(reader)
    mail["Subject"] = one_line(letter.subject)
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = message_id(key, sender)
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(as_text(letter), cte="quoted-printable")
    mail.add_alternative(as_html(letter), subtype="html", cte="quoted-printable")
    if ics is not None:
        # Bytes in base64: given as text, the library would turn CRLF into LF.
        mail.add_alternative(
            ics, maintype="text", subtype="calendar", params={"charset": "utf-8", "method": method}, cte="base64"
        )
        mail.add_attachment(ics, maintype="application", subtype="ics", filename="invite.ics", cte="base64")
    return mail
