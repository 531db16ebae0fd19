"""The words of mails: times that name the reader's zone, text and HTML that nobody's text can break out of."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest

from booking_app.domain.clock import to_instant
from booking_app.domain.zones import offsets
from booking_app.services.letters import alert, cancellation, change, confirmation
from booking_app.services.letters.facts import Facts
from booking_app.services.letters.letter import Fact, Letter, Link, Paragraph, as_html, as_text
from booking_app.services.letters.words import MONTHS, names_words, one_line, span_words, start_words
from tests.factories import at

ZONES = (
    "Europe/Amsterdam",
    "Europe/London",
    "Europe/Lisbon",
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Australia/Adelaide",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Africa/Casablanca",
    "UTC",
)


def make_facts(**overrides: object) -> Facts:
    values: dict[str, object] = {
        "service": "Consultation",
        "start": at("2026-12-10 08:30"),
        "end": at("2026-12-10 09:15"),
        "zone": "Europe/Amsterdam",
        "staff": ("Mila Visser",),
        "location": "Grote Markt 1\nHaarlem",
        "preparation": "Bring your notes.",
        "customer": "Clara Customer",
        "team": "Studio Haarlem",
        "manage_url": "https://book.example.com/manage/abc",
        **overrides,
    }
    return Facts(**values)  # type: ignore[arg-type]


def one(found: re.Match[str] | None) -> re.Match[str]:
    assert found is not None
    return found


def instants(words: str) -> tuple[int, int]:
    """The start and end that a reader understands from a time in words; an independent reading of it."""
    day = r"\w+day (\d+) (\w+) (\d{4})"
    clock = r"(\d+):(\d\d)(?: \((UTC[^)]*)\))?"
    found = one(
        re.fullmatch(rf"{day}, {clock}\s?–\s?(?:{day}, )?{clock}(?: \((?:[^()]*? time)?(?:, )?(UTC[^)]*)?\))?", words)
    )
    d1, m1, y1, h1, n1, o1, d2, m2, y2, h2, n2, o2, common = found.groups()

    def instant(d: str, m: str, y: str, h: str, n: str, offset: str) -> int:
        sign, hours, minutes = one(re.fullmatch(r"UTC(?:([+−])(\d+)(?::(\d\d))?)?", offset)).groups()
        shift = timedelta(hours=int(hours or 0), minutes=int(minutes or 0)) * (-1 if sign == "−" else 1)
        moment = datetime(int(y), MONTHS.index(m) + 1, int(d), int(h), int(n), tzinfo=timezone(shift))
        return to_instant(moment)

    return (
        instant(d1, m1, y1, h1, n1, o1 or common or o2),
        instant(d2 or d1, m2 or m1, y2 or y1, h2, n2, o2 or common),
    )


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("Europe/Amsterdam", "Thursday 10 December 2026, 9:30–10:15 (Amsterdam time, UTC+1)"),
        ("Europe/London", "Thursday 10 December 2026, 8:30–9:15 (London time, UTC)"),
        ("America/New_York", "Thursday 10 December 2026, 3:30–4:15 (New York time, UTC−5)"),
        ("America/St_Johns", "Thursday 10 December 2026, 5:00–5:45 (St Johns time, UTC−3:30)"),
        ("America/Argentina/Buenos_Aires", "Thursday 10 December 2026, 5:30–6:15 (Buenos Aires time, UTC−3)"),
        ("Asia/Kolkata", "Thursday 10 December 2026, 14:00–14:45 (Kolkata time, UTC+5:30)"),
        ("Pacific/Auckland", "Thursday 10 December 2026, 21:30–22:15 (Auckland time, UTC+13)"),
        ("Pacific/Kiritimati", "Thursday 10 December 2026, 22:30–23:15 (Kiritimati time, UTC+14)"),
        ("UTC", "Thursday 10 December 2026, 8:30–9:15 (UTC)"),
        ("Etc/GMT+5", "Thursday 10 December 2026, 3:30–4:15 (UTC−5)"),
    ],
)
def test_p36_a_time_is_told_in_the_readers_zone_with_its_name(zone: str, words: str) -> None:
    facts = make_facts(zone=zone)
    assert span_words(facts.start, facts.end, zone) == words
    for letter in (confirmation.to_customer(facts), change.to_customer(facts), cancellation.to_person(facts)):
        assert words in as_text(letter)
        assert words in as_html(letter)


def test_p35_the_date_is_the_readers_own() -> None:
    start = at("2026-12-10 22:30")
    assert start_words(start, "Europe/Amsterdam") == "Thursday 10 December 2026, 23:30"
    assert start_words(start, "Pacific/Auckland") == "Friday 11 December 2026, 11:30"
    assert (
        span_words(start, start + 3600, "Europe/Amsterdam")
        == "Thursday 10 December 2026, 23:30 – Friday 11 December 2026, 0:30 (Amsterdam time, UTC+1)"
    )


def test_p34_an_appointment_across_a_switch_carries_both_offsets() -> None:
    start = at("2027-10-31 00:30")
    assert (
        span_words(start, start + 3600, "Europe/Amsterdam")
        == "Sunday 31 October 2027, 2:30 (UTC+2) – 2:30 (UTC+1) (Amsterdam time)"
    )
    start = at("2027-03-28 00:30")
    assert (
        span_words(start, start + 3600, "Europe/Amsterdam")
        == "Sunday 28 March 2027, 1:30 (UTC+1) – 3:30 (UTC+2) (Amsterdam time)"
    )


def switches(zone: str) -> list[int]:
    year = (at("2027-01-01 00:00"), at("2028-01-01 00:00"))
    return [later[0] for _, later in pairwise(offsets(zone, year))]


@pytest.mark.parametrize("zone", ZONES)
def test_p34_the_words_of_a_mail_mean_the_stored_instant_on_switch_days_too(zone: str) -> None:
    around = [*switches(zone), at("2027-02-28 22:00"), at("2027-07-01 12:00")]
    for middle in around:
        for minutes in range(-26 * 60, 26 * 60, 15):
            start = middle + minutes * 60
            for length in (15, 45, 90):
                end = start + length * 60
                assert instants(span_words(start, end, zone)) == (start, end)


def test_a_confirmation_in_full() -> None:
    letter = confirmation.to_customer(make_facts())
    assert letter.subject == "Confirmed: Consultation, Thursday 10 December 2026, 9:30"
    assert as_text(letter) == (
        "Hello Clara Customer,\n"
        "\n"
        "Your appointment is confirmed.\n"
        "\n"
        "What: Consultation\n"
        "When: Thursday 10 December 2026, 9:30–10:15 (Amsterdam time, UTC+1)\n"
        "With: Mila Visser\n"
        "Where: Grote Markt 1\n"
        "    Haarlem\n"
        "Please note: Bring your notes.\n"
        "\n"
        "Change or cancel your appointment:\n"
        "https://book.example.com/manage/abc\n"
        "\n"
        "-- \n"
        "Studio Haarlem\n"
    )


@pytest.mark.parametrize("write", [confirmation.to_customer, change.to_customer])
def test_what_cannot_be_changed_any_more_says_whom_to_ask(write: Callable[[Facts], Letter]) -> None:
    words = as_text(write(make_facts(changeable=False)))
    assert "Change or cancel your appointment" not in words
    assert "If you cannot come, please reply to this mail." in words
    assert "Your appointment:\nhttps://book.example.com/manage/abc\n" in words


def test_a_change_strikes_the_old_time() -> None:
    facts = make_facts(previous_start=at("2026-12-09 15:00"))
    old = "Wednesday 9 December 2026, 16:00–16:45 (Amsterdam time, UTC+1)"
    for letter in (change.to_customer(facts), change.to_person(facts)):
        assert f"Not any more: {old}" in as_text(letter)
        assert f"<s>{old}</s>" in as_html(letter)
        assert as_html(letter).count("<s>") == 1


def test_a_cancellation_says_who_and_offers_another_time() -> None:
    book = "https://book.example.com/book/consultation"
    own = as_text(cancellation.to_customer(make_facts(cancelled_by="customer"), book_url=book))
    ours = as_text(cancellation.to_customer(make_facts(cancelled_by="owner"), book_url=book))
    assert "as you asked" in own
    assert "We are sorry" in ours
    assert book in own
    assert "/manage/" not in own
    assert "Bring your notes" not in own


def test_the_person_reads_who_comes_and_not_the_customers_link() -> None:
    facts = make_facts(
        manage_url=None, email="clara@example.com", phone="+31 20 123", notes="Ring twice.\nThen wait.", zone="UTC"
    )
    for letter in (confirmation.to_person(facts), change.to_person(facts), cancellation.to_person(facts)):
        text = as_text(letter)
        for part in ("Clara Customer", "clara@example.com", "+31 20 123", "Ring twice.\n    Then wait.", "(UTC)"):
            assert part in text
        assert "/manage/" not in text + as_html(letter)
        assert "Clara" not in letter.subject


def test_nobodys_text_becomes_markup_or_a_line_of_ours() -> None:
    evil = "<script>alert(1)</script>\n\n-- \nhttps://evil.example"
    letter = Letter(
        subject="x",
        blocks=(Paragraph(text="Hello"), Fact(label="Notes", text=evil), Link(label="<b>", url='https://a/"><b>')),
        signature="Team <i>",
    )
    html = as_html(letter)
    for mark in ("<script", "<b>", "<i>"):
        assert mark not in html
    assert "&lt;script&gt;" in html
    text = as_text(letter)
    assert "\n    https://evil.example" in text
    assert "\nhttps://evil.example" not in text
    assert text.count("\n-- \n") == 1


def test_an_alert_names_the_page_that_mends_it() -> None:
    letter = alert.to_account(
        name="Ada", message="It stopped.", again=False, url="https://book.example.com/admin/sync", team="Studio"
    )
    assert letter.subject == "A calendar needs attention"
    assert "https://book.example.com/admin/sync" in as_text(letter)


def test_one_line_leaves_no_way_into_a_header() -> None:
    assert one_line("a\r\nBcc: b@example.com\x00\u2028c") == "a Bcc: b@example.com c"
    assert names_words(["Anna"]) == "Anna"
    assert names_words(["Anna", "Bram", "Chris"]) == "Anna, Bram and Chris"
