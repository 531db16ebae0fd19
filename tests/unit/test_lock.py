"""The committed locks say what pyproject.toml asks for, with hashes and without naming anybody's index."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.locked import DEV_LOCK, ROOT, RUN_LOCK, blocks, pins

RENEW = "`make lock` renews it"


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def asked(dev: bool) -> dict[str, Requirement]:
    """What pyproject.toml names, by package."""
    read = project()
    lines = [*read["project"]["dependencies"], *read["dependency-groups"]["build"]]
    lines += read["project"]["optional-dependencies"]["dev"] if dev else []
    return {canonicalize_name(each.name): each for each in map(Requirement, lines)}


LOCKS = pytest.mark.parametrize(("lock", "dev"), [(RUN_LOCK, False), (DEV_LOCK, True)], ids=["run", "dev"])


@LOCKS
def test_pins_what_is_asked_for_and_nothing_that_nobody_asks_for_any_more(lock: Path, dev: bool) -> None:
    directly = {name for name, lines in blocks(lock).items() if "booking-app" in lines}
    assert directly == set(asked(dev)), f"{lock.name} and pyproject.toml disagree: {RENEW}"


@LOCKS
def test_pins_versions_that_pyproject_allows(lock: Path, dev: bool) -> None:
    pinned = pins(lock)
    outside = [str(each) for name, each in asked(dev).items() if not each.specifier.contains(pinned[name])]
    assert not outside, f"{lock.name} pins other versions: {RENEW}"


@LOCKS
def test_every_package_has_hashes_and_no_index_is_named(lock: Path, dev: bool) -> None:
    assert all("--hash=sha256:" in lines for lines in blocks(lock).values())
    text = lock.read_text()
    assert "//" not in text
    assert "-index" not in text


def test_the_tests_run_with_the_versions_that_are_served() -> None:
    run, dev = pins(RUN_LOCK), pins(DEV_LOCK)
    assert {name: dev.get(name) for name in run} == run, RENEW


def test_the_build_backend_is_pinned_as_it_is_required() -> None:
    read = project()
    assert read["dependency-groups"]["build"] == read["build-system"]["requires"]
