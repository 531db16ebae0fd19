"""A small Microsoft for trying things out by hand: two people, their calendars, and one app registration."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.simulators.microsoft.errors import Json
from tests.simulators.microsoft.world import MicrosoftWorld
from tests.simulators.panel import Panel

CLIENT, SECRET = "11111111-2222-3333-4444-555555555555", "demo-secret"


def demo_world(public_url: str) -> MicrosoftWorld:
    """The client CLIENT with SECRET may send people back to `public_url` + /oauth/microsoft/callback."""
    world = MicrosoftWorld(panel=Panel("Microsoft"))
    world.app(CLIENT, SECRET, [f"{public_url.rstrip('/')}/oauth/microsoft/callback"])
    today = world.now().replace(hour=0, minute=0, second=0, microsecond=0)
    for email, personal in (("eva@contoso.example", False), ("tom@outlook.example", True)):
        app = world.add_user(email, personal=personal).calendar()
        week: Json = {"type": "weekly", "interval": 1, "daysOfWeek": ["monday", "tuesday", "wednesday", "thursday"]}
        series: Json = {"pattern": week, "range": {"type": "noEnd", "startDate": f"{today:%Y-%m-%d}"}}
        app.put({"subject": "Stand-up", "recurrence": series, **_span(today, 0, 8, 30)})
        app.put({"subject": "Dentist", **_span(today, 1, 10, 60)})
        app.put({"subject": "Perhaps a walk", "showAs": "tentative", **_span(today, 2, 12, 60)})
        app.put({"subject": "Newsletter", "showAs": "free", **_span(today, 2, 14, 60)})
    return world


def _span(today: datetime, days: int, hour: int, minutes: int) -> Json:
    start = today + timedelta(days=days, hours=hour)
    return {
        name: {"dateTime": f"{moment:%Y-%m-%dT%H:%M:%S}", "timeZone": "UTC"}
        for name, moment in (("start", start), ("end", start + timedelta(minutes=minutes)))
    }
