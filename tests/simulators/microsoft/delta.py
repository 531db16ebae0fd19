"""calendarView/delta. Source: "event: delta" and "Get incremental changes to events in a calendar view".

A round is worked out against what its link knows: which occurrences it has shown, and in which version.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tests.simulators.microsoft import views
from tests.simulators.microsoft.errors import GraphError, Json, bad_query, stale
from tests.simulators.microsoft.mailbox import Calendar, Instance, Ref, Span

if TYPE_CHECKING:
    from tests.simulators.microsoft.call import Call
    from tests.simulators.microsoft.world import MicrosoftWorld

_REFUSED = ("$select", "$expand", "$filter", "$orderby", "$search", "$top", "$skip", "$count")
_SIZE = 10
_MOST = 1000
_SNAPSHOTS_KEPT = 4


@dataclass(kw_only=True, repr=False)
class Round:
    """What a link stands for. `known` are the versions that its holder has when the round is over; `pending` what the
    round still has to show. `path` is that of the request which began it."""

    email: str
    calendar: Calendar
    path: str
    span: Span
    known: Mapping[Ref, int]
    seq: int
    pending: tuple[tuple[Ref, bool], ...] = ()
    skip: bool = False
    expired: bool = False
    stale: frozenset[Ref] = field(default_factory=frozenset)


def answer(call: Call, calendar: Calendar, path: str) -> Json:
    """One page of a round. `path` is relative to the API. Raises GraphError 400, 410."""
    world, query = call.world, call.query
    for name in _REFUSED:
        if name in query:
            raise bad_query(f"The query parameter '{name}' is not supported for change tracking.")
    tokens = [name for name in ("$deltatoken", "$skiptoken") if name in query]
    if not tokens:
        call.only("startDateTime", "endDateTime")
        return _page(call, _first(world, call, calendar, path))
    call.only(tokens[0])
    held = world.cursors.get(query[tokens[0]])
    if held is None or held.skip != (tokens[0] == "$skiptoken") or held.email != call.user.email:
        raise GraphError(400, "SyncStateInvalid", "The sync state is invalid.")
    if held.path != path:
        raise bad_query("The token belongs to another resource.")
    if held.expired:
        bounds = (moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in held.span)
        restart = urlencode(dict(zip(("startDateTime", "endDateTime"), bounds, strict=True)))
        raise stale(f"{world.base}/{path}?{restart}")
    return _page(call, held if held.skip else _next(world, held))


def _first(world: MicrosoftWorld, call: Call, calendar: Calendar, path: str) -> Round:
    span = call.span()
    known = _snapshot(world, calendar, span)
    pending = tuple((ref, True) for ref in known)
    made = Round(email=call.user.email, calendar=calendar, path=path, span=span, known=known, seq=calendar.seq)
    return _begin(world, made, pending)


def _next(world: MicrosoftWorld, held: Round) -> Round:
    calendar = held.calendar
    lagging = calendar.changed_at is not None and ((world.now() - calendar.changed_at).total_seconds() < world.lag)
    if world.resend > 0:
        world.resend -= 1
        again = tuple((ref, True) for ref in _snapshot(world, calendar, held.span))
    elif lagging or calendar.seq == held.seq:
        return _begin(world, held, ())
    else:
        again = ()
    known = _snapshot(world, calendar, held.span)
    shown = again or tuple((ref, True) for ref, version in known.items() if held.known.get(ref) != version)
    gone = tuple((ref, False) for ref in held.known if ref not in known)
    outside = []
    for seq, ref in reversed(calendar.log):
        if seq <= held.seq:
            break
        if ref not in known and ref not in held.known:
            outside.append((ref, False))
    return _begin(world, replace(held, known=known, seq=calendar.seq), shown + gone + tuple(dict.fromkeys(outside)))


def _begin(world: MicrosoftWorld, made: Round, pending: tuple[tuple[Ref, bool], ...]) -> Round:
    doubled = frozenset(ref for ref, _ in pending) if world.replay else frozenset()
    return replace(made, pending=pending + (pending if doubled else ()), stale=doubled)


def _page(call: Call, made: Round) -> Json:
    world, how = call.world, call.prefs
    size = min(how.page or _SIZE, world.page_cap or _MOST)
    if world.delta_empty and not made.skip and made.pending:
        size = 0
    now, later = made.pending[:size], made.pending[size:]
    shown: list[Json] = []
    for place, (ref, stands) in enumerate(now):
        item = _entry(call, made.calendar, ref, how, stands=stands)
        if ref in made.stale and (ref, stands) in now[place + 1 :] + later and "end" in item:
            item |= {"start": item["end"], "@odata.etag": 'W/"old"'}
        shown.append(item)
    token = secrets.token_urlsafe(60)
    following = replace(made, pending=later, skip=bool(later), stale=made.stale if later else frozenset())
    world.remember(token, following)
    name, kind = ("@odata.nextLink", "$skiptoken") if later else ("@odata.deltaLink", "$deltatoken")
    link = f"{world.base}/{made.path}?{urlencode({kind: token}, safe='$')}"
    return {"@odata.context": f"{world.url}/v1.0/$metadata#Collection(event)", "value": shown, name: link}


def _entry(call: Call, calendar: Calendar, ref: Ref, how: views.Prefs, *, stands: bool) -> Json:
    found = _instance(calendar, ref) if stands else None
    if found is None:
        identity = calendar.mailbox.name_in(calendar, ref, immutable=how.immutable)
        return {"@odata.type": "#microsoft.graph.event", "id": identity, "@removed": {"reason": "deleted"}}
    if found.kind == "occurrence":
        return views.stub(found, how)
    return {"@odata.type": "#microsoft.graph.event"} | views.event(call.user, found, how, basic=call.basic)


def _instance(calendar: Calendar, ref: Ref) -> Instance | None:
    item = calendar.items.get(ref.key)
    if item is None or (ref.day and (ref.day in item.cancelled or not item.names_day(ref.day))):
        return None
    return item.instance(ref.day)


def _snapshot(world: MicrosoftWorld, calendar: Calendar, span: Span) -> dict[Ref, int]:
    """What stands in the window, and in which version; the same object while nothing changes."""
    key = (span, world.days_in_utc, world.delta_masters)
    held = calendar.shows.get(key)
    if held is not None and held[0] == calendar.seq:
        return held[1]
    found: dict[Ref, int] = {}
    for each in calendar.view(span, days_in_utc=world.days_in_utc):
        if each.day and world.delta_masters:
            found[Ref(key=each.item.key)] = each.item.version
        found[each.ref] = each.version
    calendar.shows[key] = (calendar.seq, found)
    while len(calendar.shows) > _SNAPSHOTS_KEPT:
        del calendar.shows[next(iter(calendar.shows))]
    return found
