"""Which of several processes serves a tab.

Reflex notes it in Redis when a tab connects and takes the note back when the tab goes. A process that is killed leaves
its notes, so that a tab which comes back to another one would be taken for a duplicate of itself, and begin anew.
Whether a process lives is known by what it listens to: each has a channel of its own, and Redis answers to PUBLISH how
many receive it (redis.io/commands/publish).
"""

from __future__ import annotations

import asyncio
import pickle

from reflex.state import StateUpdate
from reflex.utils.token_manager import LostAndFoundRecord, RedisTokenManager, TokenManager

LEAVING = 1.0
"""Seconds that a process gets to see that a tab has left it, when the tab is at the next one already."""
_LOOK = 0.05
_KNOCK = pickle.dumps(LostAndFoundRecord(token="", update=StateUpdate()))
"""What other processes send on a channel, for no tab."""


def is_here(known: TokenManager, tab: str) -> bool:
    """Whether the tab is connected to this process."""
    record = known.token_to_socket.get(tab)
    return record is not None and record.instance_id == known.instance_id


async def is_elsewhere(known: TokenManager, tab: str) -> bool:
    """Whether the tab is connected to another process, and that one lives."""
    if not isinstance(known, RedisTokenManager):
        return False
    owner = await known._get_token_owner(tab, refresh=True)
    if owner is None or owner == known.instance_id:
        return False
    return bool(await known.redis.publish(f"channel:{known._get_lost_and_found_key(owner)}", _KNOCK))


async def take_over(known: TokenManager, tab: str) -> bool:
    """For a tab that connects to this process: forget the note of the process that served it before. False if the tab
    is still connected there: it is the duplicate of one that is open."""
    if not isinstance(known, RedisTokenManager):
        return True
    deadline = asyncio.get_running_loop().time() + LEAVING
    while await is_elsewhere(known, tab):
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(_LOOK)
    await known.redis.delete(known._get_redis_key(tab))
    return True
