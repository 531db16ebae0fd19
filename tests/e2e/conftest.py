"""The whole product for the browser tests: started once with the demo team, and a real Chromium.

Browser tests are plain functions: Playwright's synchronous interface and a running event loop exclude each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests import chromium
from tests.conftest import open_folder
from tests.e2e.instance import Instance, start


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """As pytest's, and open to the database server."""
    with open_folder() as folder:
        yield folder


@pytest.fixture(scope="package")
def instance() -> Iterator[Instance]:
    """The running demo on a free port; `facts` is its run.json."""
    with open_folder() as folder:
        running = start(folder / "data")
        yield running
        running.stop()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = chromium.find()
    if path is None:
        pytest.fail("no Chromium: `make test` gets one, or set CHROMIUM")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=list(chromium.ARGUMENTS))
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser, instance: Instance) -> Iterator[Page]:
    """A fresh visitor in Amsterdam; relative addresses are the instance's. A script error fails the test."""
    context = browser.new_context(
        base_url=instance.url,
        locale="en-GB",
        timezone_id="Europe/Amsterdam",
        viewport={"width": 1280, "height": 900},
    )
    errors: list[str] = []
    opened = context.new_page()
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert not errors


@pytest.fixture
def shots() -> Path:
    """Where tests leave screenshots for people."""
    folder = Path(__file__).parent / "shots"
    folder.mkdir(exist_ok=True)
    return folder
