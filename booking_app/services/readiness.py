"""Whether the program can do its work: read, and write what it must."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from booking_app.db.write_probe import refused_writes
from booking_app.services import vitals
from booking_app.services.context import Context

EVERY, AGAIN = 10.0, 1.0
"""Seconds for which a write that went well, and one that failed, stands for the next: whoever asks more often costs no
more."""
PATIENCE = 3.0
"""Seconds that somebody who asks waits for a write."""
_SIZE = 65_536


class Readiness:
    """What keeps the program from serving. `folders` are those that it writes to, by the name of the part that they are
    in what is told."""

    def __init__(self, ctx: Context, folders: Mapping[str, Path]) -> None:
        self._ctx = ctx
        self._database = _Probe(self._refused_writes, ctx.elapsed)
        self._folders = {
            name: _Probe(partial(asyncio.to_thread, refused_file, folder), ctx.elapsed)
            for name, folder in folders.items()
        }

    async def faults(self) -> dict[str, str]:
        """Words by part (`database`, `migrations`, a folder); empty when nothing is wrong."""
        faults = await vitals.faults(self._ctx)
        # A database that cannot be read, or lacks tables, was told with its cause.
        probes = self._folders if faults else {"database": self._database, **self._folders}
        found = await asyncio.gather(*(each.outcome() for each in probes.values()))
        return faults | {name: words for name, words in zip(probes, found, strict=True) if words}

    async def close(self) -> None:
        for each in (self._database, *self._folders.values()):
            await each.close()

    async def _refused_writes(self) -> str | None:
        try:
            return await refused_writes(self._ctx.sessions, self._ctx.now())
        except (SQLAlchemyError, OSError) as error:
            return f"cannot be reached ({type(error).__name__})"


class _Probe:
    """A look that is taken now and then; whoever asks meanwhile is told what it found. One that does not end is never
    begun a second time beside it."""

    def __init__(self, look: Callable[[], Awaitable[str | None]], elapsed: Callable[[], float]) -> None:
        self._look = look
        self._elapsed = elapsed
        self._running: asyncio.Future[str | None] | None = None
        self._begun = 0.0

    async def outcome(self) -> str | None:
        now, running = self._elapsed(), self._running
        if running is None or (running.done() and now - self._begun >= (AGAIN if running.result() else EVERY)):
            running = self._running = asyncio.ensure_future(self._look())
            self._begun = now
        await asyncio.wait({running}, timeout=PATIENCE)
        return running.result() if running.done() else "does not answer when it is written to"

    async def close(self) -> None:
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running


def refused_file(folder: Path) -> str | None:
    """Why no file can be written in `folder`, which is made if it is missing; None if one can."""
    probe = folder / f".probe-{os.getpid()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe.unlink(missing_ok=True)
        try:
            with open(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(bytes(_SIZE))
                file.flush()
                # Some file systems say only now that they are full.
                os.fsync(file.fileno())
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        return f"cannot be written ({error.strerror})"
    return None
