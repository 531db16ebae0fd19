"""What Windows and Outlook show for their time zones, and write as TZID where they write no VTIMEZONE.

The closed list of Microsoft ("Default Time Zones", and the names that earlier versions of Windows and Exchange showed),
without the offset in front, which changed over the years: "(UTC-05:00) Eastern Time (US & Canada)".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

_SHOWN = {
    "Dateline Standard Time": "International Date Line West|Eniwetok, Kwajalein",
    "UTC-11": "Coordinated Universal Time-11",
    "Aleutian Standard Time": "Aleutian Islands",
    "Hawaiian Standard Time": "Hawaii",
    "Marquesas Standard Time": "Marquesas Islands",
    "Alaskan Standard Time": "Alaska",
    "UTC-09": "Coordinated Universal Time-09",
    "Pacific Standard Time (Mexico)": "Baja California|Tijuana, Baja California",
    "UTC-08": "Coordinated Universal Time-08",
    "Pacific Standard Time": "Pacific Time (US & Canada)|Pacific Time (US & Canada); Tijuana",
    "US Mountain Standard Time": "Arizona",
    "Mountain Standard Time (Mexico)": (
        "La Paz, Mazatlan|Chihuahua, La Paz, Mazatlan|Chihuahua, La Paz, Mazatlan - New"
    ),
    "Mountain Standard Time": "Mountain Time (US & Canada)",
    "Yukon Standard Time": "Yukon",
    "Central America Standard Time": "Central America",
    "Central Standard Time": "Central Time (US & Canada)",
    "Easter Island Standard Time": "Easter Island",
    "Central Standard Time (Mexico)": (
        "Guadalajara, Mexico City, Monterrey|Guadalajara, Mexico City, Monterrey - New|Mexico City"
        "|Mexico City, Tegucigalpa"
    ),
    "Canada Central Standard Time": "Saskatchewan",
    "SA Pacific Standard Time": "Bogota, Lima, Quito, Rio Branco|Bogota, Lima, Quito",
    "Eastern Standard Time (Mexico)": "Chetumal",
    "Eastern Standard Time": "Eastern Time (US & Canada)",
    "Haiti Standard Time": "Haiti",
    "Cuba Standard Time": "Havana",
    "US Eastern Standard Time": "Indiana (East)",
    "Turks And Caicos Standard Time": "Turks and Caicos",
    "Paraguay Standard Time": "Asuncion",
    "Atlantic Standard Time": "Atlantic Time (Canada)",
    "Venezuela Standard Time": "Caracas",
    "Central Brazilian Standard Time": "Cuiaba|Manaus",
    "SA Western Standard Time": "Georgetown, La Paz, Manaus, San Juan|La Paz|Caracas, La Paz",
    "Pacific SA Standard Time": "Santiago",
    "Newfoundland Standard Time": "Newfoundland",
    "Tocantins Standard Time": "Araguaina",
    "E. South America Standard Time": "Brasilia",
    "SA Eastern Standard Time": "Cayenne, Fortaleza|Georgetown|Buenos Aires, Georgetown",
    "Argentina Standard Time": "City of Buenos Aires|Buenos Aires",
    "Greenland Standard Time": "Greenland",
    "Montevideo Standard Time": "Montevideo",
    "Magallanes Standard Time": "Punta Arenas",
    "Saint Pierre Standard Time": "Saint Pierre and Miquelon",
    "Bahia Standard Time": "Salvador",
    "UTC-02": "Coordinated Universal Time-02|Mid-Atlantic - Old|Mid-Atlantic",
    "Azores Standard Time": "Azores",
    "Cape Verde Standard Time": "Cabo Verde Is.|Cape Verde Is.",
    "UTC": "Coordinated Universal Time",
    "GMT Standard Time": (
        "Dublin, Edinburgh, Lisbon, London|Greenwich Mean Time : Dublin, Edinburgh, Lisbon, London"
        "|Greenwich Mean Time: Dublin, Edinburgh, Lisbon, London"
    ),
    "Greenwich Standard Time": "Monrovia, Reykjavik|Casablanca, Monrovia, Reykjavik|Casablanca, Monrovia",
    "Sao Tome Standard Time": "Sao Tome",
    "Morocco Standard Time": "Casablanca",
    "W. Europe Standard Time": "Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna",
    "Central Europe Standard Time": "Belgrade, Bratislava, Budapest, Ljubljana, Prague",
    "Romance Standard Time": "Brussels, Copenhagen, Madrid, Paris",
    "Central European Standard Time": (
        "Sarajevo, Skopje, Warsaw, Zagreb|Sarajevo, Skopje, Sofija, Vilnius, Warsaw, Zagreb"
    ),
    "W. Central Africa Standard Time": "West Central Africa",
    "Jordan Standard Time": "Amman",
    "GTB Standard Time": (
        "Athens, Bucharest|Athens, Bucharest, Istanbul|Athens, Istanbul, Minsk|Athens, Beirut, Istanbul, Minsk"
    ),
    "Middle East Standard Time": "Beirut",
    "Egypt Standard Time": "Cairo",
    "E. Europe Standard Time": "Chisinau|Bucharest|E. Europe",
    "Syria Standard Time": "Damascus",
    "West Bank Standard Time": "Gaza, Hebron",
    "South Africa Standard Time": "Harare, Pretoria",
    "FLE Standard Time": (
        "Helsinki, Kyiv, Riga, Sofia, Tallinn, Vilnius|Helsinki, Kiev, Riga, Sofia, Tallinn, Vilnius"
        "|Helsinki, Riga, Tallinn"
    ),
    "Israel Standard Time": "Jerusalem",
    "South Sudan Standard Time": "Juba",
    "Kaliningrad Standard Time": "Kaliningrad|Kaliningrad (RTZ 1)",
    "Sudan Standard Time": "Khartoum",
    "Libya Standard Time": "Tripoli",
    "Namibia Standard Time": "Windhoek",
    "Arabic Standard Time": "Baghdad",
    "Turkey Standard Time": "Istanbul",
    "Arab Standard Time": "Kuwait, Riyadh",
    "Belarus Standard Time": "Minsk",
    "Russian Standard Time": (
        "Moscow, St. Petersburg|Moscow, St. Petersburg, Volgograd|Moscow, St. Petersburg, Volgograd (RTZ 2)"
    ),
    "E. Africa Standard Time": "Nairobi",
    "Volgograd Standard Time": "Volgograd",
    "Iran Standard Time": "Tehran",
    "Arabian Standard Time": "Abu Dhabi, Muscat",
    "Astrakhan Standard Time": "Astrakhan, Ulyanovsk",
    "Azerbaijan Standard Time": "Baku",
    "Russia Time Zone 3": "Izhevsk, Samara|Izhevsk, Samara (RTZ 3)",
    "Mauritius Standard Time": "Port Louis",
    "Saratov Standard Time": "Saratov",
    "Georgian Standard Time": "Tbilisi",
    "Caucasus Standard Time": "Yerevan|Baku, Tbilisi, Yerevan",
    "Afghanistan Standard Time": "Kabul",
    "West Asia Standard Time": "Ashgabat, Tashkent|Tashkent|Islamabad, Karachi, Tashkent",
    "Qyzylorda Standard Time": "Astana",
    "Ekaterinburg Standard Time": "Ekaterinburg|Ekaterinburg (RTZ 4)",
    "Pakistan Standard Time": "Islamabad, Karachi",
    "India Standard Time": (
        "Chennai, Kolkata, Mumbai, New Delhi|Calcutta, Chennai, Mumbai, New Delhi|Bombay, Calcutta, Madras, New Delhi"
    ),
    "Sri Lanka Standard Time": "Sri Jayawardenepura",
    "Nepal Standard Time": "Kathmandu",
    "Central Asia Standard Time": "Bishkek|Astana, Dhaka|Astana, Almaty, Dhaka",
    "Bangladesh Standard Time": "Dhaka",
    "Omsk Standard Time": "Omsk",
    "N. Central Asia Standard Time": "Novosibirsk|Almaty, Novosibirsk|Novosibirsk (RTZ 5)",
    "Myanmar Standard Time": "Yangon (Rangoon)|Rangoon",
    "SE Asia Standard Time": "Bangkok, Hanoi, Jakarta",
    "Altai Standard Time": "Barnaul, Gorno-Altaysk",
    "W. Mongolia Standard Time": "Hovd",
    "North Asia Standard Time": "Krasnoyarsk|Krasnoyarsk (RTZ 6)",
    "Tomsk Standard Time": "Tomsk",
    "China Standard Time": "Beijing, Chongqing, Hong Kong, Urumqi|Beijing, Chongqing, Hong Kong SAR, Urumqi",
    "North Asia East Standard Time": "Irkutsk|Irkutsk, Ulaan Bataar|Irkutsk, Ulaanbaatar|Irkutsk (RTZ 7)",
    "Singapore Standard Time": "Kuala Lumpur, Singapore",
    "W. Australia Standard Time": "Perth",
    "Taipei Standard Time": "Taipei",
    "Ulaanbaatar Standard Time": "Ulaanbaatar",
    "Aus Central W. Standard Time": "Eucla",
    "Transbaikal Standard Time": "Chita",
    "Tokyo Standard Time": "Osaka, Sapporo, Tokyo",
    "North Korea Standard Time": "Pyongyang",
    "Korea Standard Time": "Seoul",
    "Yakutsk Standard Time": "Yakutsk|Yakutsk (RTZ 8)",
    "Cen. Australia Standard Time": "Adelaide",
    "AUS Central Standard Time": "Darwin",
    "E. Australia Standard Time": "Brisbane",
    "AUS Eastern Standard Time": "Canberra, Melbourne, Sydney",
    "West Pacific Standard Time": "Guam, Port Moresby",
    "Tasmania Standard Time": "Hobart",
    "Vladivostok Standard Time": "Vladivostok|Vladivostok, Magadan (RTZ 9)",
    "Lord Howe Standard Time": "Lord Howe Island",
    "Bougainville Standard Time": "Bougainville Island",
    "Russia Time Zone 10": "Chokurdakh|Chokurdakh (RTZ 10)",
    "Magadan Standard Time": "Magadan",
    "Norfolk Standard Time": "Norfolk Island",
    "Sakhalin Standard Time": "Sakhalin",
    "Central Pacific Standard Time": "Solomon Is., New Caledonia|Magadan, Solomon Is., New Caledonia",
    "Russia Time Zone 11": "Anadyr, Petropavlovsk-Kamchatsky|Anadyr, Petropavlovsk-Kamchatsky (RTZ 11)",
    "New Zealand Standard Time": "Auckland, Wellington",
    "UTC+12": "Coordinated Universal Time+12|Petropavlovsk-Kamchatsky - Old",
    "Fiji Standard Time": "Fiji|Fiji, Kamchatka, Marshall Is.|Fiji Islands, Kamchatka, Marshall Islands",
    "Chatham Islands Standard Time": "Chatham Islands",
    "UTC+13": "Coordinated Universal Time+13",
    "Tonga Standard Time": "Nuku'alofa",
    "Samoa Standard Time": "Samoa",
    "Line Islands Standard Time": "Kiritimati Island",
}
_OFFSET = re.compile(r"\((?:UTC|GMT)\s*(?:([+-])\s*(\d{1,2}):?(\d{2}))?\)\s*", re.IGNORECASE)


def windows_name(shown: str) -> str | None:
    """The Windows name of the zone that is shown so, with or without its offset in front."""
    return _by_text().get(_key(_OFFSET.sub("", shown, count=1)))


def offset_before(shown: str) -> int | None:
    """The offset from UTC in seconds with which the name begins, as in `(GMT -05:00)`: that of winter, as shown."""
    match = _OFFSET.match(shown)
    if match is None:
        return None
    seconds = int(match[2] or 0) * 3600 + int(match[3] or 0) * 60
    return -seconds if match[1] == "-" else seconds


def _key(text: str) -> str:
    return " ".join(text.lower().split())


@lru_cache(maxsize=1)
def _by_text() -> Mapping[str, str]:
    return {_key(text): name for name, texts in _SHOWN.items() for text in texts.split("|")}
