"""How often somebody may try to sign in: slowed by account and address together, never locked for good.

Whoever tries wrong passwords slows their own address alone. Many addresses together slow an account where it is not
known; its owner still gets in where they signed in before, and by a mailed link anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from booking_app.services import devices, rates
from booking_app.services.accounts import normal_email
from booking_app.services.context import Context
from booking_app.services.rates import Rate

PERIOD = timedelta(minutes=5)
TOGETHER = 3
"""How many times as often as one address all unknown browsers together may try one account."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """A try to sign in to the account with this `email`. `address` is as `limiter.client_key` names it; `device` the
    value of the browser's device cookie."""

    email: str
    address: str
    device: str | None = None


async def begin(ctx: Context, attempt: Attempt, rate: int) -> bool:
    """Whether it may be tried now, `rate` times in five minutes by one address; counted if so."""
    once, together = Rate(most=rate, period=PERIOD), Rate(most=rate * TOGETHER, period=PERIOD)
    if await devices.is_known(ctx, attempt.device, normal_email(attempt.email)):
        return await rates.take_all(ctx, [(_device(ctx, attempt), once)])
    wanted = [
        (_address(ctx, attempt.address), once),
        (_pair(ctx, attempt), once),
        (_account(ctx, attempt), together),
    ]
    return await rates.take_all(ctx, wanted)


async def not_tried(ctx: Context, attempt: Attempt) -> None:
    """The password was not looked at: nothing is counted."""
    for key in (_address(ctx, attempt.address), _pair(ctx, attempt), _account(ctx, attempt), _device(ctx, attempt)):
        await rates.give_back(ctx, key)


async def succeeded(ctx: Context, attempt: Attempt) -> None:
    """It was the owner: what was counted against them is no attack."""
    await rates.give_back(ctx, _address(ctx, attempt.address))
    await rates.forget(ctx, [_pair(ctx, attempt), _account(ctx, attempt), _device(ctx, attempt)])


async def slowed(ctx: Context, address: str, rate: int) -> bool:
    """Count a form of this address that asks for a password; whether it is too often."""
    return not await rates.take_all(ctx, [(_address(ctx, address), Rate(most=rate, period=PERIOD))])


def _address(ctx: Context, address: str) -> bytes:
    return ctx.sealer.mark(address, "sign-in address")


def _pair(ctx: Context, attempt: Attempt) -> bytes:
    return ctx.sealer.mark(f"{attempt.address}\0{normal_email(attempt.email)}", "sign-in pair")


def _account(ctx: Context, attempt: Attempt) -> bytes:
    return ctx.sealer.mark(normal_email(attempt.email), "sign-in account")


def _device(ctx: Context, attempt: Attempt) -> bytes:
    return ctx.sealer.mark(f"{attempt.device}\0{normal_email(attempt.email)}", "sign-in device")
