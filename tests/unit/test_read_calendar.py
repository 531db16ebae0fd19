"""`booking read-calendar`: what a file blocks, line by line, and a sentence for what cannot be done."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from booking_app import cli
from booking_app.sync import ical
from tests.unit.test_ical_corpus import CASES
from tests.unit.test_ical_exporters import ODD

OPTIONS = ["--zone", "Europe/Amsterdam", "--from", "2026-11-01", "--to", "2027-12-31"]
WINDOW = (1_793_491_200, 1_830_211_200)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_block_is_a_line_in_utc(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["read-calendar", str(ODD / "apple_travel_time.ics"), *OPTIONS]) == 0
    assert lines(capsys) == [{"start": "2026-12-10T09:15:00Z", "end": "2026-12-10T11:00:00Z", "certain": True}]


def test_what_could_not_be_read_is_a_line_with_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["read-calendar", str(ODD / "open_end_before_start.ics"), *OPTIONS]) == 0
    assert lines(capsys) == [
        {"start": "2026-12-10T13:00:00Z", "end": "2026-12-11T13:00:00Z", "certain": False},
        {"problem": "end-before-start", "at": "2026-12-10T13:00:00Z"},
    ]


@pytest.mark.parametrize("path", [*sorted(ODD.glob("*.ics")), *sorted(CASES.glob("*.ics"))], ids=lambda path: path.stem)
def test_it_says_what_the_sync_would_store(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["read-calendar", str(path), *OPTIONS]) == 0
    (found,) = ical.expand_objects([("k", "e", path.read_bytes())], "Europe/Amsterdam", (), WINDOW)
    said = lines(capsys)
    assert len(said) == len(found.busy) + len(found.problems)
    assert [line["problem"] for line in said if "problem" in line] == [problem.code for problem in found.problems]


def test_a_dash_is_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    data = io.BytesIO((ODD / "end_at_24_00.ics").read_bytes())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(data))
    assert cli.main(["read-calendar", "-", *OPTIONS]) == 0
    assert lines(capsys) == [{"start": "2026-12-09T21:00:00Z", "end": "2026-12-09T23:00:00Z", "certain": True}]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere.ics", *OPTIONS], "nowhere.ics cannot be read: No such file or directory"),
        ([".", *OPTIONS], ". cannot be read: Is a directory"),
        (["x.ics", "--zone", "Mars", "--from", "2026-11-01", "--to", "2027-12-31"], "--zone: Mars is no time zone"),
        (["x.ics", "--from", "1 May", "--to", "2027-12-31"], "--from: 1 May is no date"),
        (["x.ics", "--from", "2026-11-01", "--to", "2026-11-01"], "--to: 2026-11-01 is not after 2026-11-01"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["read-calendar", *arguments]) == 2
    said = capsys.readouterr()
    assert said.err.startswith(sentence)
    assert said.out == ""
