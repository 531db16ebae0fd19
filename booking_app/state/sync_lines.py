"""The sync page in words: worst first, sentences before numbers. Pure; instants are epoch seconds UTC."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from booking_app.domain.appointment import ConnectionState
from booking_app.services.letters.words import lasting
from booking_app.services.views_sync import AlertView, ConnectionView, Figures, HealthLine, SyncPage, WaitingView
from booking_app.state.admin_words import WORST_FIRST, figure, initials, moment_words, provider_word, standing
from booking_app.state.link_lines import SOON
from booking_app.state.views_admin import Figure, Notice, QueueLine, StoppedLine, SyncLine


def lines(page: SyncPage, now: int, hard: float, simulated: Collection[str] = ()) -> tuple[SyncLine, ...]:
    """Worst first, then by name. `hard` is the age in seconds from which data is not trusted; a simulator stands in for
    the providers `simulated`."""
    shown = [
        _line(each, now, hard, simulated) for each in sorted(page.lines, key=lambda each: (_rank(each), each.owner))
    ]
    return tuple(sorted(shown, key=lambda each: not each.bad))


def _rank(line: HealthLine) -> int:
    return WORST_FIRST.index(ConnectionState(line.connection.state))


def _sentence(connection: ConnectionView) -> str:
    """What an admin reads, who cannot do what the owner is told to do."""
    if connection.state != ConnectionState.NEEDS_SIGN_IN:
        return connection.sentence
    if connection.by_consent:
        return f"{connection.reason} The slots are withheld until its owner links the account again.".strip()
    return "The password is no longer accepted. The slots are withheld until it is replaced."


def _ends(connection: ConnectionView, now: int) -> str:
    """When a link ends by itself, for as long as it works."""
    if connection.ends_at is None or connection.state == ConnectionState.NEEDS_SIGN_IN:
        return ""
    when = moment_words(connection.ends_at, connection.zone)
    if connection.ends_at <= now:
        return f"Its link was to end on {when}."
    return f"Its link ends by itself in {lasting(connection.ends_at - now)}, on {when}."


def _line(line: HealthLine, now: int, hard: float, simulated: Collection[str]) -> SyncLine:
    connection = line.connection
    word, tone = standing(connection, hard)
    if connection.state == ConnectionState.OK:
        word = "fresh" if connection.age is not None else "works"
    sentence, ends = _sentence(connection), _ends(connection, now)
    if tone == "ok" and connection.ends_at is not None and connection.ends_at - now < SOON:
        word, tone = "ends soon", "warn"
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
        simulated=connection.by_consent and connection.provider in simulated,
        ends=ends,
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
    """The open alerts, with what can be put back. What concerns a whole provider stands on top."""
    shown = [
        Notice(id=each.id, message=each.message, since=each.since, moved=each.moved or 0, provider=each.provider)
        for each in alerts
    ]
    return tuple(sorted(shown, key=lambda each: not each.provider))


def undecided(notices: Sequence[Notice]) -> str:
    """What the first sentence of the page adds when events were moved to times that are not free."""
    count = sum(each.moved > 0 for each in notices)
    if not count:
        return ""
    return " One appointment needs a decision." if count == 1 else f" {count} appointments need a decision."
