"""A reply as it comes in: unpacked in small pieces, and given up as soon as it is more, or slower, than it may be.

Nothing here is ever as large as the reply, whatever a few bytes of it unpack to."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncGenerator, AsyncIterable, Iterator
from dataclasses import dataclass

from booking_app.sync.errors import Rejected, Transient

PIECE = 4_096
"""Bytes that are unpacked and handed on at a time: what is done with them must not be felt by others."""
CODINGS = "gzip, deflate"
"""Content codings (RFC 9110, section 8.4.1) that are asked for; no other is taken, nor one inside another."""
BOUNDS = "booking.bounds"
"""The extension of a request that carries its `Bounds`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """What a reply may be: bytes as `sent` and `unpacked`, the latter at most `ratio` times the former once there are
    more than `small`. After `grace` seconds it has to come with `rate` bytes a second on average."""

    sent: int = 16_000_000
    unpacked: int = 32_000_000
    ratio: int = 100
    small: int = 1_000_000
    grace: float = 30
    rate: float = 1_000


_OTHERS = 4
"""How many times as long as a piece was worked on the loop is left to others."""


class Turns:
    """One piece is worked on at a time, whoever's it is, and then the loop is left to others for a while: a dozen large
    replies that come in together take a fifth of it, as one does. A request for slots needs many turns of the loop, so
    one turn between two pieces is not enough."""

    def __init__(self) -> None:
        self._one = asyncio.Lock()

    async def take(self, spent: float = 0) -> None:
        """Wait for the next turn, after work of `spent` seconds."""
        async with self._one:
            await asyncio.sleep(_OTHERS * spent)


async def unpacked(
    chunks: AsyncIterable[bytes], coding: str, bounds: Bounds, turns: Turns
) -> AsyncGenerator[bytes, None]:
    """A body without its content coding, in pieces. Raises `Rejected` where it is too much, `Transient` where it
    does not come or cannot be unpacked."""
    unpacker, loop = _unpacker(coding), asyncio.get_running_loop()
    sent, made, spent = 0, 0, 0.0
    async for chunk in _in_time(chunks, bounds):
        sent += len(chunk)
        for piece in unpacker.pieces(chunk):
            made += len(piece)
            packed_too_well = made > max(bounds.small, sent * bounds.ratio)
            if sent > bounds.sent or made > bounds.unpacked or packed_too_well:
                raise Rejected("The calendar server's answer is bigger than a calendar can be.")
            if made > PIECE:
                await turns.take(spent)
            begun = loop.time()
            yield piece
            spent = loop.time() - begun
    if sent and not unpacker.complete:
        raise Transient("The calendar server broke off in the middle of its answer.")


async def _in_time(chunks: AsyncIterable[bytes], bounds: Bounds) -> AsyncGenerator[bytes, None]:
    loop = asyncio.get_running_loop()
    coming, sent, started = aiter(chunks), 0, loop.time()
    while True:
        try:
            async with asyncio.timeout_at(started + bounds.grace + sent / bounds.rate):
                chunk = await anext(coming, None)
        except TimeoutError as error:
            raise Transient("The calendar server answers too slowly.") from error
        if chunk is None:
            return
        sent += len(chunk)
        yield chunk


class _Plain:
    complete = True

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        for begin in range(0, len(chunk), PIECE):
            yield chunk[begin : begin + PIECE]


class _Packed:
    def __init__(self, window: int) -> None:
        self._inflate = zlib.decompressobj(window)

    @property
    def complete(self) -> bool:
        return self._inflate.eof

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        rest = chunk
        while True:
            try:
                piece = self._inflate.decompress(rest, PIECE)
            except zlib.error as error:
                raise Transient("The calendar server's answer cannot be unpacked.") from error
            if piece:
                yield piece
            rest = self._inflate.unconsumed_tail
            # All was taken in, and may still fill more than one piece.
            if not rest and len(piece) < PIECE:
                return


def _unpacker(coding: str) -> _Plain | _Packed:
    match coding.strip().lower():
        case "" | "identity":
            return _Plain()
        case "gzip" | "x-gzip":
            return _Packed(zlib.MAX_WBITS | 16)
        case "deflate":
            return _Packed(zlib.MAX_WBITS)
        case _:
            raise Rejected("The calendar server packs its answers in a way that was not asked for.")
