"""Who is signed in, for the bar on top of each page of staff and admins."""

from __future__ import annotations

from dataclasses import replace

import reflex as rx

from booking_app import runtime
from booking_app.domain.appointment import Role
from booking_app.services import calendars, people
from booking_app.services.accounts import SignedIn
from booking_app.services.people import Bar
from booking_app.state.admin_words import initials
from booking_app.state.followers import arrives
from booking_app.state.guard import caller, guarded
from booking_app.state.views_admin import Who


class SessionState(rx.State):
    """The account menu and the word about calendars that need somebody."""

    who: Who = Who()
    team: str = ""
    attention: str = ""

    @rx.event
    @guarded(Role.STAFF)
    async def load(self) -> None:
        """Called when a page of staff or admins opens."""
        await arrives(self, "team")
        me, ctx = caller(), runtime.current().context
        bar = await people.bar(ctx, me)
        self.who = who_view(me, bar.colour)
        self.team = ctx.team_name
        self.attention = attention(await _with_homeless(me, bar))


async def renew_attention(page: rx.State) -> None:
    """Keep the pill right while a page is open: called by the guarded task that keeps the page right, inside its
    lock."""
    session = await page.get_state(SessionState)
    me = caller()
    session.attention = attention(await _with_homeless(me, await people.bar(runtime.current().context, me)))


async def _with_homeless(me: SignedIn, bar: Bar) -> Bar:
    """One more to see to if the appointments of a member of staff go into no calendar though one could take them.
    Admins are led to the page of all accounts, which says so."""
    if me.role is Role.ADMIN or me.bookable_id is None:
        return bar
    if not calendars.receives_nowhere(await calendars.connections_of(runtime.current().context, me.bookable_id)):
        return bar
    return replace(bar, need_attention=bar.need_attention + 1, own=bar.own + 1)


def who_view(me: SignedIn, colour: str) -> Who:
    """What the browser may know of the signed-in account."""
    return Who(
        account_id=me.account_id,
        name=me.name,
        email=me.email,
        initials=initials(me.name),
        colour=colour or "none",
        admin=me.role is Role.ADMIN,
        person=me.bookable_id is not None,
    )


def attention(bar: Bar) -> str:
    """The pill of the top bar, in words for whoever has to act; empty when nothing needs anybody."""
    number = bar.need_attention
    if not number:
        return ""
    if bar.own == number:
        return "1 calendar needs you" if number == 1 else f"{number} calendars need you"
    if bar.sign_in == number:
        return "1 account needs its owner" if number == 1 else f"{number} accounts need their owners"
    return "1 account needs a look" if number == 1 else f"{number} accounts need a look"
