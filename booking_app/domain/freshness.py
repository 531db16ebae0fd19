"""Whether what is known of somebody's calendars may be used: fresh, or withheld with a reason. Never silently empty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from booking_app.domain.appointment import ConnectionState
from booking_app.domain.errors import Reason
from booking_app.domain.rules import Span

TOLERANCE = 10
"""Seconds by which the clocks of processes that read and serve may differ."""
SLOW = 2.0
"""Seconds: a calendar whose reads take longer is not waited for, neither by a page nor by other calendars."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CalendarState:
    """One blocking calendar. `verified_at`: the instant as of which its busy blocks are right, None before the first
    read. `window`: the instants that its blocks cover. `stopped`: its sync is held by the deletion breaker or an
    unreadable reply; `troubled`: the last read failed, or the one under way gets no answer. `hot_until`: it is read
    often until then. `takes`: seconds that reading it took of late."""

    calendar_id: int
    verified_at: int | None
    window: Span
    connection: ConnectionState = ConnectionState.OK
    stopped: bool = False
    troubled: bool = False
    hot_until: int = 0
    takes: float = 0

    @property
    def slow(self) -> bool:
        """Whether waiting for a read of it is pointless, before a page is shown and before a booking."""
        return self.takes > SLOW


def distrust(
    calendars: Sequence[CalendarState], now: int, bound: float, when_failing: float | None = None
) -> Reason | None:
    """Why slots that depend on these calendars must be withheld; None if all were verified in the last `bound` seconds,
    and those whose last read failed or that are slow in the last `when_failing` (None: the same bound).

    What was verified in the future was verified under another clock, nobody knows how long ago. A passing error alone
    is no reason while the data is young enough. Somebody without calendars is trusted.
    """
    reason = None
    for each in calendars:
        if each.stopped or each.connection in (ConnectionState.NEEDS_SIGN_IN, ConnectionState.STOPPED):
            return Reason.CALENDAR_UNREADABLE
        if not is_fresh(each.verified_at, now, _bound(each, bound, when_failing)):
            if each.troubled or each.connection is ConnectionState.SLOWED:
                return Reason.CALENDAR_UNREADABLE
            reason = Reason.CALENDAR_STALE
    return reason


def trusted_until(calendars: Sequence[CalendarState], bound: float, when_failing: float) -> int | None:
    """The last instant at which `distrust` lets calendars pass that it lets pass now, if none of them changes; None if
    they do not grow old."""
    ends = [
        each.verified_at + int(_bound(each, bound, when_failing)) for each in calendars if each.verified_at is not None
    ]
    return min(ends, default=None)


def _bound(calendar: CalendarState, bound: float, when_failing: float | None) -> float:
    strict = calendar.troubled or calendar.slow
    return min(bound, when_failing) if strict and when_failing is not None else bound


def is_fresh(verified_at: int | None, now: int, bound: float) -> bool:
    """Whether that instant is at most `bound` seconds ago, and not in the future."""
    return verified_at is not None and -TOLERANCE <= now - verified_at <= bound


def worth_waiting(calendar: CalendarState) -> bool:
    """Whether the next read of a calendar may be waited for: not if the last one failed or was slow, or its connection
    does, nor the first one, of which nobody knows how long it takes."""
    failing = (
        calendar.verified_at is None
        or calendar.stopped
        or calendar.troubled
        or calendar.connection is not ConnectionState.OK
    )
    return not failing and not calendar.slow


def oldest(calendars: Sequence[CalendarState]) -> int | None:
    """The instant as of which all of the calendars are verified; None if there are none or one never was."""
    moments = [each.verified_at for each in calendars]
    return min((each for each in moments if each is not None), default=None) if None not in moments else None


def covered(calendars: Sequence[CalendarState], span: Span, before: int, after: int) -> Span:
    """The part of `span` in which an appointment may start so that it, with `before` seconds ahead and `after`
    seconds from its start on, lies in what every calendar covers."""
    start, end = span
    for each in calendars:
        start = max(start, each.window[0] + before)
        end = min(end, each.window[1] - after + 1)
    return start, max(start, end)
