"""A checked call: who calls, with which permissions, and what the query and the headers say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tests.simulators.microsoft import views
from tests.simulators.microsoft.errors import Json, bad_query, denied, invalid
from tests.simulators.microsoft.mailbox import Calendar, Span
from tests.simulators.microsoft.schema import read_body
from tests.simulators.microsoft.tokens import Access

if TYPE_CHECKING:
    from tests.simulators.microsoft.world import MicrosoftWorld, User

_READERS = frozenset({"Calendars.Read", "Calendars.ReadWrite", "Calendars.Read.Shared", "Calendars.ReadWrite.Shared"})
_BASIC = _READERS | {"Calendars.ReadBasic"}
_WRITERS = frozenset({"Calendars.ReadWrite", "Calendars.ReadWrite.Shared"})
_LONGEST_VIEW = timedelta(days=1825)


@dataclass(frozen=True, kw_only=True)
class Call:
    """`path` are the decoded segments after the version; `raw` the path as it came, relative to the API."""

    world: MicrosoftWorld
    access: Access
    user: User
    method: str
    path: tuple[str, ...]
    raw: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    content: bytes
    prefs: views.Prefs

    @property
    def scopes(self) -> frozenset[str]:
        return self.access.scopes

    @property
    def basic(self) -> bool:
        """Whether the caller may see no content."""
        return not self.scopes & _READERS

    def need(self, *scopes: str) -> None:
        """Raises GraphError 403 unless one of them was granted."""
        if not self.scopes & frozenset(scopes):
            raise denied()

    def may_look(self) -> None:
        self.need(*_BASIC)

    def may_read(self) -> None:
        """Extended properties too."""
        self.need(*_READERS)

    def may_write(self) -> None:
        self.need(*_WRITERS)

    def only(self, *names: str) -> None:
        """Raises GraphError 400 for any other query option."""
        for name in self.query:
            if name not in names:
                raise bad_query(f"The query parameter '{name}' is not supported.")

    def calendar(self, segment: str | None) -> Calendar:
        """The named calendar, or the default one. Raises GraphError 400, 404."""
        return self.user.mailbox.default if segment is None else self.user.mailbox.calendar(segment)

    def span(self) -> Span:
        """The window of a view. Raises GraphError 400."""
        bounds: list[datetime] = []
        for name in ("startDateTime", "endDateTime"):
            if not self.query.get(name):
                raise invalid(
                    "This request requires a time window specified by the query string parameters StartDateTime and "
                    "EndDateTime."
                )
            bounds.append(views.date_of(self.query[name], name))
        if bounds[1] < bounds[0]:
            raise invalid("The value of endDateTime must not be before startDateTime.")
        if bounds[1] - bounds[0] > _LONGEST_VIEW:
            raise invalid("The time window is longer than 1825 days.", "ErrorCalendarViewRangeTooBig")
        return bounds[0], bounds[1]

    def body(self) -> Json:
        """Raises GraphError 400."""
        return read_body(self.content, self.headers.get("content-type", ""))
