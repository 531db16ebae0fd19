"""Our own events as text, and the digest that sees a change and nothing else."""

from __future__ import annotations

import pickle
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from booking_app.sync import ical
from booking_app.sync.ical_text import Places
from booking_app.sync.ical_write import OWN_UID_SUFFIX, draft_fields, parse_own, write_event
from booking_app.sync.model import EventDraft, OwnEvent

PLACES = Places(owner=ZoneInfo("Europe/Amsterdam"), embedded={})
START = 1_804_669_200  # 2027-03-10T09:00:00Z


def make_draft(**overrides: object) -> EventDraft:
    values: dict[str, object] = {
        "uid": "a1-b2" + OWN_UID_SUFFIX,
        "start": START,
        "end": START + 2700,
        "summary": "Haircut: Zoë; “VIP”, \\ 2 people",
        "description": "First line\nsecond, line; with " + "long text " * 30,
        "location": "Main Street 1, Haarlem",
        "url": "https://book.example/m/abc?x=1,2",
        "sequence": 3,
    }
    return EventDraft(**(values | overrides))  # type: ignore[arg-type]


def own(data: bytes) -> OwnEvent:
    found = parse_own(data, PLACES)
    assert found is not None
    return found


def test_p29_a_written_event_is_complete_and_invites_nobody() -> None:
    data = write_event(make_draft())
    lines = data.decode().replace("\r\n ", "").split("\r\n")
    assert all(len(line) <= 75 for line in data.split(b"\r\n"))
    assert b"\n" not in data.replace(b"\r\n", b"")
    names = [line.partition(":")[0] for line in lines]
    for name in ("ATTENDEE", "ORGANIZER", "METHOD"):
        assert not any(item.startswith(name) for item in names)
    for line in (
        "DTSTART:20270310T090000Z",
        "DTEND:20270310T094500Z",
        "TRANSP:OPAQUE",
        "CLASS:PRIVATE",
        "STATUS:CONFIRMED",
        "SEQUENCE:3",
        "UID:a1-b2@booking-app",
    ):
        assert line in lines
    assert "DTSTAMP" in names
    assert "STATUS:TENTATIVE" in write_event(make_draft(tentative=True)).decode()


def test_a_customer_cannot_write_properties_through_a_text() -> None:
    data = write_event(
        make_draft(summary="x\r\nATTENDEE:mailto:a@b\r\n\x00\x0b", url="https://x/\r\nATTENDEE:mailto:a@b")
    )
    lines = data.decode().replace("\r\n ", "").split("\r\n")
    assert not any(line.startswith("ATTENDEE") for line in lines)
    assert parse_own(data, PLACES) is not None


def test_what_was_written_is_read_back_equal() -> None:
    draft = make_draft()
    found = own(write_event(draft))
    assert (found.uid, found.start, found.end, found.sequence) == (draft.uid, draft.start, draft.end, 3)
    assert found.fields == draft_fields(draft)


@pytest.mark.parametrize(
    "change",
    [
        {"start": START + 60},
        {"end": START + 3600},
        {"summary": "Other"},
        {"description": "Other"},
        {"location": ""},
        {"url": "https://book.example/other"},
    ],
    ids=str,
)
def test_the_digest_changes_with_the_meaning(change: dict[str, object]) -> None:
    assert draft_fields(make_draft(**change)) != draft_fields(make_draft())


def test_the_digest_ignores_what_servers_rewrite() -> None:
    draft = make_draft()
    head, _, tail = write_event(draft).decode().partition("BEGIN:VEVENT\r\n")
    lines = tail.replace("\r\n ", "").partition("END:VEVENT")[0].strip().split("\r\n")
    kept = [line for line in lines if not line.startswith(("DTSTAMP", "SEQUENCE", "CLASS"))]
    rewritten = [
        *reversed(kept),
        "DTSTAMP:20270101T000000Z",
        "DTSTAMP:20270101T000001Z",
        "SEQUENCE:9",
        "X-APPLE-CREATOR-IDENTITY:com.apple",
        "LAST-MODIFIED:20270101T000000Z",
    ]
    text = (
        head.replace("booking-app//EN", "server//EN")
        + "BEGIN:VEVENT\n"
        + "\n".join(rewritten)
        + "\nEND:VEVENT\nEND:VCALENDAR\n"
    )
    assert own(text.encode()).fields == draft_fields(draft)


def test_the_digest_sees_the_same_instant_in_another_zone_as_equal() -> None:
    data = write_event(make_draft()).replace(b"DTSTART:20270310T090000Z", b"DTSTART;TZID=Asia/Tokyo:20270310T180000")
    assert own(data).fields == draft_fields(make_draft())


@pytest.mark.parametrize("line", [b"RRULE:FREQ=DAILY", b"TRANSP:TRANSPARENT"])
def test_the_digest_sees_a_repetition_and_a_release(line: bytes) -> None:
    data = write_event(make_draft()).replace(b"TRANSP:OPAQUE\r\n", b"").replace(b"CLASS:PRIVATE", line)
    assert own(data).fields != draft_fields(make_draft())


def test_an_own_event_is_recognised_and_a_foreign_one_never() -> None:
    data = write_event(make_draft())
    foreign = data.replace(b"@booking-app", b"@elsewhere").replace(b"Haircut", b"x@booking-app")
    window = (START - 86_400, START + 86_400)
    mine, theirs = ical.expand_objects([("a", "1", data), ("b", "2", foreign)], "UTC", (), window)
    assert mine.own is not None
    assert theirs.own is None
    assert [(busy.start, busy.end) for busy in mine.busy] == [(START, START + 2700)]
    assert replace(mine, key="b", etag="2").busy == theirs.busy


def test_expansion_travels_to_a_worker_process_and_back() -> None:
    arguments = ([("a", "1", write_event(make_draft()))], "UTC", frozenset({"a@b"}), (START, START + 86_400))
    function, copied = pickle.loads(pickle.dumps((ical.expand_objects, arguments)))
    assert pickle.loads(pickle.dumps(function(*copied))) == ical.expand_objects(*arguments)
