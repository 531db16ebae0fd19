"""How many mails a stranger can make us send to somebody who never asked for any."""

from __future__ import annotations

from datetime import timedelta

from booking_app.db.crowd_queries import known_mailbox
from booking_app.db.engine import reads
from booking_app.domain.effects import Work
from booking_app.domain.mailboxes import mailbox
from booking_app.services import rates
from booking_app.services.confirming import CONFIRM, reader_mark
from booking_app.services.context import Context
from booking_app.services.mailing import CUSTOMER
from booking_app.services.rates import Rate

MAILS = Rate(most=10, period=timedelta(hours=1))
"""To a mailbox that never confirmed anything, of all kinds together."""
WAIT = MAILS.period.total_seconds() / MAILS.most


async def may_send(ctx: Context, work: Work, reader: str) -> bool:
    """Whether the mail may go to `reader` now; counted if so. Those to staff, and to who confirmed once, always."""
    if work.payload.get("recipient") != CUSTOMER and work.payload.get("kind") != CONFIRM:
        return True
    async with reads(ctx.sessions).connect() as db:
        if await known_mailbox(db, reader_mark(ctx, reader)):
            return True
    return await rates.take_all(ctx, [(ctx.sealer.mark(mailbox(reader), "mails"), MAILS)])
