"""The sync page in words: worst first, sentences before numbers. Pure; instants are epoch seconds UTC."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from booking_app.domain.appointment import ConnectionState
from booking_app.services.letters.words import lasting
from booking_app.services.views_sync import AlertView, Figures, HealthLine, SyncPage, WaitingView
from booking_app.state.admin_words import WORST_FIRST, figure, initials, provider_word, standing
from booking_app.state.views_admin import Figure, Notice, QueueLine, StoppedLine, SyncLine

_ADMIN_SENTENCES = {
    ConnectionState.NEEDS_SIGN_IN: "The password is no longer accepted. The slots are withheld until it is replaced.",
}
"""What an admin reads where the owner is told what to do."""


def lines(page: SyncPage, now: int, hard: float) -> tuple[SyncLine, ...]:
    """Worst first, then by name. `hard` is the age in seconds from which data is not trusted."""
    shown = [_line(each, now, hard) for each in sorted(page.lines, key=lambda each: (_rank(each), each.owner))]
    return tuple(sorted(shown, key=lambda each: not each.bad))


def _rank(line: HealthLine) -> int:
    return WORST_FIRST.index(ConnectionState(line.connection.state))


def _line(line: HealthLine, now: int, hard: float) -> SyncLine:
    connection = line.connection
    word, tone = standing(connection, hard)
    if connection.state == ConnectionState.OK:
        word = "fresh" if connection.age is not None else "works"
    sentence = _ADMIN_SENTENCES.get(ConnectionState(connection.state), connection.sentence)
    writes = len(line.waiting)
    if writes:
        sentence += " 1 change waits to be written." if writes == 1 else f" {writes} changes wait to be written."
    return SyncLine(
        uid=connection.uid,
        initials=initials(line.owner),
        colour=line.owner_colour,
        name=f"{line.owner} · {provider_word(connection.preset)}",
        account=_uses(line),
        word=word,
        tone=tone,
        sentence=sentence,
        read_at=now - connection.age if connection.age is not None else 0,
        success_at=connection.last_success or 0,
        bad=tone == "bad",
        stopped=tuple(
            StoppedLine(uid=each.uid, name=f"{each.name} of {line.owner}", sentence=each.sentence)
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


def figures(page: SyncPage, now: int) -> tuple[Figure, ...]:
    """The four that matter."""
    known: Figures = page.figures
    ages = [(each.connection.age, each.owner) for each in page.lines if each.connection.age is not None]
    oldest, whose = max(ages, default=(None, ""))
    waits = [each.since for line in page.lines for each in line.waiting] + [each.since for each in page.other_waiting]
    return (
        Figure(
            what="Change outside → slot closed",
            value=figure(known.inbound_p50),
            more=f"p50 · p99 {figure(known.inbound_p99)} · last 24 h",
        ),
        Figure(
            what="Booking → in the calendar",
            value=figure(known.outbound_p50),
            more=f"p50 · p99 {figure(known.outbound_p99)} · last 24 h",
        ),
        Figure(
            what="Oldest data in use",
            value="–" if oldest is None else lasting(oldest),
            more=whose if oldest is not None else "nothing is read yet",
        ),
        Figure(
            what="Waiting to be written",
            value=str(known.waiting + known.parked),
            more=_waiting(known, min(waits, default=now), now),
        ),
    )


def _waiting(known: Figures, first: int, now: int) -> str:
    if not known.waiting + known.parked:
        return "everything is written"
    since = f"since {lasting(now - first)}"
    return f"{since} · {known.parked} for somebody to look at" if known.parked else since


def notices(alerts: Iterable[AlertView]) -> tuple[Notice, ...]:
    """The open alerts, with what can be put back."""
    return tuple(Notice(id=each.id, message=each.message, since=each.since, moved=each.moved or 0) for each in alerts)


def undecided(notices: Sequence[Notice]) -> str:
    """What the first sentence of the page adds when events were moved to times that are not free."""
    count = sum(each.moved > 0 for each in notices)
    if not count:
        return ""
    return " One appointment needs a decision." if count == 1 else f" {count} appointments need a decision."
