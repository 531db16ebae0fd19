"""What a person reads about their own calendars: before disconnecting, while nothing receives, when something waits."""

from __future__ import annotations

import pytest

from booking_app.domain.errors import Reason
from booking_app.services.trouble_words import calm
from booking_app.services.views import Withheld
from booking_app.state import calendar_cards, disconnect_words, previews
from booking_app.state.views_calendars import Unplaced
from tests.unit.test_state_admin import NOW, make_calendar, make_connection
from tests.unit.test_state_linking import make_linked

READ = make_calendar(target=False, can_write=False)


def test_disconnecting_what_receives_appointments_says_so() -> None:
    view = make_connection()
    alone = disconnect_words.question(view, (view,), 0)
    assert "This account receives your appointments, in “Work”" in alone.receiving
    assert "no other account of yours can" in alone.receiving
    other = make_linked(uid="u2", calendars=(make_calendar(uid="c2", target=False),))
    assert "“Receive here” beside another calendar" in disconnect_words.question(view, (view, other), 0).receiving
    assert disconnect_words.question(other, (view, other), 0).receiving == ""
    assert "Nothing receives" in disconnect_words.done(alone, "keep", "kept")


def test_disconnecting_asks_about_appointments_only_where_some_stand() -> None:
    busy = make_linked(mode="busy", writes=False, calendars=(READ,))
    asked = disconnect_words.question(busy, (busy,), 0)
    assert (asked.standing, asked.stuck, asked.receiving) == ("", "", "")
    assert "stops blocking your slots" in asked.consequence
    assert disconnect_words.done(asked, "keep", "kept") == "Disconnected."
    assert "the 3 coming appointments" in disconnect_words.question(busy, (busy,), 3).standing
    assert "the coming appointment that stands" in disconnect_words.question(busy, (busy,), 1).standing


def test_what_blocks_nothing_is_not_said_to_stop_blocking() -> None:
    unused = make_connection(calendars=(make_calendar(blocks=False, target=False),))
    assert "blocks none of your slots" in disconnect_words.question(unused, (unused,), 0).consequence


def test_p20_an_account_that_lets_nobody_in_keeps_its_events_and_says_so_beforehand() -> None:
    shut = make_connection(state="needs_sign_in", age=None)
    asked = disconnect_words.question(shut, (shut,), 2)
    assert asked.standing == ""
    assert "does not let us in" in asked.stuck
    assert "left in it" in disconnect_words.done(asked, "keep", "kept")


def test_while_nothing_receives_appointments_though_something_could_that_is_a_warning() -> None:
    could = make_connection(calendars=(make_calendar(target=False),))
    assert calendar_cards.unplaced((could,)).warn
    assert "“Receive here”" in calendar_cards.unplaced((could,)).sentence
    cannot = calendar_cards.unplaced((make_linked(mode="busy", writes=False, calendars=(READ,)),))
    assert (cannot.warn, cannot.title != "") == (False, True)
    assert calendar_cards.unplaced((make_connection(), could)) == Unplaced()
    assert calendar_cards.unplaced(()) == Unplaced()


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("Google asks for fewer requests (status 403) while reading what changed.", "Google asks us to slow down."),
        ("Microsoft is unable to answer (status 429) while reading a series.", "Microsoft asks us to slow down."),
        ("Microsoft is unable to answer (status 503) while reading a series.", "Microsoft is unable to answer."),
        (
            "Microsoft found nothing, but does not say that it does not exist, while writing the event.",
            "Microsoft found nothing, but does not say that it does not exist.",
        ),
        (
            "Google no longer knows what changed since the last read (while reading what changed).",
            "Google no longer knows what changed since the last read.",
        ),
        (
            "The account works. Google refused the request (status 400, invalid) while writing the event. Again later.",
            "The account works. Google refused the request. Again later.",
        ),
        ("Nobody books you while you are busy there.", "Nobody books you while you are busy there."),
        ("", ""),
    ],
)
def test_people_read_neither_status_codes_nor_halves(reason: str, said: str) -> None:
    assert calm(reason) == said


def test_what_the_card_says_is_not_said_again_beside_each_calendar() -> None:
    view = make_linked(state="slowed", reason="Google is busy.", calendars=(make_calendar(sentence="Google is busy."),))
    assert calendar_cards.card(view, NOW, 600).calendars[0].note == ""


def test_who_looks_at_their_own_times_is_addressed() -> None:
    mine = Withheld(staff="anna", name="Anna", reason=Reason.CALENDAR_UNREADABLE, message="Anna is not bookable.")
    other = Withheld(staff="bo", name="Bo", reason=Reason.CALENDAR_UNREADABLE, message="Bo is not bookable.")
    assert previews.withheld_words((other, mine), "anna").startswith("You are temporarily not bookable online")
    assert previews.withheld_words((other,), "anna") == "Bo is not bookable."
    assert previews.withheld_words((), "anna") == ""
