"""One-time links that are open: neither used nor over. What a link is for is part of the question."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db.tables import OneTimeLink
from booking_app.domain.errors import NotFound
from booking_app.services.accounts import token_hash
from booking_app.services.context import Context


async def open_link(ctx: Context, db: AsyncSession, token: str, *purposes: str, lock: bool = False) -> OneTimeLink:
    """The link behind a token, held until the transaction ends if `lock`. Raises `NotFound`, also for one that is for
    something else."""
    query = select(OneTimeLink).where(
        col(OneTimeLink.token_hash) == token_hash(token),
        col(OneTimeLink.purpose).in_(purposes),
        col(OneTimeLink.used_at).is_(None),
        col(OneTimeLink.expires_at) > ctx.now(),
    )
    link = await db.scalar(query.with_for_update() if lock else query)
    if link is None:
        raise NotFound("This link is not valid any more.")
    return link
