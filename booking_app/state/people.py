"""`/admin/people`: who is on the team, who is invited, and taking somebody off it."""

from __future__ import annotations

from typing import Any

import reflex as rx

from booking_app import runtime
from booking_app.domain.appointment import Role
from booking_app.domain.errors import BookingError, Invalid
from booking_app.services import catalog, invitations, people, team
from booking_app.services.accounts import SignedIn
from booking_app.services.catalog import FutureBooking
from booking_app.services.people import Member
from booking_app.state.admin_words import epoch, initials, moment_words, zone_words
from booking_app.state.focus import focus
from booking_app.state.guard import caller, guarded, short_text, whole_number
from booking_app.state.views_admin import Choice
from booking_app.state.views_setup import Handover, MemberLine

PAGE = "/admin/people"
_LINK = "copy-invitation"


class PeopleState(rx.State):
    """The team, the invitation that was just made, and who is about to be removed."""

    loaded: bool = False
    members: tuple[MemberLine, ...] = ()
    without_account: tuple[Choice, ...] = ()
    inviting: bool = False
    link: str = ""
    invited: str = ""
    wrong: str = ""
    message: str = ""
    mails: bool = False
    """Whether mail goes out to people; else an invitation has to be handed over."""
    withdrawing: str = ""
    """The line whose invitation is about to be withdrawn."""
    leaving: MemberLine = MemberLine()
    left: str = ""
    handover: tuple[Handover, ...] = ()
    said: str = ""

    @rx.event
    @guarded(Role.ADMIN)
    async def open(self) -> None:
        self.inviting, self.link, self.said, self.left = False, "", "", ""
        self.leaving, self.withdrawing = MemberLine(), ""
        self.mails = bool(runtime.current().settings.smtp_url)
        await self._draw()

    @rx.event
    @guarded(Role.ADMIN)
    async def start_inviting(self) -> None:
        """Open or close the form."""
        self.inviting = not self.inviting
        self.link = self.wrong = self.message = ""

    @rx.event
    @guarded(Role.ADMIN)
    async def invite(self, form: dict[str, Any]) -> Any:
        """Make a link for somebody; it is mailed, and shown once to be handed over in another way."""
        self.wrong = self.message = ""
        chosen = str(form.get("bookable", ""))
        try:
            email = short_text(form.get("email", ""), "email", 254)
            link = await invitations.invite(
                runtime.current().context,
                caller(),
                email=email,
                role=Role.ADMIN if form.get("role") == Role.ADMIN else Role.STAFF,
                bookable_id=whole_number(int(chosen), "bookable") if chosen.isdecimal() else None,
            )
        except Invalid as error:
            self.wrong, self.message = error.field, str(error)
            return focus(self.wrong)
        await self._invited(link, email)
        return focus(_LINK)

    @rx.event
    @guarded(Role.ADMIN)
    async def renew(self, key: str) -> Any:
        """Another link in the place of one that was mistyped, lost or handed to the wrong person."""
        email = self._address(key)
        try:
            link = await invitations.renew(runtime.current().context, caller(), email=email)
        except BookingError as error:
            self.said = str(error)
            await self._draw()
            return None
        await self._invited(link, email)
        self.said = "The link from before works no more."
        return focus(_LINK)

    @rx.event
    @guarded(Role.ADMIN)
    async def ask_withdraw(self, key: str) -> Any:
        """Ask, in the line itself, whether an invitation is to be withdrawn; or leave it be."""
        before = self.withdrawing
        self.withdrawing = key if self._address(key) else ""
        return focus("keep-invitation" if self.withdrawing else f"withdraw-{before}")

    @rx.event
    @guarded(Role.ADMIN)
    async def withdraw(self, key: str) -> Any:
        """Make an invitation worthless."""
        email, self.withdrawing = self._address(key), ""
        try:
            await invitations.withdraw(runtime.current().context, caller(), email=email)
        except BookingError as error:
            self.said = str(error)
        else:
            self.said = f"The invitation of {email} is withdrawn. Its link works no more."
            if self.invited == email:
                self.link = ""
        await self._draw()
        return focus("invite")

    @rx.event
    @guarded(Role.ADMIN)
    async def copied(self) -> None:
        """The link went to the clipboard."""
        self.said = "Copied."

    @rx.event
    @guarded(Role.ADMIN)
    async def sign_out(self, account: int) -> None:
        """End all sessions of an account."""
        try:
            await people.end_account_sessions(runtime.current().context, caller(), whole_number(account))
        except BookingError as error:
            self.said = str(error)
        else:
            self.said = "Signed out on every browser."

    @rx.event
    @guarded(Role.ADMIN)
    async def ask(self, key: str) -> None:
        """Open the dialog about removing somebody."""
        self.leaving = next((each for each in self.members if each.key == key and each.removable), MemberLine())

    @rx.event
    @guarded(Role.ADMIN)
    async def dismiss(self) -> None:
        """Close the dialog; nobody is removed."""
        self.leaving = MemberLine()

    @rx.event
    @guarded(Role.ADMIN)
    async def remove(self) -> None:
        """Take the person's slots away and the account out of use; what lies ahead is listed for hand-over."""
        ctx, me, leaving = runtime.current().context, caller(), self.leaving
        ahead: tuple[FutureBooking, ...] = ()
        zone = await team.zone_of_team(ctx)
        names = {each.slug: each.name for each in await catalog.services(ctx)}
        try:
            if leaving.invited:
                await invitations.withdraw(ctx, me, email=leaving.email)
            if leaving.account_id:
                await people.close_account(ctx, me, leaving.account_id)
            if leaving.slug:
                ahead = await catalog.remove_person(ctx, leaving.slug)
        except BookingError as error:
            self.said = str(error)
        else:
            self.left, self.handover = (
                leaving.name,
                tuple(
                    _handover(each, number, names.get(each.service, each.service), zone)
                    for number, each in enumerate(ahead)
                ),
            )
        self.leaving = MemberLine()
        await self._draw()

    @rx.event
    @guarded(Role.ADMIN)
    async def hush(self) -> None:
        """Put the last message away."""
        self.said = ""

    async def _invited(self, link: str, email: str) -> None:
        """Show the link of an invitation that was just made."""
        self.inviting, self.withdrawing = False, ""
        self.link, self.invited = link, email
        await self._draw()

    def _address(self, key: str) -> str:
        """Whom a line of the page invites; empty for any other line."""
        return next((each.email for each in self.members if each.key == key and each.invited), "")

    async def _draw(self) -> None:
        me = caller()
        found = await people.members(runtime.current().context, me)
        zone = await team.zone_of_team(runtime.current().context)
        self.members = tuple(_line(each, me, zone) for each in found)
        self.without_account = tuple(
            Choice(key=str(each.bookable_id), name=each.name)
            for each in found
            if each.bookable_id is not None and each.account_id is None
        )
        self.loaded = True


def _line(member: Member, me: SignedIn, zone: str) -> MemberLine:
    if member.invited_until is not None:
        note = f"invited, until {moment_words(epoch(member.invited_until), zone)}"
    elif member.account_id is None:
        note = "no account yet"
    else:
        note = "can be booked" if member.bookable_id is not None else "cannot be booked"
    mine = member.account_id == me.account_id
    return MemberLine(
        key=f"{member.bookable_id or 0}-{member.account_id or 0}-{member.email}",
        slug=member.slug,
        account_id=member.account_id or 0,
        name=member.name,
        initials=initials(member.name),
        colour=member.colour or "none",
        email=member.email,
        role=member.role,
        note="you" if mine else note,
        invited=member.invited_until is not None,
        removable=not mine and (member.account_id is not None or member.bookable_id is not None),
    )


def _handover(booking: FutureBooking, number: int, service: str, zone: str) -> Handover:
    return Handover(
        key=f"{number}",
        when=f"{moment_words(booking.start, zone)} ({zone_words(zone)})",
        service=service,
        customer=booking.customer,
    )
