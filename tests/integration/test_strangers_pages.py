"""The pages around strangers' bookings and forgotten passwords, called as a browser calls them."""

from __future__ import annotations

import pytest

from booking_app.domain.appointment import Role
from booking_app.domain.crowding import Policy
from booking_app.runtime import Runtime
from booking_app.services import accounts, confirming, crowding, manage, resets
from booking_app.services.confirming import Awaiting
from booking_app.services.visitors import Visitor
from booking_app.state.book import BookState
from booking_app.state.bursts import BurstsState, policy_words
from booking_app.state.confirm import ConfirmState
from booking_app.state.reset import ForgotState, ResetState
from tests.factories import at, make_person, make_request, make_service
from tests.rows import rows
from tests.tabs import PASSWORD, call, tab

NINE = at("2027-03-02 09:00")
FORM = {"name": "Robin Visser", "email": "robin@example.com", "phone": "", "notes": ""}


async def shop(running: Runtime) -> None:
    await make_person(running.context)
    await make_service(running.context)


async def boss(running: Runtime) -> str:
    """The session cookie of an admin."""
    await accounts.create_account(
        running.context, email="ada@example.com", name="Ada", password=PASSWORD, role=Role.ADMIN
    )
    _, cookie = await accounts.sign_in(running.context, "ada@example.com", PASSWORD)
    return cookie


async def mailed(running: Runtime, kind: str) -> str:
    """The token of the last link that waits to be mailed."""
    [*_, row] = await rows(running.context, f"SELECT key, payload FROM outbox WHERE key LIKE '{kind}:%' ORDER BY id")
    return running.context.sealer.open(bytes.fromhex(row.payload["sealed"]), row.key)


async def test_an_admin_takes_a_burst_back_after_a_question_with_the_count(running: Runtime) -> None:
    await shop(running)
    state = tab(BurstsState, await boss(running), "/admin/bookings")
    await call(state, "open")
    assert (state.loaded, state.lines) == (True, ())
    for n in range(3):
        by = Visitor(address="203.0.113.7")
        await confirming.book_or_ask(running.context, make_request(NINE + n * 1800), by=by)
    await call(state, "choose_span", "hour")
    assert {(line.title[:14], line.count) for line in state.lines} == {
        ("Everything boo", "3 bookings"),
        ("From one place", "3 bookings"),
        ("clara@example.", "3 bookings"),
    }
    key = next(line.key for line in state.lines if line.key.startswith("mailbox"))
    await call(state, "ask", "no such line")
    await call(state, "remove")
    assert len(await rows(running.context, "SELECT 1 FROM booking WHERE state = 'confirmed'")) == 3
    await call(state, "ask", key)
    assert state.asking.count == "3 bookings"
    await call(state, "dismiss")
    await call(state, "ask", key)
    await call(state, "remove")
    assert (state.said, state.lines) == ("3 bookings cancelled. Nobody was mailed.", ())
    assert len(await rows(running.context, "SELECT 1 FROM booking WHERE state = 'confirmed'")) == 0
    await call(state, "choose_span", "for ever")
    assert state.span == "hour"


async def test_an_admin_sets_the_bounds_and_a_wrong_one_is_named(running: Runtime) -> None:
    state = tab(BurstsState, await boss(running), "/admin/bookings")
    await call(state, "open")
    assert (state.confirm_after, state.most_upcoming) == ("3", "20")
    for form, field in (
        ({"confirm_after": "often", "most_upcoming": "5"}, "confirm_after"),
        ({"confirm_after": "²", "most_upcoming": "5"}, "confirm_after"),
        ({"confirm_after": "1", "most_upcoming": ""}, "most_upcoming"),
        ({"confirm_after": "1", "most_upcoming": "-5"}, "most_upcoming"),
        ({"confirm_after": "100000", "most_upcoming": "5"}, "confirm_after"),
        ({"confirm_after": ["1"], "most_upcoming": "5"}, "confirm_after"),
    ):
        await call(state, "save", form)
        assert (state.wrong, bool(state.message)) == (field, True)
    await call(state, "save", {"confirm_after": "", "most_upcoming": "50"})
    assert (state.wrong, state.said) == ("", "Saved. It holds from the next booking on.")
    assert state.policy_words == policy_words(Policy(confirm_after=None, most_upcoming=50))


async def test_a_booking_that_is_confirmed_by_mail_from_the_form_to_the_link(running: Runtime) -> None:
    await shop(running)
    cookie = await boss(running)
    admin = await accounts.who(running.context, cookie)
    assert admin is not None
    await crowding.set_policy(running.context, admin, Policy(confirm_after=0))
    state = tab(BookState, "", "/book/haircut")
    await call(state, "open")
    await call(state, "zone_found", "UTC")
    await call(state, "take_soonest")
    await call(state, "submit", FORM)
    assert (state.step, state.sent_to, state.until, state._hold) == ("mail", "robin@example.com", "8:30", None)
    await call(state, "back")
    await call(state, "typing")
    assert state.step == "mail"
    token = await mailed(running, "confirm")
    page = tab(ConfirmState, "", f"/confirm/{token}")
    await call(page, "confirm")
    assert page.known == "", "nothing before it was opened"
    await call(page, "open")
    assert (page.known, page.when.times, page.until) == ("found", "9:00 to 9:30", "8:30")
    told = await call(page, "confirm")
    assert "/manage/" in str(told[-1])
    [row] = await rows(running.context, "SELECT state, email FROM booking")
    assert (row.state, row.email) == ("confirmed", "robin@example.com")
    await call(page, "confirm")
    await call(page, "open")
    assert page.known == "missing"
    # Whoever books another one begins anew.
    await call(state, "again")
    assert state.step == "pick"


@pytest.mark.parametrize("path", ["/confirm/guess", "/confirm/%00", "/confirm/"])
async def test_an_unknown_link_books_nothing(running: Runtime, path: str) -> None:
    page = tab(ConfirmState, "", path)
    await call(page, "open")
    await call(page, "confirm")
    assert page.known == "missing"


async def test_a_slot_that_is_gone_at_the_link_is_said(running: Runtime) -> None:
    await shop(running)
    admin = await accounts.who(running.context, await boss(running))
    assert admin is not None
    await crowding.set_policy(running.context, admin, Policy(confirm_after=0))
    waits = await confirming.book_or_ask(running.context, make_request(NINE), by=Visitor(address="203.0.113.7"))
    assert isinstance(waits, Awaiting)
    page = tab(ConfirmState, "", f"/confirm/{await mailed(running, 'confirm')}")
    await call(page, "open")
    await crowding.set_policy(running.context, admin, Policy(confirm_after=None, most_upcoming=1))
    booked = await confirming.book_or_ask(running.context, make_request(NINE + 3600), by=Visitor(address="203.0.113.7"))
    assert not isinstance(booked, Awaiting)
    await call(page, "confirm")
    assert page.refused.startswith("There are many appointments with this mail address")
    await manage.cancel(running.context, booked.token)
    await call(page, "confirm")
    assert (page.refused, len(await rows(running.context, "SELECT 1 FROM booking WHERE state = 'confirmed'"))) == (
        "",
        1,
    )


async def test_the_pages_of_a_forgotten_password(running: Runtime) -> None:
    await boss(running)
    asked = tab(ForgotState, "", "/forgot")
    await call(asked, "open")
    assert (asked.sent, asked.message, asked.mails) == (False, "", False)
    await resets.ask(running.context, "ada@example.com", address="203.0.113.7")
    token = await mailed(running, "reset")
    page = tab(ResetState, "", f"/reset/{token}")
    await call(page, "open")
    assert (page.ready, page.invalid, page.email) == (True, False, "ada@example.com")
    for path in ("/reset/guess", "/reset/%00", "/reset/"):
        other = tab(ResetState, "", path)
        await call(other, "open")
        assert (other.ready, other.invalid, other.email) == (False, True, "")
