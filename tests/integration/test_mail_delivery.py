"""Mails between us and the mail server: put off, refused, broken off, over TLS, into files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from sqlalchemy import text

from booking_app.certificates import trusting
from booking_app.domain.effects import Done, Retry, Work
from booking_app.integrations.mail.delivery import KEY_WAIT, create_handler, create_mailer
from booking_app.integrations.mail.folder import FolderMailer
from booking_app.integrations.mail.mailer import Delayed
from booking_app.integrations.mail.smtp import SmtpMailer
from booking_app.services.context import Context
from booking_app.services.mail_message import message_id
from booking_app.sync.vault import Vault, new_key
from tests.authority import Authority
from tests.conftest import Clock
from tests.factories import at, make_booking, make_person, make_service
from tests.mailbox import (
    SENDER,
    Inbox,
    deliver,
    ics_of,
    lane,
    mail_server,
    waiting,
)
from tests.rows import rows

NINE = at("2027-03-02 09:00")


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    async with mail_server(Inbox()) as box:
        yield box


async def test_a_mail_put_off_by_the_server_is_sent_later_and_once(ctx: Context, inbox: Inbox, clock: Clock) -> None:
    await make_person(ctx, email="")
    await make_service(ctx)
    await make_booking(ctx, NINE)
    inbox.script = ["451 greylisted"]
    await deliver(ctx, inbox)
    assert inbox.mails == []
    [(_, attempts, reason, parked)] = await waiting(ctx)
    assert (attempts, reason, parked) == (1, "The mail server asked to try again later (451).", False)
    clock.advance(seconds=2)
    await deliver(ctx, inbox)
    assert len(inbox.mails) == 1
    assert await waiting(ctx) == []


@pytest.mark.parametrize("step", ["script", "rcpt"])
async def test_a_refused_mail_is_parked_with_a_reason_and_the_others_go_out(
    ctx: Context, inbox: Inbox, step: str
) -> None:
    await make_person(ctx)
    await make_service(ctx)
    await make_booking(ctx, NINE)
    setattr(inbox, step, ["550 no such user"])
    await deliver(ctx, inbox)
    assert len(inbox.mails) == 1
    [(_, _, reason, parked)] = await waiting(ctx)
    assert parked
    assert reason == "The mail server refused this mail with 550. The address may be wrong."


async def test_a_connection_lost_after_the_data_repeats_the_same_message_id(
    ctx: Context, inbox: Inbox, clock: Clock
) -> None:
    await make_person(ctx, email="")
    await make_service(ctx)
    await make_booking(ctx, NINE)
    inbox.script = ["cut"]
    await deliver(ctx, inbox)
    assert [parked for *_, parked in await waiting(ctx)] == [False]
    clock.advance(seconds=5)
    await deliver(ctx, inbox)
    first, second = inbox.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert await waiting(ctx) == []


async def test_a_server_that_is_down_delays(ctx: Context, inbox: Inbox, clock: Clock) -> None:
    await make_person(ctx, email="")
    await make_service(ctx)
    await make_booking(ctx, NINE)
    await lane(ctx, SmtpMailer("smtp://127.0.0.1:1", timeout=2)).drain()
    [(_, attempts, reason, parked)] = await waiting(ctx)
    assert (attempts, parked) == (1, False)
    assert reason.startswith("The mail server 127.0.0.1 refuses connections on port 1;")
    clock.advance(seconds=2)
    await deliver(ctx, inbox)
    assert len(inbox.mails) == 1


async def test_an_address_that_no_server_takes_is_parked(ctx: Context, inbox: Inbox) -> None:
    await make_person(ctx, email="")
    await make_service(ctx)
    await make_booking(ctx, NINE)
    async with ctx.sessions.begin() as db:
        # Nobody can book with such an address any more; those who did are still there.
        await db.execute(text("UPDATE booking SET email = 'jürgen@example.com'"))
    await deliver(ctx, inbox)
    [(_, _, reason, parked)] = await waiting(ctx)
    assert parked
    assert "jürgen" not in reason


async def test_an_international_domain_is_written_to_in_its_ascii_form(ctx: Context, inbox: Inbox) -> None:
    await make_person(ctx, email="")
    await make_service(ctx)
    await make_booking(ctx, NINE, email="clara@bücher.example")
    await deliver(ctx, inbox)
    assert inbox.envelopes[0].rcpt_tos == ["clara@xn--bcher-kva.example"]


async def test_a_link_whose_key_is_missing_waits_for_it_a_day_and_then_says_so(
    ctx: Context, inbox: Inbox, clock: Clock
) -> None:
    await make_person(ctx, email="")
    await make_service(ctx)
    await make_booking(ctx, NINE)
    other = replace(ctx, sealer=Vault([new_key()]))
    for parks in (False, True):
        await deliver(other, inbox)
        [(_, _, reason, parked)] = await waiting(ctx)
        assert parked is parks
        assert "SECRET_KEYS" in reason
        clock.advance(seconds=KEY_WAIT + 60)


async def test_a_process_that_has_the_key_sends_what_another_could_not(
    ctx: Context, inbox: Inbox, clock: Clock
) -> None:
    await make_person(ctx, email="")
    await make_service(ctx)
    await make_booking(ctx, NINE)
    await deliver(replace(ctx, sealer=Vault([new_key()])), inbox)
    assert inbox.mails == []
    clock.advance(minutes=1)
    await deliver(ctx, inbox)
    assert len(inbox.mails) == 1
    assert await waiting(ctx) == []


async def test_the_folder_holds_one_file_a_mail_and_a_repeat_replaces_it(ctx: Context, tmp_path: Path) -> None:
    await make_person(ctx)
    await make_service(ctx)
    receipt = await make_booking(ctx, NINE)
    folder = tmp_path / "mail"
    mailer = create_mailer("", folder)
    assert isinstance(mailer, FolderMailer)
    assert await lane(ctx, mailer).drain() == 2
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    names = sorted(path.name for path in folder.iterdir())
    expected = message_id(f"confirmation:{receipt.id}:0:customer", SENDER)
    assert expected.strip("<>").replace("@", "-") + ".eml" in names
    assert len(names) == 2
    for path in folder.iterdir():
        mail = message_from_bytes(path.read_bytes(), policy=default)
        ics_of(mail)
        await mailer.send(mail)
    assert sorted(path.name for path in folder.iterdir()) == names


@dataclass
class Guarded(Inbox):
    """Takes mail only over TLS and from one user."""

    sign_ins: list[tuple[bytes, bytes]] = field(default_factory=list)

    def authenticator(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        self.sign_ins.append((data.login, data.password))
        fits = (data.login, data.password) == (b"us@er", b"p:w d")
        return AuthResult(success=fits, handled=False)


# The test server does not know that its connections are inside TLS already.
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.filterwarnings("ignore:Session.login_data is deprecated")
@pytest.mark.parametrize(("user", "scheme"), [("us%40er:p%3Aw%20d", "smtp"), ("us%40er:p%3Aw%20d", "smtps")])
async def test_a_password_travels_over_tls_only(ctx: Context, tmp_path: Path, user: str, scheme: str) -> None:
    box = Guarded()
    authority = Authority(tmp_path)
    theirs, ours = authority.server(), trusting(authority.file)
    implicit = scheme == "smtps"

    def connect() -> SMTP:
        options: Any = {"authenticator": box.authenticator, "auth_required": True, "auth_require_tls": not implicit}
        return SMTP(box, tls_context=None if implicit else theirs, require_starttls=not implicit, **options)

    loop = asyncio.get_running_loop()
    async with await loop.create_server(connect, "127.0.0.1", 0, ssl=theirs if implicit else None) as server:
        port = server.sockets[0].getsockname()[1]
        await make_person(ctx, email="")
        await make_service(ctx)
        await make_booking(ctx, NINE)
        wrong = SmtpMailer(f"{scheme}://us%40er:no@127.0.0.1:{port}", timeout=5, context=ours)
        outcome = await create_handler(ctx, wrong, SENDER)(await only_work(ctx))
        assert isinstance(outcome, Retry)
        assert outcome.reason.startswith("The mail server 127.0.0.1 does not accept our user and password;")
        assert outcome.after == 300
        right = SmtpMailer(f"{scheme}://{user}@127.0.0.1:{port}", timeout=5, context=ours)
        assert await create_handler(ctx, right, SENDER)(await only_work(ctx)) == Done()
        assert len(box.mails) == 1
        untrusted = SmtpMailer(f"{scheme}://{user}@127.0.0.1:{port}", timeout=5)
        seen = len(box.sign_ins)
        assert isinstance(await create_handler(ctx, untrusted, SENDER)(await only_work(ctx)), Retry)
        assert len(box.sign_ins) == seen


async def only_work(ctx: Context) -> Work:
    [row] = await rows(ctx, "SELECT id, effect, key, payload, generation, attempts FROM outbox WHERE effect = 'mail'")
    return Work(**row._mapping, created_at=NINE)


async def test_a_password_never_goes_to_another_machine_in_clear(ctx: Context, inbox: Inbox) -> None:
    # 127.0.0.2 is this machine too, but not by the names that are excused from TLS.
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(inbox), "127.0.0.2", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        mail = EmailMessage()
        mail["From"], mail["To"] = SENDER, "clara@example.com"
        with pytest.raises(Delayed):
            await SmtpMailer(f"smtp://user:secret@127.0.0.2:{port}", timeout=5).send(mail)
    assert inbox.mails == []
