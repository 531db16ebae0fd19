"""Written over what its owner made of it: our properties change, everything else stays as it is."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from booking_app.sync.ical_merge import merge_event
from booking_app.sync.ical_text import Places
from booking_app.sync.ical_write import draft_fields, parse_own, write_event
from booking_app.sync.model import EventDraft
from booking_app.sync.theirs import keeping, plain_text, said
from tests.unit.test_ical_write import START, make_draft

PLACES = Places(owner=ZoneInfo("Europe/Amsterdam"), embedded={})
THEIRS = (
    "CATEGORIES:Important,Blue",
    "COLOR:turquoise",
    'ATTENDEE;CN="Smith: Anna";X-A=ünï:mailto:anna@example.com',
    "ORGANIZER:mailto:me@example.com",
    "X-APPLE-TRAVEL-DURATION;VALUE=DURATION:PT30M",
    "X-UNHEARD-OF;P=1:a\\, b",
    "ATTACH:https://files.example/" + "a" * 120,
    "COMMENT:ring twice",
    "PRIORITY:1",
    "BEGIN:VALARM",
    "ACTION:DISPLAY",
    "TRIGGER:-PT10M",
    "DESCRIPTION:Not ours",
    "SUMMARY:Not ours either",
    "UID:alarm-1",
    "END:VALARM",
    "BEGIN:X-COMPONENT",
    "DTSTART:20200101T000000Z",
    "END:X-COMPONENT",
)
ZONE = (
    "BEGIN:VTIMEZONE",
    "TZID:Nowhere",
    "BEGIN:STANDARD",
    "DTSTART:19700101T000000",
    "TZOFFSETFROM:+0100",
    "TZOFFSETTO:+0100",
    "END:STANDARD",
    "END:VTIMEZONE",
)


def lines(data: bytes) -> list[str]:
    return data.decode().replace("\r\n ", "").strip("\r\n").split("\r\n")


def edited(draft: EventDraft, *extra: str, drop: tuple[str, ...] = ()) -> bytes:
    """The event as written, then changed by its owner."""
    found = [each for each in lines(write_event(draft)) if not each.startswith(drop or ("~",))]
    end = found.index("END:VEVENT")
    found[end:end] = extra
    found[1:1] = ZONE
    return "\r\n".join([*found, ""]).encode()


def moved(draft: EventDraft, **overrides: object) -> EventDraft:
    """The next version of the same event, that remembers what was written."""
    changes = {"start": START + 86_400, "end": START + 88_000, "sequence": 4, "stamp": START, "before": said(draft)}
    return replace(draft, **(changes | overrides))  # type: ignore[arg-type]


def test_what_is_the_owners_stays_to_the_letter_and_what_is_ours_is_new() -> None:
    first = make_draft()
    merged = merge_event(edited(first, *THEIRS), moved(first))
    found = lines(merged)
    assert [each for each in found if each in THEIRS] == list(THEIRS)
    assert [each for each in found if each in ZONE] == [*ZONE]
    assert [each for each in found if each.startswith("DTSTART")][1:] == [
        "DTSTART:20270311T090000Z",
        "DTSTART:20200101T000000Z",
    ]
    for name in ("UID:a1", "DTEND", "SEQUENCE", "DTSTAMP", "CLASS", "STATUS", "TRANSP", "DESCRIPTION:First"):
        assert sum(each.startswith(name) for each in found) == 1, name
    assert all(len(each) <= 75 for each in merged.split(b"\r\n"))
    own = parse_own(merged, PLACES)
    assert own is not None
    assert own.fields == draft_fields(moved(first))
    Calendar.from_ical(merged)


def test_merging_again_changes_nothing() -> None:
    first = make_draft()
    once = merge_event(edited(first, *THEIRS, "LOCATION:Upstairs", drop=("LOCATION",)), moved(first))
    assert merge_event(once, moved(first)) == once


@pytest.mark.parametrize(
    ("drop", "line"),
    [
        ("STATUS", "STATUS:TENTATIVE"),
        ("TRANSP", "TRANSP:TRANSPARENT"),
        ("CLASS", "CLASS:PUBLIC"),
        ("CLASS", "CLASS:CONFIDENTIAL"),
        ("SUMMARY", "SUMMARY:Clara (VIP)"),
        ("LOCATION", "LOCATION:Room 2"),
    ],
)
def test_a_title_a_place_or_how_it_is_shown_is_the_owners_once_changed(drop: str, line: str) -> None:
    first = make_draft()
    merged = lines(merge_event(edited(first, line, drop=(drop,)), moved(first)))
    assert [each for each in merged if each.startswith(drop)] == [line]
    untouched = lines(merge_event(edited(first), moved(first, private=False, summary="New", location="There")))
    assert {"SUMMARY:New", "LOCATION:There", "CLASS:PUBLIC"} <= set(untouched)


def test_a_note_in_the_description_stays_around_ours() -> None:
    first = make_draft(description="Customer: Clara\nService: Haircut")
    noted = edited(
        first, "DESCRIPTION:Mind the dog!\\n\\nCustomer: Clara\\nService: Haircut\\nbring tea\\, milk", drop=("DESC",)
    )
    merged = merge_event(noted, moved(first, description="Customer: Clara\nPhone: 123\nService: Haircut"))
    (text,) = [each for each in lines(merged) if each.startswith("DESCRIPTION")]
    ours = "Customer: Clara\\nPhone: 123\\nService: Haircut"
    assert text == f"DESCRIPTION:Mind the dog!\\n\\n{ours}\\n\\nbring tea\\, milk"


def test_what_repeats_or_lasts_a_day_becomes_the_appointment_again() -> None:
    first = make_draft()
    whole = edited(first, "DTSTART;VALUE=DATE:20270310", "DURATION:P1D", "RRULE:FREQ=DAILY", drop=("DTSTART", "DTEND"))
    override = "\r\n".join(["BEGIN:VEVENT", "UID:a1-b2@booking-app", "RECURRENCE-ID;VALUE=DATE:20270312", "END:VEVENT"])
    both = whole.replace(b"END:VCALENDAR", override.encode() + b"\r\nEND:VCALENDAR")
    own = parse_own(merge_event(both, moved(first)), PLACES)
    assert own is not None
    assert own.fields == draft_fields(moved(first))


def test_without_our_event_in_it_it_is_replaced() -> None:
    draft = make_draft()
    assert merge_event(b"nonsense", draft) == write_event(draft)


def test_what_an_earlier_version_wrote_is_told_by_its_labels() -> None:
    stands = "Customer: Clara\nChange or cancel: https://book.example/manage/abc\nbring tea"
    draft = make_draft(description="Customer: Clara\nIn the booking system: x", before=None)
    kept = keeping(draft, summary="Old title", description=stands, location="Old place")
    assert kept.description == "Customer: Clara\nIn the booking system: x\n\nbring tea"
    assert (kept.summary, kept.location) == (draft.summary, draft.location)


def test_rich_text_becomes_lines_and_other_text_stays() -> None:
    assert (
        plain_text("Customer: Clara<br>E-mail: a@b<p>tea &amp; milk</p>") == "Customer: Clara\nE-mail: a@btea & milk\n"
    )
    assert plain_text("a < b and c > d & e") == "a < b and c > d & e"


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=30)


@given(st.lists(TEXT, max_size=4), st.lists(TEXT, max_size=3), st.lists(TEXT, max_size=3), st.lists(TEXT, max_size=4))
def test_every_line_of_the_owner_is_kept_once_however_often_it_is_written(
    ours: list[str], above: list[str], below: list[str], later: list[str]
) -> None:
    first = make_draft(description="\n".join(ours))
    stands = "\n".join([*above, *ours, *below])
    draft = replace(make_draft(description="\n".join(later)), before=said(first))
    once = keeping(draft, summary="", description=stands, location="").description
    again = keeping(replace(draft, before=said(draft)), summary="", description=once, location="").description
    known = {" ".join(each.split()) for each in (*ours, *later)}
    for line in (*above, *below):
        if line.strip() and " ".join(line.split()) not in known:
            assert line in once.splitlines()
            assert again.splitlines().count(line) == once.splitlines().count(line)
