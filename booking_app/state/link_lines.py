"""Linking accounts by consent, in the words of the page from which one sets out and to which one comes back. Pure.

The links are plain addresses of the API: the browser itself goes there, and on to the provider.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from booking_app.domain.appointment import ConnectionState
from booking_app.services.link_words import TITLES, LinkError, link_error_words
from booking_app.services.provider_apps import AppView
from booking_app.services.views_sync import ConnectionView
from booking_app.state.views_calendars import Arrival, LinkOffer

COMPANIES = {"google": "Google", "microsoft": "Microsoft"}
_WORDS = {"google": "Gmail, Google Workspace", "microsoft": "Microsoft 365, outlook.com"}
_GOES = {
    "google": "Access is revoked at Google too.",
    "microsoft": (
        "What you allowed is forgotten here. Microsoft lets only you withdraw it there: at myapps.microsoft.com for a "
        "work account, at account.live.com/consent/Manage for a personal one."
    ),
}
"""What becomes of the consent when an account is disconnected."""
_AGAIN = frozenset(LinkError) - {LinkError.OTHER_ACCOUNT, LinkError.ADMIN_CONSENT, LinkError.TAKEN}
"""After these it helps to try once more."""
SOON = 48 * 3600
"""Seconds before its end from which a link asks to be made again."""


def start(provider: str, **query: str) -> str:
    """Where linking begins: `mode` is `full` or `busy`, `connection` the uid of an account to link again."""
    return f"/oauth/{provider}/start?{urlencode(query)}"


def offers(apps: Sequence[AppView]) -> tuple[LinkOffer, ...]:
    """The providers whose accounts can be connected, in their order."""
    return tuple(
        LinkOffer(
            key=each.provider,
            name=TITLES[each.provider],
            company=COMPANIES[each.provider],
            refused=each.trouble != "",
            words=_WORDS[each.provider],
            href=start(each.provider, mode="full"),
            busy=start(each.provider, mode="busy"),
            simulated=each.simulated,
        )
        for each in apps
        if each.ready
    )


def not_set_up(apps: Sequence[AppView]) -> str:
    """What cannot be connected yet: `Google Calendar and Outlook`; empty for none."""
    return " and ".join(TITLES[each.provider] for each in apps if not each.ready)


def refusal(view: ConnectionView, hard: float) -> str:
    """What the owner of an account reads while its provider does not take this installation. `hard` is the age in
    seconds from which data is not trusted."""
    said = f"{COMPANIES[view.provider]} does not let this booking system in at the moment."
    lost = view.state == ConnectionState.NEEDS_SIGN_IN
    if any(each.blocks for each in view.calendars) and (lost or view.age is None or view.age > hard):
        said += " Your times are not offered until that is over."
    if lost:
        return f"{said} Your admin has to mend it first; then this account can be connected again."
    return f"{said} Your admin has to mend that; there is nothing for you to do, and every choice is kept."


def revocation(provider: str) -> str:
    """What else a person is told before an account is disconnected; empty for accounts with a password."""
    return _GOES.get(provider, "")


def arrival(query: Mapping[str, str], views: Sequence[ConnectionView], apps: Sequence[AppView]) -> Arrival:
    """What is said to somebody who comes back from a consent page; empty for everybody else.

    The address may have been written by anybody: only what we know ourselves is shown."""
    uid, code = query.get("linked", ""), query.get("link_error", "")
    linked = next((each for each in views if each.by_consent and each.uid == uid), None)
    if linked is not None:
        return Arrival(uid=linked.uid, sentence=_linked(linked))
    if not code:
        return Arrival()
    provider = query.get("provider", "")
    names = [each for each in query.get("scopes", "").split(",") if each]
    here = [each.username for each in views if each.by_consent and each.provider == provider]
    sentence = link_error_words(code, provider, names, here)
    if not sentence:
        return Arrival()
    can = any(each.ready and not each.trouble and each.provider == provider for each in apps)
    # Who has an account of it already may have wanted that one: its card says “Connect again”.
    has = any(each.provider == provider for each in views)
    again = start(provider, mode="full") if can and not has and code in _AGAIN else ""
    return Arrival(
        tone="warn" if code in (LinkError.DENIED, LinkError.TAKEN) else "bad",
        sentence=sentence,
        again=again,
        setup=code == LinkError.PROVIDER,
    )


def _linked(view: ConnectionView) -> str:
    name = TITLES[view.provider]
    if any(each.blocks or each.target for each in view.calendars):
        return f"{name} is connected again. Your choices are as they were."
    if view.mode == "busy" or not view.writes:
        return f"{name} is connected. Now choose which calendars block your slots."
    return f"{name} is connected. Now choose which calendars block your slots, and which one receives appointments."
