"""The sign-in routes over HTTP, on a real database."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI

from booking_app import runtime
from booking_app.api import sessions
from booking_app.api.limits import Limiter
from booking_app.config import Settings
from booking_app.domain.appointment import Role
from booking_app.runtime import Runtime
from booking_app.services import accounts, invitations, typed
from booking_app.services.hashing import MOST_WAITING, THREADS, TRY_AGAIN
from booking_app.sync.vault import new_key
from tests.conftest import Clock

PASSWORD = "a calm green river"
ORIGIN = "https://book.example.com"
SAME_SITE = {"origin": ORIGIN, "sec-fetch-site": "same-origin"}


@pytest.fixture
async def running(database_url: str, clock: Clock) -> AsyncIterator[Runtime]:
    settings = Settings(database_url=database_url, secret_keys=(new_key(),), public_url=ORIGIN, rate_sign_in=5)
    async with runtime.running(settings, now=clock, elapsed=clock.elapsed) as started:
        await accounts.create_account(
            started.context, email="anna@example.com", name="Anna", password=PASSWORD, role=Role.STAFF
        )
        yield started


@pytest.fixture
async def client(running: Runtime) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.include_router(sessions.router)
    transport = httpx.ASGITransport(app=app, client=("192.0.2.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=SAME_SITE) as started:
        yield started


async def sign_in(client: httpx.AsyncClient, **fields: str) -> httpx.Response:
    return await client.post("/auth/login", data={"email": "anna@example.com", "password": PASSWORD, **fields})


async def signed_in(running: Runtime, client: httpx.AsyncClient) -> bool:
    return await accounts.who(running.context, client.cookies.get(accounts.cookie_name(ORIGIN))) is not None


async def test_signing_in_sets_a_cookie_that_no_script_and_no_other_site_can_use(client: httpx.AsyncClient) -> None:
    answer = await sign_in(client, next="/settings/calendars?tab=2")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/settings/calendars?tab=2"
    attributes = {part.strip().lower() for part in answer.headers.get_list("set-cookie")[0].split(";")[1:]}
    assert attributes == {"httponly", "samesite=lax", "secure", "path=/", f"max-age={30 * 86400}"}
    assert answer.headers["cache-control"] == "no-store"
    assert len(client.cookies[accounts.cookie_name(ORIGIN)]) >= 43


async def test_a_failure_does_not_tell_which_was_wrong(client: httpx.AsyncClient) -> None:
    wrong = await sign_in(client, password="not it", next="/admin/team")
    unknown = await sign_in(client, email="nobody@example.com", next="/admin/team")
    assert wrong.status_code == unknown.status_code == 303
    assert wrong.headers["location"] == unknown.headers["location"] == "/sign-in?error=wrong&next=%2Fadmin%2Fteam"
    assert accounts.COOKIE not in wrong.headers["set-cookie"]
    assert (wrong.content, unknown.content) == (b"", b"")


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "evil",
        "/\t/evil.example",
        "\\\\evil.example",
        "/x\r\nSet-Cookie: a=b",
        "",
    ],
)
async def test_only_paths_of_this_site_are_gone_to(client: httpx.AsyncClient, target: str) -> None:
    answer = await sign_in(client, next=target)
    assert answer.headers["location"] == "/settings/calendars"


async def test_signing_out_ends_the_session_on_the_server(running: Runtime, client: httpx.AsyncClient) -> None:
    await sign_in(client)
    cookie = client.cookies[accounts.cookie_name(ORIGIN)]
    answer = await client.post("/auth/logout", data={"x": "1"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert accounts.cookie_name(ORIGIN) not in client.cookies
    assert await accounts.who(running.context, cookie) is None


async def test_signing_out_everywhere_ends_the_other_browsers_too(running: Runtime, client: httpx.AsyncClient) -> None:
    await sign_in(client)
    _, elsewhere = await accounts.sign_in(running.context, "anna@example.com", PASSWORD)
    await client.post("/auth/logout-everywhere", data={"x": "1"})
    assert await accounts.who(running.context, elsewhere) is None


async def test_signing_in_again_replaces_the_session_of_this_browser(
    running: Runtime, client: httpx.AsyncClient
) -> None:
    await sign_in(client)
    first = client.cookies[accounts.cookie_name(ORIGIN)]
    await sign_in(client)
    assert client.cookies[accounts.cookie_name(ORIGIN)] != first
    assert await accounts.who(running.context, first) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site", "origin": ORIGIN},
        {"sec-fetch-site": "same-site", "origin": "https://other.example.com"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
@pytest.mark.parametrize("path", ["login", "logout", "logout-everywhere", "accept", "password"])
async def test_a_form_of_another_site_is_refused(
    running: Runtime, client: httpx.AsyncClient, headers: dict[str, str], path: str
) -> None:
    await sign_in(client)
    cookie = client.cookies[accounts.cookie_name(ORIGIN)]
    for name in SAME_SITE:
        client.headers.pop(name)
    answer = await client.post(f"/auth/{path}", data={"email": "anna@example.com"}, headers=headers)
    assert answer.status_code == 403
    assert await accounts.who(running.context, cookie) is not None


async def test_a_form_that_a_browser_sends_from_our_own_page_without_fetch_metadata_is_accepted(
    running: Runtime, client: httpx.AsyncClient
) -> None:
    client.headers.pop("sec-fetch-site")
    await sign_in(client)
    assert await signed_in(running, client)


async def test_attempts_are_limited_by_account_and_by_address_and_then_allowed_again(
    running: Runtime, client: httpx.AsyncClient, clock: Clock
) -> None:
    for _ in range(5):
        assert "error=wrong" in (await sign_in(client, password="wrong")).headers["location"]
    assert (await sign_in(client)).headers["location"] == "/sign-in?error=wait"
    assert not await signed_in(running, client)
    clock.advance(minutes=5)
    assert "error" not in (await sign_in(client)).headers["location"]


async def test_a_forwarded_address_that_no_proxy_of_ours_wrote_does_not_escape_the_limit(
    client: httpx.AsyncClient,
) -> None:
    answers = []
    for n in range(6):
        forged = {"x-forwarded-for": f"198.51.100.{n}"}
        data = {"email": f"p{n}@example.com", "password": "wrong"}
        answers.append((await client.post("/auth/login", data=data, headers=forged)).headers["location"])
    assert "error=wrong" in answers[4]
    assert "error=wait" in answers[5]


async def test_signing_in_rightly_often_is_no_attack(client: httpx.AsyncClient) -> None:
    for _ in range(8):
        assert "error" not in (await sign_in(client)).headers["location"]


async def test_large_and_foreign_bodies_are_refused(client: httpx.AsyncClient) -> None:
    assert (await sign_in(client, password="x" * 20_000)).status_code == 413
    assert (await client.post("/auth/login", json={"email": "anna@example.com"})).status_code == 415
    many = {f"f{n}": "1" for n in range(50)}
    assert (await client.post("/auth/login", data=many)).status_code == 400


async def test_the_first_admin_chooses_a_password_and_is_in(running: Runtime, client: httpx.AsyncClient) -> None:
    link = await invitations.first_admin_link(running.context)
    assert link is not None
    token = link.rsplit("/", 1)[1]
    fields = {"token": token, "name": "Ada", "email": "ada@example.com"}
    refused = await client.post("/auth/accept", data={**fields, "password": "short"})
    assert refused.headers["location"] == f"/welcome/{token}?error=password"
    assert typed.unpack(refused.headers["set-cookie"]) == {"email": "ada@example.com", "name": "Ada"}
    answer = await client.post("/auth/accept", data={**fields, "password": PASSWORD})
    assert answer.headers["location"] == "/admin/team"
    assert await signed_in(running, client)
    assert typed.COOKIE not in client.cookies
    again = await client.post("/auth/accept", data={**fields, "password": PASSWORD})
    assert again.headers["location"] == "/sign-in?error=link"


async def test_changing_the_password_keeps_this_browser_signed_in(running: Runtime, client: httpx.AsyncClient) -> None:
    await sign_in(client)
    old = client.cookies[accounts.cookie_name(ORIGIN)]
    fields = {"old": PASSWORD, "password": "another long sentence", "next": "/settings/calendars"}
    wrong = await client.post("/auth/password", data={**fields, "old": "no"})
    assert wrong.headers["location"] == "/settings/calendars?error=old"
    await client.post("/auth/password", data=fields)
    assert await accounts.who(running.context, old) is None
    assert await signed_in(running, client)


async def test_what_was_typed_comes_back_without_the_password_and_in_no_address(client: httpx.AsyncClient) -> None:
    answer = await sign_in(client, email=" Anna@example.com", password="not this one")
    assert "anna" not in answer.headers["location"].lower()
    header = answer.headers["set-cookie"]
    assert typed.unpack(header) == {"email": " Anna@example.com"}
    attributes = {part.strip().lower() for part in header.split(";")[1:]}
    assert attributes == {"httponly", "samesite=lax", "secure", "path=/", "max-age=120"}
    await sign_in(client)
    assert typed.COOKIE not in client.cookies


@pytest.mark.parametrize(
    "value",
    [
        *("", "x", "bm8", "W10", "bnVsbA", "eyJlbWFpbCI6IDd9", "eyJlbWFpbCI6ICJhXG5iIn0", "e" * 5000, "\u00e9"),
        "W1tb" * 900,  # nested 2,700 deep
    ],
)
def test_a_cookie_that_anybody_wrote_brings_nothing(value: str) -> None:
    assert typed.unpack(f"a=b; {typed.COOKIE}={value}") == {}


def test_what_is_kept_of_a_form_is_little() -> None:
    fields = {"email": "é" * 300, "name": "Ümit", "password": "secret words", "token": "t"}
    assert typed.unpack(f"{typed.COOKIE}={typed.pack(fields)}; x=y") == {"email": "é" * 254, "name": "Ümit"}


async def test_changing_the_password_needs_a_session(client: httpx.AsyncClient) -> None:
    answer = await client.post("/auth/password", data={"old": PASSWORD, "password": "another long sentence"})
    assert urlsplit(answer.headers["location"]).path == "/sign-in"
    assert parse_qs(urlsplit(answer.headers["location"]).query) == {}


def test_a_limiter_allows_its_rate_then_one_at_a_time() -> None:
    limiter = Limiter(3, 60)
    assert [limiter.take("a", 0) for _ in range(4)] == [0, 0, 0, 20]
    assert limiter.take("b", 0) == 0
    assert limiter.take("a", 19) == pytest.approx(1)
    assert limiter.take("a", 20) == 0
    assert limiter.take("a", 20) == pytest.approx(20)


async def test_beyond_what_can_be_hashed_people_are_told_to_come_back_and_others_are_served(
    running: Runtime, client: httpx.AsyncClient
) -> None:
    go = threading.Event()
    crowd = [asyncio.create_task(running.context.hashing.run(go.wait)) for _ in range(THREADS + MOST_WAITING)]
    await asyncio.sleep(0)
    for _ in range(20):  # None of these counts as an attempt.
        answer = await sign_in(client, next="/settings/calendars")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, str(TRY_AGAIN))
        seconds, _, target = answer.headers["refresh"].partition("; url=")
        assert (seconds, urlsplit(target).path) == ("0", "/sign-in")
        assert parse_qs(urlsplit(target).query) == {"error": ["busy"], "next": ["/settings/calendars"]}
    link = await invitations.first_admin_link(running.context)
    assert link is not None
    accepted = await client.post(
        "/auth/accept",
        data={"token": link.rpartition("/")[2], "name": "Ada", "email": "ada@example.com", "password": PASSWORD},
    )
    assert accepted.status_code == 503
    assert "error=busy" in accepted.headers["refresh"]
    go.set()
    await asyncio.gather(*crowd)
    assert (await sign_in(client)).status_code == 303
