"""What was granted, in whatever form the provider names it, against what was asked for."""

from __future__ import annotations

import pytest

from booking_app.services.link_words import LinkError, link_error_words, scope_names
from booking_app.sync import vendors
from booking_app.sync.model import Mode
from booking_app.sync.oauth import may_write, missing

GRAPH = "https://graph.microsoft.com/"
GOOGLE = vendors.google()
MICROSOFT = vendors.microsoft()


@pytest.mark.parametrize(
    ("granted", "left_out", "writes"),
    [
        ("openid Calendars.Read Calendars.ReadWrite", (), True),
        (f"openid {GRAPH}Calendars.Read {GRAPH}Calendars.ReadWrite", (), True),
        ("calendars.read", (), False),
        ("Calendars.ReadWrite", (), True),
        ("Calendars.ReadBasic", (f"{GRAPH}Calendars.Read",), False),
        ("openid offline_access", (f"{GRAPH}Calendars.Read",), False),
    ],
)
def test_microsoft_names_scopes_with_or_without_their_resource(
    granted: str, left_out: tuple[str, ...], writes: bool
) -> None:
    assert missing(MICROSOFT, Mode.FULL, granted.split()) == left_out
    assert may_write(MICROSOFT, Mode.FULL, granted.split()) is writes


def test_in_a_national_cloud_the_same_scopes_count() -> None:
    china = vendors.microsoft(cloud="china")
    assert missing(china, Mode.FULL, ["https://microsoftgraph.chinacloudapi.cn/Calendars.Read"]) == ()


def test_google_scopes_are_never_taken_for_each_other() -> None:
    assert missing(GOOGLE, Mode.FULL, [vendors.GOOGLE_LIST, vendors.GOOGLE_WRITE]) == (vendors.GOOGLE_READ,)
    assert missing(GOOGLE, Mode.BUSY, [vendors.GOOGLE_LIST, vendors.GOOGLE_FREEBUSY]) == (vendors.GOOGLE_BUSY_EVENTS,)
    assert not may_write(GOOGLE, Mode.FULL, [vendors.GOOGLE_READ, vendors.GOOGLE_BUSY_EVENTS])


@pytest.mark.parametrize("vendor", [GOOGLE, MICROSOFT])
def test_busy_times_only_asks_for_less_and_never_writes(vendor: vendors.Vendor) -> None:
    assert set(vendor.scopes[Mode.BUSY]) < set(vendor.scopes[Mode.FULL]) | vendor.required[Mode.BUSY]
    assert vendor.writes in vendor.scopes[Mode.FULL]
    assert vendor.writes not in vendor.scopes[Mode.BUSY]
    assert not may_write(vendor, Mode.BUSY, vendor.scopes[Mode.FULL])


@pytest.mark.parametrize("vendor", [GOOGLE, MICROSOFT])
@pytest.mark.parametrize("mode", list(Mode))
def test_every_permission_that_can_be_missing_has_words(vendor: vendors.Vendor, mode: Mode) -> None:
    names = scope_names(missing(vendor, mode, []))
    assert names
    assert "that is needed" not in link_error_words("missing", vendor.name, names)


@pytest.mark.parametrize("code", list(LinkError))
def test_every_reason_has_words(code: LinkError) -> None:
    assert "{" not in link_error_words(code.value, "google")
    assert len(link_error_words(code.value, "microsoft")) > 20
