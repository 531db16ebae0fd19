"""What a read of a calendar means: (what we hold, our own events, the delta) -> what to do. Pure.

Nothing is removed because it was not mentioned. What a read no longer shows is a *suspect*; only a suspect that the
provider then confirms, asked for it by key, is dropped. Many suspects at once that it does not confirm stop the sync.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from booking_app.domain.conflicts import Shape
from booking_app.sync.model import Busy, Delta, OwnEvent, RemoteObject
from booking_app.sync.problems import Problem


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """What we hold of a remote object. `missing`: an earlier read did not show it, still unconfirmed."""

    etag: str
    uid: str
    missing: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Ours:
    """An event of our own that belongs to the person whose calendar is read.

    `times` are the (start, end) at which it may stand by our own doing (`own.standing_times`). `mirrored` says that
    this calendar is where it belongs; then `key` and `etag` are what we wrote or last saw. `pending`: a write of ours
    is on its way. `overtaken`: one was finished after the question was asked, so the answer may be older. `conflict`:
    its owner moved it where the appointment cannot follow. `live`: the appointment is confirmed."""

    appointment_id: int
    times: frozenset[tuple[int, int]]
    mirrored: bool
    key: str | None
    etag: str | None
    pending: bool
    live: bool
    overtaken: bool = False
    conflict: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Breaker:
    """When a disappearance is looked at more closely: more than `handful` events that lie ahead.

    Then it is believed only of those that the provider, asked for each, says are gone, and only while it shows another
    one that stayed, asked for in the same way. A server that lost its data or denies everything cannot do that."""

    handful: int = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Store:
    """Hold this version of an object, with exactly these blocks."""

    key: str
    etag: str
    uid: str
    busy: tuple[Busy, ...]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Drop:
    """The object is confirmed gone, or nothing of it lies in the window any more: forget it and its blocks."""

    key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Suspect:
    """The object was not shown but is not confirmed gone: keep it, ask again at the next read."""

    key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnSeen:
    """Our event stands at the provider in this version: an echo of our write or an edit that changes nothing for us."""

    appointment_id: int
    key: str
    etag: str
    event: OwnEvent


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnMoved:
    """The person moved our event. If the appointment cannot follow, the event blocks where it stands now."""

    appointment_id: int
    key: str
    etag: str
    event: OwnEvent


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnDeleted:
    """The person deleted or cancelled our event, and the provider confirmed it."""

    appointment_id: int
    uid: str
    key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What to do, in this order: first what happened to our own events, then what we hold.

    `spans` of a moved event decide after the fact whether its new time blocks: see `blocks_of`."""

    seen: tuple[OwnSeen, ...] = ()
    moved: tuple[OwnMoved, ...] = ()
    deleted: tuple[OwnDeleted, ...] = ()
    store: tuple[Store, ...] = ()
    drop: tuple[Drop, ...] = ()
    suspect: tuple[Suspect, ...] = ()
    cleared: frozenset[str] = frozenset()
    """Keys that were missing and are shown again."""
    overtaken: bool = False
    """The answer holds versions of our events that may be older than our last write: they are left alone, and have
    to be shown again by the next read."""


def suspects(known: Mapping[str, Held], ours: Mapping[str, Ours], delta: Delta) -> frozenset[str]:
    """The keys that need a second look: reported gone, absent from a full read, missing before, or our own event
    cancelled by its owner."""
    shown = {each.key for each in delta.objects} | delta.unchanged
    absent = set(known) - shown - delta.outside if delta.full else (delta.gone & set(known))
    before = {key for key, held in known.items() if held.missing} - shown - delta.outside
    cancelled = {
        each.key for each in delta.objects if each.own and each.own.cancelled and _here(ours, each.uid, each.key)
    }
    return frozenset((absent | before | cancelled) - (delta.gone - set(known)))


def weighty(
    known: Mapping[str, Held],
    ours: Mapping[str, Ours],
    keys: Iterable[str],
    *,
    coming: Collection[str],
    now: int,
) -> frozenset[str]:
    """Those of the keys whose going would free time that lies ahead, or cancel an appointment. `coming` are the keys
    that block time after the instant `now`. What we removed ourselves, or are about to, is no loss."""

    def weighs(key: str) -> bool:
        own = ours.get(known[key].uid) if key in known else None
        if own is None:
            return key in coming
        return own.live and own.mirrored and not own.pending and any(end > now for _, end in own.times)

    return frozenset(key for key in keys if weighs(key))


def events(known: Mapping[str, Held], keys: Iterable[str]) -> int:
    """How many events the keys stand for: where each occurrence of a series is an object, they are one all the same."""
    return len({(known[key].uid if key in known else "") or key for key in keys})


def stop_reason(lost: int, total: int, breaker: Breaker) -> str | None:
    """A sentence if so many events that lie ahead are lost that they have to be looked at more closely; what is said if
    that does not confirm it."""
    if lost <= breaker.handful:
        return None
    return f"{lost} of {total} events disappeared at once. The last good copy is kept until somebody confirms it."


def plan(
    known: Mapping[str, Held],
    ours: Mapping[str, Ours],
    delta: Delta,
    *,
    suspected: Collection[str],
    confirmed: Collection[str],
) -> Plan:
    """`known` by key, `ours` by uid. `confirmed` are those of `suspected` that the provider says do not exist."""
    seen: list[OwnSeen] = []
    moved: list[OwnMoved] = []
    deleted: list[OwnDeleted] = []
    store: list[Store] = []
    overtaken = False
    for item in delta.objects:
        own = ours.get(item.uid)
        if own is not None and own.overtaken and item.etag != own.etag and _here(ours, item.uid, item.key):
            overtaken = True
            continue
        mine = own is not None and item.own is not None
        if mine and own is not None and item.own is not None and _here(ours, item.uid, item.key) and not own.pending:
            event = item.own
            if event.cancelled:
                pass
            elif item.etag == own.etag or not own.live or (_by_us(own, event) and not own.conflict):
                seen.append(OwnSeen(appointment_id=own.appointment_id, key=item.key, etag=item.etag, event=event))
            else:
                moved.append(OwnMoved(appointment_id=own.appointment_id, key=item.key, etag=item.etag, event=event))
        if item.key in confirmed:
            continue
        store.append(
            Store(
                key=item.key,
                etag=item.etag,
                uid=item.uid,
                busy=blocks_of(item, own.times if own else frozenset()),
                problems=item.problems,
            )
        )
    drop = [Drop(key=key) for key in sorted({*confirmed, *(delta.outside & set(known))})]
    waiting = {key for key in suspected if key not in confirmed and key in known}
    for key in sorted(confirmed):
        uid = known[key].uid if key in known else next(item.uid for item in delta.objects if item.key == key)
        own = ours.get(uid)
        if own is None or not own.live or not _here(ours, uid, key):
            continue
        if own.pending or own.overtaken:
            drop.remove(Drop(key=key))
            waiting.add(key)
        else:
            deleted.append(OwnDeleted(appointment_id=own.appointment_id, uid=uid, key=key))
    shown = {item.key for item in delta.objects} | delta.unchanged
    return Plan(
        seen=tuple(seen),
        moved=tuple(moved),
        deleted=tuple(deleted),
        store=tuple(store),
        drop=tuple(drop),
        suspect=tuple(Suspect(key=key) for key in sorted(waiting)),
        cleared=frozenset(key for key, held in known.items() if held.missing and key in shown and key not in waiting),
        overtaken=overtaken,
    )


def blocks_of(item: RemoteObject, own_times: Collection[tuple[int, int]]) -> tuple[Busy, ...]:
    """What an object blocks: everything, except an own event where it stands by our own doing (the appointment
    occupies that time itself)."""
    if item.own is None or not own_times:
        return item.busy
    return tuple(each for each in item.busy if (each.start, each.end) not in own_times)


def _by_us(own: Ours, event: OwnEvent) -> bool:
    return event.shape is Shape.PLAIN and (event.start, event.end) in own.times


def _here(ours: Mapping[str, Ours], uid: str, key: str) -> bool:
    """Whether the object is the event that we wrote, not a copy of it."""
    own = ours.get(uid)
    return own is not None and own.mirrored and own.key in (None, key)
