"""What people type where a time zone is asked for."""

from __future__ import annotations

import pytest

from booking_app.domain.zone_names import _CITIES, MOST_MEANT, meant
from booking_app.domain.zone_rules import zone_keys


@pytest.mark.parametrize(
    ("typed", "zone"),
    [
        ("Tokyo", "Asia/Tokyo"), ("tokyo ", "Asia/Tokyo"), ("New York", "America/New_York"),
        ("new-york", "America/New_York"), ("Kyiv", "Europe/Kyiv"), ("Kiev", "Europe/Kyiv"),
        ("Kathmandu", "Asia/Kathmandu"), ("katmandu", "Asia/Kathmandu"), ("Sao Paulo", "America/Sao_Paulo"),
        ("São Paulo", "America/Sao_Paulo"), ("Mumbai", "Asia/Kolkata"), ("Calcutta", "Asia/Kolkata"),
        ("GMT+3", "Etc/GMT-3"), ("utc -5", "Etc/GMT+5"), ("UTC−5", "Etc/GMT+5"), ("+03:00", "Etc/GMT-3"),
        ("utc +0", "Etc/UTC"), ("UTC", "UTC"), ("europe/amsterdam", "Europe/Amsterdam"), ("Zürich", "Europe/Zurich"),
        ("buenos aires", "America/Argentina/Buenos_Aires"), ("Asia/Calcutta", "Asia/Kolkata"), ("EST", "EST"),
        ("Amster", "Europe/Amsterdam"), ("Ho Chi Minh", "Asia/Ho_Chi_Minh"),
        ("Tokyo, Japan", "Asia/Tokyo"), ("Los Angeles, CA", "America/Los_Angeles"), ("München", "Europe/Berlin"),
        ("The Hague", "Europe/Amsterdam"), ("NYC", "America/New_York"), ("India", "Asia/Kolkata"),
        ("UK", "Europe/London"), ("Netherlands", "Europe/Amsterdam"), ("Georgia", "Asia/Tbilisi"),
    ],
)  # fmt: skip
def test_a_clear_word_is_one_zone(typed: str, zone: str) -> None:
    assert meant(typed, zone_keys()) == (zone,)


def test_a_word_that_several_have_offers_them() -> None:
    found = meant("port", zone_keys())
    assert 1 < len(found) <= MOST_MEANT
    assert all(each.rpartition("/")[2].startswith("Port") for each in found)


def test_a_large_country_offers_the_zones_that_differ_there() -> None:
    found = meant("United States", zone_keys())
    assert {"America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"} <= set(found)
    assert len(found) <= MOST_MEANT


@pytest.mark.parametrize("typed", ["", "  ", ",", "Atlantis", "Mars/Olympus", "GMT+99", "x", "+", "/", "\0"])
def test_what_nobody_knows_is_nothing(typed: str) -> None:
    assert meant(typed, zone_keys()) == ()


def test_every_city_is_kept_by_a_zone_that_there_is() -> None:
    assert set(_CITIES.values()) <= zone_keys()
