"""A small Google for trying things out by hand: two people, their calendars, and one OAuth client."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tests.simulators.google.world import CalendarApp, GoogleWorld
from tests.simulators.panel import Panel

CLIENT, SECRET = "demo.apps.googleusercontent.com", "demo-secret"


def demo_world(public_url: str) -> GoogleWorld:
    """The client CLIENT with SECRET may send people back to `public_url` + /oauth/google/callback."""
    world = GoogleWorld(panel=Panel("Google"))
    world.app(CLIENT, SECRET, [f"{public_url.rstrip('/')}/oauth/google/callback"])
    for email, name, zone in (
        ("ann@gmail.example", "Ann", "Europe/Amsterdam"),
        ("ben@gmail.example", "Ben", "America/New_York"),
    ):
        user = world.add_user(email, name=name, zone=zone)
        _fill(user.calendar(), zone)
        family = user.add_calendar("Family")
        day = world.now().astimezone(ZoneInfo(zone)).date() + timedelta(days=4)
        family.put(
            {
                "summary": "Museum",
                "start": {"date": day.isoformat()},
                "end": {"date": (day + timedelta(days=1)).isoformat()},
            }
        )
    world.user("ben@gmail.example").calendar().share("ann@gmail.example", "reader")
    return world


def _fill(app: CalendarApp, zone: str) -> None:
    today = app.world.now().astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)

    def span(days: int, hour: int, minutes: int) -> dict[str, object]:
        start: datetime = today + timedelta(days=days, hours=hour)
        end = start + timedelta(minutes=minutes)
        return {
            "start": {"dateTime": start.isoformat(), "timeZone": zone},
            "end": {"dateTime": end.isoformat(), "timeZone": zone},
        }

    app.put(
        {
            "summary": "Stand-up",
            "recurrence": ["RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"],
            **span(-today.weekday(), 9, 30),
        }
    )
    app.put({"summary": "Dentist", **span(1, 11, 60)})
    app.put({"summary": "Perhaps a walk", "status": "tentative", **span(2, 13, 60)})
    app.put({"summary": "Newsletter", "transparency": "transparent", **span(2, 15, 60)})
