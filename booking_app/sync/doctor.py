"""The doctor of a provider that is linked by consent: what stands between it and this installation, and how to mend it.

It looks, and changes nothing but the incident of a provider that refuses us (opened or closed as is found). What it
says contains addresses and names that the admin's page shows anyway, and never a secret.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from booking_app.db import channel_queries, provider_queries
from booking_app.domain.clock import to_instant
from booking_app.domain.errors import NotFound
from booking_app.services import provider_apps
from booking_app.services.context import Context
from booking_app.services.letters.words import lasting, start_words, zone_words
from booking_app.services.provider_apps import AppView
from booking_app.sync import probe
from booking_app.sync.errors import KeyMissing, ProviderRefused, Transient
from booking_app.sync.findings import (
    COMPANY,
    CREDENTIALS,
    NOTIFICATIONS,
    Finding,
    Verdict,
    clock,
    consent,
    local_only,
    not_told,
    public_address,
)
from booking_app.sync.grants import Grants


class Unreachable(Exception):
    """An address gave no answer of ours; the words complete "because ..."."""


Reach = Callable[[str], Awaitable[str]]
"""The text that an address answers a GET with. Raises `Unreachable`."""

_REFUSED = {
    "google": (
        "In the Google Cloud console, open Google Auth Platform, Clients, choose this client and compare its id. If in "
        "doubt, add a new secret there and enter it here."
    ),
    "microsoft": (
        "In the Entra admin centre, open App registrations, choose this program and compare the Application (client) "
        "ID. Under Certificates & secrets see whether the secret has expired; make a new one and enter its Value here."
    ),
}
_PROXY = (
    "Let the proxy in front pass this address on to the program, with a valid certificate, and see that PUBLIC_URL is "
    "the address that visitors use."
)
_PUBLISH = (
    "In the Google Cloud console, open Google Auth Platform, Audience, and press “Publish app”. Then switch “Testing” "
    "off here and have everybody use “Connect again”, because a link that was made before still ends."
)


class Doctor:
    """`reach` asks our own addresses. One examination takes as long as its slowest answer."""

    def __init__(self, ctx: Context, grants: Grants, reach: Reach) -> None:
        self._ctx = ctx
        self._grants = grants
        self._reach = reach

    async def examine(self, provider: str) -> tuple[Finding, ...]:
        """All findings about a provider, in the order in which one would mend them. Raises `NotFound`."""
        app = next((each for each in await provider_apps.listed(self._ctx) if each.provider == provider), None)
        if app is None:
            raise NotFound("There is no such provider.")
        credentials, redirect, webhook = await asyncio.gather(
            self._credentials(app), self._redirect(app), self._webhook(app)
        )
        address = public_address(self._ctx.public_url, app)
        if not app.ready:
            return address, *credentials, redirect, webhook
        return address, *credentials, *_service(app), redirect, webhook, await self._ends(app), consent(app)

    async def _credentials(self, app: AppView) -> tuple[Finding, ...]:
        """Whether client id and secret are accepted, and how the clocks compare, which the same answer tells."""
        company = COMPANY[app.provider]
        if not app.ready:
            return (
                Finding(
                    name=CREDENTIALS,
                    verdict=Verdict.UNKNOWN,
                    sentence="No client id and client secret have been entered yet.",
                    mend=f"Register this program at {company} and enter both above.",
                ),
            )
        try:
            ahead = await self._grants.check(app.provider)
        except KeyMissing:
            unreadable = Finding(
                name=CREDENTIALS,
                verdict=Verdict.BAD,
                sentence="The stored client secret cannot be opened, because its key is not in SECRET_KEYS.",
                mend="Put that key back and restart the program. If it is lost, enter the client secret again.",
            )
            return (unreadable,)
        except ProviderRefused as error:
            return (Finding(name=CREDENTIALS, verdict=Verdict.BAD, sentence=str(error), mend=_REFUSED[app.provider]),)
        except Transient as error:
            unclear = Finding(
                name=CREDENTIALS,
                verdict=Verdict.UNKNOWN,
                sentence=str(error),
                mend=f"Try again in some minutes. If it stays so, see whether this server can reach {company}.",
            )
            return (unclear,)
        accepted = Finding(
            name=CREDENTIALS, verdict=Verdict.OK, sentence=f"{company} accepts the client id and the client secret."
        )
        return accepted, clock(company, ahead)

    async def _redirect(self, app: AppView) -> Finding:
        name, company = "Redirect address", COMPANY[app.provider]
        trouble = await self._asked(app.redirect)
        if app.consented_at is not None and trouble is None:
            ago = _ago(self._ctx, app.consented_at)
            return Finding(
                name=name, verdict=Verdict.OK, sentence=f"It answers, and somebody came back through it {ago} ago."
            )
        if trouble is None:
            return Finding(
                name=name,
                verdict=Verdict.UNKNOWN,
                sentence=(
                    f"It answers when asked from here. Whether {company} knows it shows when the first person links an "
                    "account."
                ),
                mend=f"Register exactly this address at {company}: {app.redirect}",
            )
        return Finding(
            name=name,
            verdict=Verdict.BAD,
            sentence=f"Asked from here, it does not lead to this program, because {trouble}.",
            mend=_PROXY,
        )

    async def _webhook(self, app: AppView) -> Finding:
        name, company = NOTIFICATIONS, COMPANY[app.provider]
        trouble = await self._asked(app.webhook)
        async with self._ctx.sessions() as db:
            refused = await channel_queries.trouble(db, app.provider)
        if refused is not None and trouble is None:
            return not_told(app, refused)
        lately = app.pushed_at is not None and app.pushed_at > to_instant(self._ctx.now()) - 86_400
        if app.pushed_at is not None and refused is None and (trouble is None or lately):
            ago = _ago(self._ctx, app.pushed_at)
            return Finding(
                name=name, verdict=Verdict.OK, sentence=f"They arrive: {company} last told of a change {ago} ago."
            )
        if trouble is not None:
            return Finding(
                name=name,
                verdict=Verdict.WARN,
                sentence=(
                    f"Asked from here, the address does not lead to this program, because {trouble}. Changes are found "
                    "all the same, by reading, some seconds later."
                ),
                mend=_PROXY,
            )
        if not app.simulated and local_only(self._ctx.public_url):
            return Finding(
                name=name,
                verdict=Verdict.WARN,
                sentence=f"{company} cannot send any here. Changes are found by reading, some seconds later.",
                mend="Set PUBLIC_URL to an https:// address that can be reached from the internet.",
            )
        return Finding(
            name=name,
            verdict=Verdict.UNKNOWN,
            sentence=(
                f"The address answers when asked from here. Whether {company} reaches it from outside shows with the "
                "first notification, which has not come yet."
            ),
            mend=""
            if not app.accounts
            else (
                "If somebody has changed a linked calendar since, let requests from the internet through to "
                f"{urlsplit(app.webhook).path}."
            ),
        )

    async def _asked(self, url: str) -> str | None:
        """Why an address of ours does not lead here; None if it does."""
        question, answer = probe.question(self._ctx.sealer)
        try:
            said = await self._reach(f"{url}?{probe.NAME}={question}")
        except Unreachable as error:
            return str(error)
        return None if said == answer else "something else answers there"

    async def _ends(self, app: AppView) -> Finding:
        """Links that end by themselves: P21, the classic failure of an installation of one's own."""
        now = self._ctx.now()
        async with self._ctx.sessions() as db:
            ending = await provider_queries.ending_grants(db, app.provider, now)
        words = ""
        if ending:
            first, end = ending[0], to_instant(ending[0].ends_at)
            many = "1 link ends" if len(ending) == 1 else f"{len(ending)} links end"
            which = f"{first.owner}’s" if len(ending) == 1 else f"the first, {first.owner}’s,"
            words = f" {many} by itself" if len(ending) == 1 else f" {many} by themselves"
            words += f": {which} on {start_words(end, first.zone)} ({zone_words(first.zone, end)})."
        if app.testing:
            return Finding(
                name="Publishing status",
                verdict=Verdict.WARN,
                sentence=f"The Google app is in “Testing”, so each link ends seven days after it was made.{words}",
                mend=_PUBLISH,
            )
        if ending:
            return Finding(
                name="Links that end",
                verdict=Verdict.WARN,
                sentence=words.strip(),
                mend="Have these people use “Connect again” on their page Calendars; every choice is kept.",
            )
        return Finding(name="Links that end", verdict=Verdict.OK, sentence="No link is known to end by itself.")


def _service(app: AppView) -> tuple[Finding, ...]:
    """What a provider says that hands out access and refuses the requests all the same."""
    if not app.closed:
        return ()
    mend = (
        "In the Google Cloud console, open APIs & Services, Library, Google Calendar API, and press “Enable”."
        if app.provider == "google"
        else "In the Entra admin centre, open App registrations, API permissions, and compare with the list below."
    )
    return (Finding(name="Calendar service", verdict=Verdict.BAD, sentence=app.closed, mend=mend),)


def _ago(ctx: Context, instant: int) -> str:
    return lasting(to_instant(ctx.now()) - instant)
