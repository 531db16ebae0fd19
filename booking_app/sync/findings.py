"""What the doctor of a provider says, and what it can tell without asking anybody. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from booking_app.services.letters.words import lasting
from booking_app.services.provider_apps import AppView

SKEW = 60
"""Seconds by which our clock may differ from the provider's."""


class Verdict(StrEnum):
    """`UNKNOWN`: it cannot be told from here, or not yet."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that was looked at: how it is, in a sentence, and what to do about it (empty: nothing)."""

    name: str
    verdict: Verdict
    sentence: str
    mend: str = ""


CREDENTIALS = "Credentials"
"""The finding about client id and secret."""
NOTIFICATIONS = "Notifications"
"""The finding about being told of changes."""
COMPANY = {"google": "Google", "microsoft": "Microsoft"}
"""Who runs the provider, as its people call it."""
_CONSENT = {
    "google": (
        "Their administrator allows this program in the Google Admin console: Security, Access and data control, API "
        "controls, Manage app access, with the client id that is shown here."
    ),
    "microsoft": (
        "An administrator of that organisation opens Enterprise applications in the Entra admin centre, chooses this "
        "program, then Permissions, and presses “Grant admin consent”."
    ),
}


def public_address(url: str, app: AppView) -> Finding:
    """Whether a provider takes addresses that begin like this. Both take plain http for this machine alone."""
    name = "Public address"
    if urlsplit(url).scheme != "https" and not _this_machine(url):
        return Finding(
            name=name,
            verdict=Verdict.WARN if app.simulated else Verdict.BAD,
            sentence=f"{url} is not https. {COMPANY[app.provider]} takes no such address.",
            mend="Put a proxy with a certificate in front, and set PUBLIC_URL to its https:// address.",
        )
    if local_only(url):
        return Finding(
            name=name,
            verdict=Verdict.OK if app.simulated else Verdict.WARN,
            sentence=(
                f"{url} is an address of this machine or network. Accounts can be linked from here only, and "
                "notifications come from a simulation only."
            ),
            mend="" if app.simulated else "Set PUBLIC_URL to an https:// address that others can reach.",
        )
    return Finding(name=name, verdict=Verdict.OK, sentence=f"{url} is https.")


def clock(company: str, ahead: float | None) -> Finding:
    """How our clock compares with the provider's, which is `ahead` by so many seconds (None: unknown)."""
    name = "Clock"
    if ahead is None:
        return Finding(name=name, verdict=Verdict.UNKNOWN, sentence=f"{company} did not say what time it is.")
    if abs(ahead) <= SKEW:
        return Finding(name=name, verdict=Verdict.OK, sentence=f"This server and {company} agree on the time.")
    which = "behind" if ahead > 0 else "ahead"
    return Finding(
        name=name,
        verdict=Verdict.BAD if abs(ahead) > 5 * SKEW else Verdict.WARN,
        sentence=f"The clock of this server is {lasting(abs(ahead))} {which}. Access and slots go wrong by that much.",
        mend="Switch on time synchronisation (NTP) on this server.",
    )


def consent(app: AppView) -> Finding:
    """Whether somebody's organisation did not let them link, since it last worked for anybody."""
    name = "Consent by administrators"
    if app.turned_back_at is not None and app.turned_back_at >= (app.consented_at or 0):
        return Finding(
            name=name,
            verdict=Verdict.WARN,
            sentence=(
                "The last person who tried could not link their account, because only an administrator of their "
                "organisation may allow it."
            ),
            mend=_CONSENT[app.provider],
        )
    return Finding(name=name, verdict=Verdict.OK, sentence="Nobody was turned back for want of it.")


def not_told(app: AppView, trouble: str) -> Finding:
    """What the provider answered when it was last asked to tell of changes, though the address answers from here."""
    company = COMPANY[app.provider]
    asks = "asks the address before it agrees" if app.provider == "microsoft" else "takes only an https:// address"
    return Finding(
        name=NOTIFICATIONS,
        verdict=Verdict.WARN,
        sentence=(
            f"The address answers when asked from here, but {company} was asked in vain to send any: {trouble} "
            "Changes are found all the same, by reading, some seconds later."
        ),
        mend=(
            f"{company} {asks}: let requests from the internet through to {app.webhook}, with a valid certificate. It "
            "is asked again within six hours, or at once when the credentials are saved above."
        ),
    )


def local_only(url: str) -> bool:
    """Whether nobody outside can reach this address, as far as the address itself tells."""
    host = (urlsplit(url).hostname or "").lower()
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return _this_machine(url) or "." not in host or host.endswith((".local", ".internal", ".lan", ".home.arpa"))


def _this_machine(url: str) -> bool:
    host = (urlsplit(url).hostname or "").lower()
    return host in ("localhost", "127.0.0.1", "::1") or host.endswith(".localhost")
