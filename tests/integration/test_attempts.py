"""Strangers slow themselves, never the owner for good: attempts, known browsers and the mailed link."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from booking_app import runtime
from booking_app.api import sessions
from booking_app.config import Settings
from booking_app.domain.appointment import Role
from booking_app.domain.effects import Work
from booking_app.domain.errors import Invalid, NotFound
from booking_app.jobs.upkeep import clean_up
from booking_app.runtime import Runtime
from booking_app.services import accounts, devices, invitations, resets
from booking_app.services.mailing import compose
from booking_app.sync.vault import new_key
from tests.conftest import Clock
from tests.rows import rows

PASSWORD, NEW = "a calm green river", "a louder blue canal"
ORIGIN = "https://book.example.com"
SAME_SITE = {"origin": ORIGIN, "sec-fetch-site": "same-origin"}
ANNA, STRANGER, ELSEWHERE = "192.0.2.1", "203.0.113.7", "198.51.100.9"


@pytest.fixture
async def running(database_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Runtime]:
    """The program without its workers: mails stay in the outbox."""
    settings = Settings(database_url=database_url, secret_keys=(new_key(),), public_url=ORIGIN)
    async with runtime.built(settings, now=clock) as started:
        monkeypatch.setattr(runtime, "_running", [started])
        await accounts.create_account(
            started.context, email="anna@example.com", name="Anna", password=PASSWORD, role=Role.ADMIN
        )
        yield started


def browser(address: str) -> httpx.AsyncClient:
    """A browser of its own in a process of its own: nothing is shared but the database."""
    app = FastAPI()
    app.include_router(sessions.router)
    transport = httpx.ASGITransport(app=app, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=SAME_SITE)


async def sign_in(client: httpx.AsyncClient, password: str = PASSWORD, email: str = "anna@example.com") -> str:
    answer = await client.post("/auth/login", data={"email": email, "password": password})
    return answer.headers["location"]


async def mails(running: Runtime) -> list[str]:
    """What the mails to new passwords say that would be sent now."""
    found = []
    for row in await rows(running.context, "SELECT * FROM outbox WHERE key LIKE 'reset:%' ORDER BY id"):
        work = Work(
            id=row.id, effect=row.effect, key=row.key, payload=row.payload, generation=1, attempts=0, created_at=0
        )
        mail = await compose(running.context, work, "bookings@example.com")
        if mail is not None:
            assert mail["To"] == "anna@example.com"
            body = mail.get_body(("plain",))
            assert body is not None
            found.append(body.get_content())
    return found


async def reset_token(running: Runtime) -> str:
    text = (await mails(running))[-1]
    return text.split("/reset/")[1].split()[0]


async def test_a_stranger_who_goes_on_and_on_slows_only_the_stranger(running: Runtime, clock: Clock) -> None:
    async with browser(STRANGER) as stranger, browser(ANNA) as anna:
        for _ in range(15):
            await sign_in(stranger, "wrong")
            clock.advance(seconds=30)
        assert await sign_in(stranger, "wrong") == "/sign-in?error=wrong"
        for _ in range(9):
            await sign_in(stranger, "wrong")
        assert await sign_in(stranger) == "/sign-in?error=wait"
        assert await sign_in(anna) == "/admin/team"


async def test_many_addresses_slow_an_account_and_its_owner_still_gets_in(running: Runtime) -> None:
    async with browser(ANNA) as known:
        assert await sign_in(known) == "/admin/team"
        for n in range(7):
            async with browser(f"203.0.113.{n}") as stranger:
                for _ in range(5):
                    await sign_in(stranger, "wrong")
        async with browser(ELSEWHERE) as unknown:
            assert await sign_in(unknown) == "/sign-in?error=wait"
            assert await sign_in(known) == "/admin/team"
            await unknown.post("/auth/forgot", data={"email": "anna@example.com"})
            answer = await unknown.post("/auth/reset", data={"token": await reset_token(running), "password": NEW})
            assert answer.headers["location"] == "/admin/team"


async def test_attempts_at_once_through_two_processes_are_counted_together(running: Runtime) -> None:
    async with browser(STRANGER) as one, browser(STRANGER) as other:
        told = await asyncio.gather(*(sign_in(each, "wrong") for each in [one, other] * 10))
    assert sorted(told) == ["/sign-in?error=wait"] * 10 + ["/sign-in?error=wrong"] * 10


async def test_a_known_browser_has_its_own_few_attempts(running: Runtime) -> None:
    async with browser(ANNA) as anna:
        await sign_in(anna)
        told = [await sign_in(anna, "wrong") for _ in range(11)]
        assert told == ["/sign-in?error=wrong"] * 10 + ["/sign-in?error=wait"]
        # The same cookie opens nothing else: to another account this browser is a stranger.
        assert not await devices.is_known(running.context, anna.cookies[f"__Host-{devices.COOKIE}"], "bert@example.com")


async def test_the_device_cookie_is_read_by_no_script_and_stored_hashed(running: Runtime, clock: Clock) -> None:
    async with browser(ANNA) as anna:
        answer = await anna.post("/auth/login", data={"email": "anna@example.com", "password": PASSWORD})
        [header] = [each for each in answer.headers.get_list("set-cookie") if devices.COOKIE in each]
        attributes = {part.strip().lower() for part in header.split(";")[1:]}
        assert attributes == {"httponly", "samesite=lax", "secure", "path=/", f"max-age={400 * 86400}"}
        first = anna.cookies[f"__Host-{devices.COOKIE}"]
        stored = await rows(running.context, "SELECT token_hash FROM device")
        assert [row.token_hash for row in stored] == [accounts.token_hash(first)]
        await sign_in(anna)
        assert anna.cookies[f"__Host-{devices.COOKIE}"] != first
        assert not await devices.is_known(running.context, first, "anna@example.com")
    for _ in range(devices.MOST + 5):
        async with browser(ANNA) as another:
            await sign_in(another)
    assert len(await rows(running.context, "SELECT 1 FROM device")) == devices.MOST
    clock.advance(days=401)
    await clean_up(running.context)
    assert await rows(running.context, "SELECT 1 FROM device UNION ALL SELECT 1 FROM bucket") == []


async def test_asking_tells_nothing_about_the_address(running: Runtime) -> None:
    async with browser(ELSEWHERE) as client:
        answers = [
            await client.post("/auth/forgot", data={"email": email})
            for email in ("anna@example.com", "nobody@example.com", "not an address", "\x00", "")
        ]
    assert {(each.status_code, each.headers["location"], each.content) for each in answers} == {
        (303, "/forgot?sent=1", b"")
    }
    assert len(await rows(running.context, "SELECT 1 FROM outbox")) == 5, "the same work for each"
    assert len(await mails(running)) == 1


async def test_nobody_is_mailed_to_death_and_one_link_always_works(running: Runtime, clock: Clock) -> None:
    for n in range(30):
        async with browser(f"203.0.113.{n}") as stranger:
            for _ in range(2):
                await stranger.post("/auth/forgot", data={"email": " Anna@example.com"})
        clock.advance(minutes=2)
    # Three at once, then one every twenty minutes.
    assert len(await rows(running.context, "SELECT 1 FROM outbox WHERE key LIKE 'reset:%'")) == 5
    assert await resets.offer(running.context, await reset_token(running)) == "anna@example.com"
    async with browser(STRANGER) as stranger:
        told = [await stranger.post("/auth/forgot", data={"email": f"n{n}@example.com"}) for n in range(11)]
    assert [each.headers["location"] for each in told] == ["/forgot?sent=1"] * 10 + ["/forgot?error=wait"]


async def test_a_reset_ends_every_session_and_works_once(running: Runtime, clock: Clock) -> None:
    ctx = running.context
    async with browser(ANNA) as anna, browser(ELSEWHERE) as client:
        await sign_in(anna)
        before = anna.cookies[accounts.cookie_name(ORIGIN)]
        for _ in range(2):
            await client.post("/auth/forgot", data={"email": "anna@example.com"})
        first, second = [text.split("/reset/")[1].split()[0] for text in await mails(running)]
        weak = await client.post("/auth/reset", data={"token": first, "password": "short"})
        assert weak.headers["location"] == f"/reset/{first}?error=password"
        done = await client.post("/auth/reset", data={"token": first, "password": NEW})
        assert done.headers["location"] == "/admin/team"
        assert await accounts.who(ctx, client.cookies[accounts.cookie_name(ORIGIN)]) is not None
        assert await accounts.who(ctx, before) is None
        for token in (first, second):
            with pytest.raises(NotFound):
                await resets.use(ctx, token, NEW)
        again = await client.post("/auth/reset", data={"token": first, "password": NEW})
        assert again.headers["location"] == f"/reset/{first}"
        assert await sign_in(anna) == "/sign-in?error=wrong"
        assert await sign_in(anna, NEW) == "/admin/team"


async def test_one_link_used_twice_at_once_is_used_once(running: Runtime) -> None:
    await resets.ask(running.context, "anna@example.com", address=ANNA)
    token = await reset_token(running)
    outcomes = await asyncio.gather(
        *(resets.use(running.context, token, f"{NEW} {n}") for n in range(4)), return_exceptions=True
    )
    assert sum(isinstance(each, NotFound) for each in outcomes) == 3


async def test_a_link_ends_and_is_good_for_nothing_else(running: Runtime, clock: Clock) -> None:
    ctx = running.context
    await resets.ask(ctx, "anna@example.com", address=ANNA)
    token = await reset_token(running)
    for use in (invitations.offer(ctx, token), invitations.accept(ctx, token, name="Eve", password=NEW)):
        with pytest.raises(NotFound):
            await use
    invited = (await invitations.first_admin_link(ctx)) or await invitations.invite(
        ctx, (await accounts.sign_in(ctx, "anna@example.com", PASSWORD))[0], email="bert@example.com", role=Role.STAFF
    )
    with pytest.raises(NotFound):
        await resets.offer(ctx, invited.rsplit("/", 1)[1])
    with pytest.raises(Invalid):
        await resets.use(ctx, token, "short")
    clock.advance(minutes=60)
    with pytest.raises(NotFound):
        await resets.offer(ctx, token)
    assert await mails(running) == []


async def test_a_clock_that_is_set_back_locks_nobody_out(running: Runtime, clock: Clock) -> None:
    async with browser(STRANGER) as client:
        for _ in range(11):
            await sign_in(client, "wrong")
        clock.advance(hours=-3)
        assert await sign_in(client) == "/admin/team"
