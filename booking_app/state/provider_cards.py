"""The calendar providers in the words of the admin's page. Pure; instants are epoch seconds UTC."""

from __future__ import annotations

from collections.abc import Sequence

from booking_app.services.letters.words import lasting
from booking_app.services.provider_apps import AppView
from booking_app.state.calendar_cards import MARKS
from booking_app.state.link_lines import COMPANIES
from booking_app.state.views_setup import FindingLine, ProviderCard
from booking_app.sync.findings import CREDENTIALS, Finding, Verdict

_VERDICTS = {
    Verdict.OK: ("in order", "ok"),
    Verdict.WARN: ("worth a look", "warn"),
    Verdict.BAD: ("to mend", "bad"),
    Verdict.UNKNOWN: ("not known yet", ""),
}
"""Verdict -> (word, tone)."""


def card(app: AppView, now: int, findings: Sequence[FindingLine] = ()) -> ProviderCard:
    """A provider as it stands, with what the doctor said of it before."""
    word, tone = _standing(app, findings)
    return ProviderCard(
        key=app.provider,
        name=COMPANIES[app.provider],
        mark=MARKS[app.provider],
        word=word,
        tone=tone,
        sentence=_sentence(app, now, findings),
        simulated=app.simulated,
        ready=app.ready,
        client_id=app.client_id,
        has_secret=app.has_secret,
        cloud=app.cloud,
        tenant=app.tenant,
        testing=app.testing,
        redirect=app.redirect,
        webhook=app.webhook,
        findings=tuple(findings),
    )


def finding(found: Finding) -> FindingLine:
    word, tone = _VERDICTS[found.verdict]
    return FindingLine(name=found.name, word=word, tone=tone, sentence=found.sentence, mend=found.mend)


def summary(findings: Sequence[FindingLine]) -> str:
    """What the doctor found, in a sentence."""
    bad = sum(each.tone == "bad" for each in findings)
    warn = sum(each.tone == "warn" for each in findings)
    if bad:
        return "1 thing has to be mended." if bad == 1 else f"{bad} things have to be mended."
    if warn:
        return "It works; 1 thing to look at." if warn == 1 else f"It works; {warn} things to look at."
    unknown = any(each.tone == "" for each in findings)
    return "Nothing is wrong as far as can be told from here." if unknown else "All is in order."


def _in_order(findings: Sequence[FindingLine]) -> bool:
    """Whether the doctor looked and found nothing that stops anybody; the provider itself took the credentials."""
    taken = any(each.name == CREDENTIALS and each.tone == "ok" for each in findings)
    return taken and not any(each.tone == "bad" for each in findings)


def _standing(app: AppView, findings: Sequence[FindingLine]) -> tuple[str, str]:
    if not app.ready:
        return "not set up", ""
    if app.trouble or app.closed:
        return "refused", "bad"
    if app.consented_at is not None:
        return "works", "ok"
    return ("ready", "ok") if _in_order(findings) else ("not tried yet", "warn")


def _sentence(app: AppView, now: int, findings: Sequence[FindingLine]) -> str:
    if not app.ready:
        return "Nobody can link an account of it before its client id and secret are entered."
    if app.trouble or app.closed:
        return app.trouble or app.closed
    if app.consented_at is None and _in_order(findings):
        return (
            "Checked, and nothing stops people from linking. Nobody has yet; the first who does shows it for certain."
        )
    if app.consented_at is None:
        return "Entered, and nobody has connected an account yet. Let it be checked below."
    many = "1 account is connected" if app.accounts == 1 else f"{app.accounts or 'No'} accounts are connected"
    return f"{many}. Somebody last came back from its consent page {lasting(now - app.consented_at)} ago."
