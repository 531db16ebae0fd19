"""The whole product for the browser tests: started once with the demo team, and a real Chromium.

Browser tests are plain functions: Playwright's synchronous interface and a running event loop exclude each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests import chromium, moment
from tests.conftest import open_folder
from tests.e2e.instance import Instance, start

expect.set_options(timeout=20_000)
"""Milliseconds. How long what must become true may take on a busy machine; what is fast is measured in benchmarks."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser test that fails is run once more. Both outcomes are reported; a second failure is one."""
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))


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
    """A browser in whose pages it is the same moment as everywhere."""
    path = chromium.find()
    if path is None:
        pytest.fail("no Chromium: `make test` gets one, or set CHROMIUM")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=list(chromium.ARGUMENTS))
        plain = opened.new_context

        def new_context(**options: Any) -> BrowserContext:
            made = plain(**options)
            moment.show(made)
            return made

        opened.new_context = new_context  # type: ignore[method-assign]
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
