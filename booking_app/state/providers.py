"""`/admin/providers`: what this installation is registered as at Google and Microsoft, and whether that works."""

from __future__ import annotations

import json
from typing import Any

import reflex as rx

from booking_app import runtime
from booking_app.domain.appointment import Role
from booking_app.domain.errors import BookingError, Invalid
from booking_app.services import provider_apps
from booking_app.state import provider_cards
from booking_app.state.admin_words import epoch
from booking_app.state.focus import focus
from booking_app.state.guard import guarded, secret_text, short_text
from booking_app.state.link_lines import COMPANIES
from booking_app.state.views_setup import FindingLine, ProviderCard

PAGE = "/admin/providers"
_STORED = """
((tenant) => { const field = document.getElementById("microsoft-tenant"); if (field) field.value = tenant; })(%s)
"""
_NO_ANSWER = "This could not be looked at just now. Please try again."


class ProvidersState(rx.State):
    """Both providers; `wrong` is the field (`google-secret`) that `message` is about."""

    loaded: bool = False
    google: ProviderCard = ProviderCard()
    microsoft: ProviderCard = ProviderCard()
    wrong: str = ""
    message: str = ""
    saving: str = ""
    checking: str = ""
    """The provider that is being saved, or looked at by the doctor."""
    replacing: str = ""
    """The provider whose stored secret is about to be replaced."""
    forgetting: str = ""
    forgetting_name: str = ""
    said: str = ""

    @rx.event
    @guarded(Role.ADMIN)
    async def open(self) -> None:
        self.wrong = self.message = self.saving = self.checking = self.said = ""
        self.replacing = self.forgetting = ""
        self.google = self.microsoft = ProviderCard()
        await self._draw()
        self.loaded = True

    @rx.event
    @guarded(Role.ADMIN)
    async def save(self, form: dict[str, Any]) -> Any:
        """Store what was entered for one provider; what is wrong is said at its field, and what was typed stays."""
        provider = _known(form.get("provider"))
        self.saving, self.wrong, self.message = provider, "", ""
        yield

        def typed(name: str, limit: int) -> str:
            return short_text(form.get(f"{provider}-{name}", ""), name, limit)

        try:
            await provider_apps.save(
                runtime.current().context,
                provider=provider,
                client_id=typed("client_id", 300),
                secret=secret_text(form.get(f"{provider}-secret", "")),
                cloud=typed("cloud", 20),
                tenant=typed("tenant", 100),
                testing=bool(form.get(f"{provider}-testing")),
            )
        except Invalid as error:
            self.wrong, self.message = f"{provider}-{error.field}", str(error)
            yield focus(self.wrong)
        else:
            self.replacing = ""
            self.said = f"Saved. What waited for {COMPANIES[provider]} is tried again now."
            await self._draw(provider, ())
            if provider == "microsoft":
                # What was left empty is stored as what it means: the field, which is the browser's, says so too.
                yield rx.call_script(_STORED % json.dumps(self.microsoft.tenant))
        self.saving = ""

    @rx.event
    @guarded(Role.ADMIN)
    async def replace(self, provider: str) -> Any:
        """Show the field for another secret, or put it away again; the focus goes with it."""
        provider = _known(provider)
        self.replacing = "" if self.replacing == provider else provider
        self.wrong = self.message = ""
        return focus(f"{provider}-secret" if self.replacing else f"{provider}-replace")

    @rx.event
    @guarded(Role.ADMIN)
    async def check(self, provider: str) -> Any:
        """Let the doctor look."""
        provider = _known(provider)
        self.checking = provider
        yield
        try:
            found = await runtime.current().doctor.examine(provider)
        except BookingError:
            self.said = _NO_ANSWER
        else:
            lines = tuple(provider_cards.finding(each) for each in found)
            await self._draw(provider, lines)
            self.said = provider_cards.summary(lines)
        self.checking = ""

    @rx.event
    @guarded(Role.ADMIN)
    async def ask(self, provider: str) -> None:
        """Open the dialog about forgetting the credentials."""
        self.forgetting = _known(provider)
        self.forgetting_name = COMPANIES[self.forgetting]

    @rx.event
    @guarded(Role.ADMIN)
    async def dismiss(self) -> None:
        """Close the dialog; nothing changes."""
        self.forgetting = ""

    @rx.event
    @guarded(Role.ADMIN)
    async def forget(self) -> None:
        """Remove the credentials that the dialog asks about."""
        provider, self.forgetting = _known(self.forgetting), ""
        try:
            await provider_apps.forget(runtime.current().context, provider=provider)
        except BookingError as error:
            self.said = str(error)
        else:
            self.said = f"The credentials for {COMPANIES[provider]} are forgotten."
            self.replacing = ""
            await self._draw(provider, ())

    @rx.event
    @guarded(Role.ADMIN)
    async def copied(self) -> None:
        """An address went to the clipboard."""
        self.said = "Copied."

    @rx.event
    @guarded(Role.ADMIN)
    async def hush(self) -> None:
        """Put the last message away."""
        self.said = ""

    async def _draw(self, provider: str = "", found: tuple[FindingLine, ...] = ()) -> None:
        """Both cards, with `found` by the doctor about one of them; what was found about the other stays."""
        ctx = runtime.current().context
        for app in await provider_apps.listed(ctx):
            shown: ProviderCard = getattr(self, app.provider)
            findings = found if app.provider == provider else shown.findings
            setattr(self, app.provider, provider_cards.card(app, epoch(ctx.now()), findings))


def _known(provider: object) -> str:
    """One of the two, whatever the browser sends; else `Invalid`."""
    if not isinstance(provider, str) or provider not in COMPANIES:
        raise Invalid("provider", "This is not on the page any more. Load it again.")
    return provider
