"""The states behind the customer's pages, called as Reflex calls them, on a real database."""

from __future__ import annotations

import inspect
import json
from collections.abc import AsyncIterator
from typing import Any, TypeVar, cast

import pytest
import reflex as rx
from reflex.state import BaseState

from booking_app import runtime
from booking_app.config import Settings
from booking_app.domain import zone_names
from booking_app.domain.clock import to_instant
from booking_app.domain.zones import offset_at
from booking_app.runtime import Runtime
from booking_app.services import holds, manage
from booking_app.state.book import BookState
from booking_app.state.followers import WhereaboutsState
from booking_app.state.index import IndexState
from booking_app.state.manage import ManageState
from booking_app.sync.vault import new_key
from tests.conftest import Clock
from tests.factories import at, make_booking, make_calendar, make_person, make_service

S = TypeVar("S", bound=BaseState)
HTTPS = "https://book.example.com"
NINE = at("2027-03-02 09:00")
FORM = {"name": "Robin Visser", "email": "robin@example.com", "phone": "", "notes": "Plans"}


@pytest.fixture
async def running(database_url: str, clock: Clock) -> AsyncIterator[Runtime]:
    settings = Settings(database_url=database_url, secret_keys=(new_key(),), public_url=HTTPS)
    async with runtime.running(settings, now=clock, elapsed=clock.elapsed) as started:
        await make_person(started.context)
        await make_service(started.context)
        yield started


def tab(state: type[S], path: str, session: str = "first") -> S:
    """The state of a fresh tab at an address."""
    root = rx.State(_reflex_internal_init=True)  # type: ignore[call-arg]
    visit(root, path, session)
    return cast(S, root.get_substate(state.get_full_name().split(".")))


def visit(root: BaseState, path: str, session: str = "first") -> None:
    data = {"headers": {"origin": HTTPS}, "asPath": path, "token": "tab", "sid": session}
    root._get_root_state()._update_router_vars(data, {})


async def call(state: BaseState, name: str, *args: Any) -> list[Any]:
    """What the handler returned or yielded."""
    result = state.event_handlers[name].fn(state, *args)
    if inspect.isasyncgen(result):
        return [each async for each in result]
    return [await result]


async def opened(path: str = "/book/haircut", zone: str = "UTC") -> BookState:
    state = tab(BookState, path)
    await call(state, "open")
    await call(state, "zone_found", zone)
    return state


async def at_the_form(start: int = NINE) -> BookState:
    state = await opened()
    await call(state, "pick_day", "2027-03-02")
    await call(state, "choose", start)
    await call(state, "keep")
    assert state.step == "form"
    return state


async def test_a_time_is_chosen_kept_and_booked(running: Runtime) -> None:
    state = await at_the_form()
    assert state.kept.times == "9:00 to 9:30"
    assert state.kept_until == to_instant(running.context.now()) + 300
    await call(state, "submit", FORM)
    assert state.step == "done"
    assert state.links.calendar.endswith(".ics")
    view = await manage.view(running.context, state.links.manage.rsplit("/", 1)[1])
    assert (view.start, view.zone, view.customer.name, view.customer.notes) == (NINE, "UTC", "Robin Visser", "Plans")


async def test_the_browser_is_sent_neither_the_hold_nor_the_key(running: Runtime) -> None:
    state = await at_the_form()
    sent = json.dumps(state.dict(), default=str)
    assert state._hold
    assert state._hold not in sent
    assert state._key not in sent


async def test_nonsense_payloads_change_nothing(running: Runtime) -> None:
    """Any visitor can send any payload to any handler at any time."""
    state = await opened()
    before = state.dict()
    for name, args in (
        ("pick_day", ("2027-13-99",)),
        ("pick_day", (None,)),
        ("choose", ("soon",)),
        ("choose", (NINE + 1,)),
        ("turn", (99,)),
        ("turn", ("1",)),
        ("choose_person", ("nobody",)),
        ("take_instead", (NINE,)),
        ("keep", ()),
        ("back", ()),
        ("submit", (FORM,)),
        ("typing", ()),
        ("zone_found", ("Asia/Tokyo",)),
    ):
        await call(state, name, *args)
    assert state.dict() == before


@pytest.mark.parametrize("path", ["/book/massage", "/book/%00", "/book/hair%00cut"])
async def test_an_unknown_service_is_told(running: Runtime, path: str) -> None:
    state = tab(BookState, path)
    await call(state, "open")
    assert state.known == "missing"


async def test_a_browser_with_a_nonsense_zone_gets_utc(running: Runtime) -> None:
    assert (await opened(zone="Mars/Olympus")).zone == "UTC"


async def test_an_old_name_of_a_zone_is_shown_by_the_one_people_use(running: Runtime) -> None:
    """Chromium reports Asia/Katmandu in Kathmandu, and offers it in its list."""
    state = await opened(zone="Asia/Katmandu")
    assert (state.zone, state.zone_name) == ("Asia/Kathmandu", "Kathmandu")
    await call(state, "change_zone", {"zone": "Asia/Calcutta"})
    assert state.zone == "Asia/Kolkata"


def test_both_names_of_a_zone_keep_the_same_time() -> None:
    for old, new in zone_names._PRESENT.items():
        year = range(at("2026-01-01 00:00"), at("2027-01-01 00:00"), 86400)
        assert [offset_at(old, each) for each in year] == [offset_at(new, each) for each in year]


async def test_a_booking_inside_the_cut_off_is_not_offered_to_be_changed(running: Runtime, clock: Clock) -> None:
    state = await at_the_form(at("2027-03-02 09:00"))
    await call(state, "submit", FORM)
    assert not state.links.fixed
    clock.advance(hours=24)
    late = await at_the_form(at("2027-03-02 09:30"))
    await call(late, "submit", FORM)
    assert (late.step, late.links.fixed) == ("done", True)
    view = await manage.view(running.context, late.links.manage.rsplit("/", 1)[1])
    assert not view.can_change


async def test_the_wrong_field_is_named_and_the_form_stays(running: Runtime) -> None:
    state = await at_the_form()
    await call(state, "submit", {**FORM, "email": "robin"})
    assert state.step == "form"
    assert "name@example.com" in state.errors.email
    assert not state.busy
    await call(state, "submit", FORM)
    assert state.step == "done"


async def test_a_slot_taken_meanwhile_is_refused_with_alternatives(running: Runtime) -> None:
    state = await opened()
    await call(state, "pick_day", "2027-03-02")
    await call(state, "choose", NINE)
    await make_booking(running.context, NINE)
    await call(state, "keep")
    assert state.step == "pick"
    assert state.refusal.title == "This time has just been taken."
    assert state.refusal.instead
    await call(state, "take_instead", state.refusal.instead[0].start)
    assert state.step == "form"
    assert not state.refusal.title


async def test_going_back_frees_the_slot(running: Runtime) -> None:
    state = await at_the_form()
    hold = state._hold
    await call(state, "back")
    assert (state.step, state._hold) == ("pick", None)
    assert hold is not None
    other = await holds.hold(running.context, "haircut", NINE)
    assert other.start == NINE


async def test_an_expired_hold_can_still_be_booked_while_free(running: Runtime, clock: Clock) -> None:
    state = await at_the_form()
    clock.advance(minutes=6)
    await call(state, "typing")
    assert state.kept_over
    await call(state, "submit", FORM)
    assert state.step == "done"


async def test_typing_keeps_the_slot_longer_but_not_for_ever(running: Runtime, clock: Clock) -> None:
    state = await at_the_form()
    until = state.kept_until
    for _ in range(10):
        clock.advance(minutes=4)
        await call(state, "typing")
    assert state.kept_until > until
    assert state.kept_until <= until + 10 * 60


async def test_reload_goes_on_where_one_was_and_navigation_begins_anew(running: Runtime) -> None:
    state = await at_the_form()
    visit(state, "/book/haircut", "second")
    await call(state, "open")
    assert state.step == "form"
    await come_back(state)
    assert (state.step, state._hold) == ("pick", None)


async def test_a_connection_that_is_back_leaves_the_day_and_the_choice(running: Runtime, clock: Clock) -> None:
    state = await opened()
    await call(state, "pick_day", "2027-03-04")
    first, second = state._seen[:2]
    await call(state, "choose", first)
    await call(state, "open")
    assert (state.day.date, state.chosen, state.ready) == ("2027-03-04", first, True)
    # Taken meanwhile: nothing is chosen, and the day stays.
    await make_booking(running.context, first)
    running.board.changed("resync", frozenset())
    await call(state, "open")
    assert (state.day.date, state.chosen, state._seen[0]) == ("2027-03-04", 0, second)
    # A day that has passed is left, and so is one of another visit.
    clock.advance(days=4)
    running.board.changed("resync", frozenset())
    await call(state, "open")
    assert state.day.date > "2027-03-04"
    await call(state, "pick_day", "2027-03-09")
    await come_back(state)
    assert state.day.date != "2027-03-09"


async def test_what_others_take_is_struck_through_and_what_is_too_soon_is_not(running: Runtime, clock: Clock) -> None:
    await make_service(running.context, "visit", notice=60)
    clock.advance(days=1, minutes=30)
    state = await opened("/book/visit")
    assert [slot.time for slot in state.day.groups[0].slots][:3] == ["9:30", "10:00", "10:30"]
    await make_booking(running.context, at("2027-03-02 10:30"), service="visit")
    clock.advance(minutes=31)
    running.board.changed("availability", frozenset())
    running.board.changed("resync", frozenset())
    state._show(await running.board.get(state._query()))
    shown = [(slot.time, slot.gone) for slot in state.day.groups[0].slots][:3]
    assert shown == [("10:30", True), ("11:00", False), ("11:30", False)]
    assert state.day.notice == "10:30 was just taken by somebody else."
    assert state.news == state.day.notice
    clock.advance(minutes=2)
    state._show(await running.board.get(state._query()))
    assert state.day.notice == ""


async def test_p18_withheld_slots_are_explained_not_called_taken(running: Runtime, clock: Clock) -> None:
    anna = await make_person(running.context, "esra")
    await make_service(running.context, "visit", staff=["esra"])
    await make_calendar(running.context, anna)
    state = await opened("/book/visit")
    assert state.day.groups
    clock.advance(seconds=700)
    running.board.changed("resync", frozenset())
    state._show(await running.board.get(state._query()))
    assert state.day.notice == ""
    assert state.fresh.tone == "bad"
    assert "Esra" in state.fresh.withheld[0]


async def test_p35_the_instant_stays_when_the_zone_changes(running: Runtime) -> None:
    state = await opened()
    await call(state, "pick_day", "2027-03-02")
    await call(state, "choose", NINE)
    await call(state, "change_zone", {"zone": "Pacific/Auckland"})
    assert (state.chosen, state.chosen_time) == (NINE, "22:00")
    assert state.day.date == "2027-03-02"
    await call(state, "choose", at("2027-03-02 16:30"))
    assert state.chosen == NINE
    await call(state, "change_zone", {"zone": "Nowhere"})
    assert (state.zone, bool(state.zone_error)) == ("Pacific/Auckland", True)
    await call(state, "change_zone", {"zone": "port"})
    assert "America/Port_of_Spain" in state.zone_choices
    assert state.zone == "Pacific/Auckland"
    await call(state, "change_zone", {"zone": "America/Port_of_Spain"})
    assert (state.zone, state.zone_choices, state.zone_error) == ("America/Port_of_Spain", (), "")
    await call(state, "change_zone", {"zone": "utc+3"})
    assert (state.zone, state.zone_name) == ("Etc/GMT-3", "UTC+3")


async def test_the_first_page_lists_services_with_their_next_free_time(running: Runtime) -> None:
    state = tab(IndexState, "/")
    await call(state, "open")
    assert [(offer.name, offer.next_free) for offer in state.offers] == [("Haircut", "")]
    await call(state, "zone_found", "Europe/Amsterdam")
    assert state.offers[0].next_free == "Free today, 10:00"


async def test_p39_what_is_withheld_is_not_called_taken_on_the_first_page(running: Runtime) -> None:
    esra = await make_person(running.context, "esra")
    await make_service(running.context, "visit", staff=["esra"])
    await make_calendar(running.context, esra, stopped=True)
    await make_person(running.context, "closed", weekly={})
    await make_service(running.context, "never", staff=["closed"])
    state = tab(IndexState, "/")
    await call(state, "zone_found", "UTC")
    words = {offer.slug: (offer.next_free, offer.trouble) for offer in state.offers}
    assert words["visit"] == ("Times cannot be shown right now", True)
    assert words["never"] == ("No free time right now", True)


async def test_a_booking_is_moved_and_cancelled_by_its_link(running: Runtime) -> None:
    receipt = await make_booking(running.context, NINE)
    state = tab(ManageState, f"/manage/{receipt.token}")
    await call(state, "open")
    assert (state.known, state.booked.when.times) == ("found", "10:00 to 10:30")
    await call(state, "start_move")
    await call(state, "choose", NINE + 1)
    assert (state.month.key, state.day.date, state.chosen) == ("2027-03", "2027-03-02", 0)
    await call(state, "choose", NINE + 3600)
    await call(state, "move")
    assert (state.step, state.booked.when.times) == ("see", "11:00 to 11:30")
    await call(state, "cancel")
    assert state.booked.state == "confirmed"
    await call(state, "ask")
    await call(state, "cancel")
    assert (state.booked.state, state.booked.state_words) == ("cancelled", "You cancelled this appointment.")


async def test_another_time_is_looked_for_around_the_one_that_is_booked(running: Runtime) -> None:
    receipt = await make_booking(running.context, at("2027-04-07 09:00"))
    state = tab(ManageState, f"/manage/{receipt.token}")
    await call(state, "open")
    await call(state, "start_move")
    assert (state.month.key, state.day.date) == ("2027-04", "2027-04-07")
    assert state.day.groups


async def test_what_was_said_goes_when_the_booking_changes_elsewhere(running: Runtime) -> None:
    receipt = await make_booking(running.context, NINE)
    first, second = (tab(ManageState, f"/manage/{receipt.token}") for _ in range(2))
    for state in (first, second):
        await call(state, "open")
    await call(first, "start_move")
    await call(first, "choose", NINE + 3600)
    await call(first, "move")
    first._draw(await manage.view(running.context, receipt.token))
    assert first.note.startswith("Moved.")
    await call(second, "ask")
    await call(second, "cancel")
    assert second.note.startswith("Cancelled.")
    first._draw(await manage.view(running.context, receipt.token))
    assert (first.booked.state, first.note) == ("cancelled", "")


async def test_who_is_choosing_another_time_sees_that_it_was_cancelled(running: Runtime) -> None:
    receipt = await make_booking(running.context, NINE)
    state = tab(ManageState, f"/manage/{receipt.token}")
    await call(state, "open")
    await call(state, "start_move")
    await manage.cancel(running.context, receipt.token)
    state._draw(await manage.view(running.context, receipt.token))
    assert (state.booked.state, state.step) == ("cancelled", "see")


async def test_after_the_cut_off_nothing_can_be_changed(running: Runtime, clock: Clock) -> None:
    receipt = await make_booking(running.context, NINE)
    clock.advance(hours=24)
    state = tab(ManageState, f"/manage/{receipt.token}")
    await call(state, "open")
    assert state.booked.why_not
    for name in ("start_move", "ask", "cancel", "move"):
        await call(state, name)
    assert (state.step, state.asking, state.booked.state) == ("see", False, "confirmed")


@pytest.mark.parametrize("path", ["/manage/guess", "/manage/%00"])
async def test_an_unknown_link_tells_nothing(running: Runtime, path: str) -> None:
    state = tab(ManageState, path)
    await call(state, "open")
    assert state.known == "missing"
    for name in ("start_move", "ask", "cancel"):
        await call(state, name)
    assert state.step == "see"


async def test_one_address_cannot_hold_slot_after_slot(running: Runtime) -> None:
    state = await opened()
    for _ in range(running.settings.rate_bookings // 2 + 1):
        await call(state, "take_soonest")
        await call(state, "back")
    assert state.step == "pick"
    for _ in range(running.settings.rate_bookings):
        told = await call(state, "take_soonest")
        await call(state, "back")
    assert "moment" in str(told[0])
    assert state.step == "pick"
    assert state._hold is None


async def test_an_opening_that_is_told_twice_takes_nothing_away_and_a_return_begins_anew(running: Runtime) -> None:
    state = await at_the_form()
    await call(state, "open")
    assert state.step == "form"
    assert state._hold is not None
    await call(state, "submit", FORM)
    assert state.step == "done"
    await call(state, "open")
    assert state.step == "done"
    await come_back(state)
    assert state.step == "pick"


@pytest.mark.parametrize("token", ["", "none"])
async def test_whoever_returns_from_an_appointment_begins_anew(running: Runtime, token: str) -> None:
    state = await at_the_form()
    await come_back(state, ManageState, f"/manage/{token}")
    assert (state.step, state._hold) == ("pick", None)


async def test_whoever_is_back_before_the_other_page_has_opened_begins_anew(running: Runtime) -> None:
    state = await at_the_form()
    await call(state, "submit", FORM)
    assert state.step == "done"
    whereabouts = state._get_root_state().get_substate(WhereaboutsState.get_full_name().split("."))
    await call(whereabouts, "leave")
    await call(state, "open")
    assert state.step == "pick"


async def come_back(state: BookState, kind: type[BaseState] = IndexState, path: str = "/") -> None:
    """Go to another page in the same tab, and back by the browser's button."""
    root = state._get_root_state()
    visit(root, path)
    await call(root.get_substate(kind.get_full_name().split(".")), "open")
    visit(root, "/book/haircut")
    await call(state, "open")
