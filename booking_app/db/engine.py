"""One async engine a process."""

from __future__ import annotations

from functools import lru_cache

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

Sessions = async_sessionmaker[AsyncSession]
Reader = AsyncSession | AsyncConnection
"""What a query that only reads is given: the session of a transaction, or a connection of `reads`."""


def sqlalchemy_url(url: str) -> str:
    """`url` with the driver that the program uses (psycopg 3)."""
    for prefix in ("postgresql+psycopg://", "postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


def create_engine(url: str, *, pool_size: int = 20) -> AsyncEngine:
    """Connections speak UTC; a statement that waits longer than 10 s for a lock fails rather than pile up."""
    return create_async_engine(
        sqlalchemy_url(url),
        pool_size=pool_size,
        max_overflow=10,
        # The connection used last has its statements prepared and its pages in memory.
        pool_use_lifo=True,
        pool_pre_ping=False,
        # An error that is logged or printed somewhere must not carry what a customer wrote.
        hide_parameters=True,
        connect_args={
            "options": "-c timezone=UTC -c lock_timeout=10s -c jit=off -c plan_cache_mode=force_generic_plan",
            "prepare_threshold": 1,
        },
    )


def create_sessions(engine: AsyncEngine) -> Sessions:
    return async_sessionmaker(engine, expire_on_commit=False)


@lru_cache(maxsize=8)
def reads(sessions: Sessions) -> AsyncEngine:
    """The same connections for single statements: each is a transaction of its own, without two more round trips."""
    shared: AsyncEngine = sessions.kw["bind"]
    engine = shared.execution_options()
    event.listen(engine.sync_engine, "engine_connect", _autocommit)
    return engine


def _autocommit(connection: Connection) -> None:
    """As `isolation_level` among the options of an engine, but for what is cancelled here: the driver lets others have
    a turn when the loop was busy, and SQLAlchemy then forgets the connection, which stays checked out and as it is."""
    try:
        connection.execution_options(isolation_level="AUTOCOMMIT")
    except BaseException:
        connection.invalidate()
        connection.close()
        raise


def single(sessions: Sessions) -> AsyncSession:
    """A session for one statement that loads rows as objects; the same."""
    return AsyncSession(reads(sessions), expire_on_commit=False)
