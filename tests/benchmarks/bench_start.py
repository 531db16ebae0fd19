"""How long `make run` takes, and what the program needs at rest.

    python -m tests.benchmarks.bench_start            first start (fresh data folder), second starts, memory
    python -m tests.benchmarks.bench_start --clean    also: a clean clone, environment and packages included

Reference of the start: a start that builds the front end each time, as `reflex run --env prod` does. Reference of the
memory: a process that has imported Reflex and does nothing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from booking_app.run.build import ROOT, built
from tests.e2e.instance import Instance, free_port, start

REST = 10
"""Seconds after the start at which memory is read."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--clean", action="store_true")
    clean = parser.parse_args().clean
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        if clean:
            print(f"make run, clean clone to usable page      {clean_clone(folder):8.1f} s")
        built(lambda _: None)
        first, instance = timed_start(folder / "data")
        print(f"first start, front end built before       {first:8.1f} s")
        time.sleep(REST)
        total, parts = memory(instance)
        bare = bare_reflex()
        print(f"memory at rest                            {total:8.0f} MB   {total / bare:.1f} x a bare Reflex import")
        for part, megabytes in parts.items():
            print(f"    {part:<38}{megabytes:8.0f} MB")
        instance.stop()
        seconds = []
        for _ in range(3):
            took, instance = timed_start(folder / "data")
            seconds.append(took)
            instance.stop()
        second = statistics.median(seconds)
        build = build_seconds()
        print(
            f"second start, median of 3                 {second:8.1f} s    {second / (second + build):.2f} of one that"
        )
        print(f"    builds the front end each time        {second + build:8.1f} s")


def timed_start(folder: Path) -> tuple[float, Instance]:
    began = time.monotonic()
    instance = start(folder)
    return time.monotonic() - began, instance


def build_seconds() -> float:
    """A build of the front end with everything installed."""
    shutil.rmtree(built(lambda _: None))
    began = time.monotonic()
    built(lambda _: None)
    return time.monotonic() - began


def memory(instance: Instance) -> tuple[float, dict[str, float]]:
    """Megabytes (proportional set size: shared pages are counted once) of all that runs, and by part."""
    parts: dict[str, float] = {}
    for process in psutil.process_iter():
        try:
            words = " ".join(process.cmdline())
            mine = process.environ().get("DATA_DIR") == str(instance.folder) or str(instance.folder) in words
            top = process
            while not mine and (parent := top.parent()) is not None:
                top = parent
                mine = str(instance.folder) in " ".join(top.cmdline())
            if not mine or process.pid == os.getpid():
                continue
            name = next(
                part
                for mark, part in (
                    ("postgres", "PostgreSQL"),
                    ("radicale", "calendar server of the demo"),
                    ("booking_app.cli", "the command that started it"),
                    ("", "the app"),
                )
                if mark in words
            )
            parts[name] = parts.get(name, 0) + process.memory_full_info().pss / 1e6
        except psutil.Error:
            continue
    return sum(parts.values()), parts


def bare_reflex() -> float:
    script = "import reflex.app, psutil; print(psutil.Process().memory_full_info().pss)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return float(done.stdout) / 1e6


def clean_clone(folder: Path) -> float:
    """Seconds from a fresh clone to a page that answers, with the package caches that this machine has."""
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    variables = {**os.environ, "PORT": str(free_port()), "DATA_DIR": str(folder / "clean")}
    variables.pop("VIRTUAL_ENV", None)
    began = time.monotonic()
    process = subprocess.Popen(["make", "run"], cwd=clone, env=variables, stdout=subprocess.DEVNULL)
    while not (folder / "clean" / "run.json").exists():
        if process.poll() is not None:
            raise SystemExit("make run failed in the clean clone")
        time.sleep(0.1)
    took = time.monotonic() - began
    process.terminate()
    process.wait(60)
    return took


if __name__ == "__main__":
    main()
