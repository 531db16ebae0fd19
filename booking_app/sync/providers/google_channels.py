"""Push channels of calendars ("Push notifications"): one each, renewed by replacing it."""

from __future__ import annotations

from collections.abc import Collection

from booking_app.sync.errors import Gone, Transient
from booking_app.sync.model import CalendarRef, Opened
from booking_app.sync.provider import TokenSource
from booking_app.sync.providers.addresses import AddressPolicy
from booking_app.sync.providers.budget import Budget
from booking_app.sync.providers.google_wire import Wire
from booking_app.sync.providers.http import Pool
from booking_app.sync.providers.json_api import segment
from booking_app.sync.vendors import Vendor

_LIFE = 7 * 86_400
"""Seconds that are asked for; how long it really lives is in the answer."""


class GoogleNotifier:
    """See `Notifier`."""

    per_calendar, pushes = True, True

    def __init__(
        self,
        tokens: TokenSource,
        *,
        vendor: Vendor,
        policy: AddressPolicy,
        budget: Budget,
        pool: Pool | None = None,
    ) -> None:
        self._wire = Wire(tokens, vendor=vendor, policy=policy, budget=budget, pool=pool)

    async def open(
        self,
        calendar: CalendarRef | None,
        *,
        uid: str,
        address: str,
        secret: str,
        spared: Collection[str] = (),  # noqa: ARG002 - Google opens as many as are asked for
    ) -> Opened:
        if calendar is None:
            raise ValueError("a channel is about one calendar")
        body = {"id": uid, "type": "web_hook", "address": address, "token": secret, "params": {"ttl": str(_LIFE)}}
        path = f"calendars/{segment(calendar.remote_id)}/events/watch"
        made = await self._wire.send("POST", path, "asking for notifications", body=body)
        resource, expiration = made.get("resourceId"), str(made.get("expiration", ""))
        if not isinstance(resource, str) or not expiration.isdecimal():
            raise Transient("Google's answer about notifications cannot be read.")
        return Opened(remote_id=uid, resource_id=resource, expires_at=int(expiration) // 1000)

    async def extend(self, channel: Opened) -> Opened | None:  # noqa: ARG002 - there is no such request
        return None

    async def close(self, channel: Opened) -> None:
        body = {"id": channel.remote_id, "resourceId": channel.resource_id}
        try:
            await self._wire.send("POST", "channels/stop", "ending the notifications", body=body)
        except Gone:
            return

    async def release(self) -> None:
        await self._wire.close()
