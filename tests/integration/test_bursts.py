"""Many bookings by strangers: bounded by mail and network address, confirmed by mail, taken back in one step."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from email.message import EmailMessage

import pytest

from booking_app.domain.appointment import Role
from booking_app.domain.crowding import Policy
from booking_app.domain.effects import Done, Retry, Work
from booking_app.domain.errors import Forbidden, Invalid, NotFound, Reason, Refused
from booking_app.integrations.mail.delivery import create_handler
from booking_app.jobs.upkeep import clean_up
from booking_app.services import accounts, availability, confirming, crowding, holds, manage
from booking_app.services.accounts import SignedIn
from booking_app.services.confirming import Awaiting
from booking_app.services.context import Context
from booking_app.services.views import BookingReceipt, SlotQuery
from booking_app.services.visitors import Visitor
from tests.conftest import Clock
from tests.factories import at, make_booking, make_calendar, make_person, make_request, make_service
from tests.rows import change, rows

MONDAY = at("2027-03-01 00:00")
VICTIM = "victim@example.com"


class Box:
    """A mailer that keeps what it is given."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def send(self, mail: EmailMessage) -> None:
        self.mails.append(mail)

    async def check(self) -> None:
        """It always takes mail."""

    def to(self, reader: str) -> list[str]:
        return [str(mail["Subject"]) for mail in self.mails if mail["To"] == reader]


async def shop(ctx: Context, *people: str) -> list[int]:
    """Everybody takes haircuts; the starts of three weeks."""
    for slug in people or ("anna",):
        await make_person(ctx, slug)
    await make_service(ctx, staff=people or ("anna",))
    query = SlotQuery(service="haircut", span=(MONDAY, MONDAY + 21 * 86400))
    return list((await availability.slots(ctx, query)).starts)


async def ask(
    ctx: Context, start: int, address: str, email: str = VICTIM, key: str | None = None
) -> BookingReceipt | Awaiting | Reason:
    try:
        by = Visitor(address=address)
        return await confirming.book_or_ask(ctx, make_request(start, email=email), idempotency_key=key, by=by)
    except Refused as refused:
        return refused.reason


async def deliver(ctx: Context, box: Box) -> None:
    """Send what is due, as the worker does: what may not go yet stays."""
    send = create_handler(ctx, box, "bookings@example.com")
    for row in await rows(ctx, "SELECT * FROM outbox WHERE effect = 'mail' ORDER BY id"):
        work = Work(id=row.id, effect="mail", key=row.key, payload=row.payload, generation=1, attempts=0, created_at=0)
        outcome = await send(work)
        assert isinstance(outcome, Done | Retry)
        if isinstance(outcome, Done):
            await change(ctx, "DELETE FROM outbox WHERE id = :id", id=row.id)


def link_in(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).split("/confirm/")[1].split()[0]


async def admin(ctx: Context, role: Role = Role.ADMIN) -> SignedIn:
    return await accounts.create_account(
        ctx, email=f"{role}@example.com", name="Ada", password="a calm green river", role=role
    )


async def booked(ctx: Context) -> int:
    return len(await rows(ctx, "SELECT 1 FROM booking WHERE state = 'confirmed'"))


async def test_eight_addresses_and_one_mail_address_book_three_and_mail_little(ctx: Context, clock: Clock) -> None:
    starts = await shop(ctx)
    box = Box()
    addresses = [f"203.0.113.{n % 8}" for n in range(60)]
    tagged = [f"Victim+{n}@example.com" if n % 2 else VICTIM for n in range(60)]
    for part in range(0, 60, 20):
        some = range(part, part + 20)
        await asyncio.gather(*(ask(ctx, starts[n], addresses[n], tagged[n]) for n in some))
    assert await booked(ctx) == 3
    assert len(await rows(ctx, "SELECT 1 FROM unconfirmed")) <= 3
    for _ in range(4):
        await deliver(ctx, box)
    assert len([mail for mail in box.mails if str(mail["To"]).lower().startswith("victim")]) <= 10


async def test_parallel_bookings_of_one_mail_address_cannot_pass_the_bound(ctx: Context) -> None:
    starts = await shop(ctx, "anna", "bert", "cora")
    await asyncio.gather(*(ask(ctx, starts[n], f"198.51.100.{n}") for n in range(20)))
    assert await booked(ctx) == 3


async def test_one_network_address_with_many_mail_addresses_is_asked_too(ctx: Context) -> None:
    starts = await shop(ctx, "anna", "bert")
    outcomes = [await ask(ctx, starts[n], "203.0.113.7", f"n{n}@example.com") for n in range(18)]
    assert [isinstance(each, BookingReceipt) for each in outcomes] == [True] * 15 + [False] * 3
    assert isinstance(await ask(ctx, starts[30], "203.0.113.8", "other@example.com"), BookingReceipt)


async def test_the_mailed_link_books_what_was_kept_and_once(ctx: Context, clock: Clock) -> None:
    starts = await shop(ctx)
    for n in range(3):
        await ask(ctx, starts[n], "203.0.113.7")
    waits = await ask(ctx, starts[3], "203.0.113.7", key="mine")
    assert isinstance(waits, Awaiting)
    assert waits.expires_at == waits.start - waits.start + int(clock().timestamp()) + 1800
    assert await ask(ctx, starts[3], "203.0.113.7", key="mine") == waits
    with pytest.raises(Refused):
        await make_booking(ctx, starts[3])
    box = Box()
    await deliver(ctx, box)
    [mail] = [mail for mail in box.mails if str(mail["Subject"]).startswith("Please confirm: Haircut")]
    token = link_in(mail)
    seen = await confirming.waiting(ctx, token)
    assert (seen.start, seen.service, seen.zone) == (starts[3], "Haircut", "Europe/Amsterdam")
    assert await booked(ctx) == 3, "looking at the link books nothing"
    outcomes = await asyncio.gather(
        *(confirming.confirm(ctx, token, by=Visitor(address="192.0.2.1", tab="tab")) for _ in range(5)),
        return_exceptions=True,
    )
    receipts = [each for each in outcomes if isinstance(each, BookingReceipt)]
    assert receipts
    assert len({each.token for each in receipts}) == 1
    assert all(isinstance(each, BookingReceipt | NotFound | Refused) for each in outcomes)
    assert await booked(ctx) == 4
    assert (await manage.view(ctx, receipts[0].token)).start == starts[3]
    with pytest.raises(NotFound):
        await confirming.confirm(ctx, token, by=Visitor(address="192.0.2.1"))


async def test_what_nobody_confirms_is_free_again(ctx: Context, clock: Clock) -> None:
    starts = await shop(ctx)
    await accounts_policy(ctx, Policy(confirm_after=0))
    assert isinstance(await ask(ctx, starts[0], "203.0.113.7"), Awaiting)
    box = Box()
    await deliver(ctx, box)
    clock.advance(minutes=30)
    with pytest.raises(NotFound):
        await confirming.waiting(ctx, link_in(box.mails[0]))
    assert await holds.sweep_holds(ctx) == 1
    assert await rows(ctx, "SELECT 1 FROM unconfirmed") == []
    assert (await make_booking(ctx, starts[0])).start == starts[0]


async def test_what_waits_to_be_confirmed_counts_as_held(ctx: Context) -> None:
    starts = await shop(ctx)
    await accounts_policy(ctx, Policy(confirm_after=0))
    outcomes = [await ask(ctx, starts[n], "203.0.113.7", f"n{n}@example.com") for n in range(12)]
    assert sum(isinstance(each, Awaiting) for each in outcomes) == holds.MOST
    assert set(outcomes[holds.MOST :]) == {Reason.NOT_KEPT}
    for n in range(12, 80):
        await ask(ctx, starts[n], f"198.51.100.{n}", f"n{n}@example.com")
    assert len(await rows(ctx, "SELECT 1 FROM appointment WHERE state = 'held'")) <= 40


async def test_a_mail_address_has_so_many_and_no_more(ctx: Context) -> None:
    starts = await shop(ctx)
    await accounts_policy(ctx, Policy(confirm_after=None, most_upcoming=5))
    outcomes = [await ask(ctx, starts[20 + n], "203.0.113.7") for n in range(7)]
    assert outcomes[5:] == [Reason.TOO_MANY] * 2
    # Who cancels may book again.
    first = outcomes[0]
    assert isinstance(first, BookingReceipt)
    await manage.cancel(ctx, first.token)
    assert isinstance(await ask(ctx, starts[9], "203.0.113.7"), BookingReceipt)


async def test_moving_and_cancelling_again_and_again_mails_nobody_to_death(ctx: Context, clock: Clock) -> None:
    starts = await shop(ctx)
    box = Box()
    mine = await ask(ctx, starts[40], "203.0.113.7")
    assert isinstance(mine, BookingReceipt)
    for n in range(41, 53):
        await manage.reschedule(ctx, mine.token, starts[n])
        await deliver(ctx, box)
    with pytest.raises(Refused) as refused:
        await manage.reschedule(ctx, mine.token, starts[53])
    assert refused.value.reason is Reason.MOVED_OFTEN
    assert len(box.to(VICTIM)) == 10
    clock.advance(hours=1)
    await deliver(ctx, box)
    assert len(box.to(VICTIM)) == 11, "the last word arrives"
    assert "New time" in box.to(VICTIM)[-1]


async def accounts_policy(ctx: Context, policy: Policy) -> None:
    await crowding.set_policy(ctx, await admin(ctx), policy)


async def test_only_an_admin_sets_the_bounds_and_only_to_what_makes_sense(ctx: Context) -> None:
    staff, boss = await admin(ctx, Role.STAFF), await admin(ctx)
    for call in (
        crowding.set_policy(ctx, staff, Policy()),
        crowding.policy(ctx, staff),
        crowding.list_bursts(ctx, staff, "day"),
    ):
        with pytest.raises(Forbidden):
            await call
    for wrong, field in (
        (Policy(confirm_after=-1), "confirm_after"),
        (Policy(most_upcoming=0), "most_upcoming"),
        (Policy(most_upcoming=10**9), "most_upcoming"),
    ):
        with pytest.raises(Invalid) as invalid:
            await crowding.set_policy(ctx, boss, wrong)
        assert invalid.value.field == field
    wanted = Policy(confirm_after=None, most_upcoming=7)
    await crowding.set_policy(ctx, boss, wanted)
    assert await crowding.policy(ctx, boss) == wanted


@pytest.mark.parametrize("kind", ["address", "mailbox", "all"])
async def test_a_burst_is_taken_back_in_one_step_without_a_mail(ctx: Context, clock: Clock, kind: str) -> None:
    starts = await shop(ctx)
    boss = await admin(ctx)
    await make_calendar(ctx, 1, blocks=False, target=True)
    await crowding.set_policy(ctx, boss, Policy(confirm_after=None, most_upcoming=100))
    innocent = await ask(ctx, starts[100], "192.0.2.1", "clara@example.com")
    assert isinstance(innocent, BookingReceipt)
    await change(ctx, "DELETE FROM outbox")
    clock.advance(days=2)
    for n in range(30):
        assert isinstance(await ask(ctx, starts[40 + n], "203.0.113.7"), BookingReceipt)
    listed = await crowding.list_bursts(ctx, boss, "hour")
    burst = next(each for each in listed if each.kind == kind)
    assert (burst.bookings, burst.others) == (30, 1)
    if kind == "mailbox":
        assert burst.value == VICTIM
    clock.advance(seconds=5)
    after = await ask(ctx, starts[90], "203.0.113.7")
    with pytest.raises(Forbidden):
        await crowding.remove(ctx, await admin(ctx, Role.STAFF), burst)
    assert await crowding.remove(ctx, boss, burst) == 30
    assert await crowding.remove(ctx, boss, burst) == 0
    assert isinstance(after, BookingReceipt)
    assert await booked(ctx) == 2, "what came before and after stays"
    assert (await manage.view(ctx, innocent.token)).state == "confirmed"
    box = Box()
    await deliver(ctx, box)
    assert len(box.to(VICTIM)) == 1, "the one that stands"
    assert not any("Cancelled" in str(mail["Subject"]) for mail in box.mails)
    events = await rows(ctx, "SELECT key FROM outbox WHERE effect = 'calendar'")
    assert len(events) == 31
    query = SlotQuery(service="haircut", span=(starts[40], starts[69] + 1))
    assert list((await availability.slots(ctx, query)).starts) == starts[40:70]


async def test_where_bookings_came_from_is_forgotten_after_a_month(ctx: Context, clock: Clock) -> None:
    starts = await shop(ctx)
    await ask(ctx, starts[0], "203.0.113.7")
    clock.advance(days=31)
    await clean_up(ctx)
    assert [row.source for row in await rows(ctx, "SELECT source FROM booking")] == [None]


async def test_a_form_keeps_its_slot_until_the_mail_is_answered(ctx: Context, clock: Clock) -> None:
    starts = await shop(ctx)
    await accounts_policy(ctx, Policy(confirm_after=0))
    by = Visitor(address="203.0.113.7", tab="tab")
    hold = await holds.hold(ctx, "haircut", starts[0], by=by)
    waits = await confirming.book_or_ask(ctx, replace(make_request(starts[0]), hold=hold.token), by=by)
    assert isinstance(waits, Awaiting)
    await holds.hold(ctx, "haircut", starts[4], by=by)
    assert len(await rows(ctx, "SELECT 1 FROM appointment WHERE state = 'held'")) == 2
