"""One request to Graph, and what its token and headers let it do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.simulators.microsoft.errors import Json, bad, denied, missing
from tests.simulators.microsoft.tokens import Access
from tests.simulators.microsoft.world import Calendar, MicrosoftWorld, User

READ = frozenset({"Calendars.ReadBasic", "Calendars.Read", "Calendars.ReadWrite"})
WHOLE = frozenset({"Calendars.Read", "Calendars.ReadWrite"})
WRITE = frozenset({"Calendars.ReadWrite"})


@dataclass(frozen=True, kw_only=True)
class Call:
    """One authorized request. `query` has each option once; `body` is the object that was sent."""

    world: MicrosoftWorld
    access: Access
    user: User
    method: str
    query: Mapping[str, str]
    prefer: Mapping[str, str]
    if_match: str | None
    body: Json

    @property
    def immutable(self) -> bool:
        return self.prefer.get("idtype", "").strip('"') == "ImmutableId"

    @property
    def whole(self) -> bool:
        """Whether texts and extended properties are open to the caller."""
        return bool(self.access.scopes & WHOLE)

    def need(self, scopes: Iterable[str]) -> None:
        if not self.access.scopes & frozenset(scopes):
            raise denied()

    def only(self, *options: str) -> None:
        """Raises GraphError 400 for any other query option."""
        if unknown := sorted(set(self.query) - set(options)):
            raise bad(f"The query specified in the URI is not valid: {unknown[0]} is not supported here.")

    def calendar(self, name: str) -> Calendar:
        found = self.user.calendars.get(name)
        if found is None:
            raise missing()
        return found
