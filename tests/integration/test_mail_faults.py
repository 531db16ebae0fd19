"""Mail servers that cannot be used: each cause is told apart and named, the same way everywhere."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult

from booking_app.certificates import CertificateFault, trusting
from booking_app.db.tables import Account
from booking_app.integrations.mail.faults import Cause, Fault, ServerUnusable
from booking_app.integrations.mail.folder import FolderMailer
from booking_app.integrations.mail.smtp import SmtpMailer
from booking_app.jobs.alerts import tell
from booking_app.services import calendars
from booking_app.services.context import Context
from booking_app.sync.vault import new_key
from tests.authority import FAR, FUTURE, LONG_AGO, PAST, Authority
from tests.conftest import Clock
from tests.factories import at, make_booking, make_person, make_service
from tests.mailbox import SENDER, Inbox, deliver, lane, mail_server
from tests.processes import ROOT
from tests.rows import change

NINE = at("2027-03-02 09:00")
NEVER = 1.0
"""Seconds to wait for what does not come, however long one waits."""

Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def submission(box: Inbox, context: ssl.SSLContext | None = None, **options: Any) -> Callable[[], SMTP]:
    """A mail server that takes one user; with STARTTLS if it has a `context`."""

    def let_in(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"user", b"right"), handled=False)

    def connect() -> SMTP:
        return SMTP(box, tls_context=context, authenticator=let_in, auth_require_tls=False, **options)

    return connect


@contextlib.asynccontextmanager
async def listening(connect: Callable[[], SMTP], context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of such a server, with TLS from the start if there is a `context`."""
    opened: list[SMTP] = []

    def opening() -> SMTP:
        opened.append(connect())
        return opened[-1]

    server = await asyncio.get_running_loop().create_server(opening, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]
        for each in opened:
            if each.transport is not None:
                each.transport.close()


@contextlib.asynccontextmanager
async def speaking(speak: Speak, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of something that is no mail server, or an odd one."""

    conversations: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await speak(reader, writer)
        writer.close()

    def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversations.add(asyncio.create_task(converse(reader, writer)))

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]
        # Nobody is still connected: whoever gave up has hung up.
        async with asyncio.timeout(20):
            await asyncio.gather(*conversations)


def says(text: bytes) -> Speak:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()
        await reader.read()

    return speak


async def why(url: str, authority: Authority | None = None, *, timeout: float = 20) -> ServerUnusable:
    """What `check` and `send` both say of the server at `url`."""
    context = trusting(authority.file if authority else None)
    mailer = SmtpMailer(url, timeout=timeout, context=context)
    with pytest.raises(ServerUnusable) as checked:
        await mailer.check()
    mail = EmailMessage()
    mail["From"], mail["To"] = SENDER, "clara@example.com"
    with pytest.raises(ServerUnusable) as sent:
        await mailer.send(mail)
    assert str(sent.value) == str(checked.value)
    assert len(str(sent.value)) <= 200, "as much as a field of the log holds"
    return checked.value


CERTIFICATES: list[tuple[str, dict[str, Any], Cause, str]] = [
    ("another name", {"address": "127.0.0.9"}, CertificateFault.OTHER_NAME, "is for another name"),
    ("expired", {"begins": LONG_AGO, "ends": PAST}, CertificateFault.EXPIRED, "has expired"),
    ("not yet", {"begins": FUTURE, "ends": FAR}, CertificateFault.NOT_YET_VALID, "check the clock of this machine"),
]


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
@pytest.mark.parametrize(
    ("certificate", "cause", "words"), [each[1:] for each in CERTIFICATES], ids=[each[0] for each in CERTIFICATES]
)
async def test_a_certificate_that_is_not_right_is_named(
    authority: Authority, scheme: str, certificate: dict[str, Any], cause: Cause, words: str
) -> None:
    context = authority.server(**certificate)
    tls = scheme == "smtps"
    async with listening(submission(Inbox(), None if tls else context), context if tls else None) as port:
        found = await why(f"{scheme}://127.0.0.1:{port}", authority)
    assert found.cause is cause
    assert words in str(found)


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_an_own_authority_is_named_as_unknown_and_can_be_trusted(authority: Authority, scheme: str) -> None:
    context, tls, box = authority.server(), scheme == "smtps", Inbox()
    async with listening(submission(box, None if tls else context), context if tls else None) as port:
        url = f"{scheme}://user:right@127.0.0.1:{port}"
        found = await why(url)
        assert found.cause is CertificateFault.UNTRUSTED
        assert str(found) == (
            "The certificate of the mail server 127.0.0.1 is not trusted (unable to get local issuer certificate); "
            "name a file with the certificate of its authority in CA_FILE."
        )
        assert box.mails == []
        await SmtpMailer(url, context=trusting(authority.file)).check()


async def test_a_certificate_that_vouches_for_itself_can_be_trusted_as_it_is(tmp_path: Path) -> None:
    ours = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ours.alone("127.0.0.1"))
    async with listening(submission(Inbox()), context) as port:
        found = await why(f"smtps://127.0.0.1:{port}")
        assert found.cause is CertificateFault.UNTRUSTED
        assert "self-signed" in str(found)
        await SmtpMailer(f"smtps://127.0.0.1:{port}", context=trusting(tmp_path / "alone.pem")).check()


async def test_tls_from_the_start_at_a_port_that_speaks_plain_text(authority: Authority) -> None:
    async with listening(submission(Inbox(), authority.server())) as port:
        found = await why(f"smtps://127.0.0.1:{port}", authority)
    assert found.cause is Fault.PLAIN_PORT
    assert "write smtp:// instead of smtps://" in str(found)


async def test_a_plain_port_that_waits_before_it_greets(authority: Authority) -> None:
    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # As those who hunt for clients that speak before they are greeted: these are sent away without a word.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await reader.read(1)
                return
        await says(b"220 mail.example.com ESMTP\r\n")(reader, writer)

    async with speaking(late) as port:
        assert (await why(f"smtps://127.0.0.1:{port}")).cause is Fault.PLAIN_PORT


@pytest.mark.parametrize("user", ["", "user:right@"])
async def test_plain_text_at_a_port_that_speaks_tls_from_the_start(authority: Authority, user: str) -> None:
    async with listening(submission(Inbox()), authority.server()) as port:
        found = await why(f"smtp://{user}127.0.0.1:{port}", timeout=NEVER)
    assert found.cause is Fault.TLS_PORT
    assert "write smtps:// instead of smtp://" in str(found)


async def test_a_server_that_knows_only_old_versions_of_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("booking_app.integrations.mail.reaching.PROBE", NEVER)

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(bytes((21, 3, 1, 0, 2, 2, 70)))  # RFC 8446, section 6: a fatal alert, protocol_version

    async with speaking(refuse) as port:
        found = await why(f"smtps://127.0.0.1:{port}")
    assert found.cause is Fault.TLS_FAILED
    assert "protocol version" in str(found)


@pytest.mark.parametrize("greeting", [b"* OK IMAP4rev1 ready\r\n", b"+OK POP3 ready\r\n", b"SSH-2.0-OpenSSH_9.2\r\n"])
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_something_else_than_a_mail_server(authority: Authority, greeting: bytes, scheme: str) -> None:
    async with speaking(says(greeting), authority.server() if scheme == "smtps" else None) as port:
        assert (await why(f"{scheme}://127.0.0.1:{port}", authority)).cause is Fault.NOT_SMTP


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_something_that_takes_connections_and_says_nothing(
    monkeypatch: pytest.MonkeyPatch, authority: Authority, scheme: str
) -> None:
    monkeypatch.setattr("booking_app.integrations.mail.reaching.PROBE", NEVER)
    async with speaking(says(b"")) as port:
        assert (await why(f"{scheme}://127.0.0.1:{port}", timeout=NEVER)).cause is Fault.NO_GREETING
    async with speaking(says(b""), authority.server()) as port:  # a web server, say
        cause = (await why(f"{scheme}://127.0.0.1:{port}", authority, timeout=NEVER)).cause
        assert cause is (Fault.NO_GREETING if scheme == "smtps" else Fault.TLS_PORT)


@pytest.mark.parametrize(
    ("greeting", "cause"), [(b"554 no service for you\r\n", Fault.TURNED_AWAY), (b"421 busy\r\n", Fault.BUSY)]
)
async def test_a_server_that_does_not_want_us_now_or_ever(greeting: bytes, cause: Cause) -> None:
    async with speaking(says(greeting)) as port:
        found = await why(f"smtp://127.0.0.1:{port}")
    assert found.cause is cause
    assert greeting[:3].decode() in str(found)


async def test_a_server_that_ends_in_the_middle() -> None:
    async def end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com ESMTP\r\n")
        await reader.readline()

    async with speaking(end) as port:
        assert (await why(f"smtp://127.0.0.1:{port}")).cause is Fault.BROKE_OFF
    async with speaking(says(b"220 mail.example.com ESMTP\r\n")) as port:
        assert (await why(f"smtp://127.0.0.1:{port}", timeout=NEVER)).cause is Fault.SLOW


async def test_a_password_is_not_sent_where_starttls_is_missing() -> None:
    server = await asyncio.get_running_loop().create_server(submission(Inbox()), "127.0.0.2", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        found = await why(f"smtp://user:right@127.0.0.2:{port}")
    assert found.cause is Fault.STARTTLS_MISSING
    assert "the password is sent over TLS only" in str(found)


# The test server does not know that its connections are inside TLS already.
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
async def test_a_sign_in_that_is_refused_missing_or_needed(authority: Authority) -> None:
    context = authority.server()
    async with listening(submission(Inbox()), context) as port:
        found = await why(f"smtps://user:wrong@127.0.0.1:{port}", authority)
        assert (found.cause, found.after) == (Fault.SIGN_IN_REFUSED, 300)
        assert "wrong" not in str(found)
        await SmtpMailer(f"smtps://us%65r:right@127.0.0.1:{port}", context=trusting(authority.file)).check()
    async with listening(lambda: SMTP(Inbox()), context) as port:
        found = await why(f"smtps://user:right@127.0.0.1:{port}", authority)
        assert found.cause is Fault.SIGN_IN_MISSING
    async with listening(submission(Inbox(), auth_required=True), context) as port:
        mailer = SmtpMailer(f"smtps://127.0.0.1:{port}", context=trusting(authority.file))
        mail = EmailMessage()
        mail["From"], mail["To"] = SENDER, "clara@example.com"
        with pytest.raises(ServerUnusable) as needed:
            await mailer.send(mail)
        assert needed.value.cause is Fault.SIGN_IN_NEEDED


@pytest.mark.parametrize("host", ["nowhere.invalid", f"{'a' * 64}.example.com"])
async def test_a_host_that_is_not_known(host: str) -> None:
    found = await why(f"smtp://{host}")
    assert found.cause is Fault.HOST_UNKNOWN
    assert host in str(found)


async def test_a_port_on_which_nobody_listens() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        for scheme in ("smtp", "smtps"):
            found = await why(f"{scheme}://127.0.0.1:{port}")
            assert found.cause is Fault.CONNECTION_REFUSED
            assert str(port) in str(found)


@pytest.fixture
def full_queue() -> Iterator[int]:
    """A port whose queue of connections is full: whoever comes gets no answer at all."""
    with socket.socket() as listener, contextlib.ExitStack() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port: int = listener.getsockname()[1]
        for _ in range(4):
            guest = waiting.enter_context(socket.socket())
            guest.setblocking(False)
            guest.connect_ex(("127.0.0.1", port))
        yield port


async def test_a_port_that_gives_no_answer(full_queue: int) -> None:
    assert (await why(f"smtp://127.0.0.1:{full_queue}", timeout=NEVER)).cause is Fault.NO_ANSWER


async def test_of_several_addresses_one_that_works_is_enough_and_the_most_telling_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with listening(submission(Inbox())) as port:

        def found(*_: object, **__: object) -> list[object]:
            kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
            return [(*kind, ("255.255.255.255", port)), (*kind, ("127.0.0.1", port))]

        monkeypatch.setattr(socket, "getaddrinfo", found)
        await SmtpMailer(f"smtp://mail.example.com:{port}").check()
    assert (await why(f"smtp://mail.example.com:{port}")).cause is Fault.CONNECTION_REFUSED
    monkeypatch.undo()
    found_alone = await why(f"smtp://255.255.255.255:{port}")
    assert found_alone.cause is Fault.UNREACHABLE


async def test_the_page_of_the_admins_and_the_log_say_the_same(
    ctx: Context, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    await waiting_mail(ctx)
    async with listening(submission(Inbox()), authority.server()) as port:
        url = f"smtps://user:right@127.0.0.1:{port}"
        words = str(await why(url))
        await lane(ctx, SmtpMailer(url)).drain()
    (waits,) = (await calendars.sync_page(ctx)).other_waiting
    assert waits.reason == words
    (line,) = [each for each in caplog.records if each.message == "mail.not_sent"]
    assert line.levelno == logging.WARNING
    assert (line.__dict__["cause"], line.__dict__["reason"]) == ("certificate_untrusted", words)
    assert "clara" not in str(line.__dict__).lower()


async def waiting_mail(ctx: Context) -> None:
    await make_person(ctx, email="")
    await make_service(ctx)
    await make_booking(ctx, NINE)
    async with ctx.sessions.begin() as db:
        db.add(Account(email="boss@example.com", name="Boss", role="admin"))


async def shown(ctx: Context) -> list[str]:
    """What the banner of the admins says once the chores were done, which write to nobody."""
    assert await tell(ctx) == 0
    return [each.message for each in await calendars.open_alerts(ctx, None)]


async def test_admins_are_warned_until_mail_goes_out(ctx: Context, clock: Clock) -> None:
    await waiting_mail(ctx)
    box = Inbox()
    async with listening(submission(box)) as port:
        url = f"smtp://user:right@127.0.0.1:{port}"
        wrong = f"smtps://user:right@127.0.0.1:{port}"
        await lane(ctx, SmtpMailer(wrong)).drain()
        assert await shown(ctx) == [f"Mails cannot be sent. {await why(wrong)}"]
        clock.advance(seconds=2)
        await lane(ctx, SmtpMailer(url)).drain()
    assert len(box.mails) == 1
    assert await shown(ctx) == []


async def test_the_warning_ends_with_the_last_mail_that_waited_and_with_the_fault(ctx: Context, clock: Clock) -> None:
    await waiting_mail(ctx)
    unknown = SmtpMailer(f"smtp://{'a' * 64}.example.com")
    await lane(ctx, unknown).drain()
    assert len(await shown(ctx)) == 1
    await change(ctx, "UPDATE outbox SET parked = true")
    assert await shown(ctx) == []
    await change(ctx, "UPDATE outbox SET parked = false")
    clock.advance(minutes=6)
    await lane(ctx, unknown).drain()
    assert len(await shown(ctx)) == 1
    # It waits for something else from now on.
    clock.advance(minutes=11)
    assert await shown(ctx) == []


async def test_admins_are_warned_until_mails_can_be_written_as_files(
    ctx: Context, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await waiting_mail(ctx)
    folder = tmp_path / "mail"
    folder.touch()
    await lane(ctx, FolderMailer(folder)).drain()
    words = "The mail folder cannot be written (File exists); check its owner and the free space."
    assert await shown(ctx) == [f"Mails cannot be sent. {words}"]
    (line,) = [each for each in caplog.records if each.message == "mail.not_sent"]
    assert line.__dict__["cause"] == "mail_folder"
    folder.unlink()
    clock.advance(seconds=2)
    await lane(ctx, FolderMailer(folder)).drain()
    assert len(list(folder.glob("*.eml"))) == 1
    assert await shown(ctx) == []


async def test_one_mail_that_is_put_off_warns_of_nothing(ctx: Context) -> None:
    await waiting_mail(ctx)
    async with mail_server(Inbox(script=["451 greylisted"])) as box:
        await deliver(ctx, box)
    assert await shown(ctx) == []


async def doctor(database_url: str, folder: Path, **variables: str) -> tuple[int | None, str]:
    """How the command ends, and what it says of mail."""
    environment = os.environ | {
        "DATABASE_URL": database_url,
        "DATA_DIR": str(folder),
        "SECRET_KEYS": new_key(),
        "PUBLIC_URL": "https://book.example.com",
        "MAIL_FROM": SENDER,
        **variables,
    }
    command = [sys.executable, "-m", "booking_app.cli", "doctor"]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    *_, last = said.decode().strip().splitlines()
    return process.returncode, last


async def test_the_doctor_says_the_same_until_the_authority_is_trusted(
    database_url: str, authority: Authority, tmp_path: Path
) -> None:
    async with listening(submission(Inbox()), authority.server()) as port:
        url = f"smtps://user:right@127.0.0.1:{port}"
        words = str(await why(url))
        assert await doctor(database_url, tmp_path, SMTP_URL=url) == (1, f"WRONG SMTP_URL: {words}")
        trusted = {"CA_FILE": str(authority.file)}
        assert await doctor(database_url, tmp_path, SMTP_URL=url, **trusted) == (0, "ok    mail server")
        instead = {"SSL_CERT_FILE": str(authority.file)}
        assert await doctor(database_url, tmp_path, SMTP_URL=url, **instead) == (0, "ok    mail server")


async def test_mail_that_goes_to_files_needs_a_folder(database_url: str, tmp_path: Path) -> None:
    assert await doctor(database_url, tmp_path, SMTP_URL="") == (0, "ok    mail goes to files, SMTP_URL is empty")
    (tmp_path / "mail").rmdir()
    (tmp_path / "mail").touch()
    status, line = await doctor(database_url, tmp_path, SMTP_URL="")
    assert (status, line) == (
        1,
        "WRONG SMTP_URL: The mail folder cannot be written (File exists); check its owner and the free space.",
    )
