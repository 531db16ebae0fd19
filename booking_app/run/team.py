"""Creating the demo's team through the use-cases, and the text of its events."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from icalendar import Calendar, Event, vRecur

from booking_app.demo import ADMIN_EMAIL, ADMIN_NAME, DEMO_DOMAIN, TEAM, Entry, Member
from booking_app.domain.appointment import Role
from booking_app.domain.rules import SlotRules
from booking_app.domain.zone_rules import zone_rules
from booking_app.services import accounts, catalog
from booking_app.services.context import Context


def event_text(entry: Entry, member: Member, number: int, monday: date) -> str:
    """The event as iCalendar text, with the time zone it is written in."""
    zone = zone_rules(member.zone)
    event = Event()
    event.add("uid", f"demo-{number}@{DEMO_DOMAIN}")
    event.add("summary", entry.title)
    day = monday + timedelta(days=entry.day)
    if entry.minutes is None:
        event.add("dtstart", day)
        event.add("dtend", day + timedelta(days=1))
    else:
        start = datetime.combine(day, entry.at, zone)
        event.add("dtstart", start)
        event.add("dtend", start + timedelta(minutes=entry.minutes))
    event.add("dtstamp", datetime.combine(monday, time(0), UTC))
    if entry.weekly:
        event.add("rrule", vRecur(freq="WEEKLY"))
    if entry.free:
        event.add("transp", "TRANSPARENT")
    calendar = Calendar()
    calendar.add("prodid", "-//Booking//Demo//EN")
    calendar.add("version", "2.0")
    calendar.add_component(event)
    calendar.add_missing_timezones()
    return str(calendar.to_ical().decode())


async def create_team(ctx: Context, admin_password: str, passwords: dict[str, str]) -> dict[str, accounts.SignedIn]:
    """People with hours and accounts, an admin, and the services; the accounts by slug."""
    created = {}
    for member in TEAM:
        bookable_id = await catalog.create_person(
            ctx,
            slug=member.slug,
            name=member.name,
            zone=member.zone,
            email=member.email,
            colour=member.colour,
            weekly=dict.fromkeys(range(5), member.periods),
        )
        created[member.slug] = await accounts.create_account(
            ctx,
            email=member.email,
            name=member.name,
            password=passwords[member.slug],
            role=Role.STAFF,
            bookable_id=bookable_id,
        )
    await accounts.create_account(ctx, email=ADMIN_EMAIL, name=ADMIN_NAME, password=admin_password, role=Role.ADMIN)
    await _create_services(ctx)
    return created


async def _create_services(ctx: Context) -> None:
    await catalog.create_service(
        ctx,
        slug="first-consultation",
        name="First consultation",
        description="We get to know your house and your plans, and say honestly what is possible.",
        location="Studio Haarlem, Kruisweg 12, Haarlem",
        preparation="Bring photos and, if you have them, the drawings of your house.",
        rules=SlotRules(duration=45, interval=30, notice=60, horizon_days=60),
        staff=[member.slug for member in TEAM],
        assignment="any",
        position=1,
    )
    await catalog.create_service(
        ctx,
        slug="quick-call",
        name="Quick call",
        description="One question, one answer, by phone.",
        location="By phone: we call you",
        preparation="Leave the number on which we can reach you.",
        rules=SlotRules(duration=15, interval=15, buffer_before=5, buffer_after=10, notice=30, horizon_days=30),
        staff=["anna", "chris", "joost"],
        assignment="any",
        cut_off=60,
        position=2,
    )
    await catalog.create_service(
        ctx,
        slug="follow-up",
        name="Follow-up with Anna",
        description="We go through the sketches together and settle the next step.",
        location="Studio Haarlem, Kruisweg 12, Haarlem",
        preparation="Note what you like and what you miss in the sketches.",
        rules=SlotRules(duration=30, interval=30, notice=120, horizon_days=60),
        staff=["anna"],
        assignment="one",
        position=3,
    )
    await catalog.create_service(
        ctx,
        slug="team-review",
        name="Team review",
        description="Architect and engineer look at your building plan with you.",
        location="Studio Haarlem, Kruisweg 12, Haarlem",
        preparation="Send us the plan two working days ahead.",
        rules=SlotRules(duration=60, interval=30, buffer_after=15, notice=1440, horizon_days=60),
        staff=["chris", "esra"],
        assignment="all",
        position=4,
    )
