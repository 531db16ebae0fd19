"""`/settings/calendars`: one's own calendar accounts, what blocks, what receives, kept up to date."""

from __future__ import annotations

from typing import Any

import reflex as rx

from booking_app import runtime
from booking_app.domain.appointment import Role
from booking_app.domain.errors import BookingError, Invalid
from booking_app.services import calendars, provider_apps, unread
from booking_app.services.trouble_words import calm
from booking_app.services.views_sync import ConnectionView
from booking_app.state import calendar_cards, notice_lines
from booking_app.state.admin_words import epoch
from booking_app.state.calendar_choices import CHOICES
from booking_app.state.deciding import decided, needs_word
from booking_app.state.followers import keep_true
from booking_app.state.guard import caller, guarded, own_bookable, secret_text, short_text
from booking_app.state.linking import LinkingState
from booking_app.state.previews import previews_of
from booking_app.state.session import renew_attention
from booking_app.state.views_admin import Notice
from booking_app.state.views_calendars import Arrival, ConnectionCard, Preview, Unplaced
from booking_app.sync import connect, listing, pull

PAGE = "/settings/calendars"
_TICK = 30
"""Seconds after which the page is drawn anew although nothing changed."""


class CalendarsState(rx.State):
    """What the page shows, which form is open, and the last change with its way back."""

    loaded: bool = False
    nobody: bool = False
    """The account is not a person of the team, so it has no calendars."""
    cards: tuple[ConnectionCard, ...] = ()
    notices: tuple[Notice, ...] = ()
    """Appointments of which a decision is needed."""
    unplaced: Unplaced = Unplaced()
    previews: tuple[Preview, ...] = ()
    now: int = 0

    adding: str = ""
    wrong: str = ""
    message: str = ""
    busy: bool = False

    said: str = ""
    undoable: bool = False
    sure: str = ""
    """What the page asks once more, before a customer is told."""
    _before: tuple[str, str, bool] = ("", "", False)
    """What the last choice was about (`blocks`, `target`, or one of `CHOICES`), and before it: of which, on or off."""

    @rx.event
    @guarded(Role.STAFF)
    async def open(self) -> None:
        self.adding = self.message = self.sure = ""
        self._say("")
        self.nobody = caller().bookable_id is None
        if not self.nobody:
            await listing.hurry(runtime.current().context, own_bookable())
            await self._draw()
            await self._preview()
        self.loaded = True

    @rx.event(background=True)
    @guarded(Role.STAFF)
    async def watch(self) -> None:
        """Keep the page right until it is left."""
        if caller().bookable_id is not None:
            await keep_true(self, PAGE, "sync", "verified", "availability", tick=_TICK, look=self._look)

    async def _look(self, changed: set[str]) -> None:
        if not self.loaded:
            return
        await listing.hurry(runtime.current().context, own_bookable())
        await self._draw()
        await renew_attention(self)
        if changed & {"availability", "resync"}:
            await self._preview()

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
            uid = await connect.connect(
                runtime.current().context,
                runtime.current().accounts,
                bookable_id=own_bookable(),
                preset=self.adding,
                address=short_text(form.get("address", ""), "address", 500),
                username=short_text(form.get("username", ""), "username", 200),
                secret=secret_text(form.get("secret", "")),
            )
        except Invalid as error:
            self.wrong, self.message = error.field, str(error)
        else:
            self.adding = ""
            await self._tell(calendar_cards.connected(await self._views(), uid), changed=True)
        self.busy = False

    @rx.event
    @guarded(Role.STAFF)
    async def set_blocks(self, uid: str, blocks: bool) -> None:
        """Whether a calendar blocks; saved at once, with a way back."""
        await self._block(short_text(uid, "uid", 40), blocks)

    @rx.event
    @guarded(Role.STAFF)
    async def set_unsure(self, uid: str, blocks: bool) -> None:
        """Whether what is tentative or unanswered in a calendar blocks; saved at once, with a way back."""
        await self._carry_out("unsure", short_text(uid, "uid", 40), blocks is True)

    @rx.event
    @guarded(Role.STAFF)
    async def set_unread(self, uid: str, blocks: bool) -> None:
        """Whether an event that could not be read blocks; saved at once, with a way back."""
        await self._carry_out("unread", short_text(uid, "uid", 40), blocks is True)

    @rx.event
    @guarded(Role.STAFF)
    async def set_private(self, uid: str, private: bool) -> None:
        """Whether others who see a calendar see only that one is busy; saved at once, with a way back."""
        await self._carry_out("private", short_text(uid, "uid", 40), private is not False)

    @rx.event
    @guarded(Role.STAFF)
    async def set_target(self, uid: str) -> None:
        """Which calendar receives appointments; those that lie ahead move there. With a way back."""
        await self._receive(short_text(uid, "uid", 40))

    @rx.event
    @guarded(Role.STAFF)
    async def leave(self, uid: str) -> None:
        """Use a calendar no more that does not exist any more."""
        uid, views = short_text(uid, "uid", 40), await self._views()
        blocks, target = calendar_cards.chosen(views)
        if await self._choose(blocks - {uid}, None if target == uid else target):
            self._say(f"{calendar_cards.name_of(views, uid)} is not used any more.")

    @rx.event
    @guarded(Role.STAFF)
    async def undo(self) -> None:
        """Take the last choice back."""
        what, uid, on = self._before
        if what == "blocks":
            await self._block(uid, on)
        elif what == "target":
            await self._receive(uid)
        elif what:
            await self._carry_out(what, uid, on)

    @rx.event
    @guarded(Role.STAFF)
    async def test(self, uid: str) -> None:
        """Ask the account for its calendars now."""
        try:
            running, person, account = runtime.current(), own_bookable(), short_text(uid, "uid", 40)
            said = await connect.test_connection(
                running.context, running.accounts, bookable_id=person, connection_uid=account
            )
        except BookingError as error:
            said = str(error)
        await self._tell(calm(said))

    @rx.event
    @guarded(Role.STAFF)
    async def read_now(self, uid: str) -> None:
        """Read the calendars of an account at once."""
        said = "The calendars of this account are being read."
        try:
            await calendars.read_now(
                runtime.current().context, connection_uid=short_text(uid, "uid", 40), bookable_id=own_bookable()
            )
        except BookingError as error:
            said = str(error)
        self._say(said)

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
                bookable_id=own_bookable(),
            )
        except BookingError as error:
            said = str(error)
        await self._tell(said)

    @rx.event
    @guarded(Role.STAFF)
    async def decide(self, appointment: int, answer: str) -> None:
        """Answer what a notice asks about an own appointment; asked once more where the customer is told."""
        self.sure = needs_word(answer, self.sure, appointment)
        if not self.sure:
            await self._tell(await decided(answer, appointment, own_bookable()))

    @rx.event
    @guarded(Role.STAFF)
    async def not_yet(self) -> None:
        """Decide later."""
        self.sure = ""

    @rx.event
    @guarded(Role.STAFF)
    async def hush(self) -> None:
        """Put the last message away."""
        self._say("")

    def _say(self, sentence: str, *, before: tuple[str, str, bool] = ("", "", False)) -> None:
        self.said, self._before, self.undoable = sentence, before, before[0] != ""

    async def _tell(
        self, sentence: str, *, changed: bool = False, before: tuple[str, str, bool] = ("", "", False)
    ) -> None:
        """Say it and show how things stand. What was said on coming back from a provider is over when something was
        `changed` since."""
        self._say(sentence, before=before)
        if changed:
            await self._arrived()
        await self._draw()

    async def _arrived(self) -> None:
        (await self.get_state(LinkingState)).arrival = Arrival()

    async def _block(self, uid: str, blocks: bool) -> None:
        views = await self._views()
        chosen, target = calendar_cards.chosen(views)
        if await self._choose(chosen | {uid} if blocks else chosen - {uid}, target):
            how = "blocks your slots." if blocks else "no longer blocks your slots."
            self._say(f"{calendar_cards.name_of(views, uid)} {how}", before=("blocks", uid, not blocks))

    async def _carry_out(self, what: str, uid: str, on: bool) -> None:
        try:
            said = await CHOICES[what](own_bookable(), uid, on)
        except BookingError as error:
            await self._tell(str(error))
        else:
            await self._tell(said, before=(what, uid, not on))

    async def _receive(self, uid: str) -> None:
        """Empty: none does."""
        views = await self._views()
        chosen, target = calendar_cards.chosen(views)
        if uid == (target or "") or not await self._choose(chosen, uid or None):
            return
        said = "No calendar receives your appointments, as before."
        if uid:
            said = f"Appointments go to {calendar_cards.name_of(views, uid)}, coming ones too."
        self._say(said, before=("target", target or "", True))

    async def _views(self) -> tuple[ConnectionView, ...]:
        return await calendars.connections_of(runtime.current().context, own_bookable())

    async def _choose(self, blocks: set[str], target: str | None) -> bool:
        try:
            await connect.choose(runtime.current().context, bookable_id=own_bookable(), blocks=blocks, target=target)
        except BookingError as error:
            await self._tell(str(error))
            return False
        await self._arrived()
        await self._draw()
        return True

    async def _draw(self) -> None:
        ctx = runtime.current().context
        now, views = epoch(ctx.now()), await self._views()
        apps = await provider_apps.listed(ctx)
        (await self.get_state(LinkingState))._offer(apps)
        refusing = [each.provider for each in apps if each.ready and each.trouble]
        found = await unread.unread_of(ctx, own_bookable())
        self.cards = tuple(
            calendar_cards.card(view, now, ctx.bounds.hard, tuple(ctx.stand_ins), refusing, found) for view in views
        )
        self.unplaced = calendar_cards.unplaced(views)
        alerts = await calendars.open_alerts(ctx, own_bookable())
        self.notices = notice_lines.notices(each for each in alerts if each.moved)
        self.now = now

    async def _preview(self) -> None:
        self.previews = await previews_of(runtime.current(), own_bookable())
