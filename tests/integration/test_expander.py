"""The worker process that reads calendars: hostile objects cost their own calendar alone."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import psutil
import pytest

from booking_app.jobs import expander
from booking_app.jobs.expander import Expander, Limits
from booking_app.sync import ical
from booking_app.sync.model import BusyKind, RemoteObject
from booking_app.sync.problems import Code
from tests.unit.test_ical_hostile import event

ZONE = "Europe/Amsterdam"
WINDOW = (1_767_225_600, 1_830_297_600)  # 2026 and 2027
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@pytest.fixture
def pool() -> Iterator[Expander]:
    found = Expander()
    yield found
    found.close()


def plain(key: str) -> ical.RawObject:
    return key, "1", event("DTSTART:20260105T090000Z", "DURATION:PT1H", f"X-FILL:{'x' * 5000}")


def numbered(most: int) -> str:
    return ",".join(f"{6 + number % 48}{WEEKDAYS[number % 7]}" for number in range(most))


BOMBS = {
    "monthly": f"RRULE:FREQ=MONTHLY;COUNT=9;BYDAY={numbered(1450)}",
    "many entries": f"RRULE:FREQ=MONTHLY;COUNT=9;BYDAY={numbered(6000)}",
    "yearly": f"RRULE:FREQ=YEARLY;COUNT=99999;BYDAY={numbered(700)};BYMONTHDAY=31;BYMONTH=2",
    "daily": "RRULE:FREQ=DAILY;COUNT=9999;BYMONTH=2;BYMONTHDAY=30",
    "secondly": "RRULE:FREQ=SECONDLY;COUNT=99999999;BYHOUR=3",
    "times": "RRULE:FREQ=DAILY;COUNT=99;BYHOUR={0};BYMINUTE={1};BYSECOND={1}".format(
        ",".join(map(str, range(24))), ",".join(map(str, range(60)))
    ),
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("year", ["16010101", "15830101", "00010101"])
async def test_a_rule_from_long_ago_takes_no_more_than_its_share(pool: Expander, bomb: str, year: str) -> None:
    hostile = "bomb", "1", event(f"DTSTART:{year}T090000Z", "DURATION:PT1H", BOMBS[bomb])
    before = psutil.Process().cpu_times()
    found = await pool.expand([hostile, plain("after")], ZONE, (), WINDOW)
    after = psutil.Process().cpu_times()
    assert [each.key for each in found] == ["bomb", "after"]
    assert found[1].problems == ()
    assert len(found[1].busy) == 1
    # What a small object takes here, where the pages are served, too; the rest is done elsewhere.
    assert after.user - before.user < 1


def spin(*_: object) -> list[RemoteObject]:
    while True:
        pass


def swallow(*_: object) -> list[RemoteObject]:
    return [bytearray(1 << 20) for _ in range(1 << 20)]  # type: ignore[misc]


async def alive(pool: Expander) -> int:
    found = await pool.expand([plain("next")], ZONE, (), WINDOW)
    assert [len(each.busy) for each in found] == [1]
    assert pool._worker is not None
    return pool._worker._process.pid or 0


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
async def test_a_process_that_was_ended_is_replaced_and_nothing_is_blamed(pool: Expander, end: int) -> None:
    first = await alive(pool)
    os.kill(first, end)
    assert await alive(pool) != first


@pytest.mark.parametrize(
    ("fault", "limits"),
    [
        ("computes for ever", Limits(computing=1)),
        ("does not answer", Limits(computing=600, waiting=5)),
        ("takes all memory", Limits(memory=200 << 20)),
    ],
)
async def test_what_overruns_blocks_from_its_date_and_the_others_go_on(
    fault: str, limits: Limits, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPANDER_FAULT", fault)
    monkeypatch.setattr(expander, "_serve", faulty)
    pool = Expander(limits)
    hostile = "bomb", "7", event("DTSTART;TZID=Europe/Amsterdam:20260601T090000", f"X-FILL:{'!' * 5000}")
    try:
        found, other = await asyncio.gather(
            pool.expand([plain("a"), hostile, plain("b")], ZONE, (), WINDOW),
            pool.expand([plain("other")], ZONE, (), WINDOW),
        )
        assert [(each.key, each.etag) for each in found] == [("a", "1"), ("bomb", "7"), ("b", "1")]
        assert [len(each.problems) for each in (*found, *other)] == [0, 1, 0, 0]
        (problem,), (busy,) = found[1].problems, found[1].busy
        assert problem.code is Code.TOO_MUCH_WORK
        assert problem.at is not None
        assert WINDOW[0] < busy.start == problem.at < 1_780_297_200  # the day itself, wherever it is one
        assert (busy.end, busy.kind) == (WINDOW[1], BusyKind.UNCERTAIN)
        await alive(pool)
    finally:
        pool.close()


def faulty(pipe: object, limits: Limits) -> None:
    """The worker, with a reader that is at fault where an object says so."""
    fault = os.environ["EXPANDER_FAULT"]
    whole = ical.expand_objects

    def expand_objects(objects: list[ical.RawObject], *rest: object) -> list[RemoteObject]:
        if b"!!!" in objects[0][2]:
            if fault == "takes all memory":
                swallow()
            spin()
        return whole(objects, *rest)  # type: ignore[arg-type]

    ical.expand_objects = expand_objects  # type: ignore[assignment]
    expander._serve(pipe, limits)  # type: ignore[arg-type]


async def test_whoever_stops_waiting_leaves_no_answer_for_the_next(pool: Expander) -> None:
    many = [(str(number), "1", event("DTSTART:20200105T090000Z", "RRULE:FREQ=HOURLY")) for number in range(100)]
    first = await alive(pool)
    task = asyncio.create_task(pool.expand(many, ZONE, (), WINDOW))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await alive(pool) == first


async def test_what_is_asked_at_once_has_room_for_so_many_blocks(pool: Expander) -> None:
    every = "DTSTART:20200105T090000Z", "DURATION:PT10M"
    weekly = [(str(number), "1", event(*every, "RRULE:FREQ=WEEKLY")) for number in range(5)]
    hourly = [(f"h{number}", "1", event(*every, "RRULE:FREQ=HOURLY")) for number in range(5)]
    pool._room = 30_000
    found = await pool.expand([*hourly, *weekly], ZONE, (), WINDOW)
    assert [each.key for each in found] == [key for key, _, _ in (*hourly, *weekly)]
    assert sum(len(each.busy) for each in found) <= 30_000
    assert [len(each.problems) for each in found[5:]] == [0] * 5
    spans = {(each.busy[0].start, each.busy[-1].end) for each in found[:5]}
    assert spans == {(WINDOW[0], WINDOW[1] - 3_600 + 600)}


async def test_a_calendar_of_much_work_lets_others_have_their_turn(pool: Expander) -> None:
    many = [(str(number), "1", event("DTSTART:20200105T090000Z", "RRULE:FREQ=HOURLY")) for number in range(150)]
    await alive(pool)
    big = asyncio.create_task(pool.expand(many, ZONE, (), WINDOW))
    small = asyncio.create_task(pool.expand([plain("small")], ZONE, (), WINDOW))
    done, _ = await asyncio.wait({big, small}, return_when=asyncio.FIRST_COMPLETED)
    assert done == {small}
    assert [len(each.problems) for each in await big] == [0] * 150
