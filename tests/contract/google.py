"""What the contract suite needs of the simulated Google, under one name."""

from __future__ import annotations

from tests.simulators.google.ical import Inexpressible, to_ical
from tests.simulators.google.serve import google_simulator
from tests.simulators.google.world import CalendarApp, GoogleWorld

__all__ = ["CalendarApp", "GoogleWorld", "Inexpressible", "google_simulator", "to_ical"]
