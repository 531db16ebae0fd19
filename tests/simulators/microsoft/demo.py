"""A small Microsoft for trying things out by hand: a work account, a personal one, their calendars, and one app."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tests.simulators.microsoft.outlook import CalendarApp
from tests.simulators.microsoft.recurrence import DAYS
from tests.simulators.microsoft.world import MicrosoftWorld

CLIENT, SECRET = "11111111-2222-3333-4444-555555555555", "demo-secret"


def demo_world(public_url: str) -> MicrosoftWorld:
    """The app CLIENT with SECRET may send people back to `public_url` + /oauth/microsoft/callback."""
    world = MicrosoftWorld()
    world.app(CLIENT, SECRET, [f"{public_url.rstrip('/')}/oauth/microsoft/callback"])
    for email, name, zone, personal in (
        ("eva@contoso.example", "Eva", "Europe/Amsterdam", False),
        ("tom@outlook.example", "Tom", "America/New_York", True),
    ):
        user = world.add_user(email, name=name, zone=zone, personal=personal)
        _fill(user.calendar(), zone)
        day = world.now().astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        family = user.add_calendar("Family", hex_color="#87d28e")
        span = _span(day + timedelta(days=4), timedelta(days=1), user.mailbox.zone)
        family.put({"subject": "Museum", "isAllDay": True, **span})
    return world


def _span(start: datetime, length: timedelta, zone: str) -> dict[str, object]:
    return {
        name: {"dateTime": moment.isoformat(), "timeZone": zone}
        for name, moment in (("start", start), ("end", start + length))
    }


def _fill(app: CalendarApp, zone: str) -> None:
    name = app.user.mailbox.zone
    today = app.world.now().astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)

    def span(days: int, hour: int, minutes: int) -> dict[str, object]:
        return _span(today + timedelta(days=days, hours=hour), timedelta(minutes=minutes), name)

    workdays = {"type": "weekly", "interval": 1, "daysOfWeek": list(DAYS[:5])}
    monday = -today.weekday()
    endless = {"type": "noEnd", "startDate": (today + timedelta(days=monday)).date().isoformat()}
    app.put({"subject": "Stand-up", "recurrence": {"pattern": workdays, "range": endless}, **span(monday, 9, 30)})
    app.put({"subject": "Dentist", **span(1, 11, 60)})
    app.put({"subject": "Perhaps a walk", "showAs": "tentative", **span(2, 13, 60)})
    app.put({"subject": "Newsletter", "showAs": "free", **span(2, 15, 60)})
