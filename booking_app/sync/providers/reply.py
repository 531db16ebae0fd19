"""What a server answered, and the error that a status means."""

from __future__ import annotations

import email.utils
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from urllib.parse import urljoin

from booking_app.domain.clock import utc_now
from booking_app.sync.errors import AccessLost, EditConflict, Gone, ProviderError, Rejected, Transient


class Reading(typing.Protocol):
    """What takes a reply in as it comes."""

    def feed(self, data: bytes) -> None:
        """The next piece. Raises `ProviderError` when there is no sense in more of it."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """A complete answer. `url` is the address that was asked. Where a `reading` took the body in, `body` is empty; of a
    reply that is no success it is the beginning."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    reading: Reading | None = None

    def header(self, name: str) -> str | None:
        return self.headers.get(name.lower())

    @property
    def media_type(self) -> str:
        return (self.header("content-type") or "").partition(";")[0].strip().lower()

    @property
    def location(self) -> str | None:
        """Where a redirect leads, absolute, or None."""
        target = self.header("location")
        return urljoin(self.url, target) if target and self.status in (301, 302, 303, 307, 308) else None


def retry_after(reply: Reply) -> float | None:
    """Seconds to wait as the server asks (RFC 9110 section 10.2.3), at most a day; None if it does not say."""
    text = (reply.header("retry-after") or "").strip()
    if not text:
        return None
    if text.isdecimal():
        return float(min(int(text), 86_400)) if len(text) < 9 else 86_400.0
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the latter for a year of twenty digits
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - utc_now()).total_seconds()), 86_400.0)


def failure(reply: Reply, doing: str) -> ProviderError:
    """The error that an unsuccessful reply means. `doing` completes "... while <doing>"."""
    status = reply.status
    if status in (401, 403):
        return AccessLost(f"The calendar server refused access (status {status}) while {doing}.")
    if status in (404, 410):
        return Gone(f"The calendar server says it does not exist (status {status}) while {doing}.")
    if status == 412:
        return EditConflict(f"Somebody else changed the event while {doing}.")
    if status in (408, 423, 425, 429) or (status >= 500 and status not in (501, 505, 507)):
        return Transient(
            f"The calendar server is unable to answer (status {status}) while {doing}.", retry_after(reply)
        )
    if reply.location is not None:
        return Rejected(f"The calendar server has moved the address (status {status}) while {doing}.")
    if status in (405, 501):
        return Rejected("The server takes no calendar requests at this address.")
    if status < 400:
        return Transient(f"The calendar server gave an unexpected answer (status {status}) while {doing}.")
    return Rejected(f"The calendar server refused the request (status {status}) while {doing}.")
