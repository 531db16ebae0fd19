"""Lists of calendars and events, page by page. Source: "List calendarView", "List events", "List calendars".

A page is worked out when it is asked for, as Outlook does: what changes in between moves others from page to page.
"""

from __future__ import annotations

from urllib.parse import quote, urlencode

from tests.simulators.microsoft import query, views
from tests.simulators.microsoft.call import Call
from tests.simulators.microsoft.errors import GraphError, Json, bad_query, failed_validation, invalid
from tests.simulators.microsoft.mailbox import Calendar, Instance
from tests.simulators.microsoft.schema import check_select

_MOST = 1000
_OPTIONS = ("$select", "$top", "$skip", "$expand", "$filter", "$orderby", "$count")
_UNSELECTABLE = frozenset({"createdDateTime", "lastModifiedDateTime"})


def calendars(call: Call) -> Json:
    call.may_look()
    call.only("$select", "$top", "$skip")
    select = check_select("calendar", call.query["$select"]) if "$select" in call.query else ()
    found = list(call.user.mailbox.calendars.values())
    now, following = _page(call, len(found))
    shown = [views.calendar(each, call.world.users, select=select) for each in found[now]]
    return _collection(call, "calendars", shown, following, len(found))


def calendar(call: Call, segment: str | None) -> Json:
    call.may_look()
    call.only("$select")
    select = check_select("calendar", call.query["$select"]) if "$select" in call.query else ()
    return views.calendar(call.calendar(segment), call.world.users, select=select)


def view(call: Call, segment: str | None) -> Json:
    """calendarView: occurrences, never series."""
    call.may_look()
    call.only("startDateTime", "endDateTime", *_OPTIONS)
    found = call.calendar(segment)
    if bad := _UNSELECTABLE & set(call.query.get("$select", "").split(",")):
        raise bad_query(f"The property '{min(bad)}' cannot be selected in a calendar view.")
    return _events(call, found, found.view(call.span(), days_in_utc=call.world.days_in_utc))


def events(call: Call, segment: str | None) -> Json:
    """Single events and series, in the order of their making."""
    call.may_look()
    call.only(*_OPTIONS)
    found = call.calendar(segment)
    return _events(call, found, [item.instance() for item in found.items.values()])


def instances(call: Call, series: Instance) -> Json:
    """The occurrences of a series."""
    call.only("startDateTime", "endDateTime", *_OPTIONS)
    if series.kind != "seriesMaster":
        raise failed_validation("The event is not a series.")
    found = series.item.calendar
    return _events(call, found, [each for each in found.view(call.span()) if each.item is series.item])


def shape(call: Call) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is selected and which extended properties are expanded. Raises GraphError 400, 403."""
    select = check_select("event", call.query["$select"]) if "$select" in call.query else ()
    expand: tuple[str, ...] = ()
    if "$expand" in call.query:
        expand = query.expand_of(call.query["$expand"])
        call.may_read()
    return select, expand


def _events(call: Call, found: Calendar, listed: list[Instance]) -> Json:
    select, expand = shape(call)
    if "$filter" in call.query:
        test, marks = query.filter_of(call.query["$filter"])
        if marks:
            call.may_read()
            listed = [each for each in listed if test(each, {})]
        else:
            listed = [each for each in listed if test(each, views.event(call.user, each, call.prefs))]
    if "$orderby" in call.query:
        side, descending = query.order_of(call.query["$orderby"])
        place = ("start", "end").index(side)
        listed = sorted(listed, key=lambda each: each.span()[place], reverse=descending)
    now, following = _page(call, len(listed))
    shown = [
        views.event(call.user, each, call.prefs, select=select, expand=expand, basic=call.basic) for each in listed[now]
    ]
    return _collection(call, f"calendars('{quote(found.id)}')/events", shown, following, len(listed))


def _page(call: Call, total: int) -> tuple[slice, int | None]:
    """Which part of a list to show, and where the next one begins."""
    top = _number(call, "$top", 1, _MOST) or call.prefs.page or call.world.page_size
    top = min(top, call.world.page_cap or top)
    skip = _number(call, "$skip", 0, 10**9) or 0
    return slice(skip, skip + top), skip + top if skip + top < total else None


def _number(call: Call, name: str, low: int, high: int) -> int | None:
    text = call.query.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise invalid(f"The value '{text}' of '{name}' is not between {low} and {high}.", "ErrorInvalidUrlQuery")
    return int(text)


def _collection(call: Call, context: str, shown: list[Json], following: int | None, total: int) -> Json:
    world = call.world
    found: Json = {"@odata.context": f"{world.url}/v1.0/$metadata#users('{call.user.oid}')/{context}"}
    if call.query.get("$count") not in (None, "true", "false"):
        raise bad_query("The value of $count is invalid.")
    if call.query.get("$count") == "true":
        found["@odata.count"] = total
    found["value"] = shown
    if following is not None:
        options = {name: value for name, value in call.query.items() if name != "$skip"}
        options["$skip"] = str(following)
        found["@odata.nextLink"] = f"{world.base}/{call.raw}?{urlencode(options, quote_via=quote, safe='$')}"
    return found


def one(call: Call, instance: Instance) -> Json:
    """A single event by its id."""
    call.only("$select", "$expand")
    if call.query.get("$expand") == "exceptionOccurrences":
        select = check_select("event", call.query["$select"]) if "$select" in call.query else ()
        others = [instance.item.instance(day) for day in sorted(instance.item.exceptions)]
        shown = views.event(call.user, instance, call.prefs, select=select, basic=call.basic)
        more = [views.event(call.user, each, call.prefs, basic=call.basic) for each in others]
        return shown | {"exceptionOccurrences": more if instance.kind == "seriesMaster" else []}
    select, expand = shape(call)
    return views.event(call.user, instance, call.prefs, select=select, expand=expand, basic=call.basic)


def not_simulated(what: str) -> GraphError:
    return GraphError(501, "NotImplemented", f"{what} is not simulated.")
