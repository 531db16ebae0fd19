"""Words and figures of the staff's and admins' screens. Pure; instants are epoch seconds UTC."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Literal

from booking_app.domain.appointment import ConnectionState
from booking_app.domain.zone_rules import zone_rules
from booking_app.services.letters.words import lasting
from booking_app.services.views_sync import ConnectionView

STATES = {
    ConnectionState.OK: ("works", "ok"),
    ConnectionState.SLOWED: ("slowed", "warn"),
    ConnectionState.NEEDS_SIGN_IN: ("needs sign-in", "bad"),
    ConnectionState.STOPPED: ("stopped", "bad"),
    ConnectionState.DISCONNECTED: ("disconnected", ""),
}
"""State -> (word, tone). The words are the same on every screen."""

WORST_FIRST = (
    ConnectionState.NEEDS_SIGN_IN,
    ConnectionState.STOPPED,
    ConnectionState.SLOWED,
    ConnectionState.OK,
    ConnectionState.DISCONNECTED,
)


UNREADABLE = ("cannot be read", "bad")
ENDS_SOON = ("ends soon", "warn")
UNCHOSEN = ("choose calendars", "warn")


def state_word(state: str) -> tuple[str, str]:
    """The word and the tone of a connection's state."""
    return STATES[ConnectionState(state)]


def standing(view: ConnectionView, hard: float, *, refused: bool = False) -> tuple[str, str]:
    """The word and the tone of a connection: one whose times are withheld, or with data older than `hard` seconds,
    cannot be read, whatever is still being tried. `refused`: its provider accepts nothing from this installation, so
    that trying does not help."""
    blocks = any(each.blocks for each in view.calendars)
    old = blocks and (view.withheld or view.age is None or view.age > hard)
    if view.state == ConnectionState.SLOWED and (refused or old):
        return UNREADABLE
    if view.state == ConnectionState.OK and view.withheld:
        return UNREADABLE
    return state_word(view.state)


PROVIDERS = {
    "google": "Google Calendar",
    "microsoft": "Outlook",
    "icloud": "iCloud",
    "fastmail": "Fastmail",
    "nextcloud": "Nextcloud",
}


def provider_word(preset: str) -> str:
    """What a kind of account is called where there is little room."""
    return PROVIDERS.get(preset, "CalDAV")


def initials(name: str) -> str:
    """Up to two letters that stand for a person."""
    words = [word for word in name.split() if word[0].isalpha()]
    if not words:
        return name[:2].upper()
    if len(words) == 1:
        return words[0][:2].upper()
    return (words[0][0] + words[-1][0]).upper()


def figure(seconds: float | None) -> str:
    """A measured delay with one decimal below ten seconds; a dash without a sample."""
    if seconds is None:
        return "–"
    return f"{seconds:.1f} s" if seconds < 10 else lasting(seconds)


def clock_time(instant: int, zone: str) -> str:
    """The wall time, `09:30`."""
    return f"{datetime.fromtimestamp(instant, zone_rules(zone)):%H:%M}"


def long_day(day: date) -> str:
    """`Thursday 10 December`."""
    return f"{day:%A} {day.day} {day:%B}"


def week_words(first: date, last: date) -> str:
    """`7 – 13 December`, `28 November – 4 December`."""
    if first.month == last.month:
        return f"{first.day} – {last.day} {last:%B}"
    return f"{first.day} {first:%B} – {last.day} {last:%B}"


def moment_words(instant: int, zone: str) -> str:
    """`10 December, 14:12`."""
    local = datetime.fromtimestamp(instant, zone_rules(zone))
    return f"{local.day} {local:%B}, {local:%H:%M}"


def zone_words(zone: str) -> str:
    """The city of an IANA zone: `Amsterdam`."""
    return zone.rpartition("/")[2].replace("_", " ")


def epoch(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp())


def today_in(zone: str, now: datetime) -> date:
    return now.astimezone(zone_rules(zone)).date()


def sync_sentence(standings: Sequence[tuple[str, str]]) -> str:
    """How the accounts stand, by the word and tone of each, as the first sentence of the sync page."""
    count = len(standings)
    if not count:
        return "No calendar is connected yet."
    ending = standings.count(ENDS_SOON)
    fine = sum(tone == "ok" for _, tone in standings) + ending
    if fine == count:
        sentence = "The one calendar account works." if count == 1 else f"All {count} calendar accounts work."
    else:
        sentence = f"{fine} of {count} calendar accounts work."
    unreadable, unchosen = standings.count(UNREADABLE), standings.count(UNCHOSEN)
    needy = sum(tone == "bad" for _, tone in standings) - unreadable
    slowed = sum(tone == "warn" for _, tone in standings) - ending - unchosen
    for number, one, many in (
        (needy, "needs its owner", "need their owners"),
        (unreadable, "cannot be read", "cannot be read"),
        (slowed, "is slowed", "are slowed"),
        (ending, "ends soon", "end soon"),
        (unchosen, "waits until its calendars are chosen", "wait until their calendars are chosen"),
    ):
        if number:
            sentence += f" One {one}." if number == 1 else f" {number} {many}."
    return sentence


def disconnected(
    wanted: Literal["keep", "remove"], outcome: Literal["kept", "removed"], *, by_consent: bool = False
) -> str:
    """What became of the coming events in an account that was disconnected."""
    if outcome == "removed":
        return "Disconnected. Coming appointments are being removed from it."
    if wanted == "remove" and by_consent:
        return "Disconnected. It does not let us in, so the coming appointments could not be removed from it."
    if wanted == "remove":
        return "Disconnected. Its password is not accepted, so the coming appointments could not be removed from it."
    return "Disconnected. Coming appointments are left in it."
