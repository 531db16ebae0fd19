"""A change is readable at the calendar server: how long until its slot is gone in an open page of a real browser.

    python -m tests.benchmarks.bench_browser_inbound [events]      100 events unless told

The whole demo with its Radicale server; events are put by the public `caldav` library as a person's calendar app does.
The clock of an event starts when the server has answered the PUT and stops when the browser has struck the slot
through (a MutationObserver notes the time inside the page). Each event comes at a random moment of the reading rhythm.
Reference: the same wait if the calendar were read every 30 s, the promised bound, computed for the same moments.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests import chromium
from tests.benchmarks.place import percentile
from tests.e2e.instance import start
from tests.e2e.journeys import OwnCalendar, moment_of, open_service, show_day, slot

BOUND = 30
WATCH = """() => {
  window.gone = {};
  new MutationObserver(() => document.querySelectorAll(".slot.gone").forEach((each) => {
    const label = each.getAttribute("aria-label").replace(", just taken", "");
    window.gone[label] ??= performance.timeOrigin + performance.now();
  })).observe(document.body, {subtree: true, childList: true, attributes: true});
}"""


def inbound(page: Page, put: Callable[[datetime], object], events: int, *, spread: float) -> list[float]:
    """Seconds from each change, which `put` makes in somebody's calendar, to the page. They come at random moments,
    `spread` seconds apart at most."""
    seconds: list[float] = []
    day = _look_afresh(page)
    while len(seconds) < events:
        if page.locator(".slot:not(.gone)").count() < 2:
            day += 1
            if page.locator(".day.free").count() > day:
                page.locator(".day.free").nth(day).click()
                page.wait_for_timeout(1000)
            else:
                day = _look_afresh(page)
            continue
        taken = slot(page, 0)
        label = taken.get_attribute("aria-label") or ""
        start_at = moment_of(taken)
        page.wait_for_timeout(random.uniform(0, spread * 1000))
        put(start_at)
        readable = time.time()
        page.wait_for_function("label => window.gone[label]", arg=label, timeout=120_000)
        seconds.append(page.evaluate("label => window.gone[label]", label) / 1000 - readable)
        if len(seconds) % 20 == 0:
            print(f"{len(seconds):4} events, p50 so far {percentile(seconds, 0.5):.1f} s", flush=True)
    return seconds


def _look_afresh(page: Page) -> int:
    """Open the page at its first free day, which is day 0."""
    open_service(page, "follow-up")
    page.evaluate(WATCH)
    show_day(page, 0)
    return 0


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    path = chromium.find()
    if path is None:
        sys.exit("No Chromium; set CHROMIUM to one.")
    with tempfile.TemporaryDirectory(prefix="booking-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        instance = start(folder / "data")
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=path, args=list(chromium.ARGUMENTS))
                page = browser.new_page(base_url=instance.url, timezone_id="Europe/Amsterdam")
                calendar = OwnCalendar(instance.staff("anna")["caldav"])
                seconds = inbound(page, calendar.put, events, spread=12)
                browser.close()
        finally:
            instance.stop()
    p50, p95, p99 = (percentile(seconds, share) for share in (0.5, 0.95, 0.99))
    print(f"{len(seconds)} events: p50 {p50:.1f} s, p95 {p95:.1f} s, p99 {p99:.1f} s, slowest {max(seconds):.1f} s")
    print(f"p99 / a read every {BOUND} s (p99 {BOUND * 0.99:.1f} s): {p99 / (BOUND * 0.99):.2f}")


if __name__ == "__main__":
    main()
