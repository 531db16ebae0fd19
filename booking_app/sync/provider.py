"""What a calendar provider is: a few verbs and nothing optional. One adapter a file, one contract suite for all.

An account that is opened by OAuth gets its access tokens from a `TokenSource`. A provider that pushes has a `Notifier`
beside its `CalendarProvider`: pushes only make the regular read come earlier, so nothing depends on them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from booking_app.sync.model import (
    Busy,
    CalendarRef,
    Delta,
    EventDraft,
    Known,
    Opened,
    OwnEvent,
    RemoteCalendar,
    Written,
)


class Reads(Protocol):
    """What stands in the calendars of an account."""

    async def list_calendars(self) -> tuple[RemoteCalendar, ...]:
        """All calendars of the account that can hold events. Also the connection test."""
        ...

    async def changes(
        self, calendar: CalendarRef, *, cursor: str | None, known: Known, window: tuple[int, int]
    ) -> Delta:
        """What changed since `cursor` (None: everything), expanded into the half-open `window` of instants.

        `known` lets a full read skip objects whose etag did not change, and tell what is over from what is gone: it
        names all objects that are held, also where no version of them counts (then none of its etags is current). It
        is called before the provider is asked what stands there, else an event that is written meanwhile would be
        missed; not at all where nothing changed, so that such a read costs next to nothing.
        Raises `CursorExpired` if the provider no longer knows the cursor."""
        ...

    async def busy_now(self, calendar: CalendarRef, *, window: tuple[int, int]) -> tuple[tuple[str, Busy], ...]:
        """A live read of what blocks in `window`, as (object uid, block) pairs; own events included."""
        ...


class Writes(Protocol):
    """Our own events in the calendars of an account."""

    async def put(self, calendar: CalendarRef, draft: EventDraft, *, key: str | None, etag: str | None) -> Written:
        """Make the event stand in the calendar exactly as `draft`.

        Without `key` it is created under a name derived from `draft.uid`, so a repeat after a crash finds the
        first attempt and never makes a second event. With `key` and `etag` the write is conditional;
        `EditConflict` if somebody changed it since, `Gone` if the object no longer exists (it is not created
        anew). The event is read back; a difference in meaning raises `Rejected`. No invitation is sent."""
        ...

    async def get(self, calendar: CalendarRef, *, key: str) -> tuple[OwnEvent, str] | None:
        """Our event and its etag, or None when the provider confirms that it does not exist."""
        ...

    async def find(self, calendar: CalendarRef, *, uid: str) -> str | None:
        """The key of our event called `uid`, or None when the provider confirms that it does not stand in this
        calendar."""
        ...

    async def remove(self, calendar: CalendarRef, *, key: str, etag: str | None) -> None:
        """Make the event not stand in the calendar; already gone is success. `EditConflict` on a stale etag."""
        ...


class CalendarProvider(Reads, Writes, Protocol):
    """One account at one provider. Every method raises only `sync.errors.ProviderError`s."""

    async def close(self) -> None:
        """Release network resources."""
        ...


class TokenSource(Protocol):
    """The access tokens of one account, refreshed ahead of their end and stored by whoever stands behind this."""

    async def token(self) -> str:
        """A token that is good for at least a minute. Raises `AccessLost` when the person has to consent again,
        `ProviderRefused` when the provider does not accept this installation, `Transient` otherwise."""
        ...

    async def refused(self, token: str) -> None:
        """The provider answered 401 to this token: the next call of `token` hands out another one."""
        ...


class Notifier(Protocol):
    """The push channels of one account. Every method raises only `sync.errors.ProviderError`s."""

    per_calendar: bool
    """Whether each calendar has a channel of its own, or one channel covers the account."""
    pushes: bool
    """Whether the account may be pushed to with what its owner permits."""

    async def open(
        self, calendar: CalendarRef | None, *, uid: str, address: str, secret: str, spared: Collection[str] = ()
    ) -> Opened:
        """Ask for pushes to `address` (https). `uid` is our name of the channel, stored before the call, because the
        first message may arrive before the answer; `secret` comes back in each message. `calendar` is None exactly
        if not `per_calendar`. `spared` are the provider's names of channels for the same account that somebody else
        here has: they are not taken for leftovers. Raises `Rejected` where they stand in the way."""
        ...

    async def extend(self, channel: Opened) -> Opened | None:
        """Make it last longer. None if the provider cannot: then a new one is opened and the old one closed."""
        ...

    async def close(self, channel: Opened) -> None:
        """End it; one that does not exist any more is success."""
        ...

    async def release(self) -> None:
        """Release network resources."""
        ...
