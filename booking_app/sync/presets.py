"""The kinds of calendar account that can be connected."""

from __future__ import annotations

import re
from dataclasses import dataclass

from booking_app.domain.errors import Invalid
from booking_app.services.views_sync import PresetView
from booking_app.sync.model import Credentials


@dataclass(frozen=True, kw_only=True, slots=True)
class Preset:
    """What a person reads about it, and which adapter speaks to it."""

    view: PresetView
    provider: str = "caldav"


PRESETS = {
    each.view.key: each
    for each in (
        Preset(
            view=PresetView(
                key="icloud",
                name="Apple iCloud",
                address="https://caldav.icloud.com/",
                hint="Use an app-specific password from account.apple.com, not your Apple password. It opens mail and "
                "contacts too, so it is kept encrypted here. Changing your Apple password revokes it.",
            )
        ),
        Preset(
            view=PresetView(
                key="fastmail",
                name="Fastmail",
                address="https://caldav.fastmail.com/dav/",
                hint="Use an app password for calendars: Settings, Privacy & Security, App passwords.",
            )
        ),
        Preset(
            view=PresetView(
                key="nextcloud",
                name="Nextcloud",
                address="",
                hint="The address of your Nextcloud, like https://cloud.example.com, and an app password from "
                "Settings, Security.",
            )
        ),
        Preset(
            view=PresetView(
                key="other",
                name="Another CalDAV server",
                address="",
                hint="The CalDAV address from your provider's help pages, or your mail address there if the provider "
                "announces its calendars, and your user name.",
            )
        ),
    )
}


_ADDRESS = re.compile(r"https?://[^\s/@]+(/\S*)?", re.IGNORECASE)
_MAIL = re.compile(r"(mailto:)?(?P<plain>[^\s/@:]+@[^\s/@:]+\.[^\s/@:.]+)", re.IGNORECASE)


def credentials_of(kind: Preset, address: str, username: str, secret: str) -> Credentials:
    """What was typed for an account of this kind; a mail address stands for the calendar server of its domain (RFC
    6764), and for the user name if there is none. Raises `Invalid` naming `address`, `username` or `secret`."""
    place = kind.view.address or address
    if not place:
        raise Invalid("address", "Enter the address of the calendar server.")
    mail = _MAIL.fullmatch(place)
    if mail:
        place = mail["plain"]
        username = username or place
    elif "://" not in place:
        place = f"https://{place}"
    if not mail and not _ADDRESS.fullmatch(place):
        raise Invalid("address", "This is not an address. Enter one like https://calendar.example.com.")
    if not username:
        raise Invalid("username", "Enter the user name of the calendar account.")
    if not secret:
        raise Invalid("secret", "Enter the password.")
    return Credentials(address=place, username=username, secret=secret)


def server_of(address: str) -> str:
    """Where an account is, for people: the server of its URL, with the port if it has one; of a mail address, the
    domain."""
    return address.rpartition("@")[2] if "://" not in address else address.split("/")[2]
