"""The simulated Graph behaves as documented: what it shows, what it writes, and what it refuses."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from booking_app.sync import vendors
from tests.contract.graph_client import ANN, APP, BACK, BUSY, GRAPH, SECRET, WINDOW, Graph, at, event, weekly
from tests.contract.graph_client import graph as linked_graph
from tests.simulators.microsoft.serve import microsoft_simulator
from tests.simulators.microsoft.world import MicrosoftWorld

MARK = "String {5d1c3b4e-6f0a-4f5b-9a53-3a8f6a2f6c11} Name bookingUid"
EXPAND = f"singleValueExtendedProperties($filter=id eq '{MARK}')"
VIEW = "me/calendarView"


@pytest.fixture
def world() -> Iterator[MicrosoftWorld]:
    with microsoft_simulator() as world:
        world.add_user(ANN, name="Ann")
        world.app(APP, SECRET, [BACK])
        yield world


@pytest.fixture
def graph(world: MicrosoftWorld) -> Graph:
    return linked_graph(world)


def marked(value: str, **more: object) -> dict[str, object]:
    return event(singleValueExtendedProperties=[{"id": MARK, "value": value}], **more)  # type: ignore[arg-type]


def starts(items: list[dict[str, Any]]) -> list[str]:
    return [item["start"]["dateTime"][5:16] for item in items]


# Who may do what


def test_without_a_good_token_nothing_opens(world: MicrosoftWorld, graph: Graph) -> None:
    bad = Graph(world, "nonsense")
    assert bad.refused("GET", "me/calendars") == (401, "InvalidAuthenticationToken")
    assert graph.ask("GET", "me/calendars").status_code == 200
    world.consents.expire_access()
    answer = graph.ask("GET", "me/calendars")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_the_panels_clock_ends_tokens(world: MicrosoftWorld, graph: Graph) -> None:
    world.panel.skew = 5_400
    assert graph.refused("GET", "me/calendars") == (401, "InvalidAuthenticationToken")


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        ((GRAPH + "User.Read",), {"me"}),
        ((GRAPH + "Calendars.ReadBasic",), {"calendars", "view", "delta", "schedule"}),
        ((GRAPH + "Calendars.Read",), {"calendars", "view", "delta", "schedule", "marks", "subscribe"}),
        ((GRAPH + "Calendars.ReadWrite",), {"calendars", "view", "delta", "schedule", "marks", "create"}),
    ],
    ids=["User.Read", "ReadBasic", "Read", "ReadWrite"],
)
def test_every_call_needs_its_permission(world: MicrosoftWorld, scopes: tuple[str, ...], allowed: set[str]) -> None:
    graph = linked_graph(world, scopes)
    schedule = {"schedules": [ANN], "startTime": at(0), "endTime": at(23), "availabilityViewInterval": 30}
    calls: dict[str, tuple[str, str, object, dict[str, str]]] = {
        "me": ("GET", "me", None, {}),
        "calendars": ("GET", "me/calendars", None, {}),
        "view": ("GET", VIEW, None, WINDOW),
        "delta": ("GET", VIEW + "/delta", None, WINDOW),
        "schedule": ("POST", "me/calendar/getSchedule", schedule, {}),
        "marks": ("GET", VIEW, None, {**WINDOW, "S_expand": EXPAND}),
        "create": ("POST", "me/events", event(), {}),
        "subscribe": ("POST", "subscriptions", {}, {}),
    }
    opened = set()
    for name, (method, path, body, query) in calls.items():
        answer = graph.ask(method, path, body, **query)
        if answer.status_code != 403:
            assert answer.status_code in (200, 201, 400), answer.text
            opened.add(name)
        else:
            assert answer.json()["error"]["code"] == "ErrorAccessDenied"
    assert opened == allowed


def test_basics_have_a_subject_but_no_content_and_no_marks(world: MicrosoftWorld, graph: Graph) -> None:
    graph.ask("POST", "me/events", marked("m", body={"contentType": "text", "content": "secret"}))
    shown = linked_graph(world, BUSY).get(VIEW, **WINDOW)["value"][0]
    assert shown["subject"] == "Something private"
    assert "body" not in shown
    assert "bodyPreview" not in shown
    assert linked_graph(world, BUSY).refused("POST", "me/events", event()) == (403, "ErrorAccessDenied")


def test_a_person_sees_only_their_own(world: MicrosoftWorld, graph: Graph) -> None:
    bob = world.add_user("bob@example.com")
    name = bob.calendar().put(event())
    assert graph.refused("GET", f"me/events/{name}") == (404, "ErrorItemNotFound")
    assert graph.refused("GET", f"me/calendars/{bob.calendar().id}") == (404, "ErrorItemNotFound")


def test_an_account_without_a_mailbox_says_so(world: MicrosoftWorld, graph: Graph) -> None:
    world.user(ANN).has_mailbox = False
    assert graph.refused("GET", "me/calendars") == (404, "MailboxNotEnabledForRESTAPI")


# Calendars and ids


def test_calendars_are_listed_with_what_was_selected(world: MicrosoftWorld, graph: Graph) -> None:
    world.user(ANN).add_calendar("Team", can_edit=False, owner="boss@example.com", hex_color="#ff0000")
    items, pages, _ = graph.all("me/calendars", S_select="name,canEdit,owner,hexColor,isDefaultCalendar", S_top="1")
    assert pages == 2
    assert [item["name"] for item in items] == ["Calendar", "Team"]
    assert [item["isDefaultCalendar"] for item in items] == [True, False]
    assert items[1]["owner"]["address"] == "boss@example.com"
    assert set(items[1]) == {"id", "name", "canEdit", "owner", "hexColor", "isDefaultCalendar"}
    assert graph.get(f"me/calendars/{items[0]['id']}")["name"] == "Calendar"
    assert graph.refused("GET", "me/calendars", S_select="timeZone") == (400, "BadRequest")
    assert graph.refused("POST", f"me/calendars/{items[1]['id']}/events", event()) == (403, "ErrorAccessDenied")


def test_ids_differ_in_the_case_of_a_letter(world: MicrosoftWorld, graph: Graph) -> None:
    app = world.user(ANN).calendar()
    names = [app.put(event(str(number), 9 + number)) for number in range(4)]
    assert all("-" in name and "_" in name and name.endswith("=") for name in names)
    assert len({name.lower() for name in names}) < len(names)
    assert [graph.get(f"me/events/{name}")["subject"] for name in names] == ["0", "1", "2", "3"]


def test_what_is_no_id_is_told_from_what_is_not_there(world: MicrosoftWorld, graph: Graph) -> None:
    assert graph.refused("GET", "me/events/nothing*") == (400, "ErrorInvalidIdMalformed")
    assert graph.refused("GET", "me/events/AAMkAGNvdGhpbmc=") == (404, "ErrorItemNotFound")
    assert graph.refused("GET", "me/calendars/AAMkAGNvdGhpbmc=/calendarView", **WINDOW) == (404, "ErrorItemNotFound")


def test_ids_end_with_a_move_unless_they_are_immutable(world: MicrosoftWorld, graph: Graph) -> None:
    here, there = world.user(ANN).calendar(), world.user(ANN).add_calendar("Other")
    lasting = here.put(event())
    plain = graph.get(f"me/events/{lasting}", prefer="")["id"]
    assert plain != lasting
    assert graph.get(f"me/events/{plain}")["id"] == lasting
    here.move(lasting, there)
    assert graph.refused("GET", f"me/events/{plain}") == (404, "ErrorItemNotFound")
    assert graph.get(f"me/calendars/{quote(there.id, safe='')}/events/{lasting}")["id"] == lasting
    assert graph.refused("GET", f"me/calendars/{here.id}/events/{lasting}") == (404, "ErrorItemNotFound")


# Views


def test_a_view_pages_by_ten_or_as_asked(world: MicrosoftWorld, graph: Graph) -> None:
    app = world.user(ANN).calendar()
    for number in range(23):
        app.put(event(str(number), number))
    everything = [str(number) for number in range(23)]
    for pages, query, prefer in (
        (3, {}, None),
        (5, {"S_top": "5"}, None),
        (1, {"S_top": "1000"}, None),
        (4, {}, "odata.maxpagesize=7"),
    ):
        items, count, _ = graph.all(VIEW, prefer=prefer, **WINDOW, S_select="subject", **query)
        assert ([item["subject"] for item in items], count) == (everything, pages)
    for top in ("0", "1001", "-1", "many"):
        assert graph.refused("GET", VIEW, **WINDOW, S_top=top) == (400, "ErrorInvalidUrlQuery")


def test_a_view_holds_what_overlaps_it(world: MicrosoftWorld, graph: Graph) -> None:
    app = world.user(ANN).calendar()
    app.put(event("touching before", 8))
    app.put(event("inside", 9))
    app.put(event("touching after", 10))
    span = {"startDateTime": "2027-03-10T09:00:00", "endDateTime": "2027-03-10T12:00:00+02:00"}
    assert [item["subject"] for item in graph.get(VIEW, **span)["value"]] == ["inside"]


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"startDateTime": WINDOW["startDateTime"]},
        {**WINDOW, "startDateTime": "yesterday"},
        {**WINDOW, "startDateTime": "2027-03-01"},
        {**WINDOW, "startDateTime": "2027-07-01T00:00:00Z"},
        {**WINDOW, "endDateTime": "2033-03-01T00:00:00Z"},
        {**WINDOW, "S_select": "occurrenceId"},
        {**WINDOW, "S_select": "id,createdDateTime"},
        {**WINDOW, "S_select": "lastModifiedDateTime"},
        {**WINDOW, "S_search": "x"},
        {**WINDOW, "timeMin": "x"},
        {**WINDOW, "S_orderby": "color"},
        {**WINDOW, "S_expand": "singleValueExtendedProperties"},
        {**WINDOW, "S_expand": "nothing"},
        {**WINDOW, "S_filter": "subject contains 'x'"},
        {**WINDOW, "S_filter": "singleValueExtendedProperties/Any(ep: ep/id eq 'uid' and ep/value eq 'x')"},
    ],
)
def test_a_view_refuses_what_graph_refuses(graph: Graph, query: dict[str, str]) -> None:
    assert graph.ask("GET", VIEW, **query).status_code == 400


def test_an_offset_with_a_bare_plus_sign_is_no_date(world: MicrosoftWorld, graph: Graph) -> None:
    path = f"{VIEW}?startDateTime=2027-03-01T00:00:00+01:00&endDateTime=2027-06-01T00:00:00Z"
    assert graph.refused("GET", path) == (400, "ErrorInvalidParameter")


def test_times_are_in_the_preferred_zone_and_name_their_own(world: MicrosoftWorld, graph: Graph) -> None:
    zone = "W. Europe Standard Time"
    world.user(ANN).calendar().put({"subject": "x", "start": at(9, zone=zone), "end": at(10, zone=zone)})
    plain = graph.get(VIEW, **WINDOW)["value"][0]
    assert plain["start"] == {"dateTime": "2027-03-10T08:00:00.0000000", "timeZone": "UTC"}
    assert plain["originalStartTimeZone"] == zone
    prefer = 'outlook.timezone="Pacific Standard Time", IdType="ImmutableId"'
    answer = graph.ask("GET", VIEW, prefer=prefer, **WINDOW)
    assert answer.headers["Preference-Applied"] == prefer
    shown = answer.json()["value"][0]
    assert shown["start"] == {"dateTime": "2027-03-10T00:00:00.0000000", "timeZone": "Pacific Standard Time"}
    refused = graph.refused("GET", VIEW, prefer='outlook.timezone="Mars"', **WINDOW)
    assert refused == (400, "TimeZoneNotSupportedException")
    assert graph.ask("GET", VIEW, prefer='IdType="Other"', **WINDOW).status_code == 400


def test_p13_a_whole_day_is_midnight_in_whatever_zone_was_asked_for(world: MicrosoftWorld, graph: Graph) -> None:
    zone = "W. Europe Standard Time"
    day = {"isAllDay": True, "start": at(0, zone=zone), "end": at(0, 11, zone=zone)}
    world.user(ANN).calendar().put({"subject": "x", **day})
    shown = graph.get(VIEW, **WINDOW)["value"][0]
    assert shown["isAllDay"] is True
    assert [shown["start"]["dateTime"][:16], shown["end"]["dateTime"][:16]] == ["2027-03-10T00:00", "2027-03-11T00:00"]
    early = {"startDateTime": "2027-03-09T23:10:00Z", "endDateTime": "2027-03-09T23:20:00Z"}
    assert len(graph.get(VIEW, **early)["value"]) == 1
    world.days_in_utc = True
    assert graph.get(VIEW, **early)["value"] == []


def test_p37_a_zone_of_ones_own_is_named_as_such(world: MicrosoftWorld, graph: Graph) -> None:
    world.user(ANN).calendar().put(event(originalStartTimeZone="tzone://Microsoft/Custom"))
    shown = graph.get(VIEW, **WINDOW, S_select="start,originalStartTimeZone")["value"][0]
    assert shown["originalStartTimeZone"] == "tzone://Microsoft/Custom"
    assert shown["start"]["timeZone"] == "UTC"
    assert set(shown) == {"@odata.etag", "id", "start", "originalStartTimeZone"}


def test_an_event_says_how_it_is_shown_and_answered(world: MicrosoftWorld, graph: Graph) -> None:
    app = world.user(ANN).calendar()
    app.put(event("own"))
    boss = {"emailAddress": {"name": "Boss", "address": "boss@example.com"}}
    answer = {"response": "declined", "time": "2027-01-01T00:00:00Z"}
    app.put(event("invited", 11, organizer=boss, responseStatus=answer, showAs="tentative", sensitivity="private"))
    app.put(event("cancelled", 13, isCancelled=True))
    own, invited, cancelled = graph.get(VIEW, **WINDOW)["value"]
    assert (own["showAs"], own["responseStatus"]["response"], own["isOrganizer"]) == ("busy", "organizer", True)
    assert (invited["responseStatus"]["response"], invited["isOrganizer"]) == ("declined", False)
    assert (invited["sensitivity"], cancelled["isCancelled"]) == ("private", True)
    assert graph.all(VIEW, **WINDOW, S_filter="isCancelled eq false and showAs eq 'busy'")[0][0]["subject"] == "own"


# Series


def test_p10_a_view_shows_every_occurrence_and_no_series(world: MicrosoftWorld, graph: Graph) -> None:
    app = world.user(ANN).calendar()
    series = app.put(weekly(5))
    second, third = app.occurrences(series, WINDOW["startDateTime"], WINDOW["endDateTime"])[1:3]
    zone = "W. Europe Standard Time"
    app.change(second, start=at(14, 16, zone=zone), end=at(15, 16, zone=zone))
    app.delete(third)
    items, _, _ = graph.all(VIEW, **WINDOW)
    # Nine o'clock on the wall, also after the clocks went forward.
    assert starts(items) == ["03-08T08:00", "03-16T13:00", "03-29T07:00", "04-05T07:00"]
    assert [item["type"] for item in items] == ["occurrence", "exception", "occurrence", "occurrence"]
    assert {item["seriesMasterId"] for item in items} == {series}
    assert items[1]["id"] == second
    assert items[1]["originalStart"] == "2027-03-15T08:00:00Z"
    assert len({item["iCalUId"] for item in items}) == 4
    assert all(item["recurrence"] is None for item in items)
    master = graph.get(f"me/events/{series}", S_select="cancelledOccurrences,recurrence,type")
    assert master["type"] == "seriesMaster"
    assert [day[-10:] for day in master["cancelledOccurrences"]] == ["2027-03-22"]
    assert graph.get(f"me/events/{series}", S_expand="exceptionOccurrences")["exceptionOccurrences"][0]["id"] == second
    assert [item["type"] for item in graph.get("me/events")["value"]] == ["seriesMaster"]
    assert starts(graph.get(f"me/events/{series}/instances", **WINDOW)["value"]) == starts(items)
    assert graph.refused("GET", f"me/events/{third}") == (404, "ErrorItemNotFound")


def test_an_occurrence_does_not_pass_its_neighbours(world: MicrosoftWorld, graph: Graph) -> None:
    series = world.user(ANN).calendar().put(weekly(3))
    second = graph.get(VIEW, **WINDOW)["value"][1]["id"]
    body = {"start": at(9, 22), "end": at(10, 22)}
    assert graph.refused("PATCH", f"me/events/{second}", body) == (400, "ErrorOccurrenceCrossingBoundary")
    assert graph.ask("PATCH", f"me/events/{second}", {"subject": "Other"}).json()["type"] == "exception"
    assert graph.ask("PATCH", f"me/events/{series}", {"start": at(7, 8), "end": at(8, 8)}).status_code == 200
    assert [item["type"] for item in graph.get(VIEW, **WINDOW)["value"]] == ["occurrence"] * 3


PATTERNS: dict[str, tuple[dict[str, object], list[str]]] = {
    "daily": ({"type": "daily", "interval": 3}, ["03-08", "03-11", "03-14"]),
    "two weeks": (
        {"type": "weekly", "interval": 2, "daysOfWeek": ["monday", "sunday"], "firstDayOfWeek": "monday"},
        ["03-08", "03-14", "03-22"],
    ),
    "two weeks from sunday": (
        {"type": "weekly", "interval": 2, "daysOfWeek": ["monday", "sunday"], "firstDayOfWeek": "sunday"},
        ["03-08", "03-21", "03-22"],
    ),
    "last workday": (
        {
            "type": "relativeMonthly",
            "interval": 1,
            "index": "last",
            "daysOfWeek": ["monday", "tuesday", "wednesday", "thursday", "friday"],
        },
        ["03-31", "04-30", "05-31"],
    ),
    "a day that is missing": (
        {"type": "absoluteMonthly", "interval": 1, "dayOfMonth": 31},
        ["03-31", "04-30", "05-31"],
    ),
    "second tuesday": (
        {"type": "relativeYearly", "interval": 1, "index": "second", "daysOfWeek": ["tuesday"], "month": 3},
        ["03-09"],
    ),
    "a date": ({"type": "absoluteYearly", "interval": 1, "dayOfMonth": 9, "month": 4}, ["04-09"]),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns_name_their_days(world: MicrosoftWorld, graph: Graph, name: str) -> None:
    pattern, days = PATTERNS[name]
    recurrence = {"pattern": pattern, "range": {"type": "noEnd", "startDate": "2027-03-08"}}
    made = graph.ask("POST", "me/events", event(day=8, recurrence=recurrence))
    assert made.status_code == 201, made.text
    assert [start[:5] for start in starts(graph.all(VIEW, **WINDOW)[0])][: len(days)] == days


@pytest.mark.parametrize(
    "change",
    [
        {"pattern": {"type": "weekly", "interval": 1}},
        {"pattern": {"type": "hourly", "interval": 1}},
        {"pattern": {"type": "daily", "interval": 0}},
        {"range": {"type": "noEnd", "startDate": "2027-03-09"}},
        {"range": {"type": "numbered", "startDate": "2027-03-08"}},
        {"range": {"type": "endDate", "startDate": "2027-03-08", "endDate": "2027-03-01"}},
        {"range": {"type": "noEnd", "startDate": "2027-03-08", "recurrenceTimeZone": "Mars"}},
        {"rrule": "FREQ=DAILY"},
    ],
)
def test_patterns_that_outlook_cannot_follow(graph: Graph, change: dict[str, object]) -> None:
    good: dict[str, Any] = {
        "pattern": {"type": "daily", "interval": 1},
        "range": {"type": "noEnd", "startDate": "2027-03-08"},
    }
    assert graph.ask("POST", "me/events", event(day=8, recurrence=good)).status_code == 201
    assert graph.ask("POST", "me/events", event(day=8, recurrence=good | change)).status_code == 400


# Writing


def test_what_was_created_is_shown_found_and_not_echoed(graph: Graph) -> None:
    content = {"contentType": "text", "content": "one\ntwo <b>"}
    made = graph.ask("POST", "me/events", marked("uid-1", body=content, location={"displayName": "Room"}))
    assert made.status_code == 201
    assert "singleValueExtendedProperties" not in made.json()
    assert "transactionId" not in made.json()
    name = made.json()["id"]
    shown = graph.get(f"me/events/{name}", S_expand=EXPAND, S_select="subject,body,location")
    assert shown["singleValueExtendedProperties"] == [{"id": MARK, "value": "uid-1"}]
    assert shown["location"]["displayName"] == "Room"
    assert shown["body"]["contentType"] == "html"
    assert "one<br>" in shown["body"]["content"]
    text = graph.get(f"me/events/{name}", prefer='outlook.body-content-type="text"', S_select="body")["body"]
    assert text == {"contentType": "text", "content": "one\r\ntwo <b>"}
    other = f"singleValueExtendedProperties($filter=id eq '{MARK}x')"
    assert "singleValueExtendedProperties" not in graph.get(f"me/events/{name}", S_expand=other)
    for value, found in (("uid-1", [name]), ("UID-1", []), ("uid", [])):
        text = f"singleValueExtendedProperties/Any(ep: ep/id eq '{MARK}' and ep/value eq '{value}')"
        assert [item["id"] for item in graph.get("me/events", S_filter=text)["value"]] == found


@pytest.mark.parametrize(
    "change",
    [
        {"title": "x"},
        {"start": {"dateTime": "2027-03-10T09:00:00", "timeZone": "UTC", "date": "2027-03-10"}},
        {"start": {"dateTime": "2027-03-10T09:00:00", "timeZone": "Mars"}},
        {"start": {"dateTime": "10.3.2027 9:00", "timeZone": "UTC"}},
        {"start": {"dateTime": "2027-03-10T09:00:00"}},
        {"start": None},
        {"start": at(12)},
        {"isAllDay": True},
        {"isAllDay": "yes"},
        {"showAs": "BUSY"},
        {"showAs": "away"},
        {"sensitivity": "secret"},
        {"body": "text"},
        {"isCancelled": True},
        {"id": "AAMkAGNvdGhpbmc="},
        {"iCalUId": "x"},
        {"responseStatus": {"response": "accepted"}},
        {"singleValueExtendedProperties": [{"id": "bookingUid", "value": "x"}]},
        {"singleValueExtendedProperties": [{"id": MARK, "value": "x", "name": "x"}]},
        {"end": {"dateTime": "2037-03-10T09:00:00", "timeZone": "UTC"}},
    ],
)
def test_a_body_that_graph_does_not_take(graph: Graph, change: dict[str, object]) -> None:
    assert graph.ask("POST", "me/events", event()).status_code == 201
    assert graph.ask("POST", "me/events", event() | change).status_code == 400
    assert len(graph.get("me/events")["value"]) == 1


def test_p28_a_transaction_makes_one_event(world: MicrosoftWorld, graph: Graph) -> None:
    body = event(transactionId="t-1")
    first, again = (graph.ask("POST", "me/events", body) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    assert first.json()["transactionId"] == "t-1"
    answer = graph.ask("POST", "me/events", body | {"subject": "Other"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "ErrorDuplicateTransactionId")
    assert answer.json()["error"]["@event.existingEventId"] == first.json()["id"]
    world.repeat_succeeds, world.duplicate_status = False, 400
    assert graph.refused("POST", "me/events", body) == (400, "ErrorDuplicateTransactionId")
    assert len(graph.get("me/events")["value"]) == 1
    changed = graph.refused("PATCH", f"me/events/{first.json()['id']}", {"transactionId": "t-2"})
    assert changed == (400, "ErrorInvalidPropertySet")
    # The name stays taken when the event is gone.
    graph.ask("DELETE", f"me/events/{first.json()['id']}")
    world.repeat_succeeds = True
    assert graph.refused("POST", "me/events", body) == (400, "ErrorDuplicateTransactionId")


def test_a_write_is_conditional(world: MicrosoftWorld, graph: Graph) -> None:
    made = graph.ask("POST", "me/events", event()).json()
    path, old = f"me/events/{made['id']}", made["@odata.etag"]
    changed = graph.ask("PATCH", path, {"subject": "Other"}, etag=old)
    assert changed.status_code == 200
    assert changed.json()["@odata.etag"] != old
    assert graph.refused("PATCH", path, {"subject": "Lost"}, etag=old) == (412, "ErrorIrresolvableConflict")
    assert graph.refused("DELETE", path, etag=old) == (412, "ErrorIrresolvableConflict")
    assert graph.get(path)["subject"] == "Other"
    world.spurious_conflicts = 1
    assert graph.ask("DELETE", path, etag=changed.json()["@odata.etag"]).status_code == 412
    assert graph.ask("DELETE", path, etag=changed.json()["@odata.etag"]).status_code == 204
    assert graph.refused("GET", path) == (404, "ErrorItemNotFound")
    assert graph.refused("DELETE", path) == (404, "ErrorItemNotFound")
    assert graph.refused("PATCH", path, {"subject": "x"}) == (404, "ErrorItemNotFound")


def test_a_deleted_event_can_come_back(world: MicrosoftWorld, graph: Graph) -> None:
    app = world.user(ANN).calendar()
    name = app.put(event())
    app.delete(name)
    assert [item.data["subject"] for item in app.user.mailbox.deleted.values()] == ["Something private"]
    app.restore(name)
    assert graph.get(f"me/events/{name}")["id"] == name


def test_p33_attendees_are_mailed_and_nobody_else(world: MicrosoftWorld, graph: Graph) -> None:
    name = graph.ask("POST", "me/events", event()).json()["id"]
    graph.ask("PATCH", f"me/events/{name}", {"subject": "Other"})
    graph.ask("DELETE", f"me/events/{name}")
    assert world.mails == []
    guest = {"type": "required", "emailAddress": {"address": "guest@example.com", "name": "Guest"}}
    name = graph.ask("POST", "me/events", event(attendees=[guest])).json()["id"]
    graph.ask("PATCH", f"me/events/{name}", {"subject": "Other"})
    graph.ask("DELETE", f"me/events/{name}")
    assert [mail["what"] for mail in world.mails] == ["invitation", "update", "cancellation"]
    assert world.mails[0]["to"] == ["guest@example.com"]


def test_every_request_is_remembered_without_its_token(world: MicrosoftWorld, graph: Graph) -> None:
    graph.ask("POST", "me/events", event())
    seen = world.requests[-1]
    assert (seen.method, seen.path) == ("POST", "/v1.0/me/events")
    assert b"Something private" in seen.body
    assert graph.access not in repr(world.requests[-1])
    graph.get(VIEW, **WINDOW, S_select="id,showAs")
    assert dict(world.requests[-1].query)["$select"] == "id,showAs"


# Free and busy times


def test_the_schedule_of_a_colleague(world: MicrosoftWorld, graph: Graph) -> None:
    app = world.add_user("bob@example.com").calendar()
    app.put(event(hour=9, showAs="tentative"))
    app.put(event(hour=10, showAs="oof"))
    app.put(event(hour=11, showAs="workingElsewhere"))
    app.put(event(hour=12))
    app.put(event(hour=13, isCancelled=True))
    people = ["bob@example.com", "nobody@example.com"]
    body: dict[str, object] = {"schedules": people, "startTime": at(9), "endTime": at(14)}
    body["availabilityViewInterval"] = 60
    found = graph.ask("POST", "me/calendar/getSchedule", body).json()["value"]
    assert found[0]["availabilityView"] == "13020"
    assert "subject" not in found[0]["scheduleItems"][0]
    assert found[1]["error"]["responseCode"] == "ErrorMailRecipientNotFound"
    changes: list[dict[str, object]] = [{"endTime": at(8)}, {"availabilityViewInterval": 1}, {"schedules": []}]
    changes.append({"users": []})
    for change in changes:
        assert graph.ask("POST", "me/calendar/getSchedule", body | change).status_code == 400


def test_a_personal_account_has_no_schedule_but_all_the_rest(world: MicrosoftWorld) -> None:
    world.add_user("eve@outlook.com", personal=True)
    graph = linked_graph(world, user="eve@outlook.com")
    body = {"schedules": ["eve@outlook.com"], "startTime": at(9), "endTime": at(14)}
    assert graph.refused("POST", "me/calendar/getSchedule", body) == (403, "ErrorAccessDenied")
    assert graph.ask("POST", "me/events", event()).status_code == 201
    assert len(graph.get(VIEW, **WINDOW)["value"]) == 1


# Limits


def test_p41_a_mailbox_serves_four_requests_at_a_time(world: MicrosoftWorld, graph: Graph) -> None:
    world.latency = 0.3
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: graph.ask("GET", "me/calendars"), range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [429] * 2
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert "MailboxConcurrency" in refused.json()["error"]["message"]
    assert refused.headers["Retry-After"] == "1"
    with ThreadPoolExecutor(4) as pool:
        assert {answer.status_code for answer in pool.map(lambda _: graph.ask("GET", "me/calendars"), range(8))} == {
            200
        }


def test_what_the_panel_delays_is_being_served(world: MicrosoftWorld, graph: Graph) -> None:
    world.panel.fault(path="/calendars$", times=4, delay=2)
    slow = [threading.Thread(target=graph.ask, args=("GET", "me/calendars")) for _ in range(4)]
    for thread in slow:
        thread.start()
    while world.most_at_once < 4:
        time.sleep(0.01)
    assert graph.refused("GET", VIEW, **WINDOW)[0] == 429
    for thread in slow:
        thread.join()
    assert graph.ask("GET", VIEW, **WINDOW).status_code == 200


def test_p41_quotas_say_when_to_come_back(world: MicrosoftWorld, graph: Graph) -> None:
    world.per_ten_minutes = 2
    assert [graph.ask("GET", "me/calendars").status_code for _ in range(3)] == [200, 200, 429]
    world.panel.skew = 601
    assert graph.ask("GET", "me/calendars").status_code == 200
    world.per_ten_minutes = 100
    world.throttle(ANN, 30)
    answer = graph.ask("GET", "me/calendars")
    assert answer.status_code == 429
    assert 29 <= int(answer.headers["Retry-After"]) <= 31
    assert len(world.too_early) == 1
    world.panel.skew += 32
    assert graph.ask("GET", "me/calendars").status_code == 200
    world.burst_503(retry_after=7)
    assert graph.ask("GET", "me/calendars").headers["Retry-After"] == "7"
    world.burst_429(retry_after=2)
    assert graph.ask("GET", "me/calendars").status_code == 429
    assert graph.ask("GET", "me/calendars").status_code == 200


def test_links_can_lead_elsewhere(world: MicrosoftWorld, graph: Graph) -> None:
    for hour in range(11):
        world.user(ANN).calendar().put(event(hour=hour))
    assert graph.get(VIEW, **WINDOW)["@odata.nextLink"].startswith(vendors.microsoft(world.url).api)
    world.links_to = "http://elsewhere.invalid"
    assert graph.get(VIEW, **WINDOW)["@odata.nextLink"].startswith("http://elsewhere.invalid/v1.0/")


def test_what_is_not_simulated_is_refused(world: MicrosoftWorld, graph: Graph) -> None:
    assert graph.ask("GET", "me/messages").status_code == 400
    assert graph.ask("POST", "$batch", {}).status_code == 400
    assert graph.ask("PUT", "me/calendars").status_code == 400
    assert httpx.get(f"{world.url}/beta/me", trust_env=False).status_code == 404
