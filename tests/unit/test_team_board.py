"""The drawing of the team calendar: who stands where, in words that screen readers speak too."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from booking_app.domain.conflicts import Answer
from booking_app.domain.zones import day_span
from booking_app.services.team import Attendance, Diary, Entry, EntryDetail, Guest, TeamDays
from booking_app.state import team_board

AMSTERDAM = "Europe/Amsterdam"
DAY = date(2027, 3, 1)


def at(hour: int, minute: int = 0, day: int = 1) -> int:
    """An instant of March 2027 by the wall clock of Amsterdam, which is an hour ahead of UTC."""
    return int(datetime(2027, 3, day, hour - 1, minute, tzinfo=UTC).timestamp())


def make_diary(**overrides: object) -> Diary:
    plain = Diary(
        bookable_id=1,
        slug="anna",
        name="Anna Berg",
        colour="indigo",
        zone=AMSTERDAM,
        resource=False,
        account="icloud",
        account_state="ok",
        open=((at(9), at(17)),),
        busy=(),
    )
    return replace(plain, **overrides)  # type: ignore[arg-type]


def make_entry(**overrides: object) -> Entry:
    plain = Entry(
        appointment_id=5,
        start=at(9, 30),
        end=at(10, 15),
        held=False,
        service="Intake",
        location="Haarlem",
        customers=("R. Visser",),
        conflict="",
        bookables=(1,),
    )
    return replace(plain, **overrides)  # type: ignore[arg-type]


def make_days(*diaries: Diary, entries: tuple[Entry, ...] = ()) -> TeamDays:
    return TeamDays(zone=AMSTERDAM, span=day_span(AMSTERDAM, DAY), diaries=diaries, entries=entries)


def test_a_day_has_a_column_a_person_with_closed_hours_appointments_and_busy_times() -> None:
    board = team_board.day_board(
        make_days(
            make_diary(busy=((at(11), at(12)),)),
            make_diary(bookable_id=2, slug="room", name="Room 1", resource=True, account="", open=()),
            entries=(make_entry(), make_entry(appointment_id=6, start=at(13), end=at(13, 30), held=True)),
        ),
        DAY,
        "",
    )
    assert (board.heading, board.zone, board.count) == ("Monday 1 March", "Amsterdam", 2)
    anna, room = board.columns
    assert (anna.initials, anna.note, room.initials, room.note) == ("AB", "iCloud", "▣", "")
    assert [(band.top, band.height) for band in anna.closed] == [(0, 64), (9 * 64, 64)]
    assert [(block.kind, block.title, block.top) for block in anna.blocks] == [
        ("appointment", "R. Visser", 97),
        ("hold", "Being booked…", 5 * 64 + 1),
        ("busy", "busy", 3 * 64 + 1),
    ]
    assert anna.blocks[0].label == "Anna Berg, 09:30 to 10:15: Intake with R. Visser"
    assert anna.blocks[0].line == "Intake · Haarlem"
    assert anna.blocks[1].id == 0, "a hold cannot be opened"
    assert room.blocks == ()


def test_an_appointment_of_several_stands_in_each_of_their_columns() -> None:
    days = make_days(
        make_diary(), make_diary(bookable_id=2, slug="bo", name="Bo"), entries=(make_entry(bookables=(1, 2)),)
    )
    board = team_board.day_board(days, DAY, "")
    assert [column.blocks[0].id for column in board.columns] == [5, 5]
    assert len({column.blocks[0].key for column in board.columns}) == 2
    alone = team_board.day_board(days, DAY, "bo")
    assert [column.name for column in alone.columns] == ["Bo"]


def test_an_appointment_outside_opening_hours_stretches_the_day_and_a_busy_night_does_not() -> None:
    late = make_entry(start=at(20), end=at(20, 30))
    diary = make_diary(busy=((at(1), at(23)),))
    assert team_board.day_board(make_days(diary), DAY, "").hours[-1].label == "17:00"
    stretched = team_board.day_board(make_days(diary, entries=(late,)), DAY, "")
    assert stretched.hours[-1].label == "20:00"
    busy = next(block for block in stretched.columns[0].blocks if block.kind == "busy")
    assert busy.top >= 0
    assert busy.top + busy.height <= stretched.height


def test_a_conflict_is_marked_and_spoken() -> None:
    board = team_board.day_board(make_days(make_diary(), entries=(make_entry(conflict="It clashes."),)), DAY, "")
    assert board.columns[0].blocks[0].warn
    assert board.columns[0].blocks[0].label.endswith("needs a decision")


def test_a_week_has_seven_days_and_busy_times_of_several_in_a_strip_beside_the_appointments() -> None:
    week = replace(
        make_days(
            make_diary(busy=((at(11), at(12)),)),
            make_diary(bookable_id=2, slug="bo", name="Bo"),
            entries=(make_entry(), make_entry(appointment_id=6, bookables=(2,))),
        ),
        span=day_span(AMSTERDAM, DAY, 7),
    )
    everybody = team_board.week_board(week, DAY, date(2027, 3, 3), "")
    assert everybody.heading == "1 – 7 March"
    assert [column.name for column in everybody.columns[:2]] == ["Mon 1", "Tue 2"]
    assert [column.today for column in everybody.columns] == [False, False, True, False, False, False, False]
    assert [(block.kind, block.left, block.width) for block in everybody.columns[0].blocks] == [
        ("appointment", 0, 35),
        ("appointment", 35, 35),
        ("busy", 70, 30),
    ]
    assert everybody.columns[0].blocks[2].title == "AB"
    assert everybody.columns[0].blocks[2].label == "Anna Berg is busy 11:00 to 12:00"
    alone = team_board.week_board(week, DAY, date(2027, 3, 3), "anna")
    assert [block.kind for block in alone.columns[0].blocks] == ["appointment", "busy"]


def test_fifty_people_with_long_names_are_fifty_columns() -> None:
    people = tuple(
        make_diary(bookable_id=number, slug=f"p{number}", name=f"Maximiliane-{number} von Hohenstein-Wittelsbach")
        for number in range(50)
    )
    board = team_board.day_board(make_days(*people), DAY, "")
    assert board.count == len(board.columns) == 50


def test_the_line_of_now_is_where_the_clock_says_and_nowhere_else() -> None:
    assert team_board.now_line(480, 640, AMSTERDAM, at(11, 30)) == 224
    assert team_board.now_line(480, 640, AMSTERDAM, at(7)) == -1
    assert team_board.now_line(480, 640, AMSTERDAM, at(19)) == -1


def test_an_opened_appointment_says_where_it_is_written() -> None:
    found = EntryDetail(
        entry=make_entry(conflict="The event was made a whole day in the calendar."),
        choices=(Answer.PUT_BACK, Answer.FOLLOW),
        guests=(Guest(name="R. Visser", email="r@example.com", phone="", notes="By bike", zone=AMSTERDAM),),
        attendance=(
            Attendance(name="Anna", colour="indigo", calendar="Work", written_at=at(8)),
            Attendance(name="Bo", colour="jade", calendar="Work", written_at=None),
            Attendance(name="Cy", colour="jade", calendar="", written_at=None),
        ),
    )
    shown = team_board.detail(found, AMSTERDAM)
    assert shown.when == "1 March, 09:30 – 10:15 (Amsterdam)"
    assert shown.customers == ("R. Visser · r@example.com",)
    assert shown.writes == (
        "In Anna’s calendar since 1 March, 08:00.",
        "Waiting to be written to Bo’s calendar “Work”.",
        "Cy has chosen no calendar that receives appointments.",
    )
    assert shown.conflict == "The event was made a whole day in the calendar."
    assert [(each.appointment, each.words, each.final) for each in shown.choices] == [
        (5, "Put it back", False),
        (5, "Move the appointment there", True),
    ]
