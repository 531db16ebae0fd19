"""Connected accounts in the words of their owner's page. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from booking_app.domain.appointment import ConnectionState
from booking_app.services.calendars import receives_nowhere
from booking_app.services.letters.words import span_words, start_words
from booking_app.services.unread_words import why
from booking_app.services.views_sync import CalendarView, ConnectionView, UnreadView
from booking_app.state.admin_words import PROVIDERS, moment_words, provider_word, standing
from booking_app.state.link_lines import SOON, refusal, start
from booking_app.state.views_calendars import CalendarLine, ConnectionCard, Unplaced, UnreadLine

MARKS = {"google": "G", "microsoft": "O", "icloud": "iC", "fastmail": "F", "nextcloud": "N"}
"""What stands in the disc of a preset; other servers have the sign of a calendar."""


def card(
    view: ConnectionView,
    now: int,
    hard: float,
    simulated: Collection[str] = (),
    refusing: Collection[str] = (),
    unread: Sequence[UnreadView] = (),
) -> ConnectionCard:
    """`now` is an instant, `hard` the age in seconds from which data is not trusted; a simulator stands in for the
    providers `simulated`, those in `refusing` do not take this installation."""
    unused = not any(each.blocks or each.target for each in view.calendars)
    word, tone = standing(view, hard)
    if unused and view.state == ConnectionState.OK:
        word, tone = "choose calendars", "warn"
    refused = refusal(view, hard) if view.provider in refusing else ""
    if refused:
        word = "waits for your admin"
    return ConnectionCard(
        uid=view.uid,
        mark=MARKS.get(view.preset, "@"),
        name=provider_word(view.preset),
        account=account_words(view),
        full_name=full_name(view),
        word=word,
        tone=tone,
        sentence="" if refused else view.sentence,
        read_at=now - view.age if view.age is not None else 0,
        needs_password=view.state == ConnectionState.NEEDS_SIGN_IN and not view.by_consent,
        unused=unused,
        calendars=tuple(
            line(
                each,
                full_name(view),
                view.reason,
                knows_unsure=view.mode != "busy",
                unread=tuple(unread_line(item, view.zone) for item in unread if item.calendar_uid == each.uid),
            )
            for each in view.calendars
        ),
        more=_more(view),
        refused=refused,
        **(_linked(view, now, simulated) if view.by_consent else {}),
    )


def _more(view: ConnectionView) -> str:
    if not view.unlisted:
        return ""
    many = "1 more calendar, which is" if view.unlisted == 1 else f"{view.unlisted:,} more calendars, which are"
    if view.by_consent:
        cure = "To use one of them, leave others out of the list at the provider, then test the connection."
    else:
        cure = "To use one of them, connect it by its own address, as another CalDAV server."
    return f"This account has {many} not listed here. {cure}"


def _linked(view: ConnectionView, now: int, simulated: Collection[str]) -> dict[str, Any]:
    """What a card says besides of an account that is linked by consent."""
    needs_link = view.state == ConnectionState.NEEDS_SIGN_IN
    ends = view.ends_at if view.ends_at is not None and not needs_link else None
    busy_only = view.mode == "busy"
    return {
        "provider": view.provider,
        "again": start(view.provider, connection=view.uid),
        "upgrade": start(view.provider, mode="full", connection=view.uid) if busy_only else "",
        "needs_link": needs_link,
        "ends": "" if ends is None else moment_words(ends, view.zone),
        "ends_soon": ends is not None and ends - now < SOON,
        "read_only": not busy_only and not view.writes and not needs_link,
        "simulated": view.provider in simulated,
    }


def account_words(view: ConnectionView) -> str:
    """Whose account it is; at a server of one's own, where too."""
    return view.username if view.preset in PROVIDERS else f"{view.username} · {view.label}"


def full_name(view: ConnectionView) -> str:
    """`Outlook, ann@example.com`: tells two accounts at one provider apart."""
    return f"{provider_word(view.preset)}, {account_words(view)}"


_QUIET = {"Up to date.", "Not used.", "Waits for the password.", "Waits to be connected again."}
"""Sentences that say nothing beyond the state and the choices."""


def line(
    view: CalendarView,
    account: str = "",
    reason: str = "",
    *,
    knows_unsure: bool = True,
    unread: tuple[UnreadLine, ...] = (),
) -> CalendarLine:
    """What needs its owner is set apart from what is only worth a word, and from `reason`, which the card says."""
    troubled = view.stopped or view.problems > 0
    quiet = troubled or view.sentence in _QUIET or view.sentence == reason
    return CalendarLine(
        uid=view.uid,
        name=view.name,
        account=account,
        colour=_colour(view.colour),
        blocks=view.blocks,
        unsure_blocks=view.unsure_blocks,
        knows_unsure=knows_unsure and view.blocks,
        target=view.target,
        private=view.private,
        can_write=view.can_write,
        stopped=view.stopped,
        stopped_by=view.stopped_by,
        note="" if quiet else view.sentence,
        trouble=view.sentence if troubled else "",
        unread=unread,
    )


def unread_line(view: UnreadView, zone: str) -> UnreadLine:
    """Dates and times alone: what it is called is not known here."""
    more = "" if not view.more else " and 1 more time" if view.more == 1 else f" and {view.more} more times"
    return UnreadLine(
        uid=view.uid,
        when=_starts(view, zone),
        why=why(view.code),
        closes=f"{'Closes' if view.blocks else 'Would close'} {span_words(view.since, view.until, zone)}{more}.",
        blocks=view.blocks,
    )


def _starts(view: UnreadView, zone: str) -> str:
    """When those begin that one object holds: the first few, and how many there are besides."""
    if view.at is None:
        return "An event"
    shown = [start_words(each, zone) for each in (view.at, *view.others)[:3]]
    left = len(view.others) - 2
    return "; ".join(shown) + (f" and {left} more" if left > 0 else "")


def _colour(given: str) -> str:
    """A calendar's colour as a server gives it (`#3e63ddff`), if it is one: it becomes part of a style."""
    digits = given.lstrip("#")[:6]
    plain = len(digits) == 6 and all(each in "0123456789abcdefABCDEF" for each in digits)
    return f"#{digits}" if plain else ""


def chosen(views: tuple[ConnectionView, ...]) -> tuple[set[str], str | None]:
    """The uids of all calendars that block, and the one that receives appointments."""
    calendars = [each for view in views for each in view.calendars]
    blocks = {each.uid for each in calendars if each.blocks}
    return blocks, next((each.uid for each in calendars if each.target), None)


def connected(views: tuple[ConnectionView, ...], uid: str) -> str:
    """What is said of an account that was just connected."""
    receives = any(each.uid == uid and each.writes for each in views)
    more = ", and which one receives appointments" if receives else ""
    return f"It works. Now choose which calendars block your slots{more}."


def name_of(views: tuple[ConnectionView, ...], uid: str) -> str:
    """A calendar in a sentence: `“Work” of ann@example.com`; the first calendar of an account often has its name."""
    for view in views:
        for each in view.calendars:
            if each.uid == uid:
                return f"“{each.name}”" if each.name == view.username else f"“{each.name}” of {view.username}"
    return "The calendar"


def unplaced(views: tuple[ConnectionView, ...]) -> Unplaced:
    """What is said while the appointments of a person who has accounts go into none of their calendars."""
    if not views or any(each.target for view in views for each in view.calendars):
        return Unplaced()
    if receives_nowhere(views):
        return Unplaced(
            warn=True,
            title="No calendar receives your appointments",
            sentence=(
                "What customers book is kept in this booking system and shows in none of your calendars. Press "
                "“Receive here” beside the one that is to show it; coming appointments are put there too."
            ),
        )
    return Unplaced(
        title="Your appointments are put into none of your calendars",
        sentence=(
            "The accounts below are only read. To see appointments in a calendar of yours, let one of them receive "
            "appointments, or connect another account."
        ),
    )
