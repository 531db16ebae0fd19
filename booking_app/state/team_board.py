"""The team's days turned into what the team calendar draws. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

from booking_app.domain.appointment import ConnectionState
from booking_app.domain.rules import Span
from booking_app.domain.zones import day_span, offset_at
from booking_app.services.team import Attendance, Diary, Entry, EntryDetail, TeamDays
from booking_app.state import team_layout as layout
from booking_app.state.admin_words import (
    clock_time,
    initials,
    long_day,
    moment_words,
    provider_word,
    state_word,
    week_words,
    zone_words,
)
from booking_app.state.notice_lines import choosable
from booking_app.state.team_layout import Frame
from booking_app.state.views_admin import Block, Board, Choice, Column, Detail

_LOW = 40
"""Blocks lower than this many px have room for one line only."""
_SLIM = 20
"""And lower than this, for small text only."""
_NARROW = 34
"""Columns' shares below this percentage have room for initials only."""
_TINY = 10
"""And below this, for nothing."""
_STRIP = 30
"""The share of a column, in percent, for the busy times of several people."""

_Item = tuple[tuple[int, int], Diary, Entry | None]
"""(minutes of the wall day, whose, the appointment; None: a busy time)."""


def week_of(day: date) -> date:
    """The Monday of a date's week."""
    return day - timedelta(days=day.weekday())


def choices(days: TeamDays) -> tuple[Choice, ...]:
    """Whom one can look at alone."""
    return tuple(
        Choice(key=each.slug, name=each.name, initials=mark(each), colour=each.colour) for each in days.diaries
    )


def mark(diary: Diary) -> str:
    """What stands in the disc beside a name."""
    return "▣" if diary.resource else initials(diary.name)


def _note(diary: Diary) -> str:
    """What stands under a name: the kinds of calendar, and a word when they cannot be relied on."""
    if not diary.account:
        return "" if diary.resource else "no calendar connected"
    kinds = ", ".join(provider_word(each) for each in diary.account.split())
    return kinds if diary.account_state == ConnectionState.OK else f"{kinds} · {state_word(diary.account_state)[0]}"


def day_board(days: TeamDays, day: date, only: str) -> Board:
    """A column a person."""
    span = day_span(days.zone, day)
    shown = [each for each in days.diaries if not only or each.slug == only]
    drawn = _frame(days, shown, [span])
    columns = tuple(
        Column(
            key=each.slug,
            name=each.name,
            note=_note(each),
            initials=mark(each),
            colour=each.colour,
            closed=layout.closed_bands(_minutes(each.open, span, days.zone), drawn),
            blocks=_blocks(days, [each], span, drawn, aside=False),
        )
        for each in shown
    )
    return _board(long_day(day), days.zone, drawn, columns)


def week_board(days: TeamDays, first: date, today: date, only: str) -> Board:
    """A column a day. Of several people the busy times stand in a strip beside the appointments."""
    shown = [each for each in days.diaries if not only or each.slug == only]
    spans = [day_span(days.zone, first + timedelta(days=number)) for number in range(7)]
    drawn = _frame(days, shown, spans)
    columns = []
    for number, span in enumerate(spans):
        day = first + timedelta(days=number)
        opened = [piece for each in shown for piece in _minutes(each.open, span, days.zone)]
        columns.append(
            Column(
                key=day.isoformat(),
                name=f"{day:%a} {day.day}",
                note=f"{day:%B}",
                today=day == today,
                closed=layout.closed_bands(opened, drawn),
                blocks=_blocks(days, shown, span, drawn, aside=len(shown) > 1),
            )
        )
    return _board(week_words(first, first + timedelta(days=6)), days.zone, drawn, tuple(columns))


def now_line(board_first: int, height: int, zone: str, now: int) -> int:
    """Px of the present from the top of the board; -1 when it lies outside the hours that are drawn."""
    minute = (now + offset_at(zone, now)) % 86400 // 60
    top = (minute - board_first) * layout.HOUR // 60
    return top if 0 <= top <= height else -1


def detail(found: EntryDetail, zone: str) -> Detail:
    """An appointment in words."""
    entry = found.entry
    start = moment_words(entry.start, zone)
    return Detail(
        id=entry.appointment_id,
        service=entry.service,
        when=f"{start} – {clock_time(entry.end, zone)} ({zone_words(zone)})",
        people=", ".join(each.name for each in found.attendance),
        customers=tuple(
            " · ".join(part for part in (guest.name, guest.email, guest.phone) if part) for guest in found.guests
        ),
        notes=" / ".join(guest.notes for guest in found.guests if guest.notes),
        location=entry.location,
        conflict=entry.conflict,
        choices=choosable(entry.appointment_id, found.choices),
        writes=tuple(_written(each, zone) for each in found.attendance),
    )


def _written(attendance: Attendance, zone: str) -> str:
    if attendance.written_at is not None:
        return f"In {attendance.name}’s calendar since {moment_words(attendance.written_at, zone)}."
    if attendance.calendar:
        return f"Waiting to be written to {attendance.name}’s calendar “{attendance.calendar}”."
    return f"{attendance.name} has chosen no calendar that receives appointments."


def _board(heading: str, zone: str, drawn: Frame, columns: tuple[Column, ...]) -> Board:
    return Board(
        heading=heading,
        zone=zone_words(zone),
        first=drawn.first,
        height=drawn.height,
        hours=layout.hour_marks(drawn),
        count=len(columns),
        columns=columns,
    )


def _minutes(spans: Sequence[Span], day: Span, zone: str) -> list[tuple[int, int]]:
    cut = (layout.wall_minutes(span, day, zone) for span in spans)
    return [minutes for minutes in cut if minutes is not None]


def _frame(days: TeamDays, shown: Sequence[Diary], spans: Sequence[Span]) -> Frame:
    """The hours that show every opening and every appointment; busy times are cut rather than stretch the day."""
    ids = {each.bookable_id for each in shown}
    minutes = [
        piece
        for span in spans
        for source in (
            *(each.open for each in shown),
            [(each.start, each.end) for each in days.entries if ids & set(each.bookables)],
        )
        for piece in _minutes(source, span, days.zone)
    ]
    return layout.frame(minutes, least=(8 * 60, 18 * 60))


def _blocks(days: TeamDays, shown: Sequence[Diary], span: Span, drawn: Frame, *, aside: bool) -> tuple[Block, ...]:
    """What stands in one column: the appointments of `shown`, each once a person, and their busy times; `aside`: these
    in a strip of their own at the right."""
    entries: list[_Item] = []
    busy: list[_Item] = []
    for diary in shown:
        for entry in days.entries:
            if diary.bookable_id in entry.bookables:
                minutes = layout.wall_minutes((entry.start, entry.end), span, days.zone)
                if minutes is not None:
                    entries.append((minutes, diary, entry))
        for minutes in _minutes(diary.busy, span, days.zone):
            cut = max(minutes[0], drawn.first), min(minutes[1], drawn.last)
            if cut[0] < cut[1]:
                busy.append((cut, diary, None))
    if not aside or not busy:
        return _placed([*entries, *busy], drawn)
    return _placed(entries, drawn, width=100 - _STRIP) + _placed(busy, drawn, left=100 - _STRIP, width=_STRIP)


def _placed(items: Sequence[_Item], drawn: Frame, *, left: float = 0, width: float = 100) -> tuple[Block, ...]:
    """The blocks of `items` side by side within a share of the column."""
    found = layout.within(layout.places([minutes for minutes, _, _ in items], drawn), left, width)
    return tuple(
        _block(diary, entry, minutes, place) for (minutes, diary, entry), place in zip(items, found, strict=True)
    )


def _block(diary: Diary, entry: Entry | None, minutes: tuple[int, int], place: layout.Place) -> Block:
    times = f"{_clock(minutes[0])} to {_clock(minutes[1])}"
    placed = Block(
        colour=diary.colour,
        top=place.top,
        height=place.height,
        left=place.left,
        width=place.width,
        compact=place.height < _LOW,
        slim=place.height < _SLIM,
    )
    if entry is None:
        return replace(
            placed,
            key=f"b{diary.bookable_id}-{minutes[0]}",
            kind="busy",
            title="busy" if place.width >= _NARROW else mark(diary) if place.width >= _TINY else "",
            narrow=place.width < _NARROW,
            label=f"{diary.name} is busy {times}",
        )
    who = ", ".join(entry.customers)
    narrow = place.width < _NARROW
    return replace(
        placed,
        key=f"a{entry.appointment_id}-{diary.bookable_id}",
        id=0 if entry.held else entry.appointment_id,
        kind="hold" if entry.held else "appointment",
        title="Being booked…" if entry.held else (initials(who) if narrow and who else f"{who or entry.service}"),
        line="" if entry.held or narrow else " · ".join(part for part in (entry.service, entry.location) if part),
        label=(
            f"{diary.name}, {times}: being booked"
            if entry.held
            else f"{diary.name}, {times}: {entry.service} with {who or 'nobody'}"
            + (", needs a decision" if entry.conflict else "")
        ),
        warn=bool(entry.conflict),
    )


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
