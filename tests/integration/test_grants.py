"""Access tokens: renewed ahead, shared, never lost; and what each refusal of a provider does."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from booking_app.db import provider_queries
from booking_app.db.tables import Account
from booking_app.domain.appointment import ConnectionState
from booking_app.jobs.alerts import tell
from booking_app.logs import JsonLines
from booking_app.services import availability, calendars, provider_apps
from booking_app.services.context import Context
from booking_app.services.views import SlotQuery
from booking_app.sync import consent
from booking_app.sync.consent import Linked
from booking_app.sync.errors import AccessLost, ProviderRefused, Transient
from booking_app.sync.pull import Pulled
from booking_app.sync.rotation import rotate
from booking_app.sync.vault import Vault, new_key
from tests.conftest import Clock, execute
from tests.factories import at, make_booking, make_person, make_service
from tests.linked_office import LinkedOffice, make_linked_office
from tests.office import cells
from tests.token_server import CLIENT, SECRET, TokenServer, token_server

TEN = at("2027-03-02 10:00")
TUESDAY = SlotQuery(service="haircut", span=(at("2027-03-02"), at("2027-03-03")))


async def linked(office: LinkedOffice, subject: str = "anna") -> tuple[Linked, int]:
    """A person whose linked calendar blocks and receives appointments; the account and the calendar's id."""
    office.server.add_calendar(subject, "work")
    number = await make_person(office.ctx, subject)
    person, cookie = await office.signed_in(number, f"{subject}@example.com")
    account = await office.link(person, cookie, subject)
    return account, await office.use(person, account)


def renewals(world: TokenServer) -> int:
    """How often somebody's access was to be renewed; a look at the installation itself is none."""
    asked = [each for each in world.asked if each.get("grant_type") == "refresh_token"]
    return len([each for each in asked if each["refresh_token"] != "none"])


async def opened(office: LinkedOffice) -> set[str]:
    found = await cells(office.ctx, "SELECT subject FROM alert WHERE closed_at IS NULL")
    return {row[0] for row in found}


async def test_a_token_is_kept_until_five_minutes_before_its_end(
    office: LinkedOffice, world: TokenServer, clock: Clock
) -> None:
    account, _ = await linked(office)
    source = office.accounts.consented.grants.source(await office.row(account.uid))
    first = await source.token()
    assert world.who(first) == "anna"
    clock.advance(minutes=54, seconds=59)
    assert await source.token() == first
    assert renewals(world) == 0
    clock.advance(seconds=2)
    assert await source.token() == first, "which is good for minutes yet, so that nobody has to wait"
    await source.finish()
    second = await source.token()
    assert second != first
    assert renewals(world) == 1
    assert await office.access(account.uid, office.other_process()) == second
    assert renewals(world) == 1


async def test_a_token_that_is_refused_is_replaced_once_for_all_who_met_it(
    office: LinkedOffice, world: TokenServer
) -> None:
    account, _ = await linked(office)
    row = await office.row(account.uid)
    other = office.other_process().consented.grants
    token = await office.access(account.uid)
    assert await other.source(row).token() == token
    for grants in (office.accounts.consented.grants, other):
        await grants.source(row).refused(token)
    fresh = await asyncio.gather(*(grants.source(row).token() for grants in (office.accounts.consented.grants, other)))
    assert len(set(fresh)) == 1
    assert fresh[0] != token
    assert renewals(world) == 1


async def test_two_hundred_askers_cause_one_renewal_and_the_rotated_token_is_stored(
    office: LinkedOffice, world: TokenServer, clock: Clock
) -> None:
    account, _ = await linked(office)
    row = await office.row(account.uid)
    others = [office.other_process().consented.grants for _ in range(4)]
    clock.advance(hours=2)
    world.delay = 0.1
    tokens = await asyncio.gather(*(grants.source(row).token() for grants in others for _ in range(50)))
    assert len(set(tokens)) == 1
    assert renewals(world) == 1
    grant = await office.grant(account.uid)
    assert office.ctx.sealer.open(grant.refresh, f"grant:{account.uid}") == world.grants[0].refresh


async def test_a_caller_that_gives_up_does_not_lose_the_rotated_token(
    office: LinkedOffice, world: TokenServer, clock: Clock
) -> None:
    account, _ = await linked(office)
    source = office.accounts.consented.grants.source(await office.row(account.uid))
    clock.advance(hours=2)
    world.delay = 0.3
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await source.token()
    await source.finish()
    clock.advance(hours=2)
    assert world.who(await source.token()) == "anna"
    assert world.reused == []


async def test_an_answer_that_the_database_did_not_take_is_not_lost(
    office: LinkedOffice, world: TokenServer, clock: Clock, postgres_url: str, database_url: str
) -> None:
    account, _ = await linked(office)
    source = office.accounts.consented.grants.source(await office.row(account.uid))
    clock.advance(hours=2)
    name = database_url.rpartition("/")[2].partition("?")[0]

    def cut() -> None:
        world.breaks_off = None
        execute(postgres_url, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")

    world.breaks_off = cut
    with pytest.raises(Transient):
        await source.token()
    await office.ctx.sessions.kw["bind"].dispose()
    stored = office.ctx.sealer.open((await office.grant(account.uid)).refresh, f"grant:{account.uid}")
    assert stored != world.grants[0].refresh
    assert world.who(await source.token()) == "anna"
    clock.advance(hours=2)
    assert world.who(await source.token()) == "anna"
    assert world.reused == []


async def test_p24_a_disturbance_shorter_than_the_rest_of_a_token_is_not_noticed(
    office: LinkedOffice, world: TokenServer, clock: Clock
) -> None:
    account, calendar = await linked(office)
    token = await office.access(account.uid)
    world.fault = (503, {})
    clock.advance(minutes=56)
    assert await office.access(account.uid) == token
    assert await office.access(account.uid, office.other_process()) == token
    assert await office.read(calendar) is Pulled.READ
    clock.advance(minutes=3, seconds=30)
    with pytest.raises(Transient):
        await office.access(account.uid)
    assert await office.read(calendar) is Pulled.FAILED
    assert (await office.row(account.uid)).state == ConnectionState.SLOWED.value


async def run(office: LinkedOffice, clock: Clock, *, minutes: float) -> None:
    end = clock() + timedelta(minutes=minutes)
    while clock() < end:
        await office.read_all()
        await tell(office.ctx)
        clock.advance(seconds=30)


async def mails(office: LinkedOffice) -> list[tuple[str, str]]:
    """(subject of the alert, who is written to), in order."""
    found = await cells(
        office.ctx,
        "SELECT a.subject, p.email FROM outbox o JOIN alert a ON a.id = (o.payload->>'alert_id')::bigint"
        " JOIN account p ON p.id = (o.payload->>'account_id')::bigint WHERE o.effect = 'mail' ORDER BY o.id",
    )
    return [(row[0], row[1]) for row in found]


async def add_admin(office: LinkedOffice) -> None:
    async with office.ctx.sessions.begin() as db:
        db.add(Account(email="boss@example.com", name="Boss", role="admin"))


@pytest.mark.parametrize(
    "fault",
    [
        (500, {}),
        (429, {"error": "slow_down"}),
        (400, {"error": "temporarily_unavailable"}),
        (200, {"nothing": "of use"}),
    ],
)
async def test_p24_token_errors_of_less_than_15_minutes_mail_nobody(
    office: LinkedOffice, world: TokenServer, clock: Clock, fault: tuple[int, dict[str, object]]
) -> None:
    await add_admin(office)
    _, calendar = await linked(office)
    assert await office.read(calendar) is Pulled.READ
    world.grants[0].access.clear()
    world.fault = fault
    await run(office, clock, minutes=14)
    world.fault = None
    await run(office, clock, minutes=5)
    assert await mails(office) == []
    assert await opened(office) == set()
    assert (await office.calendar(calendar)).failures == 0


async def test_p20_an_ended_grant_is_told_withholds_and_each_waiting_write_happens_once_after_linking_again(
    office: LinkedOffice, world: TokenServer, clock: Clock
) -> None:
    await add_admin(office)
    account, calendar = await linked(office)
    await make_service(office.ctx)
    assert await office.read(calendar) is Pulled.READ
    for number in range(3):
        await make_booking(office.ctx, TEN + number * 3600, email=f"c{number}@example.com")
    world.withdraw("anna")
    await office.write()
    await office.read(calendar)
    await tell(office.ctx)
    row = await office.row(account.uid)
    assert row.state == ConnectionState.NEEDS_SIGN_IN.value
    assert "no longer lets us in" in row.reason
    assert {who for _, who in await mails(office)} == {"anna@example.com", "boss@example.com"}
    ((message,),) = await cells(office.ctx, "SELECT message FROM alert WHERE closed_at IS NULL")
    assert "has to be connected again" in message
    (view,) = await calendars.connections_of(office.ctx, row.bookable_id)
    assert "Connect it again" in view.sentence
    assert (await availability.slots(office.ctx, TUESDAY)).withheld
    waiting = await cells(office.ctx, "SELECT reason FROM outbox WHERE effect = 'calendar'")
    assert len(waiting) == 3
    assert all("signed in again" in reason for (reason,) in waiting)
    choices = await cells(office.ctx, "SELECT uid, blocks, target FROM calendar ORDER BY id")

    person, cookie = await office.signed_in(row.bookable_id, "anna2@example.com")
    again = await office.link(person, cookie, "anna", again=account.uid)
    assert again.uid == account.uid
    assert await cells(office.ctx, "SELECT uid, blocks, target FROM calendar ORDER BY id") == choices
    await office.write()
    await office.write()
    assert len(office.server.read((await office.calendar(calendar)).remote_id)) == 3
    assert await office.read(calendar) is Pulled.READ
    assert await opened(office) == set()
    assert not (await availability.slots(office.ctx, TUESDAY)).withheld


async def test_p21_a_link_of_an_app_in_testing_ends_after_seven_days_and_that_is_told_48_hours_before(
    office: LinkedOffice, world: TokenServer, clock: Clock
) -> None:
    await add_admin(office)
    await provider_apps.save(office.ctx, provider="google", client_id=CLIENT, testing=True)
    account, calendar = await linked(office)
    granted = clock()
    assert (await office.grant(account.uid)).ends_at == granted + timedelta(days=7)
    clock.advance(days=4, hours=23, minutes=59)
    await office.read(calendar)
    await tell(office.ctx)
    assert await opened(office) == set()
    clock.advance(minutes=2)
    await tell(office.ctx)
    row = await office.row(account.uid)
    assert await opened(office) == {f"ending:{row.id}"}
    assert await mails(office) == [
        (f"ending:{row.id}", "boss@example.com"),
        (f"ending:{row.id}", "anna@example.com"),
    ]
    clock.advance(days=2)
    world.withdraw("anna")
    await office.read(calendar)
    await tell(office.ctx)
    assert await opened(office) == {f"connection:{row.id}"}
    assert "Testing" in (await office.row(account.uid)).reason

    person, cookie = await office.signed_in(row.bookable_id, "anna2@example.com")
    await office.link(person, cookie, "anna", again=account.uid)
    assert await office.read(calendar) is Pulled.READ
    await tell(office.ctx)
    assert await opened(office) == set()
    assert (await office.grant(account.uid)).ends_at == clock() + timedelta(days=7)


async def test_p21_an_end_that_the_provider_names_counts_and_marking_testing_later_reaches_older_grants(
    office: LinkedOffice, world: TokenServer, clock: Clock
) -> None:
    ben, _ = await linked(office, "ben")
    world.refresh_lifetime = 3 * 86400
    account, _ = await linked(office, "anna")
    assert (await office.grant(account.uid)).ends_at == clock() + timedelta(days=3)
    assert (await office.grant(ben.uid)).ends_at is None
    await provider_apps.save(office.ctx, provider="google", client_id=CLIENT, testing=True)
    assert (await office.grant(ben.uid)).ends_at == clock() + timedelta(days=7)
    assert (await office.grant(account.uid)).ends_at == clock() + timedelta(days=3)
    await provider_apps.save(office.ctx, provider="google", client_id=CLIENT, testing=False)
    assert (await office.grant(ben.uid)).ends_at == clock() + timedelta(days=7)


async def test_p22_a_wrong_client_secret_is_one_incident_for_200_people(
    office: LinkedOffice, world: TokenServer, clock: Clock
) -> None:
    await add_admin(office)
    people = [await linked(office, f"p{number}") for number in range(200)]
    clock.advance(hours=2)
    world.secret, before = "another", len(world.asked)
    assert await office.read_all() == 200
    assert len(world.asked) - before <= 8, "the provider is not asked for each of them"
    for minutes in (11, 6):
        await tell(office.ctx)
        clock.advance(minutes=minutes)
    await office.read_all()
    await tell(office.ctx)
    assert await opened(office) == {"provider:google"}
    assert await mails(office) == [("provider:google", "boss@example.com")]
    states = {row[0] for row in await cells(office.ctx, "SELECT DISTINCT state FROM connection")}
    assert states == {ConnectionState.SLOWED.value}
    (app, _) = await provider_apps.listed(office.ctx)
    assert "client secret is wrong" in app.trouble

    await provider_apps.save(office.ctx, provider="google", client_id=CLIENT, secret="another")
    assert await opened(office) == set()
    due = await cells(office.ctx, "SELECT count(*) FROM calendar WHERE due_at <= :now", now=clock())
    assert due == [(200,)], "all of them are read at once"
    for _, calendar in people[:10]:
        assert await office.read(calendar) is Pulled.READ
    assert await opened(office) == set()
    assert (await provider_apps.listed(office.ctx))[0].trouble == ""


async def test_p22_the_incident_is_over_when_the_provider_accepts_us_again(
    office: LinkedOffice, world: TokenServer, clock: Clock
) -> None:
    _, calendar = await linked(office)
    clock.advance(hours=2)
    world.secret = "another"
    await office.read(calendar)
    assert await opened(office) == {"provider:google"}
    world.secret = SECRET
    clock.advance(minutes=1)
    assert await office.read(calendar) is Pulled.READ
    assert await opened(office) == set()


async def test_p22_a_calendar_service_that_is_switched_off_for_us_is_one_incident_too(
    office: LinkedOffice, world: TokenServer, clock: Clock
) -> None:
    await add_admin(office)
    calendars_of = [(await linked(office, name))[1] for name in ("anna", "ben")]
    await office.read_all()
    office.server.fail(lambda: ProviderRefused("Google Calendar is not enabled for this installation."))
    await run(office, clock, minutes=20)
    assert await opened(office) == {"provider:google:api"}
    assert await mails(office) == [("provider:google:api", "boss@example.com")]
    # While access itself is refused, that is the incident.
    await provider_apps.save(office.ctx, provider="google", client_id=CLIENT, secret="wrong")
    clock.advance(hours=2)
    await office.read_all()
    assert await opened(office) == {"provider:google"}
    await provider_apps.save(office.ctx, provider="google", client_id=CLIENT, secret=SECRET)
    await office.read_all()
    assert await opened(office) == {"provider:google:api"}
    office.server.heal()
    clock.advance(minutes=1)
    assert await office.read(calendars_of[0]) is Pulled.READ
    assert await opened(office) == set()


async def test_linking_again_while_everything_else_goes_on_stands_in_no_ring(
    office: LinkedOffice, world: TokenServer, clock: Clock
) -> None:
    account, calendar = await linked(office)
    await make_service(office.ctx)
    assert await office.read(calendar) is Pulled.READ
    row = await office.row(account.uid)
    person, cookie = await office.signed_in(row.bookable_id, "anna2@example.com")
    source = office.accounts.consented.grants.source(row)

    async def renewed() -> None:
        token = await office.access(account.uid)
        await source.refused(token)
        await office.access(account.uid, office.other_process())

    for number in range(12):
        await make_booking(office.ctx, TEN + number * 1800, email=f"c{number}@example.com")
        await asyncio.gather(
            office.link(person, cookie, "anna", again=account.uid),
            office.read(calendar),
            office.write(),
            renewed(),
            tell(office.ctx),
            rotate(office.ctx.sessions, Vault([new_key()])),
        )
    clock.advance(minutes=20)
    await office.write()
    assert await office.read(calendar) is Pulled.READ
    assert len(office.server.read((await office.calendar(calendar)).remote_id)) == 12
    assert (await office.row(account.uid)).state == ConnectionState.OK.value


async def test_p22_without_credentials_all_accounts_wait_for_one_incident(
    office: LinkedOffice, world: TokenServer, clock: Clock
) -> None:
    account, calendar = await linked(office)
    async with office.ctx.sessions.begin() as db:
        await db.execute(text("UPDATE provider_app SET secret = ''"))
    clock.advance(hours=2)
    assert await office.read(calendar) is Pulled.FAILED
    assert await opened(office) == {"provider:google"}
    assert (await office.row(account.uid)).state == ConnectionState.SLOWED.value


async def test_p22_an_admin_can_ask_whether_the_credentials_are_accepted(
    office: LinkedOffice, world: TokenServer, clock: Clock
) -> None:
    grants = office.accounts.consented.grants
    ahead = await grants.check("google")
    assert ahead is not None
    assert abs(ahead) < 5
    world.secret = "another"
    with pytest.raises(ProviderRefused, match="client secret is wrong"):
        await grants.check("google")
    assert await opened(office) == {"provider:google"}
    world.fault = (503, {})
    with pytest.raises(Transient):
        await grants.check("google")
    assert await opened(office) == {"provider:google"}
    world.fault, world.secret = None, SECRET
    await grants.check("google")
    assert await opened(office) == set()


async def test_the_push_channels_of_an_account_are_kept_until_a_new_consent(
    office: LinkedOffice, world: TokenServer
) -> None:
    account, _ = await linked(office)
    row = await office.row(account.uid)
    notifier = await office.accounts.notifier(row)
    assert notifier is not None
    assert await office.accounts.notifier(row) is notifier
    person, cookie = await office.signed_in(row.bookable_id, "anna2@example.com")
    await office.link(person, cookie, "anna", again=account.uid)
    assert await office.accounts.notifier(await office.row(account.uid)) is not notifier
    assert office.closed == ["released"]
    row.provider = "caldav"
    assert await office.accounts.notifier(row) is None


@pytest.mark.parametrize(
    ("status", "answer", "expected", "words"),
    [
        (400, {"error": "invalid_grant"}, AccessLost, "was withdrawn"),
        (400, {"error": "invalid_grant", "error_subtype": "invalid_rapt"}, AccessLost, "sign in again"),
        (400, {"error": "invalid_grant", "error_codes": [700082]}, AccessLost, "not used for long"),
        (400, {"error": "interaction_required", "error_codes": [50076]}, AccessLost, "second factor"),
        (400, {"error": "consent_required", "error_codes": [65001]}, AccessLost, "given once more"),
        (401, {"error": "invalid_client", "error_codes": [7000222]}, ProviderRefused, "has expired"),
        (400, {"error": "unauthorized_client"}, ProviderRefused, "kind of accounts"),
        (400, {"error": "invalid_request", "error_codes": [90002]}, ProviderRefused, "no such tenant"),
        (400, {"error": "something_<b>new</b>"}, ProviderRefused, "something_bnewb"),
        (401, {"error": "deleted_client"}, ProviderRefused, "deleted"),
        (503, {"error": "invalid_grant"}, Transient, "503"),
        (429, {}, Transient, "429"),
        (400, {}, Transient, "unexpected"),
        (302, {}, Transient, "unexpected"),
    ],
)
async def test_what_an_error_of_the_token_endpoint_means(
    office: LinkedOffice,
    world: TokenServer,
    clock: Clock,
    status: int,
    answer: dict[str, object],
    expected: type[Exception],
    words: str,
) -> None:
    account, _ = await linked(office)
    clock.advance(hours=2)
    world.fault = (status, answer)
    with pytest.raises(expected) as refused:
        await office.access(account.uid)
    assert type(refused.value) is expected
    assert words in str(refused.value)


async def test_a_paused_provider_is_not_asked_by_others_but_is_at_once_with_other_credentials(
    office: LinkedOffice, world: TokenServer, clock: Clock
) -> None:
    first, _ = await linked(office, "anna")
    second, _ = await linked(office, "ben")
    clock.advance(hours=2)
    world.secret = "another"
    for account in (first, second):
        with pytest.raises(ProviderRefused):
            await office.access(account.uid)
    assert renewals(world) == 1
    await provider_apps.save(office.ctx, provider="google", client_id=CLIENT, secret="another")
    assert world.who(await office.access(second.uid)) == "ben"


async def test_microsoft_may_keep_or_rotate_the_refresh_token(office: LinkedOffice, ctx: Context, clock: Clock) -> None:
    with token_server() as world:
        other = await make_linked_office(replace(ctx, stand_ins={}), world, provider="microsoft")
        world.rotates = False
        account, _ = await linked(other)
        before = world.grants[0].refresh
        for _ in range(2):
            clock.advance(hours=2)
            assert world.who(await other.accounts.consented.grants.source(await other.row(account.uid)).token()) == (
                "anna"
            )
        assert world.grants[0].refresh == before
        await other.close()


async def test_keys_are_changed_while_tokens_are_renewed(ctx: Context, world: TokenServer, clock: Clock) -> None:
    old, new = new_key(), new_key()
    office = await make_linked_office(replace(ctx, sealer=Vault([old])), world)
    people = [await linked(office, f"p{number}") for number in range(8)]
    person, cookie = await office.signed_in((await office.row(people[0][0].uid)).bookable_id, "again@example.com")
    address = await consent.start(office.ctx, office.accounts, person=person, session=cookie, provider=office.provider)
    both = replace(office.ctx, sealer=Vault([new, old]))
    later = office.other_process(both)
    stop = asyncio.Event()

    async def renewing() -> None:
        while not stop.is_set():
            for account, _ in people:
                source = later.consented.grants.source(await office.row(account.uid))
                token = await source.token()
                assert world.who(token)
                await source.refused(token)

    workers = [asyncio.create_task(renewing()) for _ in range(2)]
    for rotated in (False, True):
        if rotated:
            done = await rotate(both.sessions, Vault([new, old]))
        asked = len(world.asked)
        while len(world.asked) < asked + 4:
            await asyncio.sleep(0.02)
    stop.set()
    await asyncio.gather(*workers)
    assert done.unreadable == ()
    assert (await rotate(both.sessions, Vault([new, old]))).renewed == 0

    only = replace(office.ctx, sealer=Vault([new]))
    alone = office.other_process(only)
    for account, _ in people:
        assert world.who(await office.access(account.uid, alone))
    assert world.reused == []
    clock.advance(minutes=9)
    answer = world.consent(address, "somebody")
    office.server.add_calendar("somebody", "work")
    await consent.finish(only, alone, session=cookie, provider=office.provider, answer=answer)
    await office.close()


async def test_no_token_or_client_secret_is_in_a_log_an_exception_a_view_or_a_plain_column(
    office: LinkedOffice, world: TokenServer, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await add_admin(office)
    account, calendar = await linked(office)
    seen = [await office.access(account.uid)]
    caught = []
    for fault in ((401, {"error": "invalid_client"}), (400, {"error": "invalid_grant"}), (503, {}), (200, {})):
        clock.advance(hours=2)
        world.fault = fault  # type: ignore[assignment]
        await office.read(calendar)
        with pytest.raises((AccessLost, Transient)) as refused:
            await office.access(account.uid)
        caught.append("".join(traceback.format_exception(refused.value)) + repr(refused.value))
    world.fault = None
    clock.advance(hours=2)
    source = office.accounts.consented.grants.source(await office.row(account.uid))
    seen.append(await source.token())
    await tell(office.ctx)
    assert len(set(seen)) == 2
    formatter = JsonLines()
    logged = [formatter.format(record) + record.getMessage() for record in caplog.records]
    assert any("grant.not_renewed" in line for line in logged)
    shown = [
        repr(await calendars.connections_of(office.ctx, (await office.row(account.uid)).bookable_id)),
        repr(await calendars.sync_page(office.ctx)),
        repr(await provider_apps.listed(office.ctx)),
        repr(vars(source)),
        repr(await provider_apps.registered(office.ctx, "google")),
    ]
    stored = []
    for (table,) in await cells(
        office.ctx, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
    ):
        for row in await cells(office.ctx, f'SELECT * FROM "{table}"'):
            stored.append(
                json.dumps([each.hex() + repr(each) if isinstance(each, bytes) else str(each) for each in row])
            )
    everything = "\n".join(logged + caught + shown + stored)
    found = [
        secret for secret in ("planted", SECRET, *seen) if secret in everything or secret.encode().hex() in everything
    ]
    assert found == []


async def test_a_refresh_token_that_is_being_replaced_is_revoked_in_its_newest_form(office: LinkedOffice) -> None:
    await linked(office)
    ((number,),) = await cells(office.ctx, "SELECT id FROM connection")
    async with office.ctx.sessions() as renewing:
        await renewing.execute(text("UPDATE oauth_grant SET refresh = 'the newest'"))
        async with office.ctx.sessions.begin() as leaving:
            going = asyncio.create_task(provider_queries.let_go(leaving, [number], office.ctx.now()))
            waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            while not await cells(office.ctx, waits):
                assert not going.done()
                await asyncio.sleep(0.02)
            await renewing.commit()
            await going
    ((sealed,),) = await cells(office.ctx, "SELECT payload->>'sealed' FROM outbox WHERE effect = 'revoke'")
    assert bytes.fromhex(sealed) == b"the newest"
