"""`/settings/calendars`: one's own calendar accounts, what blocks, what receives, kept up to date."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import reflex as rx

from booking_app import runtime
from booking_app.domain.appointment import Role
from booking_app.domain.errors import BookingError, Forbidden, Invalid
from booking_app.services import calendars, owner
from booking_app.services.views_sync import ConnectionView
from booking_app.state import calendar_cards, link_lines, sync_lines
from booking_app.state.admin_words import disconnected, epoch
from booking_app.state.guard import caller, guarded, secret_text, short_text, still_allowed, whole_number
from booking_app.state.previews import previews_of
from booking_app.state.session import renew_attention
from booking_app.state.views_admin import Notice
from booking_app.state.views_calendars import ConnectionCard, Preview
from booking_app.sync import connect, pull

PAGE = "/settings/calendars"
_TICK = 30
_PAUSE = 0.25
"""Seconds: how long the page waits for news, and how long between two drawings."""


class CalendarsState(rx.State):
    """What the page shows, which form is open, and the last change with its way back."""

    loaded: bool = False
    nobody: bool = False
    """The account is not a person of the team, so it has no calendars."""
    cards: tuple[ConnectionCard, ...] = ()
    notices: tuple[Notice, ...] = ()
    """Appointments of which a decision is needed."""
    previews: tuple[Preview, ...] = ()
    now: int = 0

    adding: str = ""
    wrong: str = ""
    message: str = ""
    busy: bool = False

    asking: str = ""
    """`password` or `disconnect`: the dialog that is open, about `subject`."""
    subject: str = ""
    subject_name: str = ""
    revocation: str = ""
    """What becomes of the consent when the subject is disconnected."""

    said: str = ""
    undo_uid: str = ""
    undo_blocks: bool = False
    _turn: int = 0

    @rx.event
    @guarded(Role.STAFF)
    async def open(self) -> None:
        self.adding = self.asking = self.said = self.message = ""
        self.nobody = caller().bookable_id is None
        if not self.nobody:
            await self._draw()
            await self._preview()
        self.loaded = True

    @rx.event(background=True)
    @guarded(Role.STAFF)
    async def watch(self) -> None:
        """Keep the page right until it is left."""
        async with self:
            self._turn += 1
            turn = self._turn
        wait = 0.0  # what changed since the page was drawn is looked at once
        with runtime.current().hub.subscribe("sync", "verified", "availability") as news:
            while caller().bookable_id is not None:
                changes = await news.next(wait)
                if not await still_allowed():
                    return
                async with self:
                    if self._turn != turn or not self.router.url.path.startswith(PAGE):
                        return
                    await self._draw()
                    await renew_attention(self)
                    if any(change.topic in {"availability", "resync"} for change in changes):
                        await self._preview()
                wait = _TICK
                await asyncio.sleep(_PAUSE)

    @rx.event
    @guarded(Role.STAFF)
    async def start_adding(self, preset: str) -> None:
        """Open the form of a kind of account; the same again closes it."""
        self.adding = "" if self.adding == preset else short_text(preset, "preset", 20)
        self.wrong = self.message = ""

    @rx.event
    @guarded(Role.STAFF)
    async def connect(self, form: dict[str, Any]) -> Any:
        """Try the account and keep it; what is wrong is said at its field, and what was typed stays."""
        self.busy, self.wrong, self.message = True, "", ""
        yield
        try:
            await connect.connect(
                runtime.current().context,
                runtime.current().accounts,
                bookable_id=_person(),
                preset=self.adding,
                address=short_text(form.get("address", ""), "address", 500),
                username=short_text(form.get("username", ""), "username", 200),
                secret=secret_text(form.get("secret", "")),
            )
        except Invalid as error:
            self.wrong, self.message = error.field, str(error)
        else:
            self.adding = ""
            self._say("It works. Now choose which calendars block your slots, and which one receives appointments.")
            await self._draw()
        self.busy = False

    @rx.event
    @guarded(Role.STAFF)
    async def set_blocks(self, uid: str, blocks: bool) -> None:
        """Whether a calendar blocks; saved at once, with a way back."""
        uid, views = short_text(uid, "uid", 40), await self._views()
        chosen, target = calendar_cards.chosen(views)
        wanted = chosen | {uid} if blocks else chosen - {uid}
        if await self._choose(wanted, target):
            name = calendar_cards.name_of(views, uid)
            self._say(f"“{name}” blocks your slots." if blocks else f"“{name}” no longer blocks your slots.")
            self.undo_uid, self.undo_blocks = uid, not blocks

    @rx.event
    @guarded(Role.STAFF)
    async def set_target(self, uid: str) -> None:
        """Which calendar receives appointments; those that lie ahead move there."""
        uid, views = short_text(uid, "uid", 40), await self._views()
        chosen, target = calendar_cards.chosen(views)
        if uid != target and await self._choose(chosen, uid):
            self._say(f"Appointments go to “{calendar_cards.name_of(views, uid)}”, coming ones too.")

    @rx.event
    @guarded(Role.STAFF)
    async def test(self, uid: str) -> None:
        """Ask the account for its calendars now."""
        try:
            said = await connect.test_connection(
                runtime.current().context,
                runtime.current().accounts,
                bookable_id=_person(),
                connection_uid=short_text(uid, "uid", 40),
            )
        except BookingError as error:
            said = str(error)
        self._say(said)
        await self._draw()

    @rx.event
    @guarded(Role.STAFF)
    async def read_now(self, uid: str) -> None:
        """Read the calendars of an account at once."""
        try:
            await calendars.read_now(
                runtime.current().context, connection_uid=short_text(uid, "uid", 40), bookable_id=_person()
            )
        except BookingError as error:
            self._say(str(error))
        else:
            self._say("The calendars of this account are being read.")

    @rx.event
    @guarded(Role.STAFF)
    async def really_gone(self, uid: str) -> None:
        """The owner's word on a calendar that the sync has stopped: what disappeared is gone."""
        try:
            said = await pull.accept_changes(
                runtime.current().context,
                runtime.current().accounts,
                runtime.current().policy,
                calendar_uid=short_text(uid, "uid", 40),
                bookable_id=_person(),
            )
        except BookingError as error:
            said = str(error)
        self._say(said)
        await self._draw()

    @rx.event
    @guarded(Role.STAFF)
    async def put_back(self, appointment: int) -> None:
        """Write a moved event at its appointment's time again."""
        try:
            await owner.put_back(
                runtime.current().context, appointment_id=whole_number(appointment), bookable_id=_person()
            )
        except BookingError as error:
            self._say(str(error))
        else:
            self._say("The event is being put back where the appointment stands.")
        await self._draw()

    @rx.event
    @guarded(Role.STAFF)
    async def ask(self, what: str, uid: str) -> None:
        """Open the dialog for a new password, or for disconnecting."""
        self.wrong = self.message = ""
        self.subject_name = next((f"{each.name} ({each.account})" for each in self.cards if each.uid == uid), "")
        self.subject = uid if self.subject_name else ""
        self.revocation = next((link_lines.revocation(each.provider) for each in self.cards if each.uid == uid), "")
        self.asking = what if self.subject and what in ("password", "disconnect") else ""

    @rx.event
    @guarded(Role.STAFF)
    async def dismiss(self) -> None:
        """Close the dialog; nothing changes."""
        self.asking = self.wrong = self.message = ""

    @rx.event
    @guarded(Role.STAFF)
    async def replace_password(self, form: dict[str, Any]) -> Any:
        """A new password for the same account: every choice stays."""
        self.busy, self.wrong, self.message = True, "", ""
        yield
        try:
            await connect.replace_password(
                runtime.current().context,
                runtime.current().accounts,
                bookable_id=_person(),
                connection_uid=self.subject,
                secret=secret_text(form.get("secret", "")),
            )
        except BookingError as error:
            self.wrong, self.message = "secret", str(error)
        else:
            self.asking = ""
            self._say("The new password works. Your choices are as they were.")
            await self._draw()
        self.busy = False

    @rx.event
    @guarded(Role.STAFF)
    async def disconnect(self, form: dict[str, Any]) -> None:
        """Forget the account; its events of ours that lie ahead are kept or removed."""
        future: Literal["keep", "remove"] = "remove" if form.get("future_events") == "remove" else "keep"
        try:
            outcome = await connect.disconnect(
                runtime.current().context, bookable_id=_person(), connection_uid=self.subject, future_events=future
            )
        except BookingError as error:
            self._say(str(error))
        else:
            self._say(disconnected(future, outcome, by_consent=self.revocation != ""))
        self.asking = ""
        await self._draw()

    @rx.event
    @guarded(Role.STAFF)
    async def hush(self) -> None:
        """Put the last message away."""
        self._say("")

    def _say(self, sentence: str) -> None:
        self.said, self.undo_uid = sentence, ""

    async def _views(self) -> tuple[ConnectionView, ...]:
        return await calendars.connections_of(runtime.current().context, _person())

    async def _choose(self, blocks: set[str], target: str | None) -> bool:
        try:
            await connect.choose(runtime.current().context, bookable_id=_person(), blocks=blocks, target=target)
        except BookingError as error:
            self._say(str(error))
        else:
            await self._draw()
            return True
        await self._draw()
        return False

    async def _draw(self) -> None:
        ctx = runtime.current().context
        now = epoch(ctx.now())
        self.cards = tuple(
            calendar_cards.card(view, now, ctx.bounds.hard, tuple(ctx.stand_ins)) for view in await self._views()
        )
        moved = [each for each in await calendars.open_alerts(ctx, _person()) if each.moved]
        self.notices = sync_lines.notices(moved)
        self.now = now

    async def _preview(self) -> None:
        self.previews = await previews_of(runtime.current(), _person())


def _person() -> int:
    """The person whose calendars the caller manages: nobody else's, whatever the browser sends."""
    number = caller().bookable_id
    if number is None:
        raise Forbidden("This account has no calendars of its own.")
    return number
