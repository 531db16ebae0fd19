"""The moment at which the tests run, and that nothing else can set the program's clock."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import booking_app
from booking_app.domain.clock import utc_now
from tests.moment import read

ROOT = Path(__file__).resolve().parents[2]
MOMENTS = re.findall(r"^\d\S*", (ROOT / "tests" / "moments").read_text(), re.MULTILINE)
CLOCK = "from booking_app.domain.clock import utc_now; print(utc_now().isoformat())"


def outcome(code: str, *, without: tuple[str, ...] = (), **variables: str) -> str:
    """What another Python prints."""
    environment = {name: value for name, value in os.environ.items() if name not in without} | variables
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("text", "moment", "zone"),
    [
        ("2027-01-31T23:55:00+01:00", datetime(2027, 1, 31, 22, 55, tzinfo=UTC), "Europe/Amsterdam"),
        ("2026-12-31T23:55:00+13:00", datetime(2026, 12, 31, 10, 55, tzinfo=UTC), "Pacific/Auckland"),
        ("2026-07-31T23:55:00+13:00", datetime(2026, 7, 31, 10, 55, tzinfo=UTC), "Pacific/Tongatapu"),
        ("2028-02-29T00:05:00-08:00", datetime(2028, 2, 29, 8, 5, tzinfo=UTC), "America/Los_Angeles"),
        ("2027-06-06T00:05:00Z", datetime(2027, 6, 6, 0, 5, tzinfo=UTC), "UTC"),
        ("2027-10-31T02:55:00+02:00[Europe/Berlin]", datetime(2027, 10, 31, 0, 55, tzinfo=UTC), "Europe/Berlin"),
    ],
)
def test_a_moment_names_its_zone_or_the_first_of_its_offset(text: str, moment: datetime, zone: str) -> None:
    assert read(text) == (moment, zone)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("tomorrow", "is not a moment"),
        ("2027-02-29T00:05:00+01:00", "is not a moment"),
        ("2027-01-31T23:55:00+01:00[Europe/Amsterdam", "is not a moment"),
        ("2027-01-31T23:55:00", "has no offset from UTC"),
        ("2027-01-31T23:55:00+05:30", "has not the offset of any of UTC, "),
        ("2027-07-31T23:55:00+01:00[Europe/Amsterdam]", "has not the offset of Europe/Amsterdam then"),
        ("2027-01-31T23:55:00+01:00[Europe/Nowhere]", "there is no time zone 'Europe/Nowhere'"),
        ("2027-01-31T23:55:00+01:00[/etc/passwd]", "there is no time zone '/etc/passwd'"),
    ],
)
def test_what_is_no_moment_is_told_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)) as raised:
        read(text)
    assert "write it like" in str(raised.value)


def test_every_moment_of_the_rotation_is_one() -> None:
    assert len({read(each) for each in MOMENTS}) == len(MOMENTS) > 6


def test_a_process_that_the_tests_start_agrees_with_them() -> None:
    then = datetime.fromisoformat(outcome(CLOCK))
    assert timedelta() <= utc_now() - then < timedelta(minutes=1)


@pytest.mark.parametrize("wanted", MOMENTS)
def test_a_run_is_at_its_moment_in_all_its_processes(wanted: str) -> None:
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CLOCK!r}])"
    told = outcome(f"from tests import moment; moment.begin(); {child}", without=("TESTS_AHEAD",), NOW=wanted)
    moment, _ = read(wanted)
    assert timedelta() <= datetime.fromisoformat(told) - moment < timedelta(minutes=1)


def test_no_variable_sets_the_clock_of_the_program_outside_the_tests() -> None:
    told = outcome(CLOCK, without=("PYTHONPATH",), NOW=MOMENTS[0], TESTS_AHEAD="86400")
    assert abs(datetime.fromisoformat(told) - datetime.now(UTC)) < timedelta(minutes=1)


def test_nothing_in_the_program_sets_the_clock() -> None:
    files = Path(booking_app.__file__).parent.rglob("*.py")
    setting = re.compile(r"clock(\.| import .*)AHEAD|TESTS_AHEAD|at_start")
    assert [file.name for file in files if setting.search(file.read_text())] == []
