"""The simulated Google is faithful: Google's own official Python client works against it unchanged."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from google.auth.exceptions import RefreshError
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from booking_app.sync import vendors
from tests.simulators.google.demo import CLIENT, demo_world
from tests.simulators.google.discovery import SCOPE
from tests.simulators.google.serve import google_simulator
from tests.simulators.google.world import GoogleWorld
from tests.simulators.serving import serving

ANN = "ann@example.com"
BACK = "http://127.0.0.1:1/oauth/google/callback"
ALL = (SCOPE + "calendar",)
VERIFIER = "v" * 50
OPENED: list[Any] = []
"""The clients of the running test, to be closed with it."""


@pytest.fixture
def world() -> Iterator[GoogleWorld]:
    with google_simulator() as world:
        world.add_user(ANN, name="Ann")
        world.add_user("bob@example.com", name="Bob", zone="America/New_York")
        world.app("client", "secret", [BACK])
        yield world
        while OPENED:
            OPENED.pop().close()


def challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def consent(
    world: GoogleWorld, scopes: tuple[str, ...], *, untick: tuple[str, ...] = (), user: str = ANN, **extra: str
) -> dict[str, str]:
    """What the browser brings back."""
    query = {
        "client_id": "client",
        "redirect_uri": BACK,
        "response_type": "code",
        "scope": " ".join(scopes),
        "state": "s",
        "access_type": "offline",
        "code_challenge": challenge(VERIFIER),
        "code_challenge_method": "S256",
        **extra,
    }
    with httpx.Client(trust_env=False) as browser:
        page = browser.get(vendors.google(world.url).authorize, params=query)
        assert page.status_code == 200, page.text
        request = html.unescape(re.findall(r"name=request value='([^']*)'", page.text)[0])
        boxes = [html.unescape(found) for found in re.findall(r"name=scope value='([^']*)'", page.text)]
        form = [("scope", box) for box in boxes if box not in untick]
        form += [("request", request), ("user", user), ("decision", "allow")]
        content = urlencode(form)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = browser.post(vendors.google(world.url).authorize, content=content, headers=headers)
    assert answer.status_code == 302, answer.text
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def post(url: str, **form: str) -> tuple[int, dict[str, Any]]:
    answer = httpx.post(url, data=form, trust_env=False)
    return answer.status_code, answer.json()


def exchange(world: GoogleWorld, code: str, **changed: str) -> tuple[int, dict[str, Any]]:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": BACK,
        "client_id": "client",
        "client_secret": "secret",
        "code_verifier": VERIFIER,
    }
    return post(vendors.google(world.url).token, **(form | changed))


def credentials(world: GoogleWorld, *scopes: str, secret: str = "secret") -> Credentials:
    status, found = exchange(world, consent(world, scopes or ALL)["code"])
    assert status == 200, found
    return Credentials(  # type: ignore[no-untyped-call]
        token=None,
        refresh_token=found["refresh_token"],
        token_uri=vendors.google(world.url).token,
        client_id="client",
        client_secret=secret,
    )


def service(world: GoogleWorld, *scopes: str) -> Any:
    api = build(
        "calendar",
        "v3",
        credentials=credentials(world, *scopes),
        client_options={"api_endpoint": world.url + "/calendar/v3/"},
        static_discovery=True,
        cache_discovery=False,
    )
    OPENED.append(api)
    return api


def timed(day: int, hour: int = 9, **more: object) -> dict[str, object]:
    start, end = (f"2027-03-{day:02}T{at:02}:00:00" for at in (hour, hour + 1))
    zone = "Europe/Amsterdam"
    return {"start": {"dateTime": start, "timeZone": zone}, "end": {"dateTime": end, "timeZone": zone}, **more}


def reason(error: HttpError) -> tuple[int, str]:
    return error.resp.status, json.loads(error.content)["error"]["errors"][0]["reason"]


def refused(request: Any) -> tuple[int, str]:
    with pytest.raises(HttpError) as caught:
        request.execute()
    return reason(caught.value)


def pages(api: Any, **params: object) -> tuple[list[dict[str, Any]], str, int]:
    """All items of events.list by the client's own paging, the cursor, and the number of pages."""
    request, items, count = api.events().list(calendarId="primary", **params), [], 0
    while request is not None:
        answer = request.execute()
        items += answer["items"]
        count += 1
        request = api.events().list_next(request, answer)
    return items, answer.get("nextSyncToken", ""), count


# Calendars and events


def test_the_official_client_lists_calendars(world: GoogleWorld) -> None:
    world.user(ANN).add_calendar("Shop", zone="Asia/Tokyo")
    world.user(ANN).add_calendar("Old").settings(hidden=True)
    world.user("bob@example.com").calendar().share(ANN, "reader")
    api = service(world)
    found = api.calendarList().list(maxResults=2).execute()
    rest = api.calendarList().list(maxResults=2, pageToken=found["nextPageToken"]).execute()
    entries = {item["summary"]: item for item in found["items"] + rest["items"]}
    assert set(entries) == {ANN, "Shop", "bob@example.com"}
    assert entries[ANN]["primary"]
    assert (entries["Shop"]["timeZone"], entries["Shop"]["accessRole"]) == ("Asia/Tokyo", "owner")
    assert entries["bob@example.com"]["accessRole"] == "reader"
    writers = api.calendarList().list(minAccessRole="writer", showHidden=True).execute()["items"]
    assert {item["summary"] for item in writers} == {ANN, "Shop", "Old"}
    assert api.calendars().get(calendarId="primary").execute()["id"] == ANN


def test_the_official_client_writes_conditionally_and_once(world: GoogleWorld) -> None:
    events = service(world).events()
    body = timed(10, id="0a1b2c3d4e", summary="Private", extendedProperties={"private": {"origin": "x", "k" * 45: "y"}})
    made = events.insert(calendarId="primary", body=body, sendUpdates="none").execute()
    assert made["extendedProperties"] == {"private": {"origin": "x"}}
    assert made["organizer"] == {"email": ANN, "self": True}
    assert refused(events.insert(calendarId="primary", body=body)) == (409, "duplicate")
    update = events.patch(calendarId="primary", eventId=made["id"], body=timed(11))
    update.headers["If-Match"] = made["etag"]
    moved = update.execute()
    assert moved["start"]["dateTime"] == "2027-03-11T09:00:00+01:00"
    assert moved["summary"] == "Private"
    assert moved["sequence"] == 1
    stale = events.update(calendarId="primary", eventId=made["id"], body=timed(12))
    stale.headers["If-Match"] = made["etag"]
    assert refused(stale) == (412, "conditionNotMet")
    removal = events.delete(calendarId="primary", eventId=made["id"])
    removal.headers["If-Match"] = moved["etag"]
    assert removal.execute() == ""
    assert refused(events.delete(calendarId="primary", eventId=made["id"])) == (410, "deleted")
    assert events.get(calendarId="primary", eventId=made["id"]).execute()["status"] == "cancelled"
    assert refused(events.insert(calendarId="primary", body=body)) == (409, "duplicate")
    assert refused(events.get(calendarId="primary", eventId="neverwas")) == (404, "notFound")
    revived = events.update(calendarId="primary", eventId=made["id"], body=timed(13)).execute()
    assert revived["status"] == "confirmed"
    assert "summary" not in revived
    assert world.mails == []


def test_guests_would_be_mailed_unless_told_otherwise(world: GoogleWorld) -> None:
    events = service(world).events()
    body = timed(10, attendees=[{"email": "guest@example.com"}])
    events.insert(calendarId="primary", body=body, sendUpdates="none").execute()
    assert world.mails == []
    events.insert(calendarId="primary", body=body, sendUpdates="all").execute()
    assert [mail["to"] for mail in world.mails] == [["guest@example.com"]]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (timed(10, id="has-hyphen"), "invalid"),
        (timed(10, id="zzzzz"), "invalid"),
        (timed(10, status="maybe"), "invalid"),
        (timed(10, sumary="typo"), "invalid"),
        (timed(10, recurrence=["RRULE:FREQ=SECONDLY"]), "invalid"),
        (timed(10, recurrence=["DTSTART:20270310T090000Z"]), "invalid"),
        (timed(10, eventType="fromGmail"), "invalid"),
        (timed(10, end={"date": "2027-03-11"}), "invalid"),
        (timed(10, end={"dateTime": "2027-03-10T08:00:00+01:00"}), "timeRangeEmpty"),
        (timed(10, start={"dateTime": "2027-03-10T08:00:00"}), "required"),
        (timed(10, start={"dateTime": "2027-03-10T08:00:00", "timeZone": "Moon"}), "invalid"),
        ({"start": {"date": "2027-03-10"}}, "required"),
    ],
)
def test_bad_events_are_refused(world: GoogleWorld, body: dict[str, object], expected: str) -> None:
    assert refused(service(world).events().insert(calendarId="primary", body=body)) == (400, expected)


# Reading


def test_paging_and_sync_tokens(world: GoogleWorld) -> None:
    app = world.user(ANN).calendar()
    ids = [app.put(timed(1 + number % 28, summary=f"Secret {number}")) for number in range(25)]
    world.empty_every = 3
    api = service(world)
    items, cursor, count = pages(api, maxResults=10)
    assert [item["id"] for item in items] == ids
    assert (count, bool(cursor)) == (4, True)
    assert pages(api, syncToken=cursor)[0] == []
    app.change(ids[0], transparency="transparent")
    app.delete(ids[1])
    new = app.put(timed(5))
    changed, after, _ = pages(api, syncToken=cursor)
    assert [(item["id"], item["status"]) for item in changed] == [
        (ids[0], "confirmed"),
        (ids[1], "cancelled"),
        (new, "confirmed"),
    ]
    assert set(changed[1]) == {"kind", "etag", "id", "status"}
    assert pages(api, syncToken=after)[0] == []
    # A read that was cut off is repeated from its page or its cursor, with the same outcome.
    assert [item["id"] for item in pages(api, syncToken=cursor, maxResults=1)[0]] == [ids[0], ids[1], new]


def test_what_cannot_go_with_a_sync_token_is_refused(world: GoogleWorld) -> None:
    world.user(ANN).calendar().put(timed(3))
    world.user(ANN).calendar().put(timed(4))
    api = service(world)
    cursor = pages(api)[1]
    events = api.events()
    for extra in (
        {"timeMin": "2027-01-01T00:00:00Z"},
        {"q": "x"},
        {"iCalUID": "x"},
        {"privateExtendedProperty": "a=b"},
        {"showDeleted": False},
        {"singleEvents": True},
    ):
        assert refused(events.list(calendarId="primary", syncToken=cursor, **extra)) == (400, "invalid")
    assert refused(events.list(calendarId="primary", timeMin="2027-01-01T00:00:00")) == (400, "badRequest")
    assert refused(events.list(calendarId="primary", orderBy="startTime")) == (400, "invalid")
    page = events.list(calendarId="primary", maxResults=1).execute()["nextPageToken"]
    assert refused(events.list(calendarId="primary", maxResults=1, pageToken=page, singleEvents=True)) == (
        400,
        "invalid",
    )
    other = world.user(ANN).add_calendar("Other").id
    assert refused(events.list(calendarId=other, maxResults=1, pageToken=page)) == (400, "invalid")
    assert "nextSyncToken" not in events.list(calendarId="primary", iCalUID="x").execute()


def test_a_dead_sync_token_is_410(world: GoogleWorld) -> None:
    api = service(world)
    cursor = pages(api)[1]
    world.expire_sync_tokens()
    assert refused(api.events().list(calendarId="primary", syncToken=cursor)) == (410, "fullSyncRequired")
    assert refused(api.events().list(calendarId="primary", syncToken="rubbish!")) == (400, "invalid")
    cursor = pages(api)[1]
    world.user(ANN).add_calendar("Other", calendar_id="other@group.calendar.google.com")
    other = api.events().list(calendarId="other@group.calendar.google.com", syncToken=cursor)
    assert refused(other) == (410, "fullSyncRequired")


def test_series_are_masters_with_exceptions_or_instances(world: GoogleWorld) -> None:
    app = world.user(ANN).calendar()
    series = app.put(timed(8, recurrence=["RRULE:FREQ=WEEKLY;COUNT=5"], summary="Secret"))
    api = service(world)
    names = [item["id"] for item in api.events().instances(calendarId="primary", eventId=series).execute()["items"]]
    assert names[0] == f"{series}_20270308T080000Z"
    assert names[3] == f"{series}_20270329T070000Z"  # summer time
    _, masters, _ = pages(api)
    _, singles, _ = pages(api, singleEvents=True)
    app.change(names[1], **timed(16, 14))
    app.delete(names[2])
    listed, _, _ = pages(api)
    assert [(item["id"], item["status"]) for item in listed] == [
        (series, "confirmed"),
        (names[1], "confirmed"),
        (names[2], "cancelled"),
    ]
    assert listed[0]["recurrence"] == ["RRULE:FREQ=WEEKLY;COUNT=5"]
    assert listed[1]["originalStartTime"]["dateTime"] == "2027-03-15T09:00:00+01:00"
    assert listed[2]["recurringEventId"] == series
    assert [item["id"] for item in pages(api, syncToken=masters)[0]] == names[1:3]
    expanded = pages(api, singleEvents=True, orderBy="startTime")[0]
    assert [item["id"] for item in expanded] == [names[0], names[1], names[3], names[4]]
    assert not any("recurrence" in item for item in expanded)
    app.change(series, recurrence=["RRULE:FREQ=WEEKLY;COUNT=4"])
    changed = {item["id"]: item["status"] for item in pages(api, singleEvents=True, syncToken=singles)[0]}
    assert changed == {
        names[0]: "confirmed",
        names[1]: "confirmed",
        names[2]: "cancelled",
        names[3]: "confirmed",
        names[4]: "cancelled",
    }
    window = {"timeMin": "2027-03-16T00:00:00+01:00", "timeMax": "2027-03-17T00:00:00+01:00"}
    assert [item["id"] for item in pages(api, singleEvents=True, **window)[0]] == [names[1]]


def test_own_answer_all_day_and_types(world: GoogleWorld) -> None:
    app = world.user(ANN).calendar()
    guests = [
        {"email": "boss@example.com", "responseStatus": "accepted", "organizer": True},
        {"email": ANN, "responseStatus": "declined"},
    ]
    app.put(timed(10, attendees=guests, organizer={"email": "boss@example.com"}))
    app.put({"start": {"date": "2027-03-11"}, "end": {"date": "2027-03-12"}, "transparency": "transparent"})
    app.put(timed(12, eventType="outOfOffice"))
    api = service(world)
    items, _, _ = pages(api, maxAttendees=1)
    assert [guest["responseStatus"] for guest in items[0]["attendees"]] == ["declined"]
    assert items[0]["attendees"][0]["self"]
    assert items[0]["attendeesOmitted"]
    assert (items[1]["start"], items[1]["transparency"]) == ({"date": "2027-03-11"}, "transparent")
    assert [item["eventType"] for item in pages(api, eventTypes=["outOfOffice", "focusTime"])[0]] == ["outOfOffice"]
    tokyo = pages(api, timeZone="Asia/Tokyo")[0]
    assert tokyo[0]["start"] == {"dateTime": "2027-03-10T17:00:00+09:00", "timeZone": "Europe/Amsterdam"}


def test_fields_really_leave_everything_else_out(world: GoogleWorld) -> None:
    private = {"private": {"origin": "x"}, "shared": {"s": "y"}}
    guests = [{"email": ANN, "responseStatus": "accepted", "comment": "Secret"}]
    world.user(ANN).calendar().put(
        timed(10, summary="Secret", location="Secret", attendees=guests, extendedProperties=private)
    )
    events = service(world).events()
    fields = "nextSyncToken,items(id,start,attendees(self,responseStatus),extendedProperties/private)"
    found = events.list(calendarId="primary", fields=fields).execute()
    assert set(found) == {"nextSyncToken", "items"}
    (item,) = found["items"]
    assert set(item) == {"id", "start", "attendees", "extendedProperties"}
    assert item["attendees"] == [{"self": True, "responseStatus": "accepted"}]
    assert item["extendedProperties"] == {"private": {"origin": "x"}}
    assert "Secret" not in json.dumps(found)
    assert refused(events.list(calendarId="primary", fields="items(titel)")) == (400, "invalidParameter")
    found = events.list(calendarId="primary", privateExtendedProperty="origin=x", fields="items/id").execute()
    assert len(found["items"]) == 1


def test_free_busy_and_its_errors_inside_a_200(world: GoogleWorld) -> None:
    app = world.user(ANN).calendar()
    app.put(timed(10, 9))
    app.put(timed(10, 10, status="tentative"))
    app.put(timed(10, 14, transparency="transparent"))
    app.put(timed(10, 15, attendees=[{"email": ANN, "responseStatus": "declined"}]))
    app.put({"start": {"date": "2027-03-11"}, "end": {"date": "2027-03-12"}})
    app.put(timed(8, 20, recurrence=["RRULE:FREQ=DAILY"]))
    api = service(world, SCOPE + "calendar.freebusy")
    body: dict[str, object] = {"timeMin": "2027-03-10T00:00:00+01:00", "timeMax": "2027-03-11T12:00:00+01:00"}
    body["items"] = [{"id": ANN}, {"id": "nobody@example.com"}, {"id": "bob@example.com"}]
    found = api.freebusy().query(body=body).execute()["calendars"]
    assert found[ANN]["busy"] == [
        {"start": "2027-03-10T08:00:00Z", "end": "2027-03-10T10:00:00Z"},
        {"start": "2027-03-10T19:00:00Z", "end": "2027-03-10T20:00:00Z"},
        {"start": "2027-03-10T23:00:00Z", "end": "2027-03-11T11:00:00Z"},
    ]
    assert [found[name]["errors"][0]["reason"] for name in ("nobody@example.com", "bob@example.com")] == [
        "notFound",
        "notFound",
    ]
    world.freebusy_errors[ANN] = "internalError"
    assert api.freebusy().query(body=body).execute()["calendars"][ANN]["errors"][0]["reason"] == "internalError"
    body["timeMax"] = "2027-09-01T00:00:00Z"
    assert refused(api.freebusy().query(body=body)) == (400, "timeRangeTooLong")
    assert refused(api.events().list(calendarId="primary")) == (403, "insufficientPermissions")


# Scopes and quotas


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("calendar.calendarlist.readonly", {"lists"}),
        ("calendar.events.readonly", {"reads"}),
        ("calendar.events.owned", {"reads", "writes"}),
        ("calendar.events", {"reads", "writes"}),
        ("calendar.freebusy", {"freebusy"}),
        ("calendar.events.freebusy", {"reads", "freebusy"}),
        ("calendar.readonly", {"lists", "reads", "freebusy"}),
        ("calendar", {"lists", "reads", "writes", "freebusy"}),
    ],
)
def test_each_call_needs_its_scope(world: GoogleWorld, scope: str, allowed: set[str]) -> None:
    api = service(world, SCOPE + scope)
    query = {"timeMin": "2027-03-10T00:00:00Z", "timeMax": "2027-03-11T00:00:00Z", "items": [{"id": ANN}]}
    calls = {
        "lists": api.calendarList().list(),
        "reads": api.events().list(calendarId="primary"),
        "writes": api.events().insert(calendarId="primary", body=timed(3)),
        "freebusy": api.freebusy().query(body=query),
    }
    for name, call in calls.items():
        if name in allowed:
            call.execute()
        else:
            assert refused(call) == (403, "insufficientPermissions")


def test_owned_scopes_do_not_open_other_peoples_calendars(world: GoogleWorld) -> None:
    bob = world.user("bob@example.com").calendar()
    bob.share(ANN, "writer")
    name = bob.put(timed(10, summary="Secret", visibility="private"))
    api = service(world, SCOPE + "calendar.events.owned", SCOPE + "calendar.events.readonly")
    assert api.events().get(calendarId=bob.id, eventId=name).execute()["summary"] == "Secret"
    assert refused(api.events().insert(calendarId=bob.id, body=timed(3))) == (403, "insufficientPermissions")
    bob.share(ANN, "reader")
    assert "summary" not in api.events().get(calendarId=bob.id, eventId=name).execute()
    bob.share(ANN, None)
    assert refused(api.events().get(calendarId=bob.id, eventId=name)) == (404, "notFound")


def test_the_availability_scope_shows_no_content(world: GoogleWorld) -> None:
    app = world.user(ANN).calendar()
    series = app.put(
        timed(8, recurrence=["RRULE:FREQ=WEEKLY;COUNT=2"], summary="Secret", attendees=[{"email": "g@example.com"}])
    )
    api = service(world, SCOPE + "calendar.events.freebusy")
    items, cursor, _ = pages(api)
    assert [item["recurringEventId"] for item in items] == [series, series]
    assert all(not {"recurrence", "summary", "attendees", "iCalUID"} & set(item) for item in items)
    assert "Secret" not in json.dumps(items)
    app.delete(items[0]["id"])
    assert [(item["id"], item["status"]) for item in pages(api, syncToken=cursor)[0]] == [(items[0]["id"], "cancelled")]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("user-403", (403, "userRateLimitExceeded")),
        ("project-403", (403, "rateLimitExceeded")),
        ("429", (429, "rateLimitExceeded")),
        ("abuse-403", (403, "quotaExceeded")),
    ],
)
def test_quota_errors_in_every_shape(world: GoogleWorld, shape: str, expected: tuple[int, str]) -> None:
    api = service(world)
    world.break_quota(shape)
    assert refused(api.calendarList().list()) == expected
    api.calendarList().list().execute()
    world.per_user_minute = 1
    api.calendarList().list().execute()
    assert refused(api.calendarList().list()) == (403, "userRateLimitExceeded")


def test_unknown_parameters_and_methods_are_refused(world: GoogleWorld) -> None:
    api = service(world)
    api.calendarList().list().execute()
    token = next(iter(world.consents.access))
    headers = {"Authorization": f"Bearer {token}"}
    base = f"{world.url}/calendar/v3/"
    with httpx.Client(trust_env=False, headers=headers) as client:
        assert client.get(base + "calendars/primary/events?maxresults=3").status_code == 400
        assert client.get(base + "calendars/primary/events?maxResults=0").status_code == 400
        assert client.get(base + "calendars/primary/events?singleEvents=1").status_code == 400
        assert client.get(base + "calendars/primary/evnts").status_code == 404
        assert client.get(base + f"calendars/{ANN.replace('@', '%40')}/events").status_code == 200
        assert client.get(base + "calendars/primary/events", headers={"Authorization": "Bearer x"}).status_code == 401


# Consent and tokens


def test_the_official_client_refreshes_and_learns_of_revocation(world: GoogleWorld) -> None:
    api = service(world)
    api.calendarList().list().execute()
    world.consents.expire_access()
    api.calendarList().list().execute()  # 401, refreshed, repeated
    assert [status for _, path, status in world.panel.log if path.startswith("/calendar")] == [200, 401, 200]
    world.consents.revoke(None, ANN)
    with pytest.raises(RefreshError, match="invalid_grant"):
        api.calendarList().list().execute()


def test_consent_gives_what_was_ticked_and_who_it_was(world: GoogleWorld) -> None:
    scopes = ("openid", "email", SCOPE + "calendar.events.readonly", SCOPE + "calendar.freebusy")
    back = consent(world, scopes, untick=(SCOPE + "calendar.freebusy",))
    assert back["state"] == "s"
    status, found = exchange(world, back["code"])
    assert status == 200
    granted = {"openid", SCOPE + "userinfo.email", SCOPE + "calendar.events.readonly"}
    assert set(found["scope"].split()) == granted == set(back["scope"].split())
    assert found["refresh_token"]
    assert "refresh_token_expires_in" not in found
    claims = json.loads(base64.urlsafe_b64decode(found["id_token"].split(".")[1] + "=="))
    assert (claims["iss"], claims["aud"], claims["email"]) == ("https://accounts.google.com", "client", ANN)
    assert claims["sub"] == world.user(ANN).sub
    # Again: no refresh token without prompt=consent; earlier scopes are included when asked for.
    _, again = exchange(world, consent(world, (SCOPE + "calendar.freebusy",), include_granted_scopes="true")["code"])
    assert "refresh_token" not in again
    assert set(again["scope"].split()) == granted | {SCOPE + "calendar.freebusy"}
    _, anew = exchange(world, consent(world, ALL, prompt="consent")["code"])
    assert anew["refresh_token"] != found["refresh_token"]


def test_codes_are_for_one_use_by_who_asked(world: GoogleWorld) -> None:
    back = consent(world, ALL)
    assert exchange(world, back["code"], code_verifier="w" * 50) == (
        400,
        {"error": "invalid_grant", "error_description": "Invalid code verifier."},
    )
    assert exchange(world, back["code"], client_secret="wrong")[1]["error"] == "invalid_client"
    assert exchange(world, back["code"], redirect_uri=BACK + "/")[1]["error"] == "redirect_uri_mismatch"
    status, found = exchange(world, back["code"])
    assert status == 200
    assert exchange(world, back["code"])[1]["error"] == "invalid_grant"
    assert world.consents.check(found["access_token"]) is None


def test_apps_in_testing_lose_their_consent_after_a_week(world: GoogleWorld) -> None:
    world.apps["client"].testing = True
    _, found = exchange(world, consent(world, ALL)["code"])
    assert 604_000 < found["refresh_token_expires_in"] <= 604_800
    form = {"grant_type": "refresh_token", "refresh_token": found["refresh_token"], "client_id": "client"}
    assert post(world.url + "/token", **form, client_secret="secret")[0] == 200
    assert post(world.url + "/token", **form, client_secret="other") == (
        401,
        {"error": "invalid_client", "error_description": "Unauthorized"},
    )
    world.panel.skew = 8 * 86_400
    assert post(world.url + "/token", **form, client_secret="secret") == (
        400,
        {"error": "invalid_grant", "error_description": "Token has been expired or revoked."},
    )


def test_a_workspace_may_ask_for_a_fresh_sign_in(world: GoogleWorld) -> None:
    _, found = exchange(world, consent(world, ALL)["code"])
    world.consents.revoke(None, ANN, "invalid_rapt")
    form = {"grant_type": "refresh_token", "refresh_token": found["refresh_token"], "client_id": "client"}
    status, answer = post(world.url + "/token", **form, client_secret="secret")
    assert (status, answer["error"], answer["error_subtype"]) == (400, "invalid_grant", "invalid_rapt")


def test_revoking_either_token_ends_the_consent(world: GoogleWorld) -> None:
    _, found = exchange(world, consent(world, ALL)["code"])
    assert post(world.url + "/revoke", token=found["refresh_token"])[0] == 200
    assert world.consents.check(found["access_token"]) is None
    assert post(world.url + "/revoke", token=found["refresh_token"])[1]["error"] == "invalid_token"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"redirect_uri": "http://127.0.0.1:1/elsewhere"}, "redirect_uri_mismatch"),
        ({"client_id": "nobody"}, "invalid_client"),
        ({"scope": SCOPE + "calendar.everything"}, "invalid_scope"),
        ({"acces_type": "offline"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
    ],
)
def test_a_wrong_request_for_consent_stays_at_google(
    world: GoogleWorld, changed: dict[str, str], expected: str
) -> None:
    query = {"client_id": "client", "redirect_uri": BACK, "response_type": "code", "scope": "openid", **changed}
    page = httpx.get(f"{world.url}/o/oauth2/v2/auth", params=query, trust_env=False)
    assert page.status_code in (400, 401)
    assert expected in page.text
    assert "not the real service" in page.text


def test_a_project_can_be_set_up_wrongly(world: GoogleWorld) -> None:
    api = service(world)
    app = world.apps["client"]
    app.api_enabled = False
    assert refused(api.calendarList().list()) == (403, "accessNotConfigured")
    back = consent(world, ALL)
    app.removed = True
    assert exchange(world, back["code"])[1]["error"] == "deleted_client"
    app.removed, app.testing, app.test_users = False, True, frozenset({"bob@example.com"})
    with pytest.raises(AssertionError, match="access_denied"):
        consent(world, ALL)
    assert "code" in consent(world, ALL, user="bob@example.com")
    world.user("bob@example.com").blocked = True
    with pytest.raises(AssertionError, match="admin_policy_enforced"):
        consent(world, ALL, user="bob@example.com")


def test_cancelling_comes_back_with_an_error(world: GoogleWorld) -> None:
    query = {"client_id": "client", "redirect_uri": BACK, "response_type": "code", "scope": "openid", "state": "s"}
    form = {"request": urlencode(query), "user": ANN, "decision": "cancel"}
    answer = httpx.post(f"{world.url}/o/oauth2/v2/auth", data=form, trust_env=False)
    assert answer.headers["Location"] == f"{BACK}?state=s&error=access_denied"


def test_the_panel_acts_for_people_over_http(world: GoogleWorld) -> None:
    api = service(world)
    cursor = pages(api)[1]

    def act(name: str, **given: object) -> dict[str, Any]:
        answer = httpx.post(f"{world.url}/_panel/{name}", json=given, trust_env=False)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    name = act("add-event", email=ANN, start="2027-03-10T09:00:00", end="2027-03-10T10:00:00")["done"]
    assert [item["id"] for item in pages(api, syncToken=cursor)[0]] == [name]
    act("delete-event", email=ANN, event=name)
    assert pages(api)[0] == []
    act("expire-sync")
    assert refused(api.events().list(calendarId="primary", syncToken=cursor)) == (410, "fullSyncRequired")
    act("quota", shape="429", times=2)
    assert [refused(api.calendarList().list())[0] for _ in range(2)] == [429, 429]
    act("fail")
    assert refused(api.calendarList().list()) == (500, "backendError")
    act("expire-tokens")
    api.calendarList().list().execute()
    act("secret", client_id="client", secret="other")
    act("expire-tokens")
    with pytest.raises(RefreshError, match="invalid_client"):
        api.calendarList().list().execute()
    act("secret", client_id="client", secret="secret")
    act("revoke", email=ANN)
    with pytest.raises(RefreshError, match="invalid_grant"):
        api.calendarList().list().execute()
    assert "Simulation of Google" in httpx.get(f"{world.url}/_panel", trust_env=False).text


def test_the_demo_has_something_to_show() -> None:
    with google_simulator(demo_world("http://localhost:3000/")) as world:
        app = world.apps[CLIENT]
        assert app.redirect_uris == ("http://localhost:3000/oauth/google/callback",)
        grant = world.consents.consent(app, "ann@gmail.example", frozenset(ALL), offline=True)
        headers = {"Authorization": f"Bearer {world.consents.issue(grant)}"}
        with httpx.Client(base_url=f"{world.url}/calendar/v3/", headers=headers, trust_env=False) as client:
            listed = client.get("users/me/calendarList").json()["items"]
            items = client.get("calendars/primary/events").json()["items"]
        assert [entry["accessRole"] for entry in listed] == ["owner", "owner", "reader"]
        assert {item["summary"] for item in items} == {"Stand-up", "Dentist", "Perhaps a walk", "Newsletter"}


# Channels


@pytest.fixture
def hook() -> Iterator[tuple[str, list[dict[str, str]]]]:
    got: list[dict[str, str]] = []

    async def take(request: Request) -> Response:
        got.append(dict(request.headers))
        return Response(status_code=204)

    with serving(Starlette(routes=[Route("/hook", take, methods=["POST"])])) as url:
        yield f"{url}/hook", got


def test_the_official_client_watches_and_stops(world: GoogleWorld, hook: tuple[str, list[dict[str, str]]]) -> None:
    url, got = hook
    api = service(world)
    body = {"id": "channel-1", "type": "web_hook", "address": url, "token": "t0ken", "params": {"ttl": "3600"}}
    channel = api.events().watch(calendarId="primary", body=body).execute()
    assert abs(int(channel["expiration"]) / 1000 - world.now().timestamp() - 3600) < 60
    world.user(ANN).calendar().put(timed(3))
    world.user("bob@example.com").calendar().put(timed(3))
    world.panel.deliveries.settle()
    assert [message["x-goog-resource-state"] for message in got] == ["sync", "exists"]
    assert {message["x-goog-channel-token"] for message in got} == {"t0ken"}
    assert {message["x-goog-resource-id"] for message in got} == {channel["resourceId"]}
    assert int(got[0]["x-goog-message-number"]) == 1 < int(got[1]["x-goog-message-number"])
    assert refused(api.events().watch(calendarId="primary", body=body)) == (400, "channelIdNotUnique")
    stop = {"id": "channel-1", "resourceId": channel["resourceId"]}
    assert api.channels().stop(body=stop).execute() == ""
    assert refused(api.channels().stop(body=stop)) == (404, "notFound")
    world.user(ANN).calendar().put(timed(4))
    plain = body | {"id": "channel-2", "address": "http://shop.example.com/hook"}
    assert refused(api.events().watch(calendarId="primary", body=plain)) == (400, "push.webhookUrlNotHttps")
    world.panel.deliveries.settle()
    assert len(got) == 2


def test_a_channel_ends_with_its_time_and_its_consent(
    world: GoogleWorld, hook: tuple[str, list[dict[str, str]]]
) -> None:
    url, got = hook
    api = service(world)
    for name in ("1", "2"):
        ttl = {"ttl": "60" if name == "1" else "999999999"}
        body = {"id": name, "type": "web_hook", "address": url, "params": ttl}
        channel = api.events().watch(calendarId="primary", body=body).execute()
    assert int(channel["expiration"]) / 1000 <= world.now().timestamp() + 604_800
    world.panel.skew = 61
    world.user(ANN).calendar().put(timed(3))
    world.panel.deliveries.settle()
    assert [(message["x-goog-channel-id"], message["x-goog-resource-state"]) for message in got] == [
        ("1", "sync"),
        ("2", "sync"),
        ("2", "exists"),
    ]
    world.consents.revoke(None, ANN)
    world.user(ANN).calendar().put(timed(4))
    world.panel.deliveries.settle()
    assert len(got) == 3
