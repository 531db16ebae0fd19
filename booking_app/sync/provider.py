"""What a calendar provider is: five verbs and nothing optional. One adapter a file, one contract suite for all."""

from __future__ import annotations

from typing import Protocol

from booking_app.sync.model import (
    Busy,
    CalendarRef,
    Delta,
    EventDraft,
    Known,
    OwnEvent,
    RemoteCalendar,
    Written,
)


class CalendarProvider(Protocol):
    """One account at one provider. Every method raises only `sync.errors.ProviderError`s."""

    async def list_calendars(self) -> tuple[RemoteCalendar, ...]:
        """All calendars of the account that can hold events. Also the connection test."""
        ...

    async def changes(
        self, calendar: CalendarRef, *, cursor: str | None, known: Known, window: tuple[int, int]
    ) -> Delta:
        """What changed since `cursor` (None: everything), expanded into the half-open `window` of instants.

        `known` lets a full read skip objects whose etag did not change. Raises `CursorExpired` if the provider
        no longer knows the cursor."""
        ...

    async def busy_now(self, calendar: CalendarRef, *, window: tuple[int, int]) -> tuple[tuple[str, Busy], ...]:
        """A live read of what blocks in `window`, as (object uid, block) pairs; own events included."""
        ...

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

    async def remove(self, calendar: CalendarRef, *, key: str, etag: str | None) -> None:
        """Make the event not stand in the calendar; already gone is success. `EditConflict` on a stale etag."""
        ...

    async def close(self) -> None:
        """Release network resources."""
        ...
