"""Booking a slot: the row, the guard, the effects; and every way to be refused."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace

import pytest
from sqlalchemy import text

from booking_app.db.changes import announce
from booking_app.domain.errors import Invalid, NotFound, Reason, Refused
from booking_app.feed import Hub, listening
from booking_app.services import availability, catalog, holds, manage
from booking_app.services.booking import book
from booking_app.services.context import Context, LiveRead
from booking_app.services.views import BookingReceipt, SlotQuery
from tests.conftest import Clock
from tests.factories import at, make_booking, make_calendar, make_person, make_request, make_service
from tests.rows import calendar_row, rows

NINE = at("2027-03-02 09:00")
TEN = at("2027-03-02 10:00")
HALF_HOUR = 1800


def with_live(ctx: Context, reads: Mapping[int, LiveRead], asked: list[list[int]] | None = None) -> Context:
    """The context with these outcomes of a live read."""

    async def reread(bookables: Collection[int], span: tuple[int, int]) -> Mapping[int, LiveRead]:
        if asked is not None:
            asked.append(sorted(bookables))
        return {each: reads[each] for each in bookables if each in reads}

    return replace(ctx, reread=reread)


async def test_a_booking_takes_its_slot_and_enqueues_its_effects(ctx: Context) -> None:
    anna = await make_person(ctx)
    await make_service(ctx)
    await make_calendar(ctx, anna, target=True)
    receipt = await make_booking(ctx, NINE)
    assert (receipt.start, receipt.end, receipt.staff) == (NINE, NINE + HALF_HOUR, ("anna",))
    assert receipt.manage_url == f"https://book.example.com/manage/{receipt.token}"
    [stored] = await rows(
        ctx, "SELECT k.*, a.id AS appointment, a.state AS held FROM booking k JOIN appointment a ON true"
    )
    assert (str(stored.id), stored.held, stored.zone) == (receipt.id, "confirmed", "Europe/Amsterdam")
    assert receipt.token.encode() not in bytes(stored.token_sealed) + bytes(stored.token_hash)
    assert ctx.sealer.open(stored.token_sealed, f"booking:{receipt.id}") == receipt.token
    effects = await rows(ctx, "SELECT effect, key, payload FROM outbox ORDER BY effect, key")
    assert [(each.effect, each.key) for each in effects] == [
        ("calendar", f"{stored.appointment}:{anna}"),
        ("mail", f"confirmation:{receipt.id}:0:{anna}"),
        ("mail", f"confirmation:{receipt.id}:0:customer"),
    ]
    assert effects[2].payload == {
        "booking_id": receipt.id,
        "kind": "confirmation",
        "sequence": 0,
        "recipient": "customer",
    }
    query = SlotQuery(service="haircut", span=(NINE, TEN))
    assert NINE not in (await availability.slots(ctx, query)).starts


async def test_p33_without_a_target_calendar_nothing_is_written_to_one(ctx: Context) -> None:
    anna = await make_person(ctx)
    await make_service(ctx)
    await make_calendar(ctx, anna)
    await make_booking(ctx, NINE)
    assert await rows(ctx, "SELECT 1 FROM outbox WHERE effect = 'calendar'") == []


async def test_a_booking_reaches_every_listener(ctx: Context, database_url: str) -> None:
    anna = await make_person(ctx)
    await make_service(ctx)
    hub = Hub()
    async with listening(database_url, hub):
        with hub.subscribe("availability", "outbox") as subscription:
            await make_booking(ctx, NINE)
            heard = {each.topic: each.ids for each in await subscription.next(timeout=5)}
    assert heard["availability"] == {anna}


async def test_a_taken_slot_is_refused_with_the_nearest_alternatives(ctx: Context) -> None:
    await make_person(ctx)
    await make_person(ctx, "bert")
    await make_service(ctx, staff=("anna", "bert"))
    await make_booking(ctx, NINE, staff="anna")
    with pytest.raises(Refused) as refusal:
        await make_booking(ctx, NINE, staff="anna")
    assert refusal.value.reason is Reason.TAKEN
    offered = [(each.start, each.staff) for each in refusal.value.alternatives]
    assert offered[0] == (NINE, ("bert",))
    assert (NINE + HALF_HOUR, ("anna",)) in offered
    for start, staff in offered:
        assert (await make_booking(ctx, start, staff=staff[0])).start == start


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        ("2027-03-02 08:30", Reason.CLOSED),
        ("2027-03-02 09:10", Reason.OFF_GRID),
        ("2027-03-01 08:00", Reason.CLOSED),
        ("2027-03-01 09:00", Reason.TOO_SOON),
        ("2027-06-01 09:00", Reason.TOO_FAR),
    ],
)
async def test_what_is_not_offered_is_not_accepted(ctx: Context, start: str, reason: Reason) -> None:
    await make_person(ctx)
    await make_service(ctx, notice=0 if reason is not Reason.TOO_SOON else 120)
    with pytest.raises(Refused) as refusal:
        await make_booking(ctx, at(start))
    assert refusal.value.reason is reason
    assert await rows(ctx, "SELECT 1 FROM appointment") == []


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": " "}, "customer.name"),
        ({"name": "A\nBcc: b@example.com"}, "customer.name"),
        ({"email": "nobody"}, "customer.email"),
        ({"email": "jörg@example.com"}, "customer.email"),
        ({"email": "a\u200b@example.com"}, "customer.email"),
        ({"email": f"a@{'b' * 70}.example"}, "customer.email"),
        ({"email": "a..b@example.com"}, "customer.email"),
        ({"name": "Ann \u202eBcc"}, "customer.name"),
        ({"name": "An\x85n"}, "customer.name"),
        ({"email": "a@example.com\r\nBcc: b@example.com"}, "customer.email"),
        ({"notes": "x" * 2001}, "customer.notes"),
        ({"phone": "1" * 41}, "customer.phone"),
        ({"zone": "Amsterdam"}, "timezone"),
        ({"staff": "stranger"}, "staff"),
    ],
)
async def test_a_wrong_field_is_named(ctx: Context, wrong: dict[str, str], field: str) -> None:
    await make_person(ctx)
    await make_service(ctx)
    with pytest.raises(Invalid) as invalid:
        await book(ctx, make_request(NINE, **wrong))
    assert invalid.value.field == field


async def test_an_unknown_service_is_not_found(ctx: Context) -> None:
    with pytest.raises(NotFound):
        await make_booking(ctx, NINE, service="nothing")


async def test_any_goes_to_whoever_has_the_fewest_appointments_that_week(ctx: Context) -> None:
    await make_person(ctx)
    await make_person(ctx, "bert")
    await make_service(ctx, staff=("anna", "bert"))
    chosen = [(await make_booking(ctx, NINE + n * HALF_HOUR)).staff[0] for n in range(4)]
    assert chosen == ["anna", "bert", "anna", "bert"]
    await make_booking(ctx, at("2027-03-09 09:00"), staff="bert")
    assert (await make_booking(ctx, TEN + 4 * HALF_HOUR)).staff == ("anna",)  # another week does not count


async def test_all_takes_everybody_or_nobody(ctx: Context) -> None:
    await make_person(ctx)
    await make_person(ctx, "bert")
    await make_service(ctx, "duo", staff=("anna", "bert"), assignment="all")
    await make_service(ctx, "solo", staff=("bert",))
    assert (await make_booking(ctx, NINE, service="duo")).staff == ("anna", "bert")
    await make_booking(ctx, TEN, service="solo")
    with pytest.raises(Refused):
        await make_booking(ctx, TEN, service="duo")
    assert len(await rows(ctx, "SELECT 1 FROM occupancy")) == 3


async def test_p05_the_live_read_closes_a_slot_that_the_stored_copy_still_shows(ctx: Context) -> None:
    anna = await make_person(ctx)
    await make_service(ctx)
    calendar = await make_calendar(ctx, anna)
    live = with_live(ctx, {anna: LiveRead(ok=True, busy=((NINE - 600, NINE + 600),))})
    with pytest.raises(Refused) as refusal:
        await make_booking(live, NINE)
    assert refusal.value.reason is Reason.CALENDAR_BUSY
    assert refusal.value.alternatives
    assert all(each.start != NINE for each in refusal.value.alternatives)
    # The calendar is read at once, so that the slot closes for everybody.
    assert (await calendar_row(ctx, calendar)).due_at == ctx.now()


async def test_p06_p07_without_a_live_read_only_data_within_the_soft_bound_is_accepted(
    ctx: Context, clock: Clock
) -> None:
    anna = await make_person(ctx)
    await make_service(ctx)
    await make_calendar(ctx, anna)
    live = with_live(ctx, {anna: LiveRead(ok=False, trouble="The server did not answer.")})
    clock.advance(seconds=30)
    assert (await make_booking(live, NINE)).staff == ("anna",)
    clock.advance(seconds=1)
    with pytest.raises(Refused) as refusal:
        await make_booking(live, TEN)
    assert refusal.value.reason is Reason.CALENDAR_STALE
    assert refusal.value.alternatives == ()
    assert (await make_booking(with_live(ctx, {anna: LiveRead(ok=True)}), TEN)).staff == ("anna",)


@pytest.mark.parametrize("age", [10, 45, 700])
@pytest.mark.parametrize("staff", ["anna", None])
async def test_p07_who_is_refused_for_an_old_calendar_is_offered_others(
    ctx: Context, clock: Clock, age: int, staff: str | None
) -> None:
    anna = await make_person(ctx)
    bert = await make_person(ctx, "bert")
    await make_service(ctx, staff=("anna", "bert"))
    await make_calendar(ctx, anna, age=age + 31, trouble="The server did not answer.")
    await make_calendar(ctx, bert, busy=[(TEN, TEN + 3600)])
    live = with_live(ctx, {anna: LiveRead(ok=False, trouble="Gone."), bert: LiveRead(ok=True)})
    with pytest.raises(Refused) as refusal:
        await make_booking(live, TEN, staff=staff)
    assert "has been told" not in str(refusal.value)
    assert refusal.value.alternatives
    assert {each.staff for each in refusal.value.alternatives} == {("bert",)}


async def test_p19_a_person_whose_calendar_cannot_be_trusted_is_never_chosen(ctx: Context) -> None:
    anna = await make_person(ctx)
    await make_person(ctx, "bert")
    await make_service(ctx, staff=("anna", "bert"))
    await make_service(ctx, "duo", staff=("anna", "bert"), assignment="all")
    await make_calendar(ctx, anna, state="needs_sign_in")
    for n in range(3):
        assert (await make_booking(ctx, NINE + n * HALF_HOUR)).staff == ("bert",)
    with pytest.raises(Refused) as refusal:
        await make_booking(ctx, at("2027-03-03 09:00"), service="duo")
    assert refusal.value.reason is Reason.CALENDAR_UNREADABLE
    assert refusal.value.alternatives == ()


async def test_when_the_first_choice_is_busy_live_the_next_takes_it(ctx: Context) -> None:
    people = [await make_person(ctx, slug) for slug in ("anna", "bert", "cora")]
    await make_service(ctx, staff=("anna", "bert", "cora"))
    for each in people:
        await make_calendar(ctx, each)
    asked: list[list[int]] = []
    busy = LiveRead(ok=True, busy=((NINE, NINE + 60),))
    live = with_live(ctx, {people[0]: busy, people[1]: LiveRead(ok=True), people[2]: LiveRead(ok=True)}, asked)
    assert (await make_booking(live, NINE)).staff == ("bert",)
    assert asked == [[people[0]], [people[1], people[2]]]


async def test_p19_who_was_never_free_does_not_hide_that_calendars_cannot_be_read(ctx: Context) -> None:
    anna, bert, cora = [await make_person(ctx, slug) for slug in ("anna", "bert", "cora")]
    await make_service(ctx, staff=("anna", "bert", "cora"))
    await make_calendar(ctx, anna, age=40)
    await make_calendar(ctx, bert, age=40)
    await make_calendar(ctx, cora, age=40, busy=[(NINE, NINE + HALF_HOUR)])
    silent = LiveRead(ok=False, trouble="The calendar did not answer in time.")
    with pytest.raises(Refused) as refusal:
        await make_booking(with_live(ctx, {anna: silent, bert: silent}), NINE)
    assert refusal.value.reason is Reason.CALENDAR_STALE
    assert refusal.value.alternatives == (), "their copies are as old as those that did not do"


async def test_p32_a_repeated_key_returns_the_first_booking(ctx: Context) -> None:
    await make_person(ctx)
    await make_service(ctx)
    first = await book(ctx, make_request(NINE), idempotency_key="abc")
    again = await book(ctx, make_request(NINE), idempotency_key="abc")
    assert again == replace(first, repeated=True)
    with pytest.raises(Invalid) as invalid:
        await book(ctx, make_request(TEN), idempotency_key="abc")
    assert invalid.value.field == "Idempotency-Key"
    assert len(await rows(ctx, "SELECT 1 FROM booking")) == 1


async def test_p32_parallel_repeats_make_one_booking(ctx: Context) -> None:
    for slug in ("anna", "bert", "cora"):
        await make_person(ctx, slug)
    await make_service(ctx, staff=("anna", "bert", "cora"))
    receipts = await asyncio.gather(*(book(ctx, make_request(NINE), idempotency_key="abc") for _ in range(12)))
    assert {each.token for each in receipts} == {receipts[0].token}
    assert sum(not each.repeated for each in receipts) == 1
    assert len(await rows(ctx, "SELECT 1 FROM booking")) == 1
    assert len(await rows(ctx, "SELECT 1 FROM occupancy")) == 1


async def test_p32_a_refused_attempt_does_not_use_up_its_key(ctx: Context) -> None:
    await make_person(ctx)
    await make_service(ctx)
    await make_booking(ctx, NINE)
    with pytest.raises(Refused):
        await book(ctx, make_request(NINE), idempotency_key="abc")
    with pytest.raises(Refused):
        await book(ctx, make_request(NINE), idempotency_key="abc")
    assert (await book(ctx, make_request(TEN), idempotency_key="abc")).repeated is False


async def test_parallel_bookings_of_one_slot_fill_exactly_the_people_there_are(ctx: Context) -> None:
    for slug in ("anna", "bert", "cora"):
        await make_person(ctx, slug)
    await make_service(ctx, staff=("anna", "bert", "cora"))
    outcomes = await asyncio.gather(*(make_booking(ctx, NINE) for _ in range(15)), return_exceptions=True)
    booked = [each for each in outcomes if isinstance(each, BookingReceipt)]
    refused = [each for each in outcomes if isinstance(each, Refused)]
    assert sorted(each.staff[0] for each in booked) == ["anna", "bert", "cora"]
    assert len(refused) == 12
    assert all(each.alternatives for each in refused)


async def test_p40_seventy_people_are_asked_one_by_one_not_all_at_once(ctx: Context) -> None:
    slugs = [f"person-{n}" for n in range(70)]
    for slug in slugs:
        await make_calendar(ctx, await make_person(ctx, slug))
    await make_service(ctx, staff=slugs)
    asked: list[list[int]] = []
    receipt = await make_booking(with_live(ctx, {}, asked), NINE)
    assert receipt.staff == ("person-0",)
    assert [len(each) for each in asked] == [1]
    answer = await availability.slots(ctx, SlotQuery(service="haircut", span=(NINE, NINE + 1)))
    assert len(answer.staff[0]) == 69


async def test_p50_a_removed_person_cannot_be_booked_and_their_bookings_are_listed(ctx: Context) -> None:
    await make_person(ctx)
    await make_service(ctx)
    receipt = await make_booking(ctx, NINE)
    left = await catalog.remove_person(ctx, "anna")
    assert [(each.booking_id, each.service, each.start, each.customer) for each in left] == [
        (receipt.id, "haircut", NINE, "Clara Customer")
    ]
    with pytest.raises(Refused) as refusal:
        await make_booking(ctx, TEN)
    assert refusal.value.reason is Reason.NOT_OFFERED


async def test_p50_nobody_comes_alone_to_what_several_do_together(ctx: Context) -> None:
    await make_person(ctx)
    await make_person(ctx, "bert")
    await make_service(ctx, "duo", staff=("anna", "bert"), assignment="all")
    receipt = await make_booking(ctx, NINE, service="duo")
    await catalog.remove_person(ctx, "bert")
    for attempt in (
        make_booking(ctx, TEN, service="duo"),
        holds.hold(ctx, "duo", TEN),
        manage.reschedule(ctx, receipt.token, TEN),
    ):
        with pytest.raises(Refused) as refusal:
            await attempt
        assert (refusal.value.reason, refusal.value.alternatives) == (Reason.NOT_OFFERED, ())


async def test_p42_buffers_keep_their_distance_from_appointments_and_external_events(ctx: Context) -> None:
    anna = await make_person(ctx)
    await make_service(ctx, interval=15, buffer_before=15, buffer_after=30)
    await make_service(ctx, "plain", interval=15)
    await make_calendar(ctx, anna, busy=[(at("2027-03-02 13:00"), at("2027-03-02 14:00"))])
    await make_booking(ctx, TEN)
    answer = await availability.slots(ctx, SlotQuery(service="plain", span=(NINE, NINE + 86400)))
    assert at("2027-03-02 09:15") in answer.starts  # ends 09:45, 15 minutes before
    assert at("2027-03-02 09:30") not in answer.starts
    assert at("2027-03-02 10:45") not in answer.starts
    assert at("2027-03-02 11:00") in answer.starts
    own = await availability.slots(ctx, SlotQuery(service="haircut", span=(NINE, NINE + 86400)))
    assert at("2027-03-02 12:00") in own.starts
    assert at("2027-03-02 12:15") not in own.starts
    assert at("2027-03-02 14:00") not in own.starts
    assert at("2027-03-02 14:15") in own.starts


async def test_the_cap_of_a_day_is_kept(ctx: Context) -> None:
    await make_person(ctx)
    await make_service(ctx, cap_per_day=1)
    await make_booking(ctx, NINE)
    with pytest.raises(Refused) as refusal:
        await make_booking(ctx, TEN)
    assert refusal.value.reason is Reason.DAY_FULL
    assert refusal.value.alternatives
    assert all(not at("2027-03-02") <= each.start < at("2027-03-03") for each in refusal.value.alternatives)


async def test_a_calendar_being_read_does_not_hold_up_a_booking(ctx: Context) -> None:
    anna = await make_person(ctx)
    await make_service(ctx)
    await make_calendar(ctx, anna)
    async with ctx.sessions() as reader:
        await rows(ctx, "SELECT 1")
        await reader.execute(text("SELECT 1 FROM calendar FOR UPDATE"))
        await reader.execute(text("SELECT 1 FROM bookable FOR KEY SHARE"))
        await announce(reader, "verified", [anna])
        assert (await asyncio.wait_for(make_booking(ctx, NINE), 60)).staff == ("anna",)
        await availability.slots(ctx, SlotQuery(service="haircut", span=(NINE, TEN)))
