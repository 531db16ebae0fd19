"""Finding a Chromium for the browser tests, and getting one where there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


def find() -> str | None:
    """The path of a Chromium: `CHROMIUM` if set, the system's, or the one that Playwright keeps."""
    chosen = os.environ.get("CHROMIUM")
    if chosen:
        return shutil.which(chosen)
    return next(filter(None, map(shutil.which, NAMES)), None) or _playwrights_own()


def get() -> str | None:
    """`find`, after trying to install one: from Playwright, or as root from the system's packages."""
    if found := find():
        return found
    print("No Chromium here; getting one from Playwright", flush=True)
    if _succeeds(sys.executable, "-m", "playwright", "install", "chromium"):
        if _works(found := find()):
            return found
        # The browser came, the system's libraries that it needs did not.
        _succeeds(sys.executable, "-m", "playwright", "install-deps", "chromium")
        if _works(found := find()):
            return found
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        print("Getting the system's package chromium", flush=True)
        _succeeds("apt-get", "update", "-q")
        _succeeds("apt-get", "install", "-q", "-y", "--no-install-recommends", "chromium")
    return next(filter(None, map(shutil.which, NAMES)), None)


def _playwrights_own() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if os.path.exists(path) else None


def _works(path: str | None) -> bool:
    return path is not None and _succeeds(path, *ARGUMENTS, "--headless", "--dump-dom", "about:blank")


def _succeeds(*command: str) -> bool:
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, timeout=600, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
