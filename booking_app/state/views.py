"""What a visitor's browser is sent, and nothing else. Instants are epoch seconds UTC; texts are ready to be read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Person:
    slug: str = ""
    name: str = ""
    initials: str = ""
    colour: str = "indigo"


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A service as its page and its card show it. `choosable`: the visitor may ask for one of `people`; `together`:
    all of them come."""

    slug: str = ""
    name: str = ""
    description: str = ""
    location: str = ""
    duration: str = ""
    people: tuple[Person, ...] = ()
    with_words: str = ""
    choosable: bool = False
    together: bool = False
    next_free: str = ""
    trouble: bool = False


@dataclass(frozen=True, kw_only=True)
class DayCell:
    """A day of the month picker. `label` names it for a screen reader; `kind` is its class. What is free on it is told
    apart from it, because that is what changes while one looks."""

    date: str = ""
    number: int = 1
    label: str = ""
    kind: str = ""


@dataclass(frozen=True, kw_only=True)
class MonthView:
    """`lead` is how many weekdays stand before the first, a week starting on Monday."""

    key: str = ""
    title: str = ""
    lead: int = 0
    days: tuple[DayCell, ...] = ()
    before: bool = False
    after: bool = False


@dataclass(frozen=True, kw_only=True)
class SlotButton:
    """`time` is what it shows; `gone`: it was there a moment ago."""

    start: int = 0
    time: str = ""
    gone: bool = False


@dataclass(frozen=True, kw_only=True)
class SlotGroup:
    name: str = ""
    slots: tuple[SlotButton, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DayView:
    """The slots of one local day; `label` names it for a screen reader, `notice` says what changed while one looked,
    `nothing` why there are none."""

    date: str = ""
    heading: str = ""
    label: str = ""
    groups: tuple[SlotGroup, ...] = ()
    notice: str = ""
    nothing: str = ""


@dataclass(frozen=True, kw_only=True)
class Freshness:
    """How old the calendars behind the slots are. `checked` is the instant as of which they are known to be right, and
    `live_until` the last one at which that may be called live; both 0 where no age is said. `tone` is ok, warn or bad;
    `withheld` are sentences about people not shown."""

    tone: str = "ok"
    words: str = ""
    checked: int = 0
    live_until: int = 0
    withheld: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TimeButton:
    """A time that can be taken instead, or next. `words` name the day; `who` may be empty."""

    start: int = 0
    words: str = ""
    who: str = ""
    label: str = ""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why not, what to do next, and what could be taken instead."""

    title: str = ""
    advice: str = ""
    instead: tuple[TimeButton, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Appointment:
    """A time that is chosen, kept or booked, in words."""

    service: str = ""
    day: str = ""
    times: str = ""
    zone: str = ""
    people: str = ""
    location: str = ""
    preparation: str = ""


@dataclass(frozen=True, kw_only=True)
class Links:
    """The private addresses of one's own booking: shown to the customer who made it, in their own tab only. `fixed`: it
    is too late already to change it there."""

    manage: str = ""
    calendar: str = ""
    fixed: bool = False


@dataclass(frozen=True, kw_only=True)
class FormErrors:
    """What is wrong with each field; empty where nothing is. `form`: with none of them in particular."""

    name: str = ""
    email: str = ""
    phone: str = ""
    notes: str = ""
    form: str = ""


@dataclass(frozen=True, kw_only=True)
class Managed:
    """One's own booking. `state` is `confirmed` or `cancelled`, `state_words` says it with who did it;
    `why_not` says why it cannot be changed, empty if it can; `until` until when it can be."""

    when: Appointment = Appointment()
    customer: str = ""
    state: str = ""
    state_words: str = ""
    why_not: str = ""
    until: str = ""
    slug: str = ""
