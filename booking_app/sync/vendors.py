"""The providers that are linked by consent: their addresses and what we ask of people. Facts, no requests.

Sources: Google's discovery document (calendar v3) for what each scope opens; Microsoft identity platform, "OAuth 2.0
authorization code flow" and "National clouds".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from booking_app.sync.model import Mode

_GOOGLE = "https://www.googleapis.com/auth/"


@dataclass(frozen=True, kw_only=True, slots=True)
class Vendor:
    """`api` ends with a slash. `scopes` by mode, narrowest that do the job; `required` are those without which nothing
    works in that mode, the others only take something away; `writes` is the one that lets us write. `asks` is what else
    the consent page is asked for. `revoke` None: the provider has no such endpoint."""

    name: str
    title: str
    authorize: str
    token: str
    revoke: str | None
    api: str
    scopes: Mapping[Mode, tuple[str, ...]]
    required: Mapping[Mode, frozenset[str]]
    writes: str
    asks: Mapping[str, str]
    simulated: bool = False


GOOGLE_LIST = _GOOGLE + "calendar.calendarlist.readonly"
GOOGLE_WRITE = _GOOGLE + "calendar.events.owned"
GOOGLE_READ = _GOOGLE + "calendar.events.readonly"
GOOGLE_FREEBUSY = _GOOGLE + "calendar.freebusy"
GOOGLE_BUSY_EVENTS = _GOOGLE + "calendar.events.freebusy"
GRAPH_READ = "Calendars.Read"
GRAPH_WRITE = "Calendars.ReadWrite"
GRAPH_BASIC = "Calendars.ReadBasic"

CLOUDS: Mapping[str, tuple[str, str]] = {
    "": ("https://login.microsoftonline.com", "https://graph.microsoft.com"),
    "usgov": ("https://login.microsoftonline.us", "https://graph.microsoft.us"),
    "dod": ("https://login.microsoftonline.us", "https://dod-graph.microsoft.us"),
    "china": ("https://login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn"),
}
"""National cloud -> (where people sign in, Graph); the empty name is the worldwide one."""


def google(base: str = "") -> Vendor:
    """Google Calendar; `base` is the one address of a simulator that stands in for all of Google's hosts."""
    return Vendor(
        name="google",
        title="Google Calendar",
        authorize=f"{base or 'https://accounts.google.com'}/o/oauth2/v2/auth",
        token=f"{base or 'https://oauth2.googleapis.com'}/token",
        revoke=f"{base or 'https://oauth2.googleapis.com'}/revoke",
        api=f"{base or 'https://www.googleapis.com'}/calendar/v3/",
        scopes={
            Mode.FULL: ("openid", "email", GOOGLE_LIST, GOOGLE_READ, GOOGLE_WRITE, GOOGLE_FREEBUSY),
            Mode.BUSY: ("openid", "email", GOOGLE_LIST, GOOGLE_BUSY_EVENTS),
        },
        required={
            Mode.FULL: frozenset({GOOGLE_LIST, GOOGLE_READ}),
            Mode.BUSY: frozenset({GOOGLE_LIST, GOOGLE_BUSY_EVENTS}),
        },
        writes=GOOGLE_WRITE,
        # A refresh token comes only so, and what was granted before stays granted.
        asks={"access_type": "offline", "prompt": "consent", "include_granted_scopes": "true"},
        simulated=bool(base),
    )


def microsoft(base: str = "", *, cloud: str = "", tenant: str = "common") -> Vendor:
    """Outlook and Microsoft 365 through Graph, in a national `cloud`; `base` as for `google`."""
    login, graph = (base, base) if base else CLOUDS[cloud]
    resource = "https://graph.microsoft.com" if base else graph
    return Vendor(
        name="microsoft",
        title="Outlook",
        authorize=f"{login}/{tenant}/oauth2/v2.0/authorize",
        token=f"{login}/{tenant}/oauth2/v2.0/token",
        revoke=None,
        api=f"{graph}/v1.0/",
        scopes={
            Mode.FULL: (
                "openid",
                "email",
                "profile",
                "offline_access",
                f"{resource}/{GRAPH_READ}",
                f"{resource}/{GRAPH_WRITE}",
            ),
            Mode.BUSY: ("openid", "email", "profile", "offline_access", f"{resource}/{GRAPH_BASIC}"),
        },
        required={
            Mode.FULL: frozenset({f"{resource}/{GRAPH_READ}"}),
            Mode.BUSY: frozenset({f"{resource}/{GRAPH_BASIC}"}),
        },
        writes=f"{resource}/{GRAPH_WRITE}",
        asks={"prompt": "select_account"},
        simulated=bool(base),
    )
