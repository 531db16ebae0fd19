"""`/admin/sync`: how every connected account stands, kept up to date while the page is open."""

from __future__ import annotations

import reflex as rx

from booking_app import runtime
from booking_app.domain.appointment import Role
from booking_app.domain.errors import BookingError
from booking_app.services import asking, calendars
from booking_app.state import notice_lines, sync_lines
from booking_app.state.admin_words import epoch, sync_sentence
from booking_app.state.deciding import decided, needs_word
from booking_app.state.followers import keep_true
from booking_app.state.guard import caller, guarded, short_text, whole_number
from booking_app.state.session import renew_attention
from booking_app.state.views_admin import Figure, Notice, QueueLine, SyncLine
from booking_app.sync import pull

PAGE = "/admin/sync"
_TICK = 15
"""Seconds after which the page is drawn anew although nothing changed."""


class SyncState(rx.State):
    """The page as it stands."""

    loaded: bool = False
    now: int = 0
    sentence: str = ""
    figures: tuple[Figure, ...] = ()
    lines: tuple[SyncLine, ...] = ()
    other: tuple[QueueLine, ...] = ()
    notices: tuple[Notice, ...] = ()
    unreceived: str = ""
    """Whose appointments are written to no calendar, as a sentence."""
    asking: str = ""
    """The uid of the calendar about which the dialog asks whether its events are gone."""
    asking_name: str = ""
    said: str = ""
    sure: str = ""
    """What the page asks once more, before a customer is told."""

    @rx.event
    @guarded(Role.ADMIN)
    async def open(self) -> None:
        self.said = self.asking = self.sure = ""
        await self._draw()

    @rx.event(background=True)
    @guarded(Role.ADMIN)
    async def watch(self) -> None:
        """Keep the page right until it is left."""
        await keep_true(self, PAGE, "sync", "verified", "outbox", "catalog", tick=_TICK, look=self._look)

    async def _look(self, _: set[str]) -> None:
        if self.loaded:
            await self._draw()
            await renew_attention(self)

    @rx.event
    @guarded(Role.ADMIN)
    async def read_now(self, uid: str) -> None:
        """Read an account's calendars at once."""
        try:
            await calendars.read_now(runtime.current().context, connection_uid=short_text(uid, "uid", 40))
        except BookingError as error:
            self.said = str(error)
        else:
            self.said = "The calendars of this account are being read."
        await self._draw()

    @rx.event
    @guarded(Role.ADMIN)
    async def ask_owner(self, uid: str) -> None:
        """Write to the owner of an account that needs its sign-in."""
        running = runtime.current()
        try:
            name = await asking.ask_owner(running.context, connection_uid=short_text(uid, "uid", 40))
        except BookingError as error:
            self.said = str(error)
        else:
            self.said = f"{name} is asked by mail to sign in again."
            if not running.settings.smtp_url:
                self.said += " No mail server is set up, so tell them yourself."
        await self._draw()

    @rx.event
    @guarded(Role.ADMIN)
    async def retry_now(self, work: int) -> None:
        """Try work that waits at once."""
        try:
            await calendars.retry_now(runtime.current().context, outbox_id=whole_number(work))
        except BookingError as error:
            self.said = str(error)
        else:
            self.said = "It is being tried now."
        await self._draw()

    @rx.event
    @guarded(Role.ADMIN)
    async def ask(self, uid: str) -> None:
        """Open the dialog about a calendar that the sync has stopped."""
        names = {each.uid: each.name for line in self.lines for each in line.stopped}
        self.asking_name = names.get(uid, "")
        self.asking = uid if self.asking_name else ""

    @rx.event
    @guarded(Role.ADMIN)
    async def dismiss(self) -> None:
        """Close the dialog; nothing changes."""
        self.asking = ""

    @rx.event
    @guarded(Role.ADMIN)
    async def really_gone(self) -> None:
        """An admin's word on the calendar that the dialog asks about: what disappeared is gone."""
        now = runtime.current()
        try:
            self.said = await pull.accept_changes(
                now.context, now.accounts, now.policy, calendar_uid=short_text(self.asking, "uid", 40)
            )
        except BookingError as error:
            self.said = str(error)
        self.asking = ""
        await self._draw()

    @rx.event
    @guarded(Role.ADMIN)
    async def decide(self, appointment: int, answer: str) -> None:
        """Answer what a notice asks about an appointment; asked once more where the customer is told."""
        self.sure = needs_word(answer, self.sure, appointment)
        if not self.sure:
            self.said = await decided(answer, appointment, None)
            await self._draw()

    @rx.event
    @guarded(Role.ADMIN)
    async def not_yet(self) -> None:
        """Decide later."""
        self.sure = ""

    @rx.event
    @guarded(Role.ADMIN)
    async def hush(self) -> None:
        """Put the last message away."""
        self.said = ""

    async def _draw(self) -> None:
        running = runtime.current()
        ctx = running.context
        page, now = await calendars.sync_page(ctx), epoch(ctx.now())
        self.figures = sync_lines.figures(page, now, running.pools.use())
        self.lines = sync_lines.lines(
            page,
            now,
            ctx.bounds.hard,
            tuple(ctx.stand_ins),
            asked=await asking.asked(ctx),
            me=caller().bookable_id,
        )
        self.unreceived = sync_lines.unreceived(page)
        self.notices = notice_lines.notices(page.alerts)
        self.sentence = sync_sentence([(each.word, each.tone) for each in self.lines])
        self.sentence += notice_lines.undecided(self.notices)
        self.other = tuple(sync_lines.queued(each, now) for each in page.other_waiting)
        self.now = now
        self.loaded = True
