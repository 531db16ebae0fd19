"""What people call time zones: the present names of those that browsers report by an old one, and the zones that a
typed word may mean.

Chromium and others name zones as CLDR does, which never renames (CLDR, common/bcp47/timezone.xml: where the attribute
`iana` differs from the first alias). Both names of a pair mean the same zone in the IANA database.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from importlib import resources

_PRESENT = {
    "Africa/Asmera": "Africa/Asmara",
    "America/Buenos_Aires": "America/Argentina/Buenos_Aires",
    "America/Catamarca": "America/Argentina/Catamarca",
    "America/Coral_Harbour": "America/Atikokan",
    "America/Cordoba": "America/Argentina/Cordoba",
    "America/Godthab": "America/Nuuk",
    "America/Indianapolis": "America/Indiana/Indianapolis",
    "America/Jujuy": "America/Argentina/Jujuy",
    "America/Louisville": "America/Kentucky/Louisville",
    "America/Mendoza": "America/Argentina/Mendoza",
    "Asia/Calcutta": "Asia/Kolkata",
    "Asia/Katmandu": "Asia/Kathmandu",
    "Asia/Rangoon": "Asia/Yangon",
    "Asia/Saigon": "Asia/Ho_Chi_Minh",
    "Atlantic/Faeroe": "Atlantic/Faroe",
    "Europe/Kiev": "Europe/Kyiv",
    "Pacific/Enderbury": "Pacific/Kanton",
    "Pacific/Ponape": "Pacific/Pohnpei",
    "Pacific/Truk": "Pacific/Chuuk",
}


def present_name(zone: str) -> str:
    """The name that people there know a zone by."""
    return _PRESENT.get(zone, zone)


_CITIES = {
    "bangalore": "Asia/Kolkata",
    "barcelona": "Europe/Madrid",
    "beijing": "Asia/Shanghai",
    "bengaluru": "Asia/Kolkata",
    "bombay": "Asia/Kolkata",
    "boston": "America/New_York",
    "cape town": "Africa/Johannesburg",
    "chennai": "Asia/Kolkata",
    "delhi": "Asia/Kolkata",
    "frankfurt": "Europe/Berlin",
    "geneva": "Europe/Zurich",
    "hamburg": "Europe/Berlin",
    "hanoi": "Asia/Ho_Chi_Minh",
    "the hague": "Europe/Amsterdam",
    "houston": "America/Chicago",
    "miami": "America/New_York",
    "milan": "Europe/Rome",
    "montreal": "America/Toronto",
    "mumbai": "Asia/Kolkata",
    "munich": "Europe/Berlin",
    "münchen": "Europe/Berlin",
    "new delhi": "Asia/Kolkata",
    "nyc": "America/New_York",
    "osaka": "Asia/Tokyo",
    "ottawa": "America/Toronto",
    "philadelphia": "America/New_York",
    "rio de janeiro": "America/Sao_Paulo",
    "rotterdam": "Europe/Amsterdam",
    "san francisco": "America/Los_Angeles",
    "seattle": "America/Los_Angeles",
    "st petersburg": "Europe/Moscow",
    "tel aviv": "Asia/Jerusalem",
    "washington": "America/New_York",
}
"""Large cities after which no zone is named, and the zone that is kept there (IANA zone.tab)."""
_OFFSET = re.compile(r"(?:utc|gmt)?([+-])(\d{1,2})(?::?00)?", re.ASCII)
MOST_MEANT = 6


def meant(typed: str, zones: Iterable[str]) -> tuple[str, ...]:
    """Which of `zones` somebody may mean who typed this: one if it is clear, several to choose from, none if nothing
    fits. A zone is known by its name, by the city that ends it, by its country, or by a whole number of hours from UTC;
    case, accents, blanks, punctuation and what follows a comma do not matter. A word that only begins cities offers
    these."""
    known = frozenset(zones)
    word = typed.strip()
    if word in known:
        return (present_name(word),)
    plain = _plain(word)
    if offset := _OFFSET.fullmatch(re.sub(r"\s", "", word.casefold()).replace("−", "-")):
        # The signs of these names are turned round: Etc/GMT-3 is three hours ahead of UTC (POSIX).
        sign, hours = ("-" if offset[1] == "+" else "+"), int(offset[2])
        name = "Etc/UTC" if hours == 0 else f"Etc/GMT{sign}{hours}"
        return (name,) if name in known else ()
    if not plain:
        return ()
    names = _by_name(known)
    city = _plain(word.partition(",")[0])
    exact = names.get(plain, ()) or names.get(city, ()) or _in_country(plain, known)
    if exact or len(plain) < 3:
        return exact[:MOST_MEANT]
    return tuple(sorted({zone for name, some in names.items() if name.startswith(plain) for zone in some}))[:MOST_MEANT]


@lru_cache(maxsize=4)
def _by_name(zones: frozenset[str]) -> dict[str, tuple[str, ...]]:
    """By what may be typed: the zones that it names. Names of files that are no places (Etc/, posix/) by all of it."""
    found: dict[str, set[str]] = {}
    for zone in zones:
        shown = present_name(zone)
        parts = zone.split("/")
        own = {zone} if parts[0] in {"Etc", "posix", "right", "SystemV"} else {zone, parts[-1]}
        for name in own:
            found.setdefault(_plain(name), set()).add(shown)
    for city, zone in _CITIES.items():
        if zone in zones:
            found.setdefault(_plain(city), set()).add(zone)
    return {name: tuple(sorted(some)) for name, some in found.items()}


def _in_country(name: str, known: frozenset[str]) -> tuple[str, ...]:
    """The zones of a country, those with most people first (IANA zone.tab)."""
    return tuple(present_name(zone) for zone in _countries().get(name, ()) if zone in known)


@lru_cache(maxsize=1)
def _countries() -> dict[str, tuple[str, ...]]:
    """The zones by each name of a country (IANA iso3166.tab, in which a second name stands in parentheses). Of a
    country with many those that differ from now on (zonenow.tab): nobody chooses among four towns of Indiana."""
    zones: dict[str, list[str]] = {}
    for code, _, zone, *_ in _lines("zone.tab"):
        zones.setdefault(code, []).append(zone)
    differ = {zone for _, _, zone, *_ in _lines("zonenow.tab")}
    found: dict[str, tuple[str, ...]] = {}
    for code, names in _lines("iso3166.tab"):
        own = zones.get(code, [])
        few = [zone for zone in own if zone in differ] if len(own) > MOST_MEANT else []
        for name in filter(None, re.split(r"[()]", names)):
            found.setdefault(_plain(name), tuple(few or own))
    return found


def _lines(table: str) -> Iterable[list[str]]:
    text = (resources.files("tzdata") / "zoneinfo" / table).read_text(encoding="utf-8")
    return (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))


def _plain(text: str) -> str:
    """Without case, accents, blanks and punctuation: `São Paulo` is `Sao_Paulo`."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(each for each in letters if each.isalnum())
