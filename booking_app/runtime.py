"""The composition root: settings -> engine, use-case context, providers, hub, jobs; started and stopped here."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from booking_app.certificates import trusting
from booking_app.config import Settings
from booking_app.db.engine import Sessions, create_engine, create_sessions
from booking_app.domain.appointment import Effect
from booking_app.domain.clock import monotonic, utc_now
from booking_app.feed import Hub, listening
from booking_app.integrations.mail.delivery import create_handler, create_mailer
from booking_app.integrations.mail.mailer import Mailer
from booking_app.jobs.expander import expanding
from booking_app.jobs.scheduler import Jobs
from booking_app.jobs.worker import Handler
from booking_app.limiter import Limiter
from booking_app.services.board import Board
from booking_app.services.context import Bounds, Context
from booking_app.services.notices import Notices
from booking_app.services.readiness import Readiness
from booking_app.sync.accounts import Accounts, Consented
from booking_app.sync.doctor import Doctor
from booking_app.sync.grants import Grants
from booking_app.sync.live import Live
from booking_app.sync.policy import SyncPolicy
from booking_app.sync.providers.addresses import AddressPolicy
from booking_app.sync.providers.reach import HttpReach
from booking_app.sync.providers.table import Pools, notifier_opener, opener, token_opener
from booking_app.sync.providers.token_endpoint import HttpTokenEndpoint
from booking_app.sync.revoke import revoke
from booking_app.sync.vault import Vault


@dataclass(frozen=True, kw_only=True, slots=True)
class Runtime:
    """The running program. `context` is what use-cases take; `hub` is what open pages listen to; `board` is
    where they get their slots, and knows of each change before the pages do; `accounts` opens calendar accounts,
    `policy` says when they are read; `notices` takes in what calendar providers tell; `doctor` looks at what stands
    between us and a provider; `pools` are the connections to those that are linked by consent.
    `readiness` knows what keeps it from serving; `mailer` sends mail.
    `reads` counts what each client asks over HTTP, `changes` what it books, holds and moves there and on the pages."""

    settings: Settings
    sessions: Sessions
    context: Context
    hub: Hub
    board: Board
    vault: Vault
    accounts: Accounts
    policy: SyncPolicy
    doctor: Doctor
    pools: Pools
    jobs: Jobs
    reads: Limiter
    changes: Limiter
    notices: Notices
    readiness: Readiness
    mailer: Mailer


_running: list[Runtime] = []


def current() -> Runtime:
    """The runtime of this process. Raises `RuntimeError` before `running` was entered."""
    if not _running:
        raise RuntimeError("the program has not been started")
    return _running[-1]


@contextlib.asynccontextmanager
async def built(
    settings: Settings, *, now: Callable[[], datetime] = utc_now, elapsed: Callable[[], float] = monotonic
) -> AsyncIterator[Runtime]:
    """The program without anything that runs by itself: for commands. Closed when the block ends."""
    engine = create_engine(settings.database_url)
    sessions = create_sessions(engine)
    vault = Vault(settings.secret_keys)
    private = settings.allow_private_calendar_hosts
    trusted = trusting(settings.ca_file)
    pools = Pools(trusted)
    with expanding() as expander:
        base = Context(
            sessions=sessions,
            now=now,
            elapsed=elapsed,
            sealer=vault,
            public_url=settings.public_url,
            bounds=Bounds(soft=settings.soft_bound, hard=settings.hard_bound, hold_minutes=settings.hold_minutes),
            team_name=settings.team_name,
            stand_ins=settings.stand_ins,
        )
        addresses = AddressPolicy(allow_private=private, allow_http=private)
        consented = Consented(
            grants=Grants(base, HttpTokenEndpoint(addresses, trusted)),
            open_provider=token_opener(addresses, expander.expand, pools),
            open_notifier=notifier_opener(addresses, pools),
        )
        accounts = Accounts(vault, opener(addresses, expander.expand, trusted), consented)
        live = Live(sessions=sessions, accounts=accounts, deadline=settings.live_deadline)
        context = replace(base, reread=live.reread)
        mails = settings.data_dir / "mail"
        mailer = create_mailer(settings.smtp_url, mails, trusted)
        folders = {"data_folder": settings.data_dir, **({} if settings.smtp_url else {"mail_folder": mails})}
        readiness = Readiness(context, folders)
        handlers: dict[str, Handler] = {
            Effect.MAIL.value: create_handler(context, mailer, settings.mail_from),
            Effect.REVOKE.value: partial(revoke, context, accounts),
        }
        hub, board = Hub(), Board(context)
        hub.tell_first(lambda change: board.changed(change.topic, change.ids))
        policy = SyncPolicy(hot=settings.hot_interval, cold=settings.cold_interval)
        notices = Notices(context, gap=timedelta(seconds=policy.hot))
        try:
            yield Runtime(
                settings=settings,
                sessions=sessions,
                context=context,
                hub=hub,
                board=board,
                vault=vault,
                accounts=accounts,
                policy=policy,
                doctor=Doctor(context, consented.grants, HttpReach(trusted)),
                pools=pools,
                jobs=Jobs(context, accounts, policy, handlers),
                reads=Limiter(settings.rate_slots, 60),
                changes=Limiter(settings.rate_bookings, 60),
                notices=notices,
                readiness=readiness,
                mailer=mailer,
            )
        finally:
            # Whatever still speaks to the database or a provider ends before these do.
            await readiness.close()
            await board.close()
            await live.close()
            await notices.close()
            await accounts.close()
            await pools.close()
            await engine.dispose()


@contextlib.asynccontextmanager
async def running(
    settings: Settings, *, now: Callable[[], datetime] = utc_now, elapsed: Callable[[], float] = monotonic
) -> AsyncIterator[Runtime]:
    """Start everything a process needs, hand out the runtime, stop it all in reverse order."""
    async with built(settings, now=now, elapsed=elapsed) as runtime:
        runtime.hub.tell_first(lambda change: runtime.jobs.wake(change.topic))
        async with listening(settings.database_url, runtime.hub), runtime.jobs.running():
            _running.append(runtime)
            try:
                yield runtime
            finally:
                _running.remove(runtime)
