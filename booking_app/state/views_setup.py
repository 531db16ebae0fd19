"""What the browsers of admins may see of the team's accounts and of the calendar providers: plain values, in words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class MemberLine:
    """Somebody on the admin's page of people. `removable` by the one who looks."""

    key: str = ""
    slug: str = ""
    account_id: int = 0
    name: str = ""
    initials: str = ""
    colour: str = "none"
    email: str = ""
    role: str = ""
    note: str = ""
    invited: bool = False
    removable: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Handover:
    """A booking that somebody who leaves has ahead."""

    key: str = ""
    when: str = ""
    service: str = ""
    customer: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class FindingLine:
    """One thing that the doctor of a provider looked at; `mend` is empty where nothing is to be done."""

    name: str = ""
    word: str = ""
    tone: str = ""
    sentence: str = ""
    mend: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderCard:
    """This installation at a provider. The secret is not in it: `has_secret` says that there is one.

    `webhook` is empty where nothing has to be registered. `findings` are empty until the doctor was asked."""

    key: str = ""
    name: str = ""
    mark: str = ""
    word: str = ""
    tone: str = ""
    sentence: str = ""
    simulated: bool = False
    ready: bool = False
    client_id: str = ""
    has_secret: bool = False
    cloud: str = ""
    tenant: str = ""
    testing: bool = False
    redirect: str = ""
    webhook: str = ""
    findings: tuple[FindingLine, ...] = ()
