"""The private link: see, cancel, move; and the owner who does it in their own calendar."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from booking_app.domain.clock import to_instant
from booking_app.domain.errors import NotFound, Reason, Refused
from booking_app.domain.rules import Occupied
from booking_app.services import availability, holds, manage
from booking_app.services.context import Context, LiveRead
from booking_app.services.owner import owner_deleted, owner_moved, too_close
from booking_app.services.views import SlotQuery
from tests.conftest import Clock
from tests.factories import at, make_booking, make_calendar, make_person, make_service
from tests.integration.test_booking import with_live
from tests.rows import rows

NINE = at("2027-03-02 09:00")
TEN = at("2027-03-02 10:00")
HALF_HOUR = 1800


async def appointment_row(ctx: Context) -> Any:
    [row] = await rows(
        ctx,
        "SELECT *, date_part('epoch', lower(during))::int8 AS start, date_part('epoch', upper(during))::int8 AS end "
        "FROM appointment",
    )
    return row


async def effects(ctx: Context, effect: str) -> list[str]:
    return [
        row.key for row in await rows(ctx, "SELECT key FROM outbox WHERE effect = :effect ORDER BY key", effect=effect)
    ]


async def forget_effects(ctx: Context) -> None:
    async with ctx.sessions.begin() as db:
        await db.execute(text("DELETE FROM outbox"))


async def test_the_link_shows_the_booking_and_nothing_else_opens_it(ctx: Context) -> None:
    await make_person(ctx)
    await make_service(ctx, preparation="Come with dry hair.")
    receipt = await make_booking(ctx, NINE)
    seen = await manage.view(ctx, receipt.token)
    assert (seen.id, seen.start, seen.end, seen.zone) == (receipt.id, NINE, NINE + HALF_HOUR, "Europe/Amsterdam")
    assert (seen.service_name, seen.location, seen.preparation) == ("Haircut", "Grote Markt 1", "Come with dry hair.")
    assert (seen.state, seen.can_change, seen.changeable_until) == ("confirmed", True, NINE - 7200)
    assert [each.slug for each in seen.staff] == ["anna"]
    assert seen.customer.name == "Clara Customer"
    with pytest.raises(NotFound):
        await manage.view(ctx, receipt.id)


async def test_cancelling_frees_the_slot_and_tells_everybody_once(ctx: Context) -> None:
    anna = await make_person(ctx)
    await make_service(ctx)
    await make_calendar(ctx, anna, target=True)
    receipt = await make_booking(ctx, NINE)
    appointment = await appointment_row(ctx)
    await forget_effects(ctx)
    seen = await manage.cancel(ctx, receipt.token)
    assert (seen.state, seen.cancelled_by, seen.can_change, seen.sequence) == ("cancelled", "customer", False, 1)
    assert [each.slug for each in seen.staff] == ["anna"]
    assert await effects(ctx, "calendar") == [f"{appointment.id}:{anna}"]
    assert await effects(ctx, "mail") == [f"cancelled:{receipt.id}:1:{anna}", f"cancelled:{receipt.id}:1:customer"]
    assert (await make_booking(ctx, NINE)).start == NINE
    with pytest.raises(Refused) as refusal:
        await manage.cancel(ctx, receipt.token)
    assert refusal.value.reason is Reason.ALREADY_CANCELLED
    await manage.cancel_booking(ctx, UUID(receipt.id), by="admin")
    assert len(await effects(ctx, "mail")) == 4


async def test_after_the_cut_off_only_the_team_can_change_it(ctx: Context, clock: Clock) -> None:
    await make_person(ctx)
    await make_service(ctx, cut_off=60)
    receipt = await make_booking(ctx, NINE)
    clock.advance(hours=24)  # exactly the last moment
    assert (await manage.view(ctx, receipt.token)).can_change
    clock.advance(seconds=1)
    seen = await manage.view(ctx, receipt.token)
    assert not seen.can_change
    assert "phone" in seen.change_refusal
    for attempt in (manage.cancel(ctx, receipt.token), manage.reschedule(ctx, receipt.token, TEN)):
        with pytest.raises(Refused) as refusal:
            await attempt
        assert refusal.value.reason is Reason.CUT_OFF
    await manage.cancel_booking(ctx, UUID(receipt.id), by="admin")
    assert (await manage.view(ctx, receipt.token)).cancelled_by == "admin"


async def test_moving_keeps_the_person_and_the_uid_and_counts_the_change(ctx: Context) -> None:
    anna = await make_person(ctx)
    await make_person(ctx, "bert")
    await make_service(ctx, staff=("anna", "bert"), duration=60, interval=30)
    await make_calendar(ctx, anna, target=True)
    receipt = await make_booking(ctx, NINE, staff="anna")
    before = await manage.view(ctx, receipt.token)
    await forget_effects(ctx)
    moved = await manage.reschedule(ctx, receipt.token, NINE + HALF_HOUR)  # overlaps its own old time
    assert (moved.start, moved.end, moved.uid, moved.sequence) == (NINE + 1800, NINE + 5400, before.uid, 1)
    assert [each.slug for each in moved.staff] == ["anna"]
    [mail] = await rows(ctx, "SELECT * FROM outbox WHERE key = :key", key=f"changed:{receipt.id}:1:customer")
    assert mail.payload["previous_start"] == NINE
    assert await effects(ctx, "calendar") == [f"{(await appointment_row(ctx)).id}:{anna}"]
    answer = await availability.slots(ctx, SlotQuery(service="haircut", span=(NINE, TEN + 7200), staff="anna"))
    assert answer.starts[0] == at("2027-03-02 10:30")
    again = await manage.reschedule(ctx, receipt.token, NINE + HALF_HOUR)
    assert again.sequence == 1


async def test_a_booking_that_is_moved_to_and_fro_stays_where_it_is_and_nobody_gets_more_mails(
    ctx: Context, clock: Clock
) -> None:
    await make_person(ctx)
    await make_service(ctx)
    receipt, other = await make_booking(ctx, NINE), await make_booking(ctx, NINE + 4 * HALF_HOUR)
    for number in range(12):
        await manage.reschedule(ctx, receipt.token, TEN if number % 2 == 0 else NINE)
    told = await rows(ctx, "SELECT count(*) AS mails FROM outbox WHERE effect = 'mail'")
    with pytest.raises(Refused) as refused:
        await manage.reschedule(ctx, receipt.token, TEN)
    assert refused.value.reason is Reason.MOVED_OFTEN
    assert (await manage.view(ctx, receipt.token)).start == NINE
    assert await rows(ctx, "SELECT count(*) AS mails FROM outbox WHERE effect = 'mail'") == told
    assert (await manage.reschedule(ctx, other.token, TEN)).start == TEN
    clock.advance(minutes=5)
    assert (await manage.reschedule(ctx, receipt.token, NINE + 4 * HALF_HOUR)).sequence == 13


async def test_p42_a_move_brings_the_buffers_that_the_service_has_now(ctx: Context) -> None:
    await make_person(ctx)
    await make_service(ctx, interval=15)
    await make_service(ctx, "plain", interval=15)
    receipt = await make_booking(ctx, NINE)
    async with ctx.sessions.begin() as db:
        await db.execute(text("UPDATE service SET buffer_before = 15, buffer_after = 30 WHERE slug = 'haircut'"))
    await manage.reschedule(ctx, receipt.token, TEN)
    answer = await availability.slots(ctx, SlotQuery(service="plain", span=(NINE, TEN + 7200)))
    assert at("2027-03-02 09:15") in answer.starts  # ends 09:45, 15 minutes before
    assert not set(answer.starts) & {at("2027-03-02 09:30"), at("2027-03-02 10:30"), at("2027-03-02 10:45")}
    assert at("2027-03-02 11:00") in answer.starts


async def test_a_refused_move_leaves_the_old_time_and_offers_others_of_the_same_person(ctx: Context) -> None:
    anna = await make_person(ctx)
    await make_person(ctx, "bert")
    await make_service(ctx, staff=("anna", "bert"))
    await make_calendar(ctx, anna)
    receipt = await make_booking(ctx, NINE, staff="anna")
    await make_booking(ctx, TEN, staff="anna")
    await forget_effects(ctx)
    with pytest.raises(Refused) as refusal:
        await manage.reschedule(ctx, receipt.token, TEN)
    assert refusal.value.reason is Reason.TAKEN
    assert {each.staff for each in refusal.value.alternatives} == {("anna",)}
    live = with_live(ctx, {anna: LiveRead(ok=True, busy=((TEN + 3600, TEN + 5400),))})
    with pytest.raises(Refused) as refusal:
        await manage.reschedule(live, receipt.token, TEN + 3600)
    assert refusal.value.reason is Reason.CALENDAR_BUSY
    seen = await manage.view(ctx, receipt.token)
    assert (seen.start, seen.sequence, seen.state) == (NINE, 0, "confirmed")
    assert await effects(ctx, "mail") == []


async def test_p25_an_event_moved_by_its_owner_moves_the_appointment_and_tells_the_customer_once(ctx: Context) -> None:
    anna = await make_person(ctx)
    bert = await make_person(ctx, "bert")
    await make_service(ctx, staff=("anna", "bert"), assignment="all")
    for each in (anna, bert):
        await make_calendar(ctx, each, target=True)
    receipt = await make_booking(ctx, NINE)
    appointment = await appointment_row(ctx)
    await forget_effects(ctx)
    evening = at("2027-03-02 19:00")  # outside the opening hours: the owner decides
    for expected in ("rescheduled", "unchanged"):
        async with ctx.sessions.begin() as db:
            outcome = await owner_moved(
                db,
                appointment_id=appointment.id,
                bookable_id=anna,
                start=evening,
                end=evening + 2700,
                now=to_instant(ctx.now()),
            )
        assert outcome == expected
    seen = await manage.view(ctx, receipt.token)
    assert (seen.start, seen.end, seen.sequence) == (evening, evening + 2700, 1)
    assert await effects(ctx, "calendar") == [f"{appointment.id}:{bert}"]
    assert await effects(ctx, "mail") == [f"changed:{receipt.id}:1:{bert}", f"changed:{receipt.id}:1:customer"]


async def test_p25_a_move_onto_another_appointment_is_flagged_and_changes_nothing(ctx: Context) -> None:
    anna = await make_person(ctx)
    await make_service(ctx, buffer_after=15)
    receipt = await make_booking(ctx, NINE)
    appointment = await appointment_row(ctx)
    other = await make_booking(ctx, TEN)
    await forget_effects(ctx)

    async def move(start: int) -> str:
        async with ctx.sessions.begin() as db:
            return await owner_moved(
                db,
                appointment_id=appointment.id,
                bookable_id=anna,
                start=start,
                end=start + HALF_HOUR,
                now=to_instant(ctx.now()),
            )

    assert await move(TEN - HALF_HOUR) == "conflict"  # the buffer of 15 minutes is missing
    [flagged] = await rows(ctx, "SELECT conflict FROM appointment WHERE id = :id", id=appointment.id)
    assert "too close" in flagged.conflict
    assert (await manage.view(ctx, receipt.token)).start == NINE
    assert await effects(ctx, "mail") == []
    assert await move(NINE) == "unchanged"
    [cleared] = await rows(ctx, "SELECT conflict FROM appointment WHERE id = :id", id=appointment.id)
    assert cleared.conflict is None
    await manage.cancel(ctx, other.token)
    assert await move(TEN) == "rescheduled"


async def test_an_owner_s_move_wins_over_a_form_that_is_being_filled_in(ctx: Context) -> None:
    anna = await make_person(ctx)
    await make_service(ctx)
    await make_booking(ctx, NINE)
    appointment = await appointment_row(ctx)
    await holds.hold(ctx, "haircut", TEN)
    async with ctx.sessions.begin() as db:
        outcome = await owner_moved(
            db,
            appointment_id=appointment.id,
            bookable_id=anna,
            start=TEN,
            end=TEN + HALF_HOUR,
            now=to_instant(ctx.now()),
        )
    assert outcome == "rescheduled"
    assert [row.state for row in await rows(ctx, "SELECT state FROM appointment")] == ["confirmed"]


async def test_p25_an_event_deleted_by_its_owner_cancels_and_tells_the_customer_once(ctx: Context) -> None:
    anna = await make_person(ctx)
    await make_service(ctx)
    await make_calendar(ctx, anna, target=True)
    receipt = await make_booking(ctx, NINE)
    appointment = await appointment_row(ctx)
    await forget_effects(ctx)
    for expected in ("cancelled", "unchanged"):
        async with ctx.sessions.begin() as db:
            now = to_instant(ctx.now())
            assert await owner_deleted(db, appointment_id=appointment.id, bookable_id=anna, now=now) == expected
    seen = await manage.view(ctx, receipt.token)
    assert (seen.state, seen.cancelled_by) == ("cancelled", "owner")
    assert await effects(ctx, "mail") == [f"cancelled:{receipt.id}:1:customer"]
    assert await effects(ctx, "calendar") == []
    assert (await make_booking(ctx, NINE)).start == NINE


def test_neighbours_keep_the_larger_of_the_two_buffers() -> None:
    other = Occupied(start=1000, end=2000, before=100, after=300)
    assert too_close(other, (2299, 2500), 0, 0)
    assert not too_close(other, (2300, 2500), 200, 0)
    assert too_close(other, (2300, 2500), 301, 0)
    assert not too_close(other, (500, 900), 0, 100)
    assert too_close(other, (500, 900), 0, 101)
    assert not too_close(replace(other, before=0, after=0), (2000, 2100), 0, 0)
