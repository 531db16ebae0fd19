"""The first admin of an installation that has none, in the browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from booking_app.sync.vault import new_key
from tests.conftest import open_folder
from tests.e2e.instance import START_LIMIT, Instance, free_port, launch
from tests.e2e.journeys import eventually

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
_LINK = re.compile(r"http://\S+/welcome/\S+")


@pytest.fixture
def serving() -> Iterator[Instance]:
    """`booking serve` on an empty database."""
    with open_folder() as folder:
        port = free_port()
        address = {"PUBLIC_URL": f"http://localhost:{port}", "PORT": str(port)}
        running = launch(folder / "data", "serve", SECRET_KEYS=new_key(), **address)
        yield running
        running.stop()


def ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def link_of(serving: Instance) -> str:
    """The one-time link that it prints before it serves."""
    link = eventually(lambda: "".join(_LINK.findall(serving.output)), START_LIMIT)
    eventually(lambda: ready(f"http://localhost:{serving.port}"), START_LIMIT)
    return link


def test_a_refused_password_costs_the_first_admin_nothing_else(
    browser: Browser, serving: Instance, shots: Path
) -> None:
    link = link_of(serving)
    page = browser.new_context(locale="en-GB").new_page()
    page.set_default_timeout(60_000)
    page.goto(link)
    page.get_by_label("E-mail address").fill("ada@example.com")
    page.get_by_label("Name").fill("Ada Lovelace")
    password = page.get_by_label("Password")
    password.fill("1234567890")
    page.get_by_role("button", name="Create my account").click()
    expect(page.locator("#password-error")).to_contain_text("hard to guess")
    expect(password).to_be_focused()
    expect(password).to_have_value("")
    expect(password).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("E-mail address")).to_have_value("ada@example.com")
    expect(page.get_by_label("Name")).to_have_value("Ada Lovelace")
    assert "ada" not in page.url.lower()
    page.screenshot(path=shots / "welcome-refused.png")
    password.fill("three plain words of hers")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/admin/team"))
    page.context.close()
