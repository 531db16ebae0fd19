"""Which adapter speaks to which kind of account: a new provider is one file and one line here."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from weakref import WeakKeyDictionary

from booking_app.services.views_sync import ProviderUse
from booking_app.sync.accounts import OpenConsented, OpenNotifier, OpenProvider
from booking_app.sync.errors import Rejected
from booking_app.sync.model import Credentials, Mode
from booking_app.sync.provider import CalendarProvider, Notifier, TokenSource
from booking_app.sync.providers.addresses import AddressPolicy, allowed
from booking_app.sync.providers.body import Turns
from booking_app.sync.providers.budget import Bucket, Budget, a_minute
from booking_app.sync.providers.caldav import CaldavProvider
from booking_app.sync.providers.caldav_read import Expand
from booking_app.sync.providers.google import GoogleProvider
from booking_app.sync.providers.google_channels import GoogleNotifier
from booking_app.sync.providers.http import Pool
from booking_app.sync.providers.microsoft import MicrosoftProvider
from booking_app.sync.providers.microsoft_channels import MicrosoftNotifier
from booking_app.sync.vendors import Vendor

MICROSOFT_MAILBOX = 1_000
"""Requests a minute that Microsoft allows a program and a mailbox (Graph, "Outlook service limits": 10,000 in ten)."""
GOOGLE_USER, GOOGLE_PROJECT = 600, 10_000
"""Requests a minute that Google allows an account and a project ("Manage quotas"). Each process keeps to them by
itself; what several processes send together is slowed down by Google, which is obeyed."""
_UNKNOWN = "This kind of calendar account is not known to this version."


def opener(policy: AddressPolicy, expand: Expand, context: ssl.SSLContext | None = None) -> OpenProvider:
    """A function that opens accounts, connecting only where `policy` allows. `context` says whose certificates are
    trusted; None: as this machine does."""
    # Loading the certificates takes tens of milliseconds on the loop: once, not for each account.
    context = context or ssl.create_default_context()
    turns = Turns()
    adapters = {
        "caldav": lambda credentials: CaldavProvider(
            credentials, policy=policy, expand=expand, context=context, turns=turns
        ),
    }

    def open_provider(name: str, credentials: Credentials) -> CalendarProvider:
        if name not in adapters:
            raise Rejected(_UNKNOWN)
        return adapters[name](credentials)

    return open_provider


_Adapter = Callable[[TokenSource, Vendor, Mode, AddressPolicy], CalendarProvider]
_Channels = Callable[[TokenSource, Vendor, Mode, AddressPolicy], Notifier]


class Pools:
    """What all accounts of a provider that is linked by consent share: connections and the budget of requests.
    `context` is that of `opener`."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._context = context or ssl.create_default_context()
        self._pools: dict[tuple[str, AddressPolicy], Pool] = {}
        self._project = a_minute(GOOGLE_PROJECT)
        # An account's events and its push channels are asked for with the same tokens, and count together.
        self._users: WeakKeyDictionary[TokenSource, Bucket] = WeakKeyDictionary()

    def google_budget(self, tokens: TokenSource) -> Budget:
        """What the account of these tokens may ask Google, whatever it asks for."""
        return Budget(user=self._users.setdefault(tokens, a_minute(GOOGLE_USER)), project=self._project)

    def use(self) -> tuple[ProviderUse, ...]:
        """What each of these providers was asked in the last minute, by this process."""
        return (
            ProviderUse(
                provider="google", title="Google", sent=self._sent("google"), allowed=GOOGLE_PROJECT, per_account=False
            ),
            ProviderUse(
                provider="microsoft",
                title="Microsoft",
                sent=self._sent("microsoft"),
                allowed=MICROSOFT_MAILBOX,
                per_account=True,
            ),
        )

    def _sent(self, provider: str) -> int:
        now = time.monotonic()
        return sum(pool.meter.last_minute(now) for (name, _), pool in self._pools.items() if name == provider)

    def of(self, vendor: Vendor, policy: AddressPolicy) -> Pool:
        key = vendor.name, policy
        if key not in self._pools:
            self._pools[key] = Pool(policy, provider=vendor.name, context=self._context)
        return self._pools[key]

    async def close(self) -> None:
        """When no account is used any more."""
        for pool in self._pools.values():
            await pool.close()


def token_opener(policy: AddressPolicy, expand: Expand, pools: Pools) -> OpenConsented:
    """The same for accounts that are linked by consent."""
    adapters: Mapping[str, _Adapter] = {
        "google": lambda tokens, vendor, mode, allowing: GoogleProvider(
            tokens,
            vendor=vendor,
            mode=mode,
            policy=allowing,
            expand=expand,
            budget=pools.google_budget(tokens),
            pool=pools.of(vendor, allowing),
        ),
        "microsoft": lambda tokens, vendor, mode, allowing: MicrosoftProvider(
            tokens, vendor=vendor, mode=mode, policy=allowing, pool=pools.of(vendor, allowing)
        ),
    }

    def open_provider(name: str, tokens: TokenSource, vendor: Vendor, mode: Mode) -> CalendarProvider:
        if name not in adapters:
            raise Rejected(_UNKNOWN)
        return adapters[name](tokens, vendor, mode, allowed(vendor, policy))

    return open_provider


def notifier_opener(policy: AddressPolicy, pools: Pools) -> OpenNotifier:
    """The same for the push channels of such accounts."""
    notifiers: Mapping[str, _Channels] = {
        "google": lambda tokens, vendor, _mode, allowing: GoogleNotifier(
            tokens,
            vendor=vendor,
            policy=allowing,
            budget=pools.google_budget(tokens),
            pool=pools.of(vendor, allowing),
        ),
        "microsoft": lambda tokens, vendor, mode, allowing: MicrosoftNotifier(
            tokens, vendor=vendor, mode=mode, policy=allowing, pool=pools.of(vendor, allowing)
        ),
    }

    def open_notifier(name: str, tokens: TokenSource, vendor: Vendor, mode: Mode) -> Notifier:
        if name not in notifiers:
            raise Rejected(_UNKNOWN)
        return notifiers[name](tokens, vendor, mode, allowed(vendor, policy))

    return open_notifier
