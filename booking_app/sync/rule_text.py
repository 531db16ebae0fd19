"""The text of a recurrence rule (RFC 5545 section 3.3.10, RFC 7529) to what is computed with.

One part that cannot be read does not take the others along: in its place stands whatever it could mean, so that the
rule gives more, never less, and `unread` says so.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

MAX_CHARS = 20_000
"""A longer rule is not read."""
_CACHED_CHARS = 500
UNITS = {"SECONDLY": 1, "MINUTELY": 60, "HOURLY": 3600}
"""The frequencies below a day, in seconds."""
_RARELY = {"YEARLY": 8 * 366, "MONTHLY": 4 * 31, "WEEKLY": 7, "DAILY": 7, "HOURLY": 7, "MINUTELY": 7, "SECONDLY": 7}
"""The days in which such a rule has an occurrence at least: those of 29 February, and of the fifth Monday."""
_LIMITED = {"BYMONTHDAY": 2 * 31, "BYMONTH": 366, "BYSETPOS": 366, "BYYEARDAY": 8 * 366, "BYWEEKNO": 8 * 366}
"""The same for a rule that such a part restricts."""
_WEEKDAYS = {"MO": 0, "TU": 1, "WE": 2, "TH": 3, "FR": 4, "SA": 5, "SU": 6}
_BYDAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)$")
_BY_NAME = re.compile(r"(?<![A-Z-])BY[A-Z]+")
_NUMBER = re.compile(r"[+-]?\d{1,9}$")
_LONG_NUMBER = re.compile(r"[+-]?\d{1,18}$")
_DATE = re.compile(r"\d{8}(T\d{4}(\d{2})?Z?)?$")
_PREFIX = re.compile(r"(?:^|(?<=;))\s*(?:RRULE\s*[:;]\s*)+")
"""The name of the property where its value should begin, or before a part where a server has sorted them."""
_RANGES = {
    "BYMONTH": (1, 12, False),
    "BYMONTHDAY": (1, 31, True),
    "BYYEARDAY": (1, 366, True),
    "BYWEEKNO": (1, 53, True),
    "BYSETPOS": (1, 366, True),
    "BYHOUR": (0, 23, False),
    "BYMINUTE": (0, 59, False),
    "BYSECOND": (0, 60, False),
}
_RESTRICTING = frozenset({"BYDAY", *_RANGES})
_SETS = frozenset({"BYDAY", "BYMONTHDAY", "BYYEARDAY"})
_WITHIN_DAY = frozenset({"BYHOUR", "BYMINUTE", "BYSECOND"})
_OUR_CALENDAR = frozenset({"GREGORIAN", "GREGORY", "ISO8601"})
_KNOWN = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "RSCALE", "SKIP", "BYDAY", *_RANGES, "TZID"})
"""Some write TZID into a rule although it belongs to DTSTART, which has it, too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """A rule that is computed. `until` is the raw text: its meaning depends on DTSTART. `lasts` are the days from
    DTSTART after which it is over, where only that is known. Empty collections mean "not given". `skip` is what takes
    the place of a day that a month does not have (RFC 7529 section 4.1)."""

    freq: str
    interval: int = 1
    count: int | None = None
    until: str | None = None
    lasts: int | None = None
    skip: str = "OMIT"
    wkst: int = 0
    byday: frozenset[tuple[int, int]] = frozenset()
    bymonth: tuple[int, ...] = ()
    bymonthday: frozenset[int] = frozenset()
    byyearday: frozenset[int] = frozenset()
    byweekno: tuple[int, ...] = ()
    bysetpos: tuple[int, ...] = ()
    byhour: tuple[int, ...] = ()
    byminute: tuple[int, ...] = ()
    bysecond: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleText:
    """A rule that was read: usually one, several where it says two things at once, of which each may be meant.
    `unread` are the names of parts that could not be read; `any_time` if one of them decides the time of day."""

    rules: tuple[Rule, ...]
    unread: tuple[str, ...] = ()
    any_time: bool = False


def read_rule(text: str) -> RuleText:
    """Read an RRULE value of at most `MAX_CHARS` characters. Never raises."""
    return _cached(text) if len(text) <= _CACHED_CHARS else _read(text)


def _read(text: str) -> RuleText:
    unread: dict[str, None] = {}
    parts = _parts(text, unread)
    freqs = tuple(each for each in parts.get("FREQ", ()) if each in _RARELY)
    if len(freqs) != 1 or len(parts["FREQ"]) != 1:
        unread["FREQ"] = None
    lists, widened = _lists(parts, unread)
    hidden = _hidden(text, unread)
    ours = _our_calendar(parts.get("RSCALE", []), freqs, lists)
    if not ours:
        unread["RSCALE"] = None
    interval, count = _interval(parts.get("INTERVAL", []), unread), _count(parts.get("COUNT", []), unread)
    guessed = bool(widened) or interval is None or not ours or not freqs or bool(hidden)
    rarely = max(
        [366 if not freqs else max(_RARELY[each] for each in freqs), *(_LIMITED.get(each, 0) for each in parts)]
    )
    lasts = (count + 1) * (interval or 4) * rarely if guessed and count else None
    if hidden:
        # Restricted in a way that is not known: every day may be one.
        freqs, interval, lists = ("DAILY",), 1, {}
    if guessed:
        lists.pop("bysetpos", None)
    rules = tuple(
        Rule(
            freq=freq if ours else "DAILY",
            interval=interval or 1 if ours and freqs else 1,
            count=None if guessed else count,
            lasts=lasts,
            until=_until(parts.get("UNTIL", []), unread),
            skip=_one("SKIP", parts, ("OMIT", "BACKWARD", "FORWARD"), unread),
            wkst=_WEEKDAYS[_one("WKST", parts, tuple(_WEEKDAYS), unread)],
            **(_of_frequency(freq, lists) if ours else {}),
        )
        for freq in freqs or ("DAILY",)
    )
    unread.update(dict.fromkeys(name[:20] for name in parts if name not in _KNOWN and not name.startswith("X-")))
    return RuleText(rules=rules, unread=tuple(unread), any_time=not _WITHIN_DAY.isdisjoint(widened | hidden))


_cached = lru_cache(maxsize=4096)(_read)


def _parts(text: str, unread: dict[str, None]) -> dict[str, list[str]]:
    """The values of each part, each once; an empty one counts as not given."""
    parts: dict[str, list[str]] = {}
    for piece in _pieces(text):
        name, equals, value = (each.strip() for each in piece.partition("="))
        if not name and not equals:
            continue
        if not equals or not value:
            unread[name[:20]] = None
        elif value not in parts.setdefault(name, []):
            parts[name].append(value)
    return parts


def _lists(parts: dict[str, list[str]], unread: dict[str, None]) -> tuple[dict[str, Any], set[str]]:
    """The BY parts, and the names of those that stand for any value because one of theirs cannot be read."""
    found: dict[str, Any] = {}
    widened: set[str] = set()
    for name in parts.keys() & {"BYDAY", *_RANGES}:
        items = [item.strip() for value in parts[name] for item in value.split(",")]
        values: set[Any]
        plain: set[Any]
        if name == "BYDAY":
            values, plain = _weekdays(items, unread), {(0, weekday) for weekday in range(7)}
        else:
            low, high, negative = _RANGES[name]
            values = {_number(item, low, high, negative=negative) for item in items}
            plain = set() if name == "BYSETPOS" else set(range(low, high + 1))
        if None in values:
            values = plain
            widened.add(name)
        if name in widened or len(parts[name]) > 1:
            unread[name] = None
        found[name.lower()] = frozenset(values) if name in _SETS else tuple(sorted(values))
    return found, widened - {"BYSETPOS"}


def _hidden(text: str, unread: dict[str, None]) -> set[str]:
    """The names of restricting parts that stand where none can be read: misspelled, without their =, or behind a comma
    of another part."""
    found: set[str] = set()
    for piece in _pieces(text):
        if piece.partition("=")[0].strip() in _RESTRICTING:
            continue
        for name in _BY_NAME.findall(piece):
            unread[name[:20]] = None
            found.update(each for each in _RESTRICTING if name.startswith(each))
    return found


def _pieces(text: str) -> list[str]:
    """What stands between semicolons. Some escape what separates parts."""
    return _PREFIX.sub("", text.upper().replace("\\", "").strip()).split(";")


def _weekdays(items: list[str], unread: dict[str, None]) -> set[Any]:
    """(number, weekday), the number 0 for every one in the period; None for what cannot be read."""
    found = set()
    for item in items:
        match = _BYDAY.match(item)
        found.add(None if match is None else (int(match[1] or 0), _WEEKDAYS[match[2]]))
        if match is not None and match[1] and int(match[1]) == 0:
            unread["BYDAY"] = None
    return found


def _our_calendar(scales: list[str], freqs: tuple[str, ...], lists: dict[str, Any]) -> bool:
    """Whether months and years, if the rule knows any, are those of the Gregorian calendar (RFC 7529 section 4.1)."""
    if all(each in _OUR_CALENDAR for each in scales):
        return True
    return bool(freqs) and {"YEARLY", "MONTHLY"}.isdisjoint(freqs) and not lists.keys() - {"byday", "bysetpos"}


def _of_frequency(freq: str, lists: dict[str, Any]) -> dict[str, Any]:
    """A number before a weekday has a meaning within months and years only."""
    if freq in ("YEARLY", "MONTHLY") or "byday" not in lists:
        return lists
    return {**lists, "byday": frozenset((0, weekday) for _, weekday in lists["byday"])}


def _number(text: str, low: int, high: int, *, negative: bool) -> int | None:
    if not _NUMBER.match(text):
        return None
    value = int(text)
    return value if low <= (abs(value) if negative else value) <= high else None


def _interval(texts: list[str], unread: dict[str, None]) -> int | None:
    """INTERVAL, 1 if it is 0 or less, as everybody reads it; of two their divisor, which gives what either gives. None
    if there is no telling."""
    if not texts:
        return 1
    numbers = [int(text) for text in texts if _NUMBER.match(text)]
    if len(texts) > 1 or len(numbers) < len(texts) or min(numbers) < 1:
        unread["INTERVAL"] = None
    return None if len(numbers) < len(texts) else math.gcd(*(max(1, number) for number in numbers))


def _count(texts: list[str], unread: dict[str, None]) -> int | None:
    """COUNT; none if it is 0 or less, as everybody reads it, and the highest of two."""
    numbers = [int(text) if _LONG_NUMBER.match(text) else 0 for text in texts]
    if len(texts) > 1 or any(number < 1 for number in numbers):
        unread["COUNT"] = None
    return max(numbers) if numbers and min(numbers) > 0 else None


def _until(texts: list[str], unread: dict[str, None]) -> str | None:
    """UNTIL, the later of two, without the separators of ISO 8601; none if there is no telling."""
    plain = [text.replace("-", "").replace(":", "") for text in texts]
    dates = [text for text in plain if _DATE.match(text)]
    if len(texts) > 1 or len(dates) < len(texts):
        unread["UNTIL"] = None
    return max(dates, default=None) if len(dates) == len(texts) else None


def _one(name: str, parts: dict[str, list[str]], known: tuple[str, ...], unread: dict[str, None]) -> str:
    given = parts.get(name, [])
    if len(given) > 1 or any(each not in known for each in given):
        unread[name] = None
    return next((each for each in given if each in known), known[0])
