"""The meter of requests: those of the last minute."""

from __future__ import annotations

from booking_app.sync.providers.budget import Meter


def test_what_is_older_than_a_minute_does_not_count() -> None:
    meter = Meter()
    for second in range(100):
        for _ in range(3):
            meter.count(second + 0.5)
    assert meter.last_minute(99.9) == 180
    assert meter.last_minute(129.9) == 90
    assert meter.last_minute(300) == 0


def test_it_keeps_a_minute_at_most_though_nobody_looks() -> None:
    meter = Meter()
    for second in range(10_000):
        meter.count(second)
    assert len(meter.seconds) <= 61
