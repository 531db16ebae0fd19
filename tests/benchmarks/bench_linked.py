"""Google and Microsoft, simulated: a change there until the slot is gone in an open page, a booking until its event is
there.

    python -m tests.benchmarks.bench_linked [--events N] [--check]      40 of each unless told

The whole demo with its simulations, linked in a real browser. First with notifications, then with all of them lost;
each change comes at a random moment of the reading rhythm. The clock starts when the provider has the change and stops
when the browser has struck the slot through. Reference: the same wait if calendars were read every 30 s.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import httpx
from playwright.sync_api import Browser, expect, sync_playwright

from tests import chromium
from tests.benchmarks.bench_browser_inbound import BOUND, inbound
from tests.benchmarks.place import percentile
from tests.e2e.instance import Instance, start
from tests.e2e.office import sign_in
from tests.e2e.test_linking_simulated import Panel, link

PROVIDERS = {"google": "Google", "microsoft": "Microsoft"}


def set_up(browser: Browser, instance: Instance, provider: str) -> Panel:
    """Anna links the account, which blocks and receives; her other calendars block no more."""
    panel = Panel(instance, provider)
    page = browser.new_page(base_url=instance.url, timezone_id="Europe/Amsterdam")
    sign_in(page, instance.staff("anna"))
    page.locator(".cx").first.wait_for()
    link(page, PROVIDERS[provider], panel.person)
    card = page.locator(".cx").filter(has_text=panel.person)
    name = panel.person if provider == "google" else "Calendar"
    card.get_by_role("switch", name=f"{name} blocks my slots").click()
    card.get_by_role("button", name=f"Receive here: {name}").click()
    expect(card).to_contain_text("Up to date", timeout=60_000)
    page.close()
    return panel


def outbound(instance: Instance, panel: Panel, bookings: int) -> list[float]:
    """Seconds from each confirmed booking to its event at the provider."""
    seconds = []
    with httpx.Client(base_url=instance.url, timeout=30) as client:
        slots = client.get(
            "/api/v1/services/follow-up/slots",
            params={
                "from": time.strftime("%Y-%m-%d"),
                "to": time.strftime("%Y-%m-%d", time.gmtime(time.time() + 50 * 86400)),
                "tz": "UTC",
            },
        ).json()["slots"]
        for number in range(bookings):
            before = len(panel.events())
            answer = client.post(
                "/api/v1/bookings",
                headers={"Idempotency-Key": f"bench-{panel.person}-{number}"},
                json={
                    "service": "follow-up",
                    "start": slots[-1 - 2 * number]["start"],
                    "timezone": "UTC",
                    "customer": {"name": "Robin Okafor", "email": "robin@example.com"},
                },
            )
            assert answer.status_code == 201, answer.text
            booked = time.monotonic()
            while len(panel.events()) == before and time.monotonic() < booked + 60:
                time.sleep(0.02)
            seconds.append(time.monotonic() - booked)
    return seconds


def line(what: str, seconds: list[float], share: float, bound: float) -> bool:
    p50, p95, p99 = (percentile(seconds, each) for each in (0.5, 0.95, 0.99))
    within = percentile(seconds, share) <= bound
    print(
        f"{what}: {len(seconds)} of them, p50 {p50:.2f} s, p95 {p95:.2f} s, p99 {p99:.2f} s; "
        f"p99 / a read every {BOUND} s: {p99 / (BOUND * 0.99):.2f}; "
        f"target p{share * 100:.0f} <= {bound:.0f} s: {'met' if within else 'MISSED'}",
        flush=True,
    )
    return within


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--events", type=int, default=40)
    arguments.add_argument("--check", action="store_true")
    given = arguments.parse_args()
    path = chromium.find()
    if path is None:
        sys.exit("No Chromium; set CHROMIUM to one.")
    within = []
    for provider, name in PROVIDERS.items():
        with tempfile.TemporaryDirectory(prefix="booking-bench-", ignore_cleanup_errors=True) as place:
            Path(place).chmod(0o755)
            instance = start(Path(place) / "data", PROVIDERS="sim")
            try:
                with sync_playwright() as playwright:
                    browser = playwright.chromium.launch(executable_path=path, args=list(chromium.ARGUMENTS))
                    panel = set_up(browser, instance, provider)
                    time.sleep(10)  # until the channels are open
                    page = browser.new_page(base_url=instance.url, timezone_id="Europe/Amsterdam")
                    told = inbound(page, partial(panel.put, minutes=20), given.events, spread=3)
                    within.append(line(f"{name}, change to page, with notifications", told, 0.95, 2))
                    panel.do("webhooks", lose="true")
                    lost = inbound(page, partial(panel.put, minutes=20), given.events, spread=12)
                    within.append(line(f"{name}, change to page, all notifications lost", lost, 0.99, 30))
                    page.close()
                    browser.close()
                written = outbound(instance, panel, given.events)
                within.append(line(f"{name}, booking to event", written, 0.95, 2))
            finally:
                instance.stop()
    return 0 if all(within) or not given.check else 1


if __name__ == "__main__":
    sys.exit(main())
