"""Which addresses are one mailbox, and when a booking is confirmed by mail first."""

from __future__ import annotations

import pytest

from booking_app.domain.crowding import Crowd, Policy, Verdict, judge
from booking_app.domain.mailboxes import mailbox


@pytest.mark.parametrize(
    "email",
    ["clara@example.com", "Clara@Example.COM", " clara+1@example.com", "clara+a+b@example.com", "CLARA+@example.com"],
)
def test_one_mailbox_has_many_addresses(email: str) -> None:
    assert mailbox(email) == "clara@example.com"


@pytest.mark.parametrize(
    "domain", ["ex\u00adample.com", "example.com\u200b", "ｅxample.com", "ⓔxample.com", "example。com", "example.com."]
)
def test_a_domain_counts_as_mail_is_sent_to_it_however_it_was_spelled(domain: str) -> None:
    assert mailbox(f"clara@{domain}") == "clara@example.com"
    assert mailbox("clara@Bücher.example") == mailbox("clara@xn--bcher-kva.example")


def test_dots_count_where_they_make_a_difference() -> None:
    assert mailbox("c.l.a.ra+x@gmail.com") == mailbox("clara@googlemail.com") == "clara@gmail.com"
    assert mailbox("c.lara@example.com") != mailbox("clara@example.com")


@pytest.mark.parametrize("email", ["+tag@example.com", "..@gmail.com", "@", ""])
def test_what_is_left_is_never_nobody(email: str) -> None:
    assert mailbox(email) == mailbox(mailbox(email))
    if email.startswith("+"):
        assert mailbox(email) == email


@pytest.mark.parametrize(
    ("upcoming", "lately", "from_address", "verdict"),
    [
        (0, 0, 0, Verdict.BOOK),
        (2, 2, 14, Verdict.BOOK),
        (3, 0, 0, Verdict.CONFIRM),
        (0, 3, 0, Verdict.CONFIRM),
        (0, 0, 15, Verdict.CONFIRM),
        (19, 19, 99, Verdict.CONFIRM),
        (20, 0, 0, Verdict.REFUSE),
    ],
)
def test_what_becomes_of_one_more(upcoming: int, lately: int, from_address: int, verdict: Verdict) -> None:
    assert judge(Policy(), Crowd(upcoming=upcoming, lately=lately, from_address=from_address)) is verdict


def test_always_and_never() -> None:
    nothing, much = Crowd(upcoming=0, lately=0, from_address=0), Crowd(upcoming=19, lately=99, from_address=999)
    assert judge(Policy(confirm_after=0), nothing) is Verdict.CONFIRM
    assert judge(Policy(confirm_after=None), much) is Verdict.BOOK
    assert judge(Policy(confirm_after=None, most_upcoming=19), much) is Verdict.REFUSE
