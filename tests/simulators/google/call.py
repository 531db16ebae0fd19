"""A checked call and who may see or change what with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.simulators.google.calendar import Calendar
from tests.simulators.google.discovery import SCOPE, Method, Query
from tests.simulators.google.errors import ApiError, Json, scope_missing
from tests.simulators.google.tokens import Access
from tests.simulators.google.world import GoogleWorld

_OWNED = {SCOPE + "calendar.events.owned", SCOPE + "calendar.events.owned.readonly"}
_OPEN = SCOPE + "calendar.events.public.readonly"
_AVAILABLE = SCOPE + "calendar.events.freebusy"
_CREATED = SCOPE + "calendar.app.created"


@dataclass(frozen=True, kw_only=True)
class Call:
    """A checked call: the method of the document, its parameters and body, and who calls."""

    world: GoogleWorld
    method: Method
    access: Access
    path: Mapping[str, str]
    query: Query
    body: Json
    headers: Mapping[str, str]

    @property
    def email(self) -> str:
        return self.access.grant.email

    @property
    def scopes(self) -> frozenset[str]:
        """Those of the caller's scopes that open this method."""
        return self.access.scopes & self.method.scopes

    def calendar(self, *, write: bool = False) -> tuple[Calendar, bool]:
        """The calendar of the path, and whether only its availability may be seen. Raises ApiError 403, 404."""
        calendar, role = self.world.reach(self.email, self.path["calendarId"])
        scopes = set(self.scopes) - {_OPEN}
        if role != "owner":
            scopes -= _OWNED
        if calendar.created_by != self.access.grant.app.client_id:
            scopes.discard(_CREATED)
        if not scopes:
            raise scope_missing()
        if write and role not in ("owner", "writer", "writerWithoutPrivateAccess"):
            raise ApiError(403, "requiredAccessLevel", "You need to have writer access to this calendar.")
        return calendar, role == "freeBusyReader" or scopes == {_AVAILABLE}
