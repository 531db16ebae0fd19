"""What the contract suite needs of the simulated Microsoft, under one name."""

from __future__ import annotations

from tests.simulators.microsoft.ical import Inexpressible, to_ical
from tests.simulators.microsoft.serve import microsoft_simulator
from tests.simulators.microsoft.world import CalendarApp, MicrosoftWorld

__all__ = ["CalendarApp", "Inexpressible", "MicrosoftWorld", "microsoft_simulator", "to_ical"]
