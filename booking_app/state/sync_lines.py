"""The sync page in words: worst first, sentences before numbers. Pure; instants are epoch seconds UTC."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from booking_app.domain.appointment import ConnectionState, StoppedBy
from booking_app.services.letters.words import lasting, names_words
from booking_app.services.views_sync import (
    ConnectionView,
    Figures,
    HealthLine,
    ProviderUse,
    SyncPage,
    WaitingView,
)
from booking_app.state.admin_words import (
    ENDS_SOON,
    UNCHOSEN,
    UNREADABLE,
    WORST_FIRST,
    figure,
    initials,
    moment_words,
    provider_word,
    standing,
)
from booking_app.state.calendar_cards import account_words
from booking_app.state.link_lines import SOON
from booking_app.state.views_admin import Figure, QueueLine, StoppedLine, SyncLine


def lines(
    page: SyncPage,
    now: int,
    hard: float,
    simulated: Collection[str] = (),
    *,
    asked: Mapping[str, int] | None = None,
    me: int | None = None,
) -> tuple[SyncLine, ...]:
    """Worst first, then by name. `hard` is the age in seconds from which data is not trusted; a simulator stands in for
    the providers `simulated`; `asked` says when an account's owner was asked; `me` is the person who reads the page."""
    refusing = {each.provider for each in page.alerts if each.provider}
    shown = []
    for each in sorted(page.lines, key=lambda each: (_rank(each), each.owner)):
        line = _line(each, now, hard, refused=each.connection.by_consent and each.connection.provider in refusing)
        shown.append(
            replace(
                line,
                simulated=each.connection.by_consent and each.connection.provider in simulated,
                asked_at=(asked or {}).get(each.connection.uid, 0),
                act="own" if line.act == "ask" and me is not None and each.owner_id == me else line.act,
            )
        )
    return tuple(sorted(shown, key=lambda each: not each.bad))


def _rank(line: HealthLine) -> int:
    return WORST_FIRST.index(ConnectionState(line.connection.state))


def _sentence(connection: ConnectionView, standing: tuple[str, str], *, refused: bool) -> str:
    """What an admin reads, who cannot do what the owner is told to do."""
    if standing == UNREADABLE and refused:
        return f"Cannot be read until the credentials are mended. {connection.reason}".strip()
    if standing == UNCHOSEN:
        return "Connected. Its owner has not chosen yet which calendars block and which one receives appointments."
    if connection.state != ConnectionState.NEEDS_SIGN_IN:
        return connection.sentence
    if connection.by_consent:
        return f"{connection.reason} The slots are withheld until its owner links the account again.".strip()
    return "The password is no longer accepted. The slots are withheld until it is replaced."


def _act(connection: ConnectionView, standing: tuple[str, str], *, refused: bool) -> str:
    if connection.state == ConnectionState.NEEDS_SIGN_IN:
        return "ask"
    if standing == UNREADABLE and refused:
        return "mend"
    return "" if standing == UNCHOSEN else "read"


def _ends(connection: ConnectionView, now: int) -> str:
    """When a link ends by itself, for as long as it works."""
    if connection.ends_at is None or connection.state == ConnectionState.NEEDS_SIGN_IN:
        return ""
    when = moment_words(connection.ends_at, connection.zone)
    if connection.ends_at <= now:
        return f"Its link was to end on {when}."
    return f"Its link ends by itself in {lasting(connection.ends_at - now)}, on {when}."


def _standing(connection: ConnectionView, now: int, hard: float, *, refused: bool) -> tuple[str, str]:
    word, tone = standing(connection, hard, refused=refused)
    if connection.state == ConnectionState.OK and not connection.withheld:
        if not any(each.blocks or each.target for each in connection.calendars):
            return UNCHOSEN
        word = "fresh" if connection.age is not None else "works"
    if tone == "ok" and connection.ends_at is not None and connection.ends_at - now < SOON:
        return ENDS_SOON
    return word, tone


def _line(line: HealthLine, now: int, hard: float, *, refused: bool) -> SyncLine:
    connection = line.connection
    stands = _standing(connection, now, hard, refused=refused)
    sentence = _sentence(connection, stands, refused=refused)
    writes = len(line.waiting)
    if writes:
        sentence += " 1 change waits to be written." if writes == 1 else f" {writes} changes wait to be written."
    return SyncLine(
        uid=connection.uid,
        initials=initials(line.owner),
        colour=line.owner_colour,
        name=f"{line.owner} · {provider_word(connection.preset)}",
        address=account_words(connection),
        uses=_uses(line),
        word=stands[0],
        tone=stands[1],
        sentence=sentence,
        read_at=now - connection.age if connection.age is not None else 0,
        success_at=connection.last_success or 0,
        act=_act(connection, stands, refused=refused),
        bad=stands[1] == "bad",
        ends=_ends(connection, now),
        stopped=tuple(
            StoppedLine(
                uid=each.uid,
                name=f"{each.name} of {line.owner}",
                sentence=each.sentence,
                asks=each.stopped_by == StoppedBy.VANISHED,
            )
            for each in connection.calendars
            if each.stopped
        ),
        waiting=tuple(queued(each, now) for each in line.waiting),
    )


def _uses(line: HealthLine) -> str:
    """`2 calendars block, Work receives`."""
    calendars = line.connection.calendars
    blocking = sum(each.blocks for each in calendars)
    receives = next((each.name for each in calendars if each.target), "")
    parts = [f"{blocking} calendar{'s block' if blocking != 1 else ' blocks'}"] if blocking else []
    parts += [f"{receives} receives"] if receives else []
    return ", ".join(parts) or "nothing is chosen yet"


def queued(work: WaitingView, now: int) -> QueueLine:
    """One piece of work that waits, with when it is tried again."""
    if work.retry_at is None:
        retry = "waits for somebody"
    else:
        retry = "tried now" if work.retry_at <= now else f"again in {lasting(work.retry_at - now)}"
    return QueueLine(id=work.id, what=work.what, reason=work.reason, since=work.since, retry=retry, parked=work.parked)


def figures(page: SyncPage, now: int, use: Collection[ProviderUse] = ()) -> tuple[Figure, ...]:
    """Those that matter, in words of somebody who runs a shop; of `use` what concerns accounts that there are."""
    known: Figures = page.figures
    ages = [(each.connection.age, each.owner) for each in page.lines if each.connection.age is not None]
    oldest, whose = max(ages, default=(None, ""))
    waits = [each.since for line in page.lines for each in line.waiting] + [each.since for each in page.other_waiting]
    shown = [
        _delay(
            "Change outside → slot closed, at most",
            "changes were seen",
            "No change was seen",
            known.inbound_p50,
            known.inbound_p99,
        ),
        _delay(
            "Booking → in the calendar",
            "bookings were written",
            "No booking was written",
            known.outbound_p50,
            known.outbound_p99,
        ),
        Figure(
            what="Oldest data in use",
            value="–" if oldest is None else lasting(oldest),
            more=whose if oldest is not None else "Nothing is read yet",
        ),
        Figure(
            what="Waiting to be written",
            value=str(known.waiting + known.parked),
            more=_waiting(known, min(waits, default=now), now),
        ),
    ]
    if known.without_push is not None:
        push = Figure(
            what="Changes that came without a push",
            value=f"{known.without_push * 100:.0f} %",
            more="Found by reading, before the provider told us",
        )
        shown.insert(2, push)
    linked = {each.connection.provider for each in page.lines}
    shown += [_use(each) for each in use if each.provider in linked]
    return tuple(shown)


def _use(use: ProviderUse) -> Figure:
    each = " for each account" if use.per_account else ""
    return Figure(
        what=f"Requests to {use.title}",
        value=f"{use.sent:,}",
        more=f"By this process in the last minute; {use.allowed:,} are allowed{each}",
    )


def _delay(what: str, done: str, none: str, half: float | None, nearly_all: float | None) -> Figure:
    """How long something took in the last 24 hours."""
    if half is None:
        return Figure(what=what, value="–", more=f"{none} in the last 24 hours")
    more = f"Half of all {done} within {figure(half)}"
    if nearly_all is not None:
        more += f", nearly all within {figure(nearly_all)}"
    return Figure(what=what, value=figure(half), more=more)


def _waiting(known: Figures, first: int, now: int) -> str:
    if not known.waiting + known.parked:
        return "Everything is written"
    since = f"Since {lasting(now - first)}"
    return f"{since} · {known.parked} for somebody to look at" if known.parked else since


_NAMED = 5
"""So many people are named in a sentence."""


def unreceived(page: SyncPage) -> str:
    """Who has calendar accounts, none of which receives appointments, as a sentence; empty if nobody."""
    receives: dict[tuple[int, str], bool] = {}
    for line in page.lines:
        whose = line.owner_id, line.owner
        receives[whose] = receives.get(whose, False) or any(each.target for each in line.connection.calendars)
    names = sorted(name for (_, name), has in receives.items() if not has)
    if not names:
        return ""
    if len(names) == 1:
        return f"{names[0]} has no calendar that receives appointments."
    rest = len(names) - _NAMED
    named = names if rest < 2 else [*names[:_NAMED], f"{rest} others"]
    return f"{len(names)} people have no calendar that receives appointments: {names_words(named)}."
