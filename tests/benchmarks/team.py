"""A team with full calendars, written in bulk, relative to the present."""

from __future__ import annotations

from booking_app.db.engine import create_engine, create_sessions
from booking_app.domain.clock import utc_now
from booking_app.services.context import Context
from booking_app.sync.vault import Vault, new_key
from tests.benchmarks.place import fill
from tests.factories import make_calendar, make_person, make_service

ALL_DAY = dict.fromkeys(range(7), ((0, 1440),))
OFFICE = dict.fromkeys(range(7), ((480, 1080),))


def context(url: str) -> Context:
    """Use-cases on the real clock."""
    sessions = create_sessions(create_engine(url))
    return Context(sessions=sessions, now=utc_now, sealer=Vault([new_key()]), public_url="https://example.com")


async def close(ctx: Context) -> None:
    await ctx.sessions.kw["bind"].dispose()


async def make_team(ctx: Context, url: str, *, people: int, calendars: int, events: int) -> list[int]:
    """`people` who offer `haircut`, each with calendars of `events` spread at random over a year; the calendar ids.

    The calendars count as verified for the next hour, so that nothing tries to read what exists only here."""
    slugs = [f"person-{number}" for number in range(people)]
    ids = []
    for slug in slugs:
        person = await make_person(ctx, slug, weekly=OFFICE)
        for _ in range(calendars):
            calendar = await make_calendar(ctx, person, age=-3600)
            ids.append(calendar)
            at = "date_trunc('hour', now()) + (random() * 365 * 96)::int * interval '15 minutes' - interval '30 days'"
            fill(
                url,
                "INSERT INTO busy_block (calendar_id, bookable_id, key, starts_at, ends_at, kind)"
                f" SELECT {calendar}, {person}, i::text, at, at + (1 + i % 4) * interval '15 minutes', 'busy'"
                f" FROM (SELECT i, {at} AS at FROM generate_series(1, {events}) AS i) AS made",
            )
    await make_service(ctx, staff=slugs)
    return ids


def add_past(url: str, count: int, people: int) -> None:
    """That many past bookings, spread over the people, half an hour each, one after the other."""
    ago = f"date_trunc('hour', now()) - (i / {people} + 2) * interval '30 minutes'"
    guard = (
        "ALTER TABLE occupancy ADD CONSTRAINT occupancy_guard"
        " EXCLUDE USING gist (int8range(bookable_id, bookable_id, '[]') WITH &&, during WITH &&) WHERE (active)"
    )
    fill(
        url,
        "ALTER TABLE occupancy DROP CONSTRAINT occupancy_guard",
        "INSERT INTO appointment (id, uid, service_id, during, state, sequence)"
        f" SELECT i + 1, gen_random_uuid(), 1, tstzrange({ago}, {ago} + interval '30 minutes'), 'confirmed', 0"
        f" FROM generate_series(0, {count - 1}) AS i",
        f"SELECT setval(pg_get_serial_sequence('appointment', 'id'), {count})",
        "INSERT INTO booking (id, appointment_id, token_hash, token_sealed, name, email, phone, notes, zone, state)"
        " SELECT gen_random_uuid(), id, uuid_send(uid), '', 'C', 'c@example.com', '', '', 'UTC', 'confirmed'"
        " FROM appointment",
        "INSERT INTO occupancy (bookable_id, appointment_id, service_id, during, before, after, active)"
        f" SELECT (id - 1) % {people} + 1, id, 1, during, 0, 0, true FROM appointment",
        guard,
    )
