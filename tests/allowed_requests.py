"""What may be asked of Google and Microsoft: all that is known to need no content of anybody's events.

A request that no rule knows is one too many, whatever it is for."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from tests.simulators.google.discovery import Tree, parse_fields
from tests.simulators.panel import Seen


@dataclass(frozen=True, kw_only=True)
class Rule:
    """`path` is a pattern with, perhaps, an `event`. `query` and `body` are the names that may be given. `fields` are
    those of the answer that may be asked for, and some must be; None: the provider cannot be told. `ours`: of events of
    our own alone."""

    method: str
    path: str
    query: frozenset[str] = frozenset()
    body: frozenset[str] = frozenset()
    fields: frozenset[str] | None = None
    ours: bool = False

    def allows(self, seen: Seen, ours: Collection[str]) -> bool:
        found = re.fullmatch(self.path, seen.path)
        if found is None or seen.method != self.method or (self.ours and found["event"] not in ours):
            return False
        query = dict(seen.query)
        asked = frozenset(_asked(query))
        chosen = not asked if self.fields is None else bool(asked) and asked <= self.fields
        named = query.keys() - {"fields", "$select", "prettyPrint"}
        return chosen and named <= self.query and _named_in(seen.body) <= self.body


def not_allowed(rules: Iterable[Rule], requests: Iterable[Seen], ours: Collection[str]) -> list[str]:
    """The requests that no rule allows; `ours` are the ids of our own events."""
    known = tuple(rules)
    return [
        f"{each.method} {each.path} {dict(each.query)} {sorted(_named_in(each.body))}"
        for each in requests
        if not any(rule.allows(each, ours) for rule in known)
    ]


def _asked(query: Mapping[str, str]) -> Iterator[str]:
    if "fields" in query:
        yield from _leaves(parse_fields(query["fields"]))
    if "$select" in query:
        yield from query["$select"].split(",")


def _leaves(tree: Tree, above: str = "") -> Iterator[str]:
    for name, inner in tree.items():
        if inner:
            yield from _leaves(inner, f"{above}{name}/")
        else:
            yield f"{above}{name}"


def _named_in(body: bytes) -> set[str]:
    """The names in a JSON object, with those of objects in it; none in a form, which is not about events."""
    try:
        found = json.loads(body)
    except ValueError:
        return set()
    return set(_names(found))


def _names(value: object, above: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield f"{above}{name}"
            yield from _names(inner, f"{above}{name}/")


def _words(text: str, above: str = "") -> frozenset[str]:
    return frozenset(above + each for each in text.split())


_TIMES = _words("start start/dateTime start/timeZone start/date end end/dateTime end/timeZone end/date")

_CONSENT = _words(
    "response_type client_id redirect_uri scope state code_challenge code_challenge_method access_type prompt"
    " include_granted_scopes"
)

_G = "/calendar/v3"
_G_EVENTS = f"{_G}/calendars/[^/]+/events"
_G_EVENT = f"{_G_EVENTS}/(?P<event>[^/]+)"
_G_BARE = _words(
    "id etag status start end transparency eventType recurringEventId originalStartTime recurrence iCalUID"
    " attendees/self attendees/responseStatus extendedProperties/private/bookingUid"
)
_G_LIST = _words("nextPageToken nextSyncToken timeZone") | frozenset(f"items/{each}" for each in _G_BARE)
_G_TEXTS = _words("summary description location visibility extendedProperties/private/bookingLink")
_G_PAGES = _words("maxResults pageToken")
_G_WRITTEN = (
    _words("id summary description location status transparency visibility recurrence reminders reminders/useDefault")
    | _words("extendedProperties extendedProperties/private")
    | _words("bookingUid bookingLink", "extendedProperties/private/")
    | _TIMES
)

GOOGLE = (
    *(Rule(method=each, path="/o/oauth2/v2/auth", query=_CONSENT) for each in ("GET", "POST")),
    Rule(method="POST", path="/token|/revoke"),
    Rule(
        method="GET",
        path=f"{_G}/users/me/calendarList",
        query=_G_PAGES,
        fields=_words("nextPageToken")
        | _words("id summary summaryOverride timeZone accessRole primary backgroundColor deleted", "items/"),
    ),
    Rule(
        method="GET",
        path=_G_EVENTS,
        query=_G_PAGES | _words("singleEvents syncToken timeMin timeMax showDeleted iCalUID"),
        fields=_G_LIST,
    ),
    Rule(
        method="GET",
        path=f"{_G_EVENT}/instances",
        query=_G_PAGES | _words("timeMin timeMax showDeleted"),
        fields=_G_LIST,
    ),
    Rule(method="GET", path=_G_EVENT, fields=_G_BARE),
    Rule(method="GET", path=_G_EVENT, fields=_G_BARE | _G_TEXTS, ours=True),
    Rule(method="POST", path=f"{_G}/freeBusy", body=_words("timeMin timeMax items"), fields=_words("calendars")),
    Rule(method="POST", path=_G_EVENTS, query=_words("sendUpdates"), body=_G_WRITTEN, fields=_words("id etag")),
    Rule(
        method="PATCH",
        path=_G_EVENT,
        query=_words("sendUpdates"),
        body=_G_WRITTEN,
        fields=_words("id etag"),
        ours=True,
    ),
    Rule(method="DELETE", path=_G_EVENT, query=_words("sendUpdates"), ours=True),
    Rule(method="POST", path=f"{_G_EVENTS}/watch", body=_words("id type address token params params/ttl")),
    Rule(method="POST", path=f"{_G}/channels/stop", body=_words("id resourceId")),
)

_M = "/v1.0"
_M_CALENDAR = f"{_M}/me/calendars/[^/]+"
_M_EVENT = f"{_M_CALENDAR}/events/(?P<event>[^/]+)"
_M_BARE = _words("id seriesMasterId type start end showAs isAllDay isCancelled responseStatus iCalUId")
_M_PAGES = _words("$top $skip $skiptoken")
_M_SPAN = _words("startDateTime endDateTime")
_M_WRITTEN = (
    _words("subject body body/contentType body/content location location/displayName isAllDay showAs sensitivity")
    | _words("recurrence")
    | _words("transactionId isReminderOn responseRequested singleValueExtendedProperties")
    | _TIMES
)

MICROSOFT = (
    *(Rule(method=each, path="/common/oauth2/v2.0/authorize", query=_CONSENT) for each in ("GET", "POST")),
    Rule(method="POST", path="/common/oauth2/v2.0/token"),
    Rule(method="GET", path=f"{_M}/me/calendars", query=_M_PAGES, fields=_words("id name canEdit hexColor owner")),
    Rule(
        method="GET",
        path=f"{_M_CALENDAR}/calendarView",
        query=_M_PAGES | _M_SPAN | _words("$expand"),
        fields=_M_BARE,
    ),
    # Graph lets nothing be left out of a delta.
    Rule(method="GET", path=f"{_M_CALENDAR}/calendarView/delta", query=_M_SPAN | _words("$deltatoken $skiptoken")),
    Rule(method="GET", path=f"{_M_CALENDAR}/events", query=_M_PAGES | _words("$filter"), fields=_words("id")),
    Rule(method="GET", path=f"{_M_EVENT}/instances", query=_M_PAGES | _M_SPAN, fields=_words("id")),
    Rule(method="GET", path=_M_EVENT, query=_words("$expand"), fields=_M_BARE),
    Rule(
        method="GET",
        path=_M_EVENT,
        query=_words("$expand"),
        fields=_M_BARE | _words("subject body location sensitivity"),
        ours=True,
    ),
    Rule(method="POST", path=f"{_M_CALENDAR}/events", body=_M_WRITTEN),
    Rule(method="PATCH", path=_M_EVENT, body=_M_WRITTEN, ours=True),
    Rule(method="DELETE", path=_M_EVENT, ours=True),
    # Without `includeResourceData`, a message says no more than that there was a change.
    Rule(
        method="POST",
        path=f"{_M}/subscriptions",
        body=_words("changeType notificationUrl lifecycleNotificationUrl resource expirationDateTime clientState"),
    ),
    Rule(method="GET", path=f"{_M}/subscriptions"),
    Rule(method="PATCH", path=f"{_M}/subscriptions/[^/]+", body=_words("expirationDateTime")),
    Rule(method="DELETE", path=f"{_M}/subscriptions/[^/]+"),
)
