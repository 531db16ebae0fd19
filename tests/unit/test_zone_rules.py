"""The newer of two copies of the zone rules is used, everywhere."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import pytest

import booking_app
from booking_app.domain import zone_rules, zones
from booking_app.domain.zone_rules import zone_keys
from booking_app.state import times
from booking_app.sync import zones as file_zones

WHEN = datetime(2026, 12, 17, 8, 30, tzinfo=UTC)
EDITED = "America/Vancouver"


@pytest.fixture(autouse=True)
def afresh() -> Iterator[None]:
    """Nothing is remembered of other rules."""

    def forget() -> None:
        for each in (zone_rules.machine_version, zone_rules.package_version, zone_rules._zone, zone_rules.zone_keys):
            each.cache_clear()
        zones._block.cache_clear()
        file_zones.named.cache_clear()
        file_zones._iana.cache_clear()

    forget()
    yield
    zoneinfo.reset_tzpath()
    forget()


def machine(folder: Path, version: str) -> None:
    """A machine whose rules are of `version` and know Vancouver by those of Tokyo."""
    path = folder / EDITED
    path.parent.mkdir(parents=True)
    path.write_bytes(resources.files("tzdata").joinpath("zoneinfo", "Asia", "Tokyo").read_bytes())
    if version:
        (folder / "tzdata.zi").write_text(f"# version {version}\n# and more\n")
    zoneinfo.reset_tzpath(to=[str(folder)])
    zoneinfo.ZoneInfo.clear_cache(only_keys=[EDITED])


@pytest.mark.parametrize("version", ["2019c", "1999z", ""])
def test_p13_older_rules_of_the_machine_lose(version: str, tmp_path: Path) -> None:
    machine(tmp_path, version)
    assert f"{WHEN.astimezone(zone_rules.zone_rules(EDITED)):%H:%M}" == "01:30"
    assert zones.offset_at(EDITED, int(WHEN.timestamp())) == -7 * 3600
    assert file_zones.instant_of(datetime(2026, 12, 17, 1, 30), file_zones.owner_zone(EDITED)) == int(WHEN.timestamp())
    assert times.clock_rules(EDITED, int(WHEN.timestamp())).endswith(":-25200")


def test_p13_newer_rules_of_the_machine_win(tmp_path: Path) -> None:
    machine(tmp_path, "2999a")
    assert zones.offset_at(EDITED, int(WHEN.timestamp())) == 9 * 3600
    assert zone_rules.version() == "2999a"
    assert not zone_rules.package_wins()


def test_every_zone_of_the_package_can_be_had() -> None:
    for name in zone_keys():
        assert zone_rules.zone_rules(name).utcoffset(WHEN.replace(tzinfo=None)) is not None
    assert not {"Factory", "localtime", "posixrules"} & zone_keys()
    assert re.fullmatch(r"\d{4}[a-z]{1,2}", zone_rules.version())


def test_nothing_takes_its_zones_from_elsewhere() -> None:
    folder = Path(booking_app.__file__).parent
    using = {path.name for path in folder.rglob("*.py") if re.search(r"ZoneInfo\(|available_time", path.read_text())}
    assert using == {"zone_rules.py"}
