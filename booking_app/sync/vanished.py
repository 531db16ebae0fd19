"""What a read no longer shows: asked for once more, and believed only as far as the provider confirms it."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, replace

from booking_app.domain.clock import to_instant
from booking_app.sync.errors import Rejected, Vanished
from booking_app.sync.model import CalendarRef, Delta
from booking_app.sync.plan import Breaker, Held, Ours, events, stop_reason, weighty
from booking_app.sync.provider import CalendarProvider
from booking_app.sync.question import Question

ONE_BY_ONE = 50
"""Objects that vanished and are asked for singly by one read: more requests would take longer, and cost an account
more, than its provider allows. The others wait for the next read; or, where they block nothing that lies ahead or
somebody vouches for them, a second complete answer that lacks them has to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """`known` is loaded only where it matters. `coming` are the keys that block time that lies ahead, `suspected` and
    `confirmed` those of `plan.plan`. `unasked`: some of the suspected are left to the next read."""

    delta: Delta
    known: Mapping[str, Held] = field(default_factory=dict)
    ours: Mapping[str, Ours] = field(default_factory=dict)
    suspected: frozenset[str] = frozenset()
    coming: frozenset[str] = frozenset()
    confirmed: frozenset[str] = frozenset()
    away: frozenset[str] = frozenset()
    """The uids of our events that were dragged into a calendar which is not read (`dragged.dragged_away`)."""
    unasked: bool = False


def needs_second(answer: Answer, asked: Question, breaker: Breaker | None) -> bool:
    """Whether so much vanished that a second, complete answer is needed to tell."""
    return len(answer.suspected) > ONE_BY_ONE or (breaker is not None and _reason(answer, asked, breaker) is not None)


async def confirmed(
    provider: CalendarProvider, asked: Question, answer: Answer, breaker: Breaker | None, *, twice: Set[str]
) -> Answer:
    """The answer with those of the suspects `twice` that are gone; without `breaker` somebody vouches for all of them.
    Raises `Vanished`."""
    heavy = _weighty(answer, asked, twice)
    if len(twice) <= ONE_BY_ONE:
        singly, known_enough = frozenset(twice), frozenset[str]()
    else:
        # What would cancel an appointment is asked for whoever vouches for it.
        own = {key for key in heavy if answer.known[key].uid in answer.ours}
        needed = own if breaker is None else heavy
        singly = frozenset(sorted(needed, key=lambda key: key not in own)[:ONE_BY_ONE])
        known_enough = frozenset(twice - needed)
    gone = frozenset([key for key in singly if await is_gone(provider, asked.ref, key)])
    reason = _reason(answer, asked, breaker) if breaker is not None else None
    if breaker is not None and reason is not None:
        denied = events(answer.known, (singly - gone) & heavy)
        if denied > breaker.handful or not await _shows_another(provider, asked, answer):
            raise Vanished(reason)
    return replace(answer, confirmed=gone | known_enough, unasked=bool(twice - singly - known_enough))


async def is_gone(provider: CalendarProvider, ref: CalendarRef, key: str) -> bool:
    """Whether the provider says so of an object, or its owner cancelled our event."""
    try:
        found = await provider.get(ref, key=key)
    except Rejected:
        return False  # it exists, though it is not an event of ours
    return found is None or found[0].cancelled


async def _shows_another(provider: CalendarProvider, asked: Question, answer: Answer) -> bool:
    """Whether an object that stayed is there, asked for in the same way as those that did not."""
    stayed = sorted(({each.key for each in answer.delta.objects} | answer.delta.unchanged) - answer.suspected)
    return bool(stayed) and not await is_gone(provider, asked.ref, random.choice(stayed))


def _reason(answer: Answer, asked: Question, breaker: Breaker) -> str | None:
    lost = events(answer.known, _weighty(answer, asked, answer.suspected))
    return stop_reason(lost, events(answer.known, _weighty(answer, asked, answer.known)), breaker)


def _weighty(answer: Answer, asked: Question, keys: Iterable[str]) -> frozenset[str]:
    return weighty(answer.known, answer.ours, keys, coming=answer.coming, now=to_instant(asked.as_of))
