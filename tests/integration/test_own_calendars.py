"""The page of one's own calendars, called as a browser calls it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import reflex as rx

from booking_app.runtime import Runtime
from booking_app.services import provider_apps
from booking_app.state.calendars import CalendarsState
from booking_app.state.disconnecting import DisconnectingState
from booking_app.state.linking import LinkingState
from booking_app.state.session import SessionState
from booking_app.sync.consent import Linked
from booking_app.sync.errors import Transient
from booking_app.sync.model import Mode
from tests.conftest import Clock
from tests.factories import at, make_booking, make_person, make_service
from tests.linked_office import LinkedOffice, make_linked_office
from tests.office import event
from tests.tabs import State, beside, call, tab
from tests.token_server import TokenServer

TEN = at("2027-03-02 10:00")


@dataclass(kw_only=True)
class Tab:
    """A browser's tab on the page, of somebody with one account that is connected."""

    page: CalendarsState
    office: LinkedOffice
    linked: Linked

    def of(self, kind: type[State]) -> State:
        return beside(self.page, kind)

    async def call(self, kind: type[rx.State], name: str, *args: Any) -> None:
        await call(self.of(kind), name, *args)

    def calendar(self, name: str) -> str:
        return next(each.uid for card in self.page.cards for each in card.calendars if each.name == name)


@pytest.fixture
async def office(running: Runtime, world: TokenServer) -> AsyncIterator[LinkedOffice]:
    made = await make_linked_office(running.context, world)
    for name in ("home", "work"):
        made.server.add_calendar("anna", name)
    yield made
    await made.close()


async def open_tab(office: LinkedOffice, **how: Any) -> Tab:
    anna, cookie = await office.signed_in(await make_person(office.ctx))
    linked = await office.link(anna, cookie, "anna", **how)
    page = tab(CalendarsState, cookie, f"/settings/calendars?linked={linked.uid}")
    opened = Tab(page=page, office=office, linked=linked)
    await opened.call(LinkingState, "open")
    await opened.call(CalendarsState, "open")
    return opened


async def test_what_receives_is_chosen_with_a_way_back(office: LinkedOffice) -> None:
    tab = await open_tab(office)
    home, work = tab.calendar("home"), tab.calendar("work")
    await tab.call(CalendarsState, "set_target", home)
    await tab.call(CalendarsState, "set_target", work)
    assert "Appointments go to “work”" in tab.page.said
    assert tab.page.undoable
    await tab.call(CalendarsState, "undo")
    assert [each.name for each in tab.page.cards[0].calendars if each.target] == ["home"]
    await tab.call(CalendarsState, "hush")
    assert not tab.page.undoable
    await tab.call(CalendarsState, "undo")
    assert [each.name for each in tab.page.cards[0].calendars if each.target] == ["home"]


async def test_the_first_choice_can_be_taken_back_too(office: LinkedOffice) -> None:
    tab = await open_tab(office)
    await tab.call(CalendarsState, "set_target", tab.calendar("home"))
    assert tab.page.unplaced.title == ""
    await tab.call(CalendarsState, "undo")
    assert not any(each.target for each in tab.page.cards[0].calendars)
    assert tab.page.unplaced.warn


async def test_a_switch_can_be_taken_back(office: LinkedOffice) -> None:
    tab = await open_tab(office)
    await tab.call(CalendarsState, "set_blocks", tab.calendar("work"), True)
    await tab.call(CalendarsState, "undo")
    assert not any(each.blocks for each in tab.page.cards[0].calendars)


async def test_disconnecting_what_receives_warns_before_and_after_and_in_the_bar(office: LinkedOffice) -> None:
    tab = await open_tab(office)
    await tab.call(CalendarsState, "set_target", tab.calendar("home"))
    await tab.call(SessionState, "load")
    assert tab.of(SessionState).attention == ""
    await tab.call(DisconnectingState, "ask", tab.linked.uid)
    assert "receives your appointments, in “home”" in tab.of(DisconnectingState).question.receiving
    await tab.call(DisconnectingState, "confirm", {})
    assert "Nothing receives your appointments now." in tab.page.said
    assert tab.of(DisconnectingState).question.account == ""


async def test_while_nothing_receives_the_bar_says_that_somebody_is_needed(office: LinkedOffice) -> None:
    tab = await open_tab(office)
    await tab.call(SessionState, "load")
    assert tab.of(SessionState).attention == "1 calendar needs you"
    assert tab.page.unplaced.warn


async def test_busy_times_only_is_no_false_alarm(office: LinkedOffice) -> None:
    tab = await open_tab(office, mode=Mode.BUSY)
    await tab.call(SessionState, "load")
    assert tab.of(SessionState).attention == ""
    assert not tab.page.unplaced.warn
    assert tab.page.cards[0].sentence == "Connected. Choose which calendars block your slots."


async def test_appointments_that_stand_in_an_account_are_counted(office: LinkedOffice) -> None:
    tab = await open_tab(office)
    await make_service(office.ctx)
    home = tab.calendar("home")
    await tab.call(CalendarsState, "set_target", home)
    await tab.call(CalendarsState, "set_blocks", home, True)
    await office.read_all()
    await tab.call(DisconnectingState, "ask", tab.linked.uid)
    assert tab.of(DisconnectingState).question.standing == ""
    await make_booking(office.ctx, TEN)
    await office.write()
    await tab.call(DisconnectingState, "ask", tab.linked.uid)
    assert "the coming appointment that stands in it" in tab.of(DisconnectingState).question.standing
    await tab.call(DisconnectingState, "dismiss")
    await tab.call(DisconnectingState, "ask", "somebody-elses")
    assert tab.of(DisconnectingState).question.account == ""


async def test_how_linking_ended_is_over_with_the_next_choice(office: LinkedOffice) -> None:
    tab = await open_tab(office)
    assert "is connected. Now choose" in tab.of(LinkingState).arrival.sentence
    await tab.call(CalendarsState, "set_blocks", "somebody-elses", True)
    assert tab.of(LinkingState).arrival.sentence != ""
    await tab.call(CalendarsState, "set_blocks", tab.calendar("work"), True)
    assert tab.of(LinkingState).arrival.sentence == ""


async def test_a_provider_that_is_slow_is_told_calmly(office: LinkedOffice, clock: Clock) -> None:
    tab = await open_tab(office)
    await tab.call(CalendarsState, "set_blocks", tab.calendar("work"), True)
    await office.read_all()
    clock.advance(seconds=20)
    office.server.fail(lambda: Transient("Google asks for fewer requests (status 403) while reading what changed."))
    await tab.call(CalendarsState, "read_now", tab.page.cards[0].uid)
    await office.read_all()
    await tab.call(CalendarsState, "open")
    assert tab.page.cards[0].sentence == (
        "Google asks us to slow down. We keep trying; the last good copy is checked again before each booking."
    )
    assert [each.note for each in tab.page.cards[0].calendars] == ["", ""]


async def test_p22_a_provider_that_refuses_us_is_told_on_the_open_page(office: LinkedOffice) -> None:
    tab = await open_tab(office)
    assert [each.refused for each in tab.of(LinkingState).offers] == [False]
    await provider_apps.refused(office.ctx, "google", "Google Calendar does not accept this installation.")
    await tab.call(CalendarsState, "set_blocks", tab.calendar("work"), True)
    assert [each.refused for each in tab.of(LinkingState).offers] == [True]
    assert tab.of(LinkingState).for_less == ()
    assert "Your admin has to mend that" in tab.page.cards[0].refused


async def test_p14_whether_what_is_tentative_blocks_is_chosen_with_its_effect_and_a_way_back(
    office: LinkedOffice,
) -> None:
    tab = await open_tab(office)
    await make_service(office.ctx, staff=("anna",))
    await tab.call(CalendarsState, "set_blocks", tab.calendar("work"), True)
    office.server.store(
        "memory://anna/work/", "a.ics", event("a@else", TEN, TEN + 4 * 3600, extra=("STATUS:TENTATIVE",))
    )
    await office.read_all()
    await tab.call(CalendarsState, "set_unsure", tab.calendar("work"), False)
    line = next(each for each in tab.page.cards[0].calendars if each.name == "work")
    assert (line.unsure_blocks, line.knows_unsure) == (False, True)
    assert "no longer blocks. 8 free times more in the next seven days." in tab.page.said
    await tab.call(CalendarsState, "undo")
    assert "blocks too. 8 free times fewer in the next seven days." in tab.page.said
    await tab.call(CalendarsState, "set_unsure", tab.calendar("work"), "nonsense")
    assert "no longer blocks" in tab.page.said
    await tab.call(CalendarsState, "set_unsure", "somebody-elses", False)
    assert tab.page.said == "This calendar is not there any more."


async def test_whether_others_see_what_appointments_say_is_chosen_with_a_way_back(office: LinkedOffice) -> None:
    tab = await open_tab(office)
    work = tab.calendar("work")

    def private() -> list[bool]:
        return [each.private for each in tab.page.cards[0].calendars if each.uid == work]

    await tab.call(CalendarsState, "set_target", work)
    assert private() == [True]
    await tab.call(CalendarsState, "set_private", work, False)
    assert private() == [False]
    assert "others who see it see what your appointments say, in coming ones too." in tab.page.said
    await tab.call(CalendarsState, "undo")
    assert private() == [True]
    assert "see only that you are busy" in tab.page.said
    # What is no answer leaves them private.
    await tab.call(CalendarsState, "set_private", work, "nonsense")
    assert private() == [True]
    await tab.call(CalendarsState, "set_private", "somebody-elses", False)
    assert tab.page.said == "This calendar is not there any more."


async def test_busy_times_alone_leave_nothing_to_choose_about_what_is_tentative(office: LinkedOffice) -> None:
    tab = await open_tab(office, mode=Mode.BUSY)
    await tab.call(CalendarsState, "set_blocks", tab.calendar("work"), True)
    assert not any(each.knows_unsure for each in tab.page.cards[0].calendars)
