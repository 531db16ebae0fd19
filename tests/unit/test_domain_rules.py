"""Rules of a service that make no sense are refused by the name of their field."""

from __future__ import annotations

import pytest

from booking_app.domain.errors import Invalid
from booking_app.domain.rules import SlotRules
from booking_app.domain.slots import checked_rules

SENSIBLE = {"duration": 60, "interval": 60}


@pytest.mark.parametrize(
    ("field", "value"),
    [("duration", 0), ("interval", 0), ("notice", -1), ("horizon_days", -1), ("buffer_after", -5), ("cap_per_day", 0)],
)
def test_senseless_rules_name_their_field(field: str, value: int) -> None:
    with pytest.raises(Invalid) as caught:
        checked_rules(SlotRules(**{**SENSIBLE, field: value}))
    assert caught.value.field == field


def test_sensible_rules_pass() -> None:
    rules = SlotRules(duration=60, interval=15, cap_per_day=1, notice=1440)
    assert checked_rules(rules) is rules
