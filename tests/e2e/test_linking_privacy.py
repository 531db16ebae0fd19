"""Nothing of what stands in a linked calendar, and no token, reaches a browser: not in a page, not in what it is made
of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Response, WebSocket, expect

from tests.conftest import open_folder
from tests.e2e.instance import Instance, start
from tests.e2e.journeys import open_service, show_day
from tests.e2e.office import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

TITLES = ("Stand-up", "Dentist", "Perhaps a walk", "Newsletter", "Museum")
"""Of the events that stand in the simulated calendars."""
TOKENS = re.compile(r"ya29\.|1//0|M\.C5|\b0\.A[\w-]{60}|[\w-]{250,}|demo-secret")
"""As the simulated providers write them, and whatever else is as long as one; and the secret of the client."""


class Heard:
    """All that the server of `url` sends to the browsers of a context, except its programs, which are built before."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.texts: list[str] = []
        self._answers: list[Response] = []

    def listen(self, context: BrowserContext) -> None:
        context.on("response", self._answered)
        context.on("page", lambda page: page.on("websocket", self._opened))

    def _answered(self, answer: Response) -> None:
        if answer.url.startswith(self._url) and answer.request.resource_type in ("document", "fetch", "xhr"):
            self._answers.append(answer)

    def _opened(self, socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: self.texts.append(str(frame)))
        socket.on("framesent", lambda frame: self.texts.append(str(frame)))

    def everything(self) -> str:
        for answer in self._answers:
            try:
                self.texts.append(answer.text())
            except Error:  # a redirect has no body
                self.texts.append(str(answer.headers))
        self._answers.clear()
        return "\n".join(self.texts)


@pytest.fixture(scope="module")
def simulated() -> Iterator[Instance]:
    with open_folder() as folder:
        running = start(folder / "data", PROVIDERS="sim")
        yield running
        running.stop()


def context_of(browser: Browser, simulated: Instance, heard: Heard) -> BrowserContext:
    made = browser.new_context(base_url=simulated.url, locale="en-GB", timezone_id="Europe/Amsterdam")
    made.set_default_timeout(20_000)
    heard.listen(made)
    return made


def test_no_title_and_no_token_reaches_a_browser(browser: Browser, simulated: Instance) -> None:
    heard = Heard(simulated.url)
    facts: dict[str, Any] = simulated.facts["providers"]
    pages: list[str] = []
    staff = context_of(browser, simulated, heard).new_page()
    sign_in(staff, simulated.staff("anna"))
    staff.locator(".cx").first.wait_for()
    for provider in ("google", "microsoft"):
        person = facts[provider]["people"][0]
        staff.goto(f"/oauth/{provider}/start?mode=full")
        staff.get_by_label(re.compile(re.escape(person))).check()
        staff.get_by_role("button", name=re.compile("^(Allow|Accept)$")).click()
        card = staff.locator(".cx").filter(has_text=person)
        card.get_by_role("switch").first.click()
        expect(card).to_contain_text("Up to date", timeout=30_000)
    staff.reload()
    staff.locator(".cx").first.wait_for()
    pages.append(staff.content())

    admin = context_of(browser, simulated, heard).new_page()
    sign_in(admin, simulated.facts["admin"])
    for path in ("/admin/team", "/admin/sync", "/admin/providers", "/admin/people"):
        admin.goto(path)
        admin.get_by_role("heading").first.wait_for()
        admin.wait_for_load_state("networkidle")
        pages.append(admin.content())

    customer = context_of(browser, simulated, heard).new_page()
    open_service(customer, "follow-up")
    show_day(customer, 2)
    pages.append(customer.content())

    everything = heard.everything() + "\n".join(pages)
    assert "blocks my slots" in everything, "pages were looked at"
    assert any('"delta"' in each for each in heard.texts), "and what the tabs were told"
    assert [each for each in TITLES if each in everything] == []
    assert TOKENS.findall(everything) == []
