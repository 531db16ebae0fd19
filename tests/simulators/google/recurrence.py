"""Times of events and the instances of series, in Google's JSON. Uses python-dateutil as an independent reader."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo, available_timezones

from dateutil.rrule import rrule, rruleset, rrulestr

from tests.simulators.google.errors import ApiError, Json, invalid, required

_OFFSET = re.compile(r"(Z|[+-]\d\d:\d\d)$", re.IGNORECASE)
_ZONES = available_timezones()
_LINE = re.compile(r"(RRULE|EXRULE|RDATE|EXDATE)((?:;[\w-]+=[^:;]+)*):(\S+)")
_FREQUENCIES = ("FREQ=DAILY", "FREQ=WEEKLY", "FREQ=MONTHLY", "FREQ=YEARLY", "FREQ=HOURLY")


def zone_of(name: object, what: str = "start") -> ZoneInfo:
    if not isinstance(name, str) or name not in _ZONES:
        raise invalid(f"Invalid time zone definition for {what} time.")
    return ZoneInfo(name)


def rfc3339(text: str, name: str) -> datetime:
    """A moment with its mandatory offset."""
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        raise ApiError(400, "badRequest", "Bad Request", location=name) from None
    if moment.tzinfo is None or "T" not in text.upper():
        raise ApiError(400, "badRequest", "Bad Request", location=name)
    return moment


@dataclass(frozen=True, kw_only=True)
class Moment:
    """One side of an event: a day, or an instant (UTC-aware) with the zone in which it recurs."""

    day: date | None
    at: datetime | None
    zone: str | None

    def instant(self, owner: ZoneInfo) -> datetime:
        """UTC; a day begins in the calendar's zone."""
        if self.at is not None:
            return self.at.astimezone(UTC)
        assert self.day is not None
        return datetime(self.day.year, self.day.month, self.day.day, tzinfo=owner).astimezone(UTC)

    def json(self, zone: ZoneInfo) -> Json:
        if self.day is not None:
            return {"date": self.day.isoformat()}
        assert self.at is not None
        text = self.at.astimezone(zone).isoformat(timespec="seconds").replace("+00:00", "Z")
        return {"dateTime": text, "timeZone": self.zone or zone.key}


def read_moment(value: object, what: str, owner: ZoneInfo) -> Moment:
    if not isinstance(value, dict) or not (value.get("date") or value.get("dateTime")):
        raise required(f"Missing {what} time.")
    if value.get("date") and value.get("dateTime"):
        raise invalid("Start and end times must either both be date or both be dateTime.")
    name = value.get("timeZone")
    zone = zone_of(name, what) if name else None
    if day := value.get("date"):
        try:
            return Moment(day=date.fromisoformat(day), at=None, zone=cast("str | None", name))
        except ValueError:
            raise invalid("Invalid value for: Invalid format", "start.date") from None
    text = str(value["dateTime"])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ApiError(400, "badRequest", "Bad Request") from None
    if moment.tzinfo is None:
        if zone is None:
            raise required(f"Missing time zone definition for {what} time.")
        moment = moment.replace(tzinfo=zone)
    return Moment(day=None, at=moment.astimezone(UTC), zone=zone.key if zone else None)


def check_times(event: Mapping[str, object], owner: ZoneInfo) -> None:
    """Raises ApiError for what Google does not accept as start, end and recurrence."""
    start, end = read_moment(event.get("start"), "start", owner), read_moment(event.get("end"), "end", owner)
    if (start.day is None) != (end.day is None):
        raise invalid("Start and end times must either both be date or both be dateTime.")
    if end.instant(owner) < start.instant(owner) or (start.day is not None and start.day == end.day):
        raise ApiError(400, "timeRangeEmpty", "The specified time range is empty.", domain="calendar")
    if lines := event.get("recurrence"):
        if start.at is not None and start.zone is None:
            raise required("Missing time zone definition for start time.")
        if not isinstance(lines, list) or not all(_LINE.fullmatch(str(line)) for line in lines):
            raise invalid("Invalid recurrence rule.")
        try:
            next(iter(_rule(event, owner)), None)
        except (ValueError, KeyError):
            raise invalid("Invalid recurrence rule.") from None


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One occurrence of a series: its original start and its times, UTC; `day` for all-day series."""

    start: Moment
    end: Moment

    @property
    def stamp(self) -> str:
        if self.start.day is not None:
            return self.start.day.strftime("%Y%m%d")
        assert self.start.at is not None
        return self.start.at.strftime("%Y%m%dT%H%M%SZ")


def _local(text: str, options: str, zone: ZoneInfo) -> datetime:
    """A date or time of RDATE, EXDATE or UNTIL as wall time in the zone of the series."""
    text = text.split("/")[0]
    if "T" not in text:
        day = date.fromisoformat(text)
        return datetime(day.year, day.month, day.day)
    moment = datetime.fromisoformat(text.rstrip("Z"))
    if text.endswith("Z"):
        return moment.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
    if named := re.search(r"TZID=([^;:]+)", options):
        return moment.replace(tzinfo=zone_of(named[1])).astimezone(zone).replace(tzinfo=None)
    return moment


def _rule(event: Mapping[str, object], owner: ZoneInfo) -> Iterator[datetime]:
    """Wall times of the occurrences, rising, in the zone of the series."""
    start = read_moment(event["start"], "start", owner)
    zone = ZoneInfo(start.zone) if start.zone else owner
    first = (
        datetime(start.day.year, start.day.month, start.day.day)
        if start.day is not None
        else cast("datetime", start.at).astimezone(zone).replace(tzinfo=None)
    )
    found = rruleset(cache=False)  # type: ignore[no-untyped-call]
    found.rdate(first)
    out_days: set[date] = set()
    for line in cast("list[str]", event["recurrence"]):
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(line)
        kind, options, text = match.groups()
        if kind in ("RRULE", "EXRULE"):
            if not any(part in text.split(";") for part in _FREQUENCIES):
                raise ValueError("frequency")
            (found.rrule if kind == "RRULE" else found.exrule)(_one(text, first, zone, days=start.day is not None))
            continue
        for item in text.split(","):
            if kind == "EXDATE" and "T" not in item and start.day is None:
                out_days.add(_local(item, options, zone).date())
            else:
                (found.rdate if kind == "RDATE" else found.exdate)(_local(item, options, zone))
    return (moment for moment in found if moment.date() not in out_days)


def _one(text: str, first: datetime, zone: ZoneInfo, *, days: bool) -> rrule:
    parts = []
    for part in text.split(";"):
        name, _, value = part.partition("=")
        if name == "UNTIL":
            until = _local(value, "", zone)
            if "T" not in value and not days:
                until += timedelta(hours=23, minutes=59, seconds=59)  # a day includes its end
            part = f"UNTIL={until:%Y%m%dT%H%M%S}"
        parts.append(part)
    rule = rrulestr(";".join(parts), dtstart=first)
    assert isinstance(rule, rrule)
    return rule


def expand(event: Mapping[str, object], owner: ZoneInfo, until: datetime) -> list[Instance]:
    """The occurrences of a series that start before `until`, without its exceptions."""
    start, end = read_moment(event["start"], "start", owner), read_moment(event["end"], "end", owner)
    zone = ZoneInfo(start.zone) if start.zone else owner
    length = end.instant(owner) - start.instant(owner)
    days = (end.day - start.day) if start.day is not None and end.day is not None else None
    found = []
    for wall in _rule(event, owner):
        if days is not None:
            begin = Moment(day=wall.date(), at=None, zone=None)
            finish = Moment(day=wall.date() + days, at=None, zone=None)
        else:
            moment = wall.replace(tzinfo=zone).astimezone(UTC)
            begin = Moment(day=None, at=moment, zone=start.zone)
            finish = Moment(day=None, at=moment + length, zone=end.zone or start.zone)
        if begin.instant(owner) >= until:
            break
        found.append(Instance(start=begin, end=finish))
    return found
