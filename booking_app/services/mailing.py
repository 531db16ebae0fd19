"""What the mail in an outbox row says, from how things stand when it is sent.

A mail that a newer one overtook is not sent: the confirmation of a booking that was moved or cancelled meanwhile, an
invitation that was replaced, an alert that is over.
"""

from __future__ import annotations

from email.message import EmailMessage
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from booking_app.db.appointments_queries import booking_by_id, booking_by_token
from booking_app.db.crowd_queries import unconfirmed_by_token
from booking_app.db.tables import Account, Alert, Bookable, OneTimeLink
from booking_app.domain.appointment import AppointmentState, Role, change_refusal, event_uid, invitation_uid
from booking_app.domain.clock import to_instant
from booking_app.domain.effects import Work
from booking_app.domain.errors import NotFound
from booking_app.services.accounts import token_hash
from booking_app.services.booking import manage_url
from booking_app.services.confirming import CONFIRM, MINUTES, confirm_link
from booking_app.services.context import Context
from booking_app.services.invitation import Invitation, Method, file_bytes, invitation_bytes
from booking_app.services.invitations import VALID_DAYS, accept_link
from booking_app.services.letters import (
    account_invitation,
    alert,
    cancellation,
    change,
    confirm_booking,
    confirmation,
    password_reset,
)
from booking_app.services.letters.facts import Facts
from booking_app.services.letters.letter import Letter
from booking_app.services.letters.words import names_words
from booking_app.services.mail_message import build
from booking_app.services.resets import RESET, reset_link

CUSTOMER = "customer"


async def compose(ctx: Context, work: Work, sender: str) -> EmailMessage | None:
    """The mail that `work` asks for, from the address `sender`; None if it is not to be sent any more.

    Raises `Undeliverable` for an address that cannot be written to, and what the sealer raises for a secret that no
    configured key opens."""
    kind = work.key.partition(":")[0]
    if kind == "alert":
        return await _alert(ctx, work, sender)
    if kind == "invitation":
        return await _account_invitation(ctx, work, sender)
    if kind == CONFIRM:
        return await _confirm_booking(ctx, work, sender)
    if kind == RESET:
        return await _password_reset(ctx, work, sender)
    return await _appointment(ctx, work, sender, kind)


async def calendar_file(ctx: Context, token: str) -> bytes:
    """The booking behind a manage link as an iCalendar file. Raises `NotFound`."""
    async with ctx.sessions() as db:
        row = await booking_by_token(db, token_hash(token))
    if row is None:
        raise NotFound("There is no such booking.")
    facts = _facts(ctx, row, zone=row.zone, manage=manage_url(ctx, token))
    return file_bytes(_invitation(ctx, row, facts, CUSTOMER, organizer="", attendee=""))


async def _appointment(ctx: Context, work: Work, sender: str, kind: str) -> EmailMessage | None:
    payload, recipient = work.payload, str(work.payload["recipient"])
    async with ctx.sessions() as db:
        row = await booking_by_id(db, UUID(str(payload["booking_id"])))
        if row is None or row.sequence != payload["sequence"]:
            return None
        if (row.appointment_state == AppointmentState.CANCELLED) != (kind == "cancelled"):
            return None
        person = None if recipient == CUSTOMER else await _person(db, recipient)
    if recipient != CUSTOMER and person is None:
        return None
    reader = row.email if person is None else person.email
    if person is None:
        token = ctx.sealer.open(row.token_sealed, f"booking:{row.booking_id}")
        facts = _facts(ctx, row, zone=row.zone, manage=manage_url(ctx, token), previous=payload.get("previous_start"))
    else:
        facts = _facts(ctx, row, zone=person.zone, manage=None, previous=payload.get("previous_start"))
    method = Method.CANCEL if kind == "cancelled" else Method.REQUEST
    invitation = _invitation(ctx, row, facts, recipient, organizer=sender, attendee=reader)
    return build(
        _letter(ctx, row, facts, kind, for_customer=person is None),
        key=work.key,
        sender=sender,
        sender_name=ctx.team_name,
        reader=reader,
        now=ctx.now(),
        ics=invitation_bytes(invitation, method),
        method=method.value,
    )


async def _person(db: AsyncSession, recipient: str) -> Bookable | None:
    """The bookable who reads the mail, if there is an address to write to."""
    person = await db.get(Bookable, int(recipient))
    return person if person is not None and person.email else None


def _letter(ctx: Context, row: Row[Any], facts: Facts, kind: str, *, for_customer: bool) -> Letter:
    if kind == "cancelled":
        book_url = f"{ctx.public_url}/book/{row.service}"
        return cancellation.to_customer(facts, book_url=book_url) if for_customer else cancellation.to_person(facts)
    if kind == "changed":
        return change.to_customer(facts) if for_customer else change.to_person(facts)
    return confirmation.to_customer(facts) if for_customer else confirmation.to_person(facts)


def _facts(ctx: Context, row: Row[Any], *, zone: str, manage: str | None, previous: object = None) -> Facts:
    """What a reader in `zone` is told; with `manage` it is the customer, without the person."""
    state = AppointmentState(row.appointment_state)
    return Facts(
        service=row.service_name,
        start=row.start,
        end=row.end,
        zone=zone,
        staff=tuple(each[1] for each in row.staff or ()),
        location=row.location,
        preparation=row.preparation,
        customer=row.name,
        team=ctx.team_name,
        previous_start=previous if isinstance(previous, int) else None,
        manage_url=manage,
        changeable=change_refusal(state, row.start, row.cut_off, to_instant(ctx.now())) is None,
        email="" if manage else row.email,
        phone="" if manage else row.phone,
        notes="" if manage else row.notes,
        cancelled_by=row.cancelled_by,
    )


def _invitation(
    ctx: Context, row: Row[Any], facts: Facts, recipient: str, *, organizer: str, attendee: str
) -> Invitation:
    if recipient == CUSTOMER:
        uid = invitation_uid(row.uid)
        summary = f"{facts.service} with {names_words(facts.staff)}" if facts.staff else facts.service
        parts = [
            facts.preparation,
            f"{'Change or cancel' if facts.changeable else 'Your appointment'}: {facts.manage_url}",
        ]
    else:
        uid = event_uid(row.uid, int(recipient))
        summary = f"{facts.service} – {facts.customer}"
        parts = ["\n".join(part for part in (facts.email, facts.phone) if part), facts.notes]
    return Invitation(
        uid=uid,
        sequence=row.sequence,
        start=facts.start,
        end=facts.end,
        stamp=to_instant(ctx.now()),
        summary=summary,
        description="\n\n".join(part for part in parts if part),
        location=facts.location,
        organizer=organizer,
        organizer_name=facts.team,
        attendee=attendee,
        url=facts.manage_url or "",
        cancelled=row.appointment_state == AppointmentState.CANCELLED,
    )


async def _alert(ctx: Context, work: Work, sender: str) -> EmailMessage | None:
    async with ctx.sessions() as db:
        found = await db.get(Alert, work.payload["alert_id"])
        account = await db.get(Account, work.payload["account_id"])
    if found is None or found.closed_at is not None or account is None or not account.active:
        return None
    own = account.role == Role.STAFF or (found.bookable_id is not None and found.bookable_id == account.bookable_id)
    letter = alert.to_account(
        name=account.name,
        message=found.message,
        again=bool(work.payload.get("telling")),
        url=f"{ctx.public_url}/{'settings/calendars' if own else 'admin/sync'}",
        team=ctx.team_name,
    )
    return build(letter, key=work.key, sender=sender, sender_name=ctx.team_name, reader=account.email, now=ctx.now())


async def _password_reset(ctx: Context, work: Work, sender: str) -> EmailMessage | None:
    payload = work.payload
    async with ctx.sessions() as db:
        link = await db.get(OneTimeLink, bytes.fromhex(str(payload["link"])))
        if link is None or link.expires_at <= ctx.now():
            return None
        account = await db.scalar(select(Account).where(col(Account.email) == link.email, col(Account.active)))
    if account is None:
        return None
    url = reset_link(ctx, ctx.sealer.open(bytes.fromhex(str(payload["sealed"])), work.key))
    letter = password_reset.to_account(name=account.name, url=url, team=ctx.team_name)
    return build(letter, key=work.key, sender=sender, sender_name=ctx.team_name, reader=account.email, now=ctx.now())


async def _confirm_booking(ctx: Context, work: Work, sender: str) -> EmailMessage | None:
    async with ctx.sessions() as db:
        row = await unconfirmed_by_token(db, bytes.fromhex(str(work.payload["link"])), to_instant(ctx.now()))
    if row is None:
        return None
    customer = row.request["customer"]
    facts = Facts(
        service=row.service_name,
        start=row.start,
        end=row.end,
        zone=row.request["zone"],
        staff=tuple(row.names),
        location=row.location,
        preparation=row.preparation,
        customer=customer["name"],
        team=ctx.team_name,
    )
    url = confirm_link(ctx, ctx.sealer.open(bytes.fromhex(str(work.payload["sealed"])), work.key))
    letter = confirm_booking.to_customer(facts, url=url, minutes=MINUTES)
    reader = customer["email"]
    return build(letter, key=work.key, sender=sender, sender_name=ctx.team_name, reader=reader, now=ctx.now())


async def _account_invitation(ctx: Context, work: Work, sender: str) -> EmailMessage | None:
    payload = work.payload
    async with ctx.sessions() as db:
        link = await db.get(OneTimeLink, bytes.fromhex(str(payload["link"])))
    if link is None or link.used_at is not None or link.expires_at <= ctx.now():
        return None
    token = ctx.sealer.open(bytes.fromhex(str(payload["sealed"])), work.key)
    letter = account_invitation.to_invited(
        name=link.name, by=str(payload["by"]), url=accept_link(ctx, token), days=VALID_DAYS, team=ctx.team_name
    )
    return build(letter, key=work.key, sender=sender, sender_name=ctx.team_name, reader=link.email, now=ctx.now())
