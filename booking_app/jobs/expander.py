"""Reading calendar objects is seconds of computing for a large calendar, and a hostile one would have it last for ever:
a process of its own does it, in turns, within bounds of work, time and memory.

Reading is counted in steps of work, and a turn ends when enough was done: then the next calendar has one. Whatever a
turn takes beyond, by a fault or by malice, ends the process; another one is started, and the object that it was about
blocks for its owner as one that cannot be read.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import os
import resource
import signal
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import NamedTuple

from booking_app.sync import ical
from booking_app.sync.limits import BLOCKS, Gathered
from booking_app.sync.model import RemoteObject
from booking_app.sync.problems import Code
from booking_app.sync.work import Work

log = logging.getLogger(__name__)

_NICE = 10
_SMALL, _SMALL_BYTES, _SMALL_STEPS = 4, 4_000, 500
"""Up to so many objects of so many bytes are read on the spot, if they take no more than so many steps: that is some
milliseconds at most, and less than sending them away takes."""
_MOST, _MOST_BYTES = 100, 4_000_000
"""Objects that travel at once, so that taking the answer in is no pause for the pages either."""
_TURN = 150_000
"""Steps after which a turn ends with the object in hand."""


class Limits(NamedTuple):
    """What a turn may take: seconds of computing (whole ones), seconds altogether on a machine that is busy with other
    things, and bytes of memory beyond what the process has when it starts."""

    computing: int = 5
    waiting: float = 60
    memory: int = 1 << 30


class _Task(NamedTuple):
    objects: list[ical.RawObject]
    zone: str
    addresses: frozenset[str]
    window: tuple[int, int]


class _Overran(Exception):
    """It takes more than a turn may take."""


class _Ended(Exception):
    """The process is gone, and the task need not be what ended it."""


class Expander:
    """Expands calendar objects in one worker process that is started when it is first needed; what is asked at once
    has `room` for so many blocks."""

    def __init__(self, limits: Limits | None = None, *, room: int = BLOCKS) -> None:
        self._limits = limits or Limits()
        self._room = room
        self._worker: _Worker | None = None
        # One turn at a time, in the order of asking: so it is known what a process was about when it ended.
        self._turn = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, "expander")
        self._running: set[asyncio.Task[list[RemoteObject]]] = set()

    async def expand(
        self, objects: list[ical.RawObject], zone: str, addresses: Collection[str], window: tuple[int, int]
    ) -> list[RemoteObject]:
        """As `ical.expand_objects`; an object that cannot be read within bounds blocks from its first event on, and
        those that together block too often do as `limits.fitted` says."""
        if len(objects) <= _SMALL and sum(len(each[2]) for each in objects) <= _SMALL_BYTES:
            allowance = Work(_SMALL_STEPS)
            found = ical.expand_objects(objects, zone, addresses, window, allowance)
            if not allowance.exhausted:
                return found
        gathered = Gathered(self._room)
        while (done := len(gathered.objects)) < len(objects):
            task = _Task(_together(objects, done), zone, frozenset(addresses), window)
            gathered.add(await self._ask(task))
        return gathered.objects

    async def _ask(self, task: _Task, *, again: bool = True) -> list[RemoteObject]:
        """The first of the objects, as many as a turn takes; one that is more than a turn may take as unreadable."""
        try:
            return await self._send(task)
        except (_Overran, _Ended) as error:
            log.warning("expander.overran", extra={"objects": len(task.objects), "error": type(error).__name__})
            if isinstance(error, _Ended) and again:
                return await self._ask(task, again=False)
            if len(task.objects) > 1:
                return await self._ask(task._replace(objects=task.objects[: len(task.objects) // 2]))
            return [ical.unreadable(task.objects[0], task.zone, task.window, Code.TOO_MUCH_WORK)]

    async def _send(self, task: _Task) -> list[RemoteObject]:
        await self._turn.acquire()
        turn = asyncio.create_task(self._take_turn(task))
        self._running.add(turn)
        turn.add_done_callback(self._over)
        # Whoever stops waiting does not leave an answer behind for the next: the turn goes on to its end.
        return await asyncio.shield(turn)

    async def _take_turn(self, task: _Task) -> list[RemoteObject]:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._work, task)
        finally:
            self._turn.release()

    def _over(self, turn: asyncio.Task[list[RemoteObject]]) -> None:
        self._running.discard(turn)
        if not turn.cancelled():
            turn.exception()  # raised to whoever waits, if anybody does

    def _work(self, task: _Task) -> list[RemoteObject]:
        if self._worker is None:
            self._worker = _Worker(self._limits)
        try:
            return self._worker.ask(task)
        except (_Overran, _Ended):
            self._end()
            raise

    def _end(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.end()

    def close(self) -> None:
        """End the process; what it was doing is dropped."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._end()


@contextlib.contextmanager
def expanding() -> Iterator[Expander]:
    """An expander for as long as the block runs."""
    expander = Expander()
    try:
        yield expander
    finally:
        expander.close()


def _together(objects: list[ical.RawObject], first: int) -> list[ical.RawObject]:
    some, size = objects[first : first + 1], len(objects[first][2])
    for each in objects[first + 1 : first + _MOST]:
        size += len(each[2])
        if size > _MOST_BYTES:
            break
        some.append(each)
    return some


class _Worker:
    """The process and the way to it."""

    def __init__(self, limits: Limits) -> None:
        # Not forked: the server's threads and sockets do not belong into it.
        spawn = multiprocessing.get_context("spawn")
        self._limits = limits
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(theirs, limits), name="expander", daemon=True)
        self._process.start()
        theirs.close()
        self._starting = True

    def ask(self, task: _Task) -> list[RemoteObject]:
        """Raises `_Overran` and `_Ended`; whatever else happened there is raised here."""
        try:
            if self._starting:
                self._pipe.recv()
                self._starting = False
            self._pipe.send(task)
            if not self._pipe.poll(self._limits.waiting):
                raise _Overran
            answer = self._pipe.recv()
        except (EOFError, OSError) as error:
            self._process.join()
            raise (_Overran if self._process.exitcode == -signal.SIGXCPU else _Ended) from error
        if isinstance(answer, MemoryError):
            raise _Overran from answer
        if isinstance(answer, BaseException):
            raise answer
        found: list[RemoteObject] = answer
        return found

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()


def _serve(pipe: Connection, limits: Limits) -> None:
    # Ctrl-C is for the program, which then ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _bound_memory(limits.memory)
    pipe.send("ready")
    while True:
        try:
            task = pipe.recv()
        except (EOFError, OSError):
            return
        _bound_computing(limits.computing)
        try:
            answer: object = turn(*task)
        except Exception as error:  # noqa: BLE001 - it is raised where it was asked for
            answer = error
        pipe.send(answer)


def turn(
    objects: list[ical.RawObject], zone: str, addresses: frozenset[str], window: tuple[int, int]
) -> list[RemoteObject]:
    """The first objects, as many as a turn takes, at least one."""
    found: list[RemoteObject] = []
    done = 0
    for each in objects:
        work = Work(_TURN)
        found += ical.expand_objects([each], zone, addresses, window, work)
        done += _TURN - work.left
        if done >= _TURN:
            break
    return found


def _bound_memory(more: int) -> None:
    # Not every system counts or bounds the memory of a process.
    with contextlib.suppress(OSError, ValueError):
        with open("/proc/self/statm") as file:
            has = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (has + more, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _bound_computing(seconds: int) -> None:
    spent = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(spent.ru_utime + spent.ru_stime) + 1 + seconds
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))
