"""The rules of time zones by the newer of two copies of the IANA database: the machine's, and the package `tzdata`.

Machines that are never updated keep rules of years ago, and a package that was installed once grows old, too: whichever
is newer is right. Everything here that needs a zone takes it from this module.
"""

from __future__ import annotations

import re
import zoneinfo
from functools import lru_cache
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

_NO_PLACES = frozenset({"Factory", "localtime", "posixrules"})
"""Files of the zone database that name no zone: what they say differs from machine to machine."""
_VERSION = re.compile(r"(?:# version )?(\d{4}[a-z]{1,2})\s*$")


def zone_rules(name: str) -> ZoneInfo:
    """The zone of an IANA key. Raises `zoneinfo.ZoneInfoNotFoundError` if there is none."""
    return _zone(name, package_wins())


@lru_cache(maxsize=1)
def zone_keys() -> frozenset[str]:
    """The keys of all zones of either copy."""
    return frozenset(available_timezones()) - _NO_PLACES


def package_wins() -> bool:
    """Whether the package's rules are used: they are newer, or the machine does not say how old its own are."""
    package, machine = package_version(), machine_version()
    return package is not None and (machine is None or package > machine)


def version() -> str:
    """Of the rules that are used, as `2026a`; empty if nothing says."""
    return max(package_version() or "", machine_version() or "")


@lru_cache(maxsize=1)
def package_version() -> str | None:
    """Of the package `tzdata`; None if it is not installed."""
    try:
        with resources.files("tzdata").joinpath("zoneinfo", "tzdata.zi").open() as file:
            return _first_version(file.readline())
    except (ModuleNotFoundError, OSError):
        return None


@lru_cache(maxsize=1)
def machine_version() -> str | None:
    """Of the machine's own copy; None if it has none that says."""
    for folder in zoneinfo.TZPATH:
        for name in ("tzdata.zi", "+VERSION"):
            try:
                with Path(folder, name).open() as file:
                    found = _first_version(file.readline())
            except OSError:
                continue
            if found:
                return found
    return None


def _first_version(text: str) -> str | None:
    match = _VERSION.match(text.partition("\n")[0])
    return match[1] if match else None


@lru_cache(maxsize=1024)
def _zone(name: str, from_package: bool) -> ZoneInfo:
    if from_package and name in zone_keys():
        try:
            with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
                return ZoneInfo.from_file(file, key=name)
        except OSError:
            pass  # the machine alone knows it
    return ZoneInfo(name)
