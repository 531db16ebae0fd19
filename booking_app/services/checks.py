"""What a visitor may send: checked before anything is asked or stored."""

from __future__ import annotations

import re
from dataclasses import replace

from booking_app.domain.errors import Invalid
from booking_app.domain.text import shows
from booking_app.domain.zones import checked_zone
from booking_app.services.mail_message import Undeliverable, reader_address
from booking_app.services.views import BookingRequest, Customer

_EMAIL = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\.]+(\.[^\s@<>,;:\"()\[\]\\.]+)+")
_DOTS = re.compile(r"^\.|\.\.|\.@|@-")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_TEXT_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_LATEST = 4_102_444_800  # 2100-01-01


def checked_request(request: BookingRequest) -> BookingRequest:
    """The request with its texts trimmed; `Invalid` names the first field that is wrong."""
    return replace(
        request,
        start=checked_start(request.start),
        zone=checked_zone(request.zone, "timezone"),
        customer=checked_customer(request.customer),
    )


def checked_start(start: int) -> int:
    """An instant that a calendar can show."""
    if not 0 <= start < _LATEST:
        raise Invalid("start", "Choose a time of this century.")
    return start


def checked_customer(customer: Customer) -> Customer:
    """Nothing that could break out of a mail's header or an iCalendar line; every text of a sensible length."""
    name = _line(customer.name, "customer.name", 200)
    if not shows(name):
        raise Invalid("customer.name", "Please tell us your name.")
    email = customer.email.strip()
    if len(email) > 254 or _CONTROL.search(email) or not _EMAIL.fullmatch(email) or _DOTS.search(email):
        raise Invalid("customer.email", "Please give an e-mail address, like name@example.com.")
    try:
        reader_address(email)
    except Undeliverable:
        raise Invalid("customer.email", "Mail cannot be sent to this address. Please check each letter.") from None
    notes = customer.notes.replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(notes) > 2000 or _TEXT_CONTROL.search(notes):
        raise Invalid("customer.notes", "Please use at most 2000 characters of plain text.")
    return Customer(name=name, email=email, phone=_line(customer.phone, "customer.phone", 40), notes=notes)


def checked_key(key: str) -> str:
    """An idempotency key: 1 to 200 printable characters."""
    if not 1 <= len(key) <= 200 or not key.isprintable():
        raise Invalid("Idempotency-Key", "Use 1 to 200 printable characters.")
    return key


def _line(text: str, field: str, most: int) -> str:
    text = text.strip()
    if len(text) > most or _CONTROL.search(text):
        raise Invalid(field, f"Please use at most {most} characters on one line.")
    return text if shows(text) else ""
