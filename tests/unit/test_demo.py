"""The demo's team on any day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

from booking_app import demo
from booking_app.run.seed import first_monday
from booking_app.run.team import event_text


@pytest.mark.parametrize(
    ("now", "monday"),
    [
        (datetime(2026, 11, 30, 18, 40, tzinfo=UTC), date(2026, 11, 30)),
        (datetime(2026, 12, 31, 10, 55, tzinfo=UTC), date(2026, 12, 28)),
        (datetime(2027, 1, 31, 22, 55, tzinfo=UTC), date(2027, 2, 1)),  # a Sunday
        (datetime(2027, 6, 6, 22, 5, tzinfo=UTC), date(2027, 6, 7)),  # Monday where the team is
        (datetime(2028, 2, 29, 8, 5, tzinfo=UTC), date(2028, 2, 28)),
        (datetime(2027, 6, 5, 12, 0, tzinfo=UTC), date(2027, 6, 7)),
    ],
)
def test_its_first_week_is_the_teams_present_one_or_at_the_weekend_the_coming_one(now: datetime, monday: date) -> None:
    assert first_monday(now) == monday


@pytest.mark.parametrize("monday", [date(2027, 3, 8), date(2027, 3, 22), date(2027, 10, 25), date(2028, 2, 28)])
def test_its_events_stand_at_their_local_time_on_their_day_in_any_week(monday: date) -> None:
    members = {member.slug: member for member in demo.TEAM}
    for number, entry in enumerate(demo.ENTRIES):
        member = members[entry.person]
        (event,) = Calendar.from_ical(event_text(entry, member, number, monday)).walk("VEVENT")
        start, day = event.decoded("dtstart"), monday + timedelta(days=entry.day)
        if entry.minutes is None:
            assert start == day
        else:
            assert start.astimezone(ZoneInfo(member.zone)).replace(tzinfo=None) == datetime.combine(day, entry.at)
            assert event.decoded("dtend") - start == timedelta(minutes=entry.minutes)
