"""Who is signed in, for the bar on top of each page of staff and admins."""

from __future__ import annotations

import reflex as rx

from booking_app import runtime
from booking_app.domain.appointment import Role
from booking_app.services import calendars, people
from booking_app.services.accounts import SignedIn
from booking_app.state.admin_words import initials
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
        me, ctx = caller(), runtime.current().context
        bar = await people.bar(ctx, me)
        self.who = who_view(me, bar.colour)
        self.team = ctx.team_name
        self.attention = attention(bar.need_attention + await _without_a_place(me))


async def renew_attention(page: rx.State) -> None:
    """Keep the pill right while a page is open: called by the guarded task that keeps the page right, inside its
    lock."""
    session = await page.get_state(SessionState)
    me = caller()
    bar = await people.bar(runtime.current().context, me)
    session.attention = attention(bar.need_attention + await _without_a_place(me))


async def _without_a_place(me: SignedIn) -> int:
    """1 if the appointments of a member of staff go into no calendar though one could take them. Admins are led to the
    page of all accounts, which does not say so."""
    if me.role is Role.ADMIN or me.bookable_id is None:
        return 0
    return calendars.receives_nowhere(await calendars.connections_of(runtime.current().context, me.bookable_id))


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


def attention(calendars: int) -> str:
    """The pill of the top bar; empty when nothing needs anybody."""
    if not calendars:
        return ""
    return "1 calendar needs you" if calendars == 1 else f"{calendars} calendars need you"
