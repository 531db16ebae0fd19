"""Slots as a picker draws them, in any zone, through DST, and once for all who look."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from booking_app.domain.errors import Alternative, Invalid, Reason, Refused
from booking_app.domain.zones import local_date
from booking_app.services.views import SlotsAnswer, Withheld
from booking_app.state import admin_words, offers, picture, times
from booking_app.state.views import Person
from tests.factories import at

AMSTERDAM = "Europe/Amsterdam"


def make_answer(*starts: int, **overrides: object) -> SlotsAnswer:
    answer = SlotsAnswer(
        service="haircut",
        span=picture.month_span(2026, 12),
        duration=1800,
        starts=starts,
        staff=tuple(("anna",) for _ in starts),
        verified_at=None,
        withheld=(),
    )
    return replace(answer, **overrides)  # type: ignore[arg-type]


def test_a_month_has_its_days_and_counts_their_free_times() -> None:
    answer = make_answer(at("2026-12-10 08:30"), at("2026-12-10 09:00"), at("2026-12-11 08:30"), at("2026-12-31 23:30"))
    drawn = picture.month_view((2026, 12), date(2026, 12, 10), date(2027, 1, 22))
    assert drawn.title == "December 2026"
    assert drawn.lead == 1
    assert len(drawn.days) == 31
    assert drawn.days[9].label == "Thursday 10 December 2026, today"
    assert [day.kind for day in drawn.days[8:11]] == ["past", "today", ""]
    assert (drawn.before, drawn.after) == (False, True)
    assert picture.Pictures().free(answer, AMSTERDAM, (2026, 12)) == {"2026-12-10": 2, "2026-12-11": 1}


def test_p35_a_slot_stands_on_the_date_of_the_readers_zone() -> None:
    start = at("2026-12-10 23:30")
    pictures = picture.Pictures()
    answer = make_answer(start)
    for zone, day in (
        (AMSTERDAM, "2026-12-11"),
        ("America/New_York", "2026-12-10"),
        ("Pacific/Kiritimati", "2026-12-11"),
    ):
        assert list(pictures.days(answer, zone)) == [day]
        drawn = picture.day_view(local_date(zone, start), pictures.days(answer, zone)[day], (), zone, "")
        assert drawn.date == day
        assert drawn.label == times.long_day(local_date(zone, start))


def test_one_month_is_asked_for_all_zones() -> None:
    """A slot at either end of the month, in the zones furthest from UTC, is inside the span that all share."""
    start, end = picture.month_span(2026, 12)
    assert start <= at("2026-12-01T00:00+14:00")
    assert at("2026-12-31T23:59-12:00") < end


def test_p34_a_time_that_comes_twice_says_which() -> None:
    """2026-10-25: clocks go from 3:00 back to 2:00 in Amsterdam (IANA tzdata)."""
    twice = [at("2026-10-25 00:30"), at("2026-10-25 01:30"), at("2026-10-25 02:30")]
    drawn = picture.day_view(date(2026, 10, 25), twice, (), AMSTERDAM, "")
    assert [slot.time for slot in drawn.groups[0].slots] == ["2:30 (+02:00)", "2:30 (+01:00)", "3:30"]


def test_slots_are_grouped_by_the_part_of_the_day() -> None:
    starts = [at(f"2026-12-10 {hour:02d}:00") for hour in (4, 8, 11, 15, 16)]
    drawn = picture.day_view(date(2026, 12, 10), starts, (), AMSTERDAM, "")
    assert [group.name for group in drawn.groups] == ["Night", "Morning", "Afternoon", "Evening"]
    assert [slot.time for group in drawn.groups for slot in group.slots] == ["5:00", "9:00", "12:00", "16:00", "17:00"]


def test_what_was_taken_stays_struck_through_with_a_word() -> None:
    free, lost = at("2026-12-10 08:00"), at("2026-12-10 09:00")
    drawn = picture.day_view(date(2026, 12, 10), [free], [lost], AMSTERDAM, "Nothing is free on this day.")
    assert [(slot.time, slot.gone) for slot in drawn.groups[0].slots] == [("9:00", False), ("10:00", True)]
    assert drawn.notice == "10:00 was just taken by somebody else."
    assert drawn.nothing == ""
    both = picture.day_view(date(2026, 12, 10), [], [free, lost], AMSTERDAM, "Nothing is free on this day.")
    assert both.notice == "9:00 and 10:00 were just taken by somebody else."
    assert both.nothing == "Nothing is free on this day."


def test_a_change_is_drawn_once_for_all_viewers() -> None:
    pictures = picture.Pictures()
    answer = make_answer(at("2026-12-10 08:30"))
    drawn = [pictures.day(answer, AMSTERDAM, date(2026, 12, 10)) for _ in range(3)]
    assert drawn[0] is drawn[1] is drawn[2]
    assert pictures.free(answer, AMSTERDAM, (2026, 12)) is pictures.free(answer, AMSTERDAM, (2026, 12))
    other = make_answer(at("2026-12-10 08:30"))
    assert pictures.day(other, AMSTERDAM, date(2026, 12, 10)) is not drawn[0]


def test_p39_withheld_is_never_shown_as_live() -> None:
    esra = Withheld(staff="esra", name="Esra", reason=Reason.CALENDAR_UNREADABLE, message="Esra is not bookable.")
    some = picture.freshness(make_answer(at("2026-12-10 08:30"), withheld=(esra,), verified_at=100), 30)
    assert (some.tone, some.withheld) == ("warn", ("Esra is not bookable.",))
    assert (some.words, some.checked) == ("Some times are not shown", 0)
    none = picture.freshness(make_answer(withheld=(esra,)), 30)
    assert (none.tone, none.words) == ("bad", "Not bookable right now")


def test_p39_slots_are_live_for_as_long_as_they_can_be_booked_without_a_read() -> None:
    fresh = picture.freshness(make_answer(verified_at=1000), 30)
    assert (fresh.words, fresh.checked, fresh.live_until) == ("Live, checked", 1000, 1030)
    own = picture.freshness(make_answer(verified_at=None), 30)
    assert (own.words, own.checked, own.live_until) == ("Live", 0, 0)


def test_the_next_free_time_is_near_in_words() -> None:
    now = at("2026-12-09 10:00")
    assert picture.next_button(at("2026-12-09 15:30"), AMSTERDAM, now).words == "Today, 16:30"
    assert picture.next_button(at("2026-12-10 08:30"), AMSTERDAM, now).words == "Tomorrow, 9:30"
    assert picture.next_button(at("2026-12-15 08:30"), AMSTERDAM, now).words == "Tue 15 December, 9:30"


def test_lengths_zones_and_names_in_words() -> None:
    assert [times.duration_words(each) for each in (45, 60, 90, 121)] == [
        "45 minutes",
        "1 hour",
        "1 hour 30 minutes",
        "2 hours 1 minute",
    ]
    assert times.zone_words("America/Argentina/Buenos_Aires") == "Buenos Aires time (America/Argentina/Buenos_Aires)"
    assert times.zone_words("UTC") == "UTC"
    assert times.names(["Anna", "Chris", "Esra"]) == "Anna, Chris and Esra"
    assert times.span_words(at("2026-12-10 22:30"), at("2026-12-10 23:30"), AMSTERDAM) == (
        "Thursday 10 December 2026",
        "23:30 to 0:30 on Friday 11 December 2026",
    )
    assert [admin_words.initials(name) for name in ("Anna de Bruin", "Mila", "  ", "3M")] == ["AB", "MI", "  ", "3M"]


def test_a_refusal_says_what_to_do_next() -> None:
    people = [Person(slug="anna", name="Anna"), Person(slug="chris", name="Chris")]
    open_times = [Alternative(start=at("2026-12-10 08:30"), staff=("chris",))]
    refused = Refused(Reason.TAKEN, "This time has just been taken.", open_times)
    drawn = offers.refusal(refused, zone=AMSTERDAM, people=people, wished="anna")
    assert drawn.title == "This time has just been taken."
    assert [(each.words, each.who) for each in drawn.instead] == [("Thu 10 Dec, 9:30", "with Chris")]
    nothing = offers.refusal(Refused(Reason.TAKEN, "Taken."), zone=AMSTERDAM, people=people, wished=None)
    assert nothing.advice == "Please choose another day or another person, or contact us directly."


def test_an_error_stands_beside_its_field() -> None:
    assert offers.form_errors(Invalid("customer.email", "Please give one.")).email == "Please give one."
    assert offers.form_errors(Invalid("timezone", "Choose one.")).form == "Choose one."
    assert offers.first_wrong(offers.form_errors(Invalid("customer.email", "x"))) == "email"
