"""Push channels at the providers: opened for what is used, extended or replaced before they end, closed when unused.

What identifies a channel is stored before its provider is asked, because the first message may come before the answer.
If the answer never comes, or we die before it is stored, the channel may stand or not: it is remembered as one to be
closed, and another one is asked for under another name. Nothing in here touches how calendars are read."""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlmodel import col

from booking_app.db import channel_queries
from booking_app.db.channel_queries import Linked, Placed
from booking_app.db.locks import lock_calendars, lock_connection
from booking_app.db.tables import Calendar, Channel, Connection
from booking_app.domain.clock import from_instant, to_instant
from booking_app.services import provider_apps
from booking_app.services.context import Context
from booking_app.sync import channel_plan
from booking_app.sync.accounts import Accounts
from booking_app.sync.channel_plan import UNCONFIRMED, ChannelState, Held, Settled, digest, secret_for
from booking_app.sync.errors import Gone, KeyMissing, ProviderError, ProviderRefused, Transient
from booking_app.sync.model import Opened
from booking_app.sync.provider import Notifier
from booking_app.sync.reference import reference

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=120)
LONGEST = 60.0
"""Seconds for one conversation with a provider, well within the lease."""
HANDED_OVER = timedelta(hours=1)
"""After which a channel that waits for its successor is looked at again."""


async def settle(ctx: Context, accounts: Accounts) -> int:
    """Note which channels have to be opened and closed, for `work_on` to do; how many accounts it concerned."""
    now, changed = ctx.now(), 0
    async with ctx.sessions.begin() as db:
        await channel_queries.forget_closed(db, now)
    async with ctx.sessions() as db:
        found = await channel_queries.linked(db, provider_apps.NAMES)
    kinds: dict[tuple[str, str], _Kind | None] = {}
    for each in found:
        which = each.provider, each.mode
        if which not in kinds:
            kinds[which] = await _kind(ctx, accounts, each)
        kind = kinds[which]
        if kind is None or _settled(kind, each, now).nothing:
            continue
        async with ctx.sessions.begin() as db:
            # Whoever else settles the same account waits here, and then finds nothing to do.
            await lock_calendars(db, col(Calendar.connection_id) == each.connection_id)
            if await lock_connection(db, each.connection_id) is None:
                continue
            for current in await channel_queries.linked(db, provider_apps.NAMES, each.connection_id):
                settled = _settled(kind, current, now)
                for channel_id in settled.close:
                    if (channel := await channel_queries.lock(db, channel_id)) is not None:
                        channel_queries.close(channel, now, forget_at=now + UNCONFIRMED)
                for place in settled.open:
                    channel_queries.add(db, each.connection_id, place, now)
        changed += 1
    return changed


@dataclass(frozen=True, kw_only=True, slots=True)
class _Kind:
    """How a provider pushes to accounts of one mode, and where to; `reachable`: it would take that address, and may
    push to such an account at all."""

    per_calendar: bool
    address: str
    reachable: bool


async def _kind(ctx: Context, accounts: Accounts, account: Linked) -> _Kind | None:
    """That of this account; None without channels, or while it cannot be spoken to."""
    async with ctx.sessions() as db:
        connection = await db.get(Connection, account.connection_id)
    try:
        notifier = None if connection is None else await accounts.notifier(connection)
    except ProviderError:
        return None
    if notifier is None:
        return None
    simulated = provider_apps.vendor_of(ctx, account.provider).simulated
    return _Kind(
        per_calendar=notifier.per_calendar,
        address=provider_apps.webhook_address(ctx, account.provider),
        reachable=notifier.pushes and channel_plan.can_be_pushed_to(ctx.public_url, simulated=simulated),
    )


def _settled(kind: _Kind, account: Linked, now: datetime) -> Settled:
    held = [
        Held(
            id=each.id,
            place=each.calendar_id,
            state=ChannelState(each.state),
            address=each.address,
            expires_at=each.expires_at,
        )
        for each in account.channels
    ]
    return channel_plan.settle(
        channel_plan.places(account.used if kind.reachable else (), per_calendar=kind.per_calendar),
        held,
        address=kind.address,
        may_open=account.lets_in,
        now=now,
    )


async def work_on(ctx: Context, accounts: Accounts, channel_id: int) -> None:
    """Open, extend or close one channel that the caller has leased; whatever happens, note how it went and when it is
    looked at again."""
    async with ctx.sessions() as db:
        found = await channel_queries.placed(db, channel_id)
    if found is None:
        return
    try:
        async with asyncio.timeout(LONGEST):
            notifier = await accounts.notifier(found.connection)
            if notifier is None:
                return
            match ChannelState(found.channel.state):
                case ChannelState.OPENING:
                    await _open(ctx, notifier, found)
                case ChannelState.OPEN:
                    await _extend(ctx, notifier, found)
                case ChannelState.CLOSING:
                    await _close(ctx, notifier, found)
    except TimeoutError:
        await _failed(ctx, found, Transient("The provider took too long to answer about notifications."))
    except ProviderError as error:
        await _failed(ctx, found, error)


async def _open(ctx: Context, notifier: Notifier, found: Placed) -> None:
    uid = uuid4()
    secret = secret_for(uid)
    address = provider_apps.webhook_address(ctx, found.connection.provider)
    if not await _begin(ctx, found, uid, secret, address):
        return
    calendar = None if found.calendar is None else reference(found.calendar, found.connection, found.owner)
    async with ctx.sessions() as db:
        spared = await channel_queries.of_same_account(db, found.connection)
    opened = await notifier.open(calendar, uid=str(uid), address=address, secret=secret, spared=spared)
    if not await _opened(ctx, found, opened):
        # The account went meanwhile, and nothing is left that could remember this.
        await notifier.close(opened)


async def _begin(ctx: Context, found: Placed, uid: UUID, secret: str, address: str) -> bool:
    """Store what identifies the channel. False if it is not to be opened any more."""
    now = ctx.now()
    async with ctx.sessions.begin() as db:
        if await lock_connection(db, found.connection.id or 0) is None:
            return False
        channel = await channel_queries.lock(db, found.channel.id or 0)
        if channel is None or channel.state != ChannelState.OPENING.value:
            return False
        left = _left_over(channel, now) if channel.secret_hash else None
        channel.uid, channel.secret_hash, channel.address = uid, digest(secret), address
        channel.remote_id, channel.resource_id, channel.last_number = "", "", 0
        await db.flush()  # Names are unique: this one is given up before it is taken.
        if left is not None:
            db.add(left)
    return True


def _left_over(channel: Channel, now: datetime) -> Channel:
    """The earlier attempt, of which nobody knows whether it came to anything."""
    return Channel(
        uid=channel.uid,
        connection_id=channel.connection_id,
        calendar_id=channel.calendar_id,
        remote_id=channel.remote_id,
        resource_id=channel.resource_id,
        secret_hash=channel.secret_hash,
        state=ChannelState.CLOSING.value,
        address=channel.address,
        expires_at=now + UNCONFIRMED,
        due_at=now if channel.remote_id else now + UNCONFIRMED,
    )


async def _opened(ctx: Context, found: Placed, opened: Opened) -> bool:
    """Store the answer; what it replaces is closed. False if there is nothing to store it in."""
    now, ends = ctx.now(), from_instant(opened.expires_at)
    async with ctx.sessions.begin() as db:
        if await lock_connection(db, found.connection.id or 0) is None:
            return False
        channel = await channel_queries.lock(db, found.channel.id or 0)
        if channel is None:
            return False
        channel.remote_id, channel.resource_id = opened.remote_id, opened.resource_id
        channel.expires_at, channel.lease_until = ends, None
        channel.failures, channel.trouble = 0, ""
        if channel.state == ChannelState.CLOSING.value:
            channel.due_at = now
            return True
        channel.state, channel.opened_at = ChannelState.OPEN.value, now
        channel.due_at = channel_plan.renew_at(since=now, expires_at=ends, jitter=random.random())
        for old in await channel_queries.others(db, channel, ChannelState.OPEN.value):
            channel_queries.close(old, now, forget_at=now + UNCONFIRMED)
    log.info("channel.opened", extra={"channel": channel.id, "connection": channel.connection_id})
    return True


async def _extend(ctx: Context, notifier: Notifier, found: Placed) -> None:
    try:
        longer = await notifier.extend(_as_opened(found.channel))
    except Gone:
        longer, over = None, True
    else:
        over = False
    now = ctx.now()
    async with ctx.sessions.begin() as db:
        if await lock_connection(db, found.connection.id or 0) is None:
            return
        channel = await channel_queries.lock(db, found.channel.id or 0)
        if channel is None or channel.state != ChannelState.OPEN.value:
            return
        channel.lease_until, channel.failures, channel.trouble = None, 0, ""
        if longer is not None:
            channel.expires_at, channel.opened_at = from_instant(longer.expires_at), now
            channel.due_at = channel_plan.renew_at(since=now, expires_at=channel.expires_at, jitter=random.random())
            return
        if not await channel_queries.others(db, channel, ChannelState.OPENING.value):
            channel_queries.add(db, channel.connection_id, channel.calendar_id, now)
        channel.due_at = now + HANDED_OVER
        if over:
            await db.delete(channel)


async def _close(ctx: Context, notifier: Notifier, found: Placed) -> None:
    channel = found.channel
    if channel.remote_id:
        await notifier.close(_as_opened(channel))
    async with ctx.sessions.begin() as db:
        locked = await channel_queries.lock(db, channel.id or 0)
        if locked is None:
            return
        ends = locked.expires_at or ctx.now()
        stands = bool(locked.secret_hash) if not channel.remote_id else locked.remote_id != channel.remote_id
        if not stands or ends <= ctx.now():
            await db.delete(locked)
            return
        # Perhaps it stands, under a name that only a message can tell; if one has meanwhile, it is closed by that.
        locked.lease_until, locked.due_at = None, ctx.now() if locked.remote_id else ends


async def _failed(ctx: Context, found: Placed, error: ProviderError) -> None:
    now = ctx.now()
    async with ctx.sessions.begin() as db:
        channel = await channel_queries.lock(db, found.channel.id or 0)
        if channel is None:
            return
        channel.failures += 1
        wait = channel_plan.try_again_in(error, channel.failures, jitter=random.random())
        channel.trouble, channel.lease_until = str(error), None
        channel.due_at = now + timedelta(seconds=wait)
        stands = isinstance(error, Transient) and not isinstance(error, ProviderRefused | KeyMissing)
        if found.channel.state == ChannelState.OPENING.value and not stands:
            channel.secret_hash = b""  # It certainly does not stand.
        if channel.state == ChannelState.CLOSING.value and channel.due_at >= (channel.expires_at or now):
            await db.delete(channel)
    log.warning(
        "channel.failed",
        extra={"channel": found.channel.id, "error": type(error).__name__, "wait": round(wait)},
    )


def _as_opened(channel: Channel) -> Opened:
    ends = 0 if channel.expires_at is None else to_instant(channel.expires_at)
    return Opened(remote_id=channel.remote_id, resource_id=channel.resource_id, expires_at=ends)
