"""This installation at a calendar provider: its credentials, the addresses to register there, and the doctor."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import reflex as rx

from booking_app.components.elements import button, field, icon, pill, text_input
from booking_app.components.linking import simulation
from booking_app.components.status_badge import status_badge
from booking_app.state.providers import ProvidersState
from booking_app.state.views_setup import FindingLine
from booking_app.sync import vendors
from booking_app.sync.model import Mode

ON: Any = ProvidersState

_CLOUDS = {
    "": "Worldwide",
    "usgov": "US government (GCC High)",
    "dod": "US government (DoD)",
    "china": "China, operated by 21Vianet",
}
_STEPS = {
    "google": (
        "In the Google Cloud console (console.cloud.google.com), create a project. Under APIs & Services, Library, "
        "enable the Google Calendar API.",
        "Under Google Auth Platform, fill in Branding. Under Audience, choose Internal if only your own Workspace is "
        "to link accounts, else External.",
        "If it is External: still under Audience, press “Publish app”, so that the publishing status reads “In "
        "production”. While it reads “Testing”, each link ends after 7 days.",
        "Under Data access, add the permissions that are listed below.",
        "Under Clients, create one of the type Web application, with the redirect address from above, copied exactly. "
        "Notifications need nothing there.",
        "Copy the client id and the client secret into this page and save, then let it be checked.",
    ),
    "microsoft": (
        "In the Entra admin centre (entra.microsoft.com), open App registrations and make a new one. For supported "
        "account types, choose any organisation and personal accounts, unless only one organisation is to use it.",
        "Add the redirect address from above, copied exactly, for the platform Web. Notifications need nothing there.",
        "Under API permissions, add the permissions of Microsoft Graph that are listed below, all of them delegated.",
        "Under Certificates & secrets, make a client secret and copy its Value at once. It is not shown again, and it "
        "expires: note when.",
        "Copy the Application (client) ID and that Value into this page and save, then let it be checked.",
    ),
}


def provider_card(key: str, card: Any) -> rx.Component:
    """`key` is `google` or `microsoft`, `card` the var that holds it."""
    return rx.el.section(
        rx.el.div(
            rx.el.span(card.mark, class_name="cx-mark", aria_hidden="true"),
            rx.el.div(
                rx.el.div(
                    rx.el.h2(card.name, class_name="cx-title"),
                    rx.cond(card.simulated, simulation()),
                ),
                rx.el.p(card.sentence, class_name="tiny"),
                class_name="cx-name",
            ),
            status_badge(card.word, card.tone),
            class_name="cx-head",
        ),
        _part(
            "Addresses to register", _address("Redirect address", card.redirect, key, "redirect"), _webhook(key, card)
        ),
        _part("Credentials", _help(key, card), _form(key, card)),
        _part("Check", _doctor(key, card)),
        class_name="card cx",
        aria_label="Calendar provider " + card.name,
    )


def _part(title: str, *children: rx.Component) -> rx.Component:
    return rx.el.div(rx.el.h3(title), *children, class_name="pr-part")


def _address(label: str, address: Any, key: str, name: str) -> rx.Component:
    return rx.el.div(
        rx.el.span(label, class_name="label"),
        rx.el.div(
            # Text and no field: it has to be read whole, also on a phone.
            rx.el.code(address, id=f"{key}-{name}", class_name="pr-url"),
            button(
                icon("copy"),
                "Copy",
                extra="compact",
                on_click=[rx.set_clipboard(address), ON.copied()],
                aria_label="Copy the " + label.lower(),
            ),
            class_name="linkbox",
        ),
        class_name="pr-address",
    )


def _webhook(key: str, card: Any) -> rx.Component:
    return rx.fragment(
        _address("Notification address", card.webhook, key, "webhook"),
        rx.el.p(
            "Changes are told to the notification address. It must be reachable from the internet by https, and "
            "is registered by the program itself.",
            class_name="tiny",
        ),
    )


def _form(key: str, card: Any) -> rx.Component:
    state = ProvidersState
    microsoft = key == "microsoft"
    return rx.el.form(
        rx.el.input(type="hidden", name="provider", value=key),
        _field(
            key,
            "Application (client) ID" if microsoft else "Client id",
            "client_id",
            default_value=card.client_id,
        ),
        rx.cond(
            card.has_secret & (state.replacing != key),
            rx.el.div(
                rx.el.span("Client secret", class_name="label"),
                rx.el.div(
                    pill("set", tone="ok"),
                    button(
                        "Replace",
                        extra="compact",
                        id=f"{key}-replace",
                        on_click=ON.replace(key),
                        aria_label=f"Replace the client secret of {key.title()}",
                    ),
                    class_name="row",
                ),
                rx.el.span("Kept encrypted and never shown again.", class_name="hint tiny"),
                class_name="field",
            ),
            rx.el.div(
                _field(
                    key,
                    "Client secret (its Value)" if microsoft else "Client secret",
                    "secret",
                    type="password",
                    hint="Kept encrypted and never shown again.",
                ),
                rx.cond(
                    card.has_secret,
                    rx.el.div(
                        button("Keep the stored one", kind="quiet", extra="compact", on_click=ON.replace(key)),
                    ),
                ),
                class_name="stack-8",
            ),
        ),
        *((_place(key, card)) if microsoft else (_testing(key, card),)),
        rx.el.div(
            button(
                rx.cond(state.saving == key, "Saving…", "Save"),
                kind="primary",
                type="submit",
                aria_disabled=state.saving == key,
                aria_label=f"Save {key.title()}",
            ),
            rx.cond(card.ready, button("Forget", kind="quiet", on_click=ON.ask(key))),
            class_name="actions",
        ),
        on_submit=ON.save,
        class_name="form",
        no_validate=True,
    )


def _field(key: str, label: str, name: str, *, hint: str = "", **props: Any) -> rx.Component:
    full = f"{key}-{name}"
    error = rx.cond(ProvidersState.wrong == full, ProvidersState.message, "")
    return field(
        label,
        text_input(full, error=error, auto_complete="off", spell_check=False, auto_capitalize="none", **props),
        name=full,
        error=error,
        hint=hint,
    )


def _place(key: str, card: Any) -> Sequence[rx.Component]:
    """Whose accounts may be linked, and in which of Microsoft's clouds they are."""
    wrong = rx.cond(ProvidersState.wrong == f"{key}-cloud", ProvidersState.message, "")
    return (
        _field(
            key,
            "Tenant",
            "tenant",
            default_value=card.tenant,
            hint="common: everybody. organizations: work and school accounts. consumers: personal accounts. Or one "
            "organisation, by its id or domain.",
        ),
        field(
            "Cloud",
            rx.el.select(
                *(rx.el.option(label, value=value) for value, label in _CLOUDS.items()),
                name=f"{key}-cloud",
                id=f"{key}-cloud",
                default_value=card.cloud,
                class_name="input",
            ),
            name=f"{key}-cloud",
            error=wrong,
        ),
    )


def _testing(key: str, card: Any) -> rx.Component:
    return rx.el.label(
        rx.el.input(
            type="checkbox",
            role="switch",
            name=f"{key}-testing",
            default_checked=card.testing,
            class_name="switch",
        ),
        rx.el.span(
            rx.el.b("The app is in “Testing”"),
            rx.el.span(
                "See Google Auth Platform, Audience. While it is, only listed test users can link accounts, and each "
                "link ends after 7 days. Publish the app there, then switch this off.",
                class_name="tiny",
            ),
        ),
        class_name="pr-switch",
    )


def _help(key: str, card: Any) -> rx.Component:
    """What to do at the provider; it comes before the fields, and is open for as long as it is still to be done."""
    vendor = vendors.google() if key == "google" else vendors.microsoft()
    full = vendor.scopes[Mode.FULL]
    less = [each for each in vendor.scopes[Mode.BUSY] if each not in full]
    return rx.el.details(
        rx.el.summary("How to register", class_name="pr-how"),
        rx.el.ol(*(rx.el.li(step) for step in _STEPS[key])),
        rx.el.p("Permissions, the narrowest that do the job:", class_name="tiny"),
        _scopes(full),
        rx.el.p("Besides, for people who link “busy times only”; without these they cannot:", class_name="tiny"),
        _scopes(less),
        open=~card.ready,
        class_name="pr-help",
    )


def _scopes(scopes: Sequence[str]) -> rx.Component:
    return rx.el.ul(*(rx.el.li(rx.el.code(*_breakable(each))) for each in scopes), class_name="pr-scopes")


def _breakable(name: str) -> list[Any]:
    """A long name that breaks after its dots and slashes and not within a word."""
    parts = re.findall(r"[^./]*[./]+|[^./]+$", name)
    return [piece for part in parts for piece in (part, rx.el.wbr())]


def _doctor(key: str, card: Any) -> rx.Component:
    checking = ProvidersState.checking == key
    return rx.el.div(
        rx.cond(
            card.findings,
            rx.el.ul(rx.foreach(card.findings, _finding), class_name="pr-findings", aria_label="Findings"),
            rx.el.p(
                "Looks whether the credentials are accepted, whether the addresses lead here, and what else would stop "
                "people from linking their accounts. Nothing is changed.",
                class_name="small",
            ),
        ),
        rx.el.div(
            button(
                icon("stethoscope"),
                rx.cond(checking, "Looking…", rx.cond(card.findings, "Check again", "Check")),
                on_click=ON.check(key),
                aria_disabled=ProvidersState.checking != "",
                aria_label=f"Check {key.title()}",
            ),
            class_name="actions",
        ),
        aria_busy=checking,
        class_name="stack-8",
    )


def _finding(found: FindingLine) -> rx.Component:
    return rx.el.li(
        rx.el.div(status_badge(found.word, found.tone), class_name="pr-word"),
        rx.el.div(
            rx.el.b(found.name),
            rx.el.p(found.sentence, class_name="small"),
            rx.cond(found.mend != "", rx.el.p(found.mend, class_name="small pr-mend")),
        ),
        key=found.name,
    )
