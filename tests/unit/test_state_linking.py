"""Accounts that are linked by consent, and the providers, in the words of the pages."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from booking_app.services.link_words import LinkError
from booking_app.services.views_sync import AlertView, ConnectionView
from booking_app.state import admin_words, calendar_cards, link_lines, notice_lines, provider_cards, sync_lines
from booking_app.state.views_calendars import Arrival
from booking_app.state.views_setup import FindingLine, ProviderCard
from booking_app.sync.findings import CREDENTIALS, Finding, Verdict
from tests.factories import make_app
from tests.unit.test_state_admin import HARD, NOW, line, make_calendar, make_connection, make_page

DAY = 86_400


WORKS: dict[str, object] = {"accounts": 2, "consented_at": NOW - 7200}
BOTH = (make_app(), make_app(provider="microsoft", ready=False))


def make_linked(**overrides: object) -> ConnectionView:
    plain = make_connection(
        preset="google", provider="google", by_consent=True, username="anna@gmail.example", zone="Europe/Amsterdam"
    )
    return replace(plain, **overrides)  # type: ignore[arg-type]


def test_only_what_was_set_up_is_offered_and_the_rest_is_named() -> None:
    [google] = link_lines.offers(BOTH)
    assert (google.name, google.href, google.busy) == (
        "Google Calendar",
        "/oauth/google/start?mode=full",
        "/oauth/google/start?mode=busy",
    )
    assert link_lines.not_set_up(BOTH) == "Outlook"
    assert link_lines.not_set_up([replace(each, ready=False) for each in BOTH]) == "Google Calendar and Outlook"
    assert link_lines.not_set_up([make_app()]) == ""


def test_who_comes_back_with_an_account_is_led_to_the_choice_of_its_calendars() -> None:
    unused = (make_calendar(blocks=False, target=False),)
    come = {"linked": "u1"}
    new = link_lines.arrival(come, [make_linked(calendars=unused)], BOTH)
    assert (new.uid, new.tone) == ("u1", "ok")
    assert "which calendars block your slots, and which one receives" in new.sentence
    busy = link_lines.arrival(come, [make_linked(calendars=unused, mode="busy", writes=False)], BOTH)
    assert "receives" not in busy.sentence
    again = link_lines.arrival(come, [make_linked()], BOTH)
    assert again.sentence == "Google Calendar is connected again. Your choices are as they were."


@pytest.mark.parametrize("uid", ["somebody-elses", "", "<script>"])
def test_an_address_that_somebody_made_up_says_nothing(uid: str) -> None:
    assert link_lines.arrival({"linked": uid}, [make_linked()], BOTH) == Arrival()
    assert link_lines.arrival({"link_error": uid, "provider": uid}, [make_linked()], BOTH) == Arrival()
    hostile = {"link_error": "denied", "provider": "<b>google", "scopes": "<b>x"}
    assert "<" not in link_lines.arrival(hostile, [], BOTH).sentence


def test_each_error_says_what_to_do_next() -> None:
    for code in LinkError:
        come = {"link_error": code.value, "provider": "google", "scopes": "calendar.events.readonly"}
        said = link_lines.arrival(come, [], BOTH)
        assert said.uid == ""
        assert said.tone in ("warn", "bad")
        assert said.sentence.endswith(".")
        helps = code not in (LinkError.OTHER_ACCOUNT, LinkError.ADMIN_CONSENT, LinkError.TAKEN)
        assert bool(said.again) is helps, code
        assert said.setup is (code is LinkError.PROVIDER)
    missing = {"link_error": "missing", "provider": "google", "scopes": "calendar.events.readonly"}
    assert "to see when you are busy was left out" in link_lines.arrival(missing, [], BOTH).sentence


def test_an_account_that_is_connected_already_is_named() -> None:
    come = {"link_error": "taken", "provider": "google"}
    said = link_lines.arrival(come, [make_linked()], BOTH).sentence
    assert said.startswith("anna@gmail.example is connected already.")
    two = [make_linked(), make_linked(uid="u2", username="bo@gmail.example")]
    assert "(anna@gmail.example or bo@gmail.example)" in link_lines.arrival(come, two, BOTH).sentence
    assert link_lines.arrival(come, [], BOTH).sentence.startswith("This account is connected already.")


def test_p22_while_a_provider_refuses_us_nobody_is_sent_there_and_no_owner_is_asked_to_mend_it() -> None:
    refused = make_app(trouble="Google does not accept this installation.")
    [offer] = link_lines.offers([refused])
    assert (offer.refused, offer.company) == (True, "Google")
    assert not link_lines.offers([make_app()])[0].refused
    assert link_lines.arrival({"link_error": "provider", "provider": "google"}, [], [refused]).again == ""
    view = make_linked(state="slowed", reason="The client secret is wrong.", sentence="The client secret is wrong.")
    card = calendar_cards.card(view, NOW, HARD, (), ("google",))
    assert "Your admin has to mend that" in card.refused
    assert (card.sentence, card.word) == ("", "waits for your admin")
    lost = calendar_cards.card(replace(view, state="needs_sign_in", age=None), NOW, HARD, (), ("google",))
    assert "nothing for you to do" not in lost.refused
    assert "not offered until that is over" in lost.refused
    assert calendar_cards.card(view, NOW, HARD, (), ("microsoft",)).refused == ""


def test_one_name_for_each_provider() -> None:
    outlook = make_linked(
        preset="microsoft", provider="microsoft", calendars=(make_calendar(blocks=False, target=False),)
    )
    [offer] = link_lines.offers([make_app(provider="microsoft")])
    came = link_lines.arrival({"linked": "u1"}, [outlook], BOTH).sentence
    failed = link_lines.arrival({"link_error": "denied", "provider": "microsoft"}, [], BOTH).sentence
    card = calendar_cards.card(outlook, NOW, HARD)
    assert (card.name, offer.name) == ("Outlook", "Outlook")
    assert came.startswith("Outlook is connected.")
    assert failed.startswith("Outlook was not connected,")


def test_two_accounts_at_one_provider_are_told_apart() -> None:
    views = (make_linked(), make_linked(uid="u2", username="bo@gmail.example"))
    cards = [calendar_cards.card(each, NOW, HARD) for each in views]
    assert [each.full_name for each in cards] == [
        "Google Calendar, anna@gmail.example",
        "Google Calendar, bo@gmail.example",
    ]
    assert cards[1].calendars[0].account == "Google Calendar, bo@gmail.example"
    named = make_linked(calendars=(make_calendar(name="anna@gmail.example"),))
    assert calendar_cards.name_of((named,), "c1") == "“anna@gmail.example”"


def test_trying_again_is_offered_only_where_it_can_help() -> None:
    come = {"link_error": "denied", "provider": "google"}
    assert link_lines.arrival(come, [], BOTH).again == "/oauth/google/start?mode=full"
    assert link_lines.arrival(come, [make_linked()], BOTH).again == ""
    assert link_lines.arrival({"link_error": "denied", "provider": "microsoft"}, [], BOTH).again == ""


def test_p20_an_account_whose_consent_ended_asks_to_be_linked_again_not_for_a_password() -> None:
    card = calendar_cards.card(make_linked(state="needs_sign_in", age=None, reason="It was withdrawn."), NOW, HARD)
    assert (card.needs_link, card.needs_password) == (True, False)
    assert card.again == "/oauth/google/start?connection=u1"
    assert (card.mark, card.name, card.account) == ("G", "Google Calendar", "anna@gmail.example")
    password = calendar_cards.card(make_connection(state="needs_sign_in", age=None), NOW, HARD)
    assert (password.needs_link, password.needs_password, password.provider) == (False, True, "")
    [shown] = sync_lines.lines(
        make_page(
            replace(line("Anna"), connection=make_linked(state="needs_sign_in", age=None, reason="It was withdrawn."))
        ),
        NOW,
        HARD,
    )
    assert shown.sentence == "It was withdrawn. The slots are withheld until its owner links the account again."


@pytest.mark.parametrize(("left", "soon"), [(3 * DAY, False), (2 * DAY - 1, True), (-5, True)])
def test_p21_the_end_of_a_link_is_predicted_and_asks_in_time(left: int, soon: bool) -> None:
    view = make_linked(ends_at=NOW + left)
    card = calendar_cards.card(view, NOW, HARD)
    assert card.ends_soon is soon
    assert card.ends == admin_words.moment_words(NOW + left, "Europe/Amsterdam")
    [shown] = sync_lines.lines(make_page(replace(line("Anna"), connection=view)), NOW, HARD)
    assert card.ends in shown.ends
    assert (shown.word, shown.tone) == (("ends soon", "warn") if soon else ("fresh", "ok"))
    if left == 3 * DAY:
        assert shown.ends.startswith("Its link ends by itself in 3 days, on ")


def test_p21_a_link_that_has_ended_or_never_ends_predicts_nothing() -> None:
    for view in (make_linked(), make_linked(ends_at=NOW + 60, state="needs_sign_in", age=None)):
        card = calendar_cards.card(view, NOW, HARD)
        assert (card.ends, card.ends_soon) == ("", False)
        assert sync_lines.lines(make_page(replace(line("Anna"), connection=view)), NOW, HARD)[0].ends == ""


def test_busy_times_only_offers_more_and_a_missing_permission_is_told_apart_from_it() -> None:
    busy = calendar_cards.card(make_linked(mode="busy", writes=False), NOW, HARD)
    assert busy.upgrade == "/oauth/google/start?mode=full&connection=u1"
    assert not busy.read_only
    unticked = calendar_cards.card(make_linked(writes=False), NOW, HARD)
    assert (unticked.upgrade, unticked.read_only) == ("", True)
    assert not calendar_cards.card(make_linked(), NOW, HARD).read_only


def test_a_simulation_is_called_one_wherever_it_shows() -> None:
    assert calendar_cards.card(make_linked(), NOW, HARD, ("google",)).simulated
    assert not calendar_cards.card(make_linked(), NOW, HARD, ("microsoft",)).simulated
    page = make_page(replace(line("Anna"), connection=make_linked()), line("Bo"))
    assert [each.simulated for each in sync_lines.lines(page, NOW, HARD, ("google", "caldav"))] == [True, False]
    assert link_lines.offers([make_app(simulated=True)])[0].simulated
    assert provider_cards.card(make_app(simulated=True), NOW).simulated


def test_what_happens_to_the_consent_is_said_before_disconnecting() -> None:
    assert "revoked at Google" in link_lines.revocation("google")
    assert "only you withdraw it" in link_lines.revocation("microsoft")
    assert link_lines.revocation("") == ""
    assert "password" not in admin_words.disconnected("remove", "kept", by_consent=True)
    assert "password" in admin_words.disconnected("remove", "kept")


def test_p22_a_provider_that_refuses_us_is_one_line_on_top() -> None:
    alerts = (
        AlertView(id=1, message="Older.", since=NOW - 60),
        AlertView(id=2, message="Google does not accept this installation.", since=NOW, provider="google"),
    )
    notices = notice_lines.notices(alerts)
    assert [(each.id, each.provider) for each in notices] == [(2, "google"), (1, "")]


@pytest.mark.parametrize(
    ("changes", "word", "tone", "sentence"),
    [
        ({"ready": False}, "not set up", "", "Nobody can link"),
        ({"trouble": "Google does not accept this installation."}, "refused", "bad", "Google does not accept"),
        ({}, "not tried yet", "warn", "nobody has connected"),
        (WORKS, "works", "ok", "2 accounts are connected. Somebody last came back from its consent page 2 h ago."),
        (WORKS | {"closed": "The Calendar API is switched off."}, "refused", "bad", "switched off"),
        (WORKS | {"accounts": 1}, "works", "ok", "1 account is connected."),
        (WORKS | {"accounts": 0}, "works", "ok", "No accounts are connected."),
    ],
)
def test_a_provider_says_in_words_how_it_stands(
    changes: dict[str, object], word: str, tone: str, sentence: str
) -> None:
    card = provider_cards.card(make_app(**changes), NOW)
    assert (card.word, card.tone) == (word, tone)
    assert sentence in card.sentence


def test_the_page_of_the_providers_has_no_place_for_a_secret() -> None:
    assert not {each.name for each in fields(ProviderCard)} & {"secret", "client_secret"}


def test_the_doctor_sums_up_the_worst_that_it_found() -> None:
    tones = {verdict: provider_cards.finding(Finding(name="x", verdict=verdict, sentence="y")) for verdict in Verdict}
    assert [each.tone for each in tones.values()] == ["ok", "warn", "bad", ""]
    assert len({each.word for each in tones.values()}) == 4

    def summed(*verdicts: Verdict) -> str:
        found: list[FindingLine] = [tones[each] for each in verdicts]
        return provider_cards.summary(found)

    assert summed(Verdict.OK, Verdict.BAD, Verdict.WARN) == "1 thing has to be mended."
    assert summed(Verdict.BAD, Verdict.BAD) == "2 things have to be mended."
    assert summed(Verdict.WARN, Verdict.UNKNOWN) == "It works; 1 thing to look at."
    assert summed(Verdict.OK, Verdict.UNKNOWN) == "Nothing is wrong as far as can be told from here."
    assert summed(Verdict.OK) == "All is in order."


def found(verdict: Verdict, name: str = CREDENTIALS) -> FindingLine:
    return provider_cards.finding(Finding(name=name, verdict=verdict, sentence="It is so."))


def test_after_a_good_check_nobody_is_sent_to_the_check_again() -> None:
    untried = make_app()
    before = provider_cards.card(untried, NOW)
    assert (before.word, before.tone) == ("not tried yet", "warn")
    assert "checked below" in before.sentence
    good = (found(Verdict.OK), found(Verdict.UNKNOWN, "Redirect address"), found(Verdict.WARN, "Public address"))
    after = provider_cards.card(untried, NOW, good)
    assert (after.word, after.tone) == ("ready", "ok")
    assert after.sentence.startswith("Checked, and nothing stops people from linking.")
    for bad in ((found(Verdict.UNKNOWN),), (*good, found(Verdict.BAD, "Clock"))):
        assert provider_cards.card(untried, NOW, bad).word == "not tried yet"
    assert provider_cards.card(make_app(**WORKS), NOW, good).word == "works"
