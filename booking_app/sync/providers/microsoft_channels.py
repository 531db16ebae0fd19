"""Push subscriptions of a mailbox (Graph v1.0, "Create subscription", "Receive change notifications").

One covers all calendars of the account: Outlook documents no narrower resource than a mailbox's events."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from booking_app.domain.clock import to_instant, utc_now
from booking_app.sync.errors import Gone, Rejected, Transient
from booking_app.sync.model import CalendarRef, Mode, Opened
from booking_app.sync.provider import TokenSource
from booking_app.sync.providers.addresses import AddressPolicy
from booking_app.sync.providers.http import Pool
from booking_app.sync.providers.json_api import Item, segment
from booking_app.sync.providers.microsoft_wire import Graph, Taken
from booking_app.sync.vendors import Vendor

_LIFE = timedelta(minutes=10_070)
"""Ten minutes less than Outlook allows, which counts by its own clock."""


class MicrosoftNotifier:
    """See `Notifier`. Busy times only come without pushes: the permission for them reads more than we may."""

    per_calendar = False

    def __init__(
        self,
        tokens: TokenSource,
        *,
        vendor: Vendor,
        mode: Mode,
        policy: AddressPolicy,
        pool: Pool | None = None,
    ) -> None:
        self.pushes = mode is Mode.FULL
        self._graph = Graph(tokens, vendor=vendor, policy=policy, pool=pool)

    async def open(
        self,
        calendar: CalendarRef | None,
        *,
        uid: str,  # noqa: ARG002 - Microsoft chooses the name
        address: str,
        secret: str,
        spared: Collection[str] = (),
    ) -> Opened:
        if not self.pushes:
            raise Rejected("Microsoft pushes only to those who may read whole events.")
        if calendar is not None:
            raise ValueError("one subscription covers the account")
        body = {
            "changeType": "created,updated,deleted",
            "notificationUrl": address,
            "lifecycleNotificationUrl": address,
            "resource": "me/events",
            "expirationDateTime": _end(),
            "clientState": secret,
        }
        try:
            made = await self._graph.send("POST", "subscriptions", "asking for notifications", body=body)
        except Taken:
            # Of an earlier attempt whose answer was lost: nobody knows its name, so nobody could ever extend it. Or of
            # somebody else here who has linked the same mailbox, whose it stays: then this account does without.
            await self._end_those_of(address, spared)
            made = await self._graph.send("POST", "subscriptions", "asking for notifications", body=body)
        return _opened(made)

    async def extend(self, channel: Opened) -> Opened | None:
        body = {"expirationDateTime": _end()}
        path = f"subscriptions/{segment(channel.remote_id)}"
        try:
            return _opened(await self._graph.send("PATCH", path, "renewing the notifications", body=body))
        except Gone:
            return None

    async def close(self, channel: Opened) -> None:
        path = f"subscriptions/{segment(channel.remote_id)}"
        try:
            await self._graph.send("DELETE", path, "ending the notifications")
        except Gone:
            return

    async def _end_those_of(self, address: str, spared: Collection[str]) -> None:
        """End the subscriptions that tell this address but the spared; other installations of the same app have
        other addresses."""
        async for page in self._graph.pages("subscriptions", "listing the notifications"):
            for item in page["value"]:
                name = item.get("id")
                if item.get("notificationUrl") == address and isinstance(name, str) and name not in spared:
                    await self.close(Opened(remote_id=name, expires_at=0))

    async def release(self) -> None:
        await self._graph.close()


def _end() -> str:
    return (utc_now() + _LIFE).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.0000000Z")


def _opened(item: Item) -> Opened:
    name, end = item.get("id"), item.get("expirationDateTime")
    try:
        expires = datetime.fromisoformat(end) if isinstance(end, str) else None
    except ValueError:
        expires = None
    if not isinstance(name, str) or expires is None:
        raise Transient("Microsoft's answer about notifications cannot be read.")
    return Opened(remote_id=name, expires_at=to_instant(expires if expires.tzinfo else expires.replace(tzinfo=UTC)))
