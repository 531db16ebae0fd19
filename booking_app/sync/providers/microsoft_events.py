"""Events as Graph shows them, turned into what blocks. Pure (Graph v1.0, resource type `event`).

A view holds every occurrence by itself. Those of one series are one object here; its version is a digest over all of
them, with the end of the last one in front, so that an object which merely lies behind us is told from a deleted one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from booking_app.domain.conflicts import Shape
from booking_app.sync import zones
from booking_app.sync.ical_write import OWN_UID_SUFFIX
from booking_app.sync.model import Busy, BusyKind, OwnEvent, RemoteObject
from booking_app.sync.problems import Code, Problem

MARK = "String {5d1c3b4e-6f0a-4f5b-9a53-3a8f6a2f6c11} Name bookingUid"
"""The extended property that holds our uid. Never change it: events of earlier versions carry it."""
EXPAND_MARK = f"singleValueExtendedProperties($filter=id eq '{MARK}')"
SELECT = "id,seriesMasterId,type,start,end,showAs,isAllDay,isCancelled,responseStatus,iCalUId"
"""What is asked of other people's business: nothing that says what it is about."""

RULES = 1
"""Which edition of the rules below events are read by. Raise it with every change of what blocks."""
_FREE = frozenset({"free", "workingelsewhere"})
"""`workingElsewhere` is free time at another place, as in Microsoft's own schedule view."""
_NOT_COMING = "declined"
_UNSURE = frozenset({"tentativelyaccepted", "notresponded"})

Item = Mapping[str, Any]


_DAY = 86_400


@dataclass(frozen=True, kw_only=True, slots=True)
class Instance:
    """One event of a view. `busy` is None if it takes no time; `own` is our uid if it is ours."""

    key: str
    identifier: str
    uid: str
    start: int
    end: int
    busy: Busy | None
    cancelled: bool
    etag: str
    own: str = ""
    problem: Code | None = None
    shape: Shape = Shape.PLAIN

    @property
    def print(self) -> str:
        """What its version is made of."""
        kind = self.busy.kind.value if self.busy else "free"
        return f"{self.identifier} {self.start} {self.end} {kind} {self.cancelled} {self.own}"


def instance(item: Item, zone: str, window: tuple[int, int]) -> Instance:
    """Read one event; `zone` places whole days. What cannot be understood blocks: the `window`, or with a margin."""
    identifier, master = _text(item, "id"), _text(item, "seriesMasterId")
    problem = None
    times = _times(item, zone)
    if times is None:
        start, end, uncertain, problem = *window, True, Code.START
    else:
        start, end, uncertain = times
        problem = Code.ZONE if uncertain else None
        if end < start:
            end, uncertain, problem = start + _DAY, True, Code.END_BEFORE_START
    response = item.get("responseStatus")
    answer = _text(response, "response").lower() if isinstance(response, Mapping) else ""
    shown, cancelled = _text(item, "showAs").lower(), item.get("isCancelled") is True
    takes_time = end > start and not cancelled and shown not in _FREE and answer != _NOT_COMING
    if uncertain:
        kind = BusyKind.UNCERTAIN
    elif shown == "tentative" or answer in _UNSURE:
        kind = BusyKind.TENTATIVE
    else:
        kind = BusyKind.ALL_DAY if item.get("isAllDay") is True else BusyKind.BUSY
    own = mark_of(item)
    return Instance(
        key=master or identifier,
        identifier=identifier,
        uid=own or _text(item, "iCalUId") or identifier,
        start=start,
        end=end,
        busy=Busy(start=start, end=end, kind=kind) if takes_time else None,
        cancelled=cancelled,
        etag=_text(item, "@odata.etag"),
        own=own,
        problem=problem,
        shape=Shape.UNCLEAR if uncertain else Shape.ALL_DAY if item.get("isAllDay") is True else Shape.PLAIN,
    )


def objects(instances: Iterable[Instance], window: tuple[int, int]) -> list[RemoteObject]:
    """The objects that instances belong to, each once, with the blocks that reach into the half-open `window`; of an
    instance that came twice the later one counts."""
    grouped: dict[str, dict[str, Instance]] = {}
    for each in instances:
        grouped.setdefault(each.key, {})[each.identifier] = each
    return [_object(key, list(members.values()), window) for key, members in grouped.items()]


def version(end: int, etag: str) -> str:
    """The etag under which an object is held: when it ends (an instant), and its version."""
    return f"{end};{etag}"


def ends_of(held: str) -> int | None:
    """The end in a held etag; None if it has none."""
    end, parted, _ = held.partition(";")
    return int(end) if parted and end.lstrip("-").isdecimal() else None


def etag_of(held: str) -> str:
    """The provider's own version in a held etag of an event of ours."""
    return held.partition(";")[2]


def is_free(item: Item) -> bool:
    """Whether the event is shown as taking no time."""
    return _text(item, "showAs").lower() in _FREE


def mark_of(item: Item) -> str:
    """Our uid, if the event carries it; empty otherwise."""
    properties = item.get("singleValueExtendedProperties")
    for each in properties if isinstance(properties, list) else ():
        value = each.get("value") if isinstance(each, Mapping) else None
        named = isinstance(each, Mapping) and _text(each, "id").lower() == MARK.lower()
        if named and isinstance(value, str) and value.endswith(OWN_UID_SUFFIX):
            return value
    return ""


def _object(key: str, members: list[Instance], window: tuple[int, int]) -> RemoteObject:
    members.sort(key=lambda each: (each.start, each.identifier))
    first, end = members[0], max(each.end for each in members)
    mine = first if len(members) == 1 and first.own and first.identifier == key else None
    digest = hashlib.sha256("\n".join(each.print for each in members).encode()).hexdigest()[:32]
    blocks = [each.busy for each in members if each.busy and each.start < window[1] and window[0] < each.end]
    return RemoteObject(
        key=key,
        etag=version(end, mine.etag if mine else digest),
        uid=first.uid,
        busy=tuple(sorted(blocks, key=lambda busy: (busy.start, busy.end))),
        own=_own(mine, digest) if mine else None,
        problems=tuple(dict.fromkeys(Problem(each.problem, each.start) for each in members if each.problem)),
    )


def _own(mine: Instance, digest: str) -> OwnEvent:
    return OwnEvent(
        uid=mine.own,
        start=mine.start,
        end=mine.end,
        cancelled=mine.cancelled,
        sequence=0,
        fields=digest,
        shape=mine.shape,
    )


def _times(item: Item, zone: str) -> tuple[int, int, bool] | None:
    """(start, end, whether the zone is a guess) as instants; None if they cannot be read."""
    start, end = item.get("start"), item.get("end")
    if not isinstance(start, Mapping) or not isinstance(end, Mapping):
        return None
    try:
        first, last = (datetime.fromisoformat(_text(each, "dateTime")) for each in (start, end))
    except ValueError:
        return None
    if item.get("isAllDay") is True:
        # A whole day floats: its date counts, whatever zone the midnight is written in.
        owner = zones.owner_zone(zone)
        return _midnight(first, owner), _midnight(last, owner), False
    begins, ends = _instant(first, _text(start, "timeZone")), _instant(last, _text(end, "timeZone"))
    if begins is None or ends is None:
        low, high = (int(each.replace(tzinfo=UTC).timestamp()) for each in (first, last))
        return low - zones.UNKNOWN_MARGIN, high + zones.UNKNOWN_MARGIN, True
    return begins, ends, False


def _midnight(moment: datetime, owner: tzinfo) -> int:
    return zones.instant_of(moment.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None), owner)


def _instant(moment: datetime, name: str) -> int | None:
    if moment.tzinfo is not None:
        return int(moment.timestamp())
    zone = zones.named(name.removeprefix("tzone://Microsoft/")) if name else UTC
    return None if zone is None else zones.instant_of(moment, zone)


def _text(item: Mapping[str, Any], name: str) -> str:
    value = item.get(name)
    return value if isinstance(value, str) else ""
