"""The words of the staff's and admins' screens."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from booking_app.domain.appointment import ConnectionState
from booking_app.services.letters.words import lasting
from booking_app.services.people import Bar
from booking_app.services.views_sync import (
    AlertView,
    CalendarView,
    ConnectionView,
    Figures,
    HealthLine,
    ProviderUse,
    SyncPage,
    WaitingView,
)
from booking_app.state import admin_words, calendar_cards, notice_lines, sync_lines
from booking_app.state.session import attention

NOW = 1_800_000_000
HARD = 600


def make_calendar(**overrides: object) -> CalendarView:
    plain = CalendarView(
        uid="c1",
        name="Work",
        colour="#3e63dd",
        unsure_blocks=True,
        blocks=True,
        target=True,
        private=True,
        can_write=True,
        stopped=False,
        age=6,
        problems=0,
        sentence="Up to date.",
    )
    return replace(plain, **overrides)  # type: ignore[arg-type]


def make_connection(**overrides: object) -> ConnectionView:
    plain = ConnectionView(
        uid="u1",
        label="Apple iCloud",
        preset="icloud",
        address="https://caldav.icloud.com/",
        username="anna@example.com",
        state="ok",
        sentence="Up to date.",
        last_success=NOW - 6,
        age=6,
        calendars=(make_calendar(),),
    )
    return replace(plain, **overrides)  # type: ignore[arg-type]


def make_waiting(**overrides: object) -> WaitingView:
    plain = WaitingView(
        id=7, what="Intake", reason="The server is busy.", attempts=2, since=NOW - 240, retry_at=NOW + 30, parked=False
    )
    return replace(plain, **overrides)  # type: ignore[arg-type]


def make_page(*lines: HealthLine, **overrides: object) -> SyncPage:
    figures = Figures(inbound_p50=3.14, inbound_p99=11.84, outbound_p50=0.94, outbound_p99=None, waiting=0, parked=0)
    return replace(SyncPage(lines=lines, other_waiting=(), figures=figures, alerts=()), **overrides)  # type: ignore[arg-type]


def line(owner: str, *waiting: WaitingView, **overrides: object) -> HealthLine:
    return HealthLine(owner=owner, owner_colour="jade", connection=make_connection(**overrides), waiting=waiting)


def test_the_worst_account_stands_first_and_says_what_it_means_for_customers() -> None:
    page = make_page(
        line("Anna"),
        line("Mila", state="slowed", sentence="Reading is disturbed and tried again."),
        line("Chris", make_waiting(), make_waiting(id=8), state="needs_sign_in", age=None),
        line("Bo"),
    )
    lines = sync_lines.lines(page, NOW, HARD)
    assert [each.name.split(" ")[0] for each in lines] == ["Chris", "Mila", "Anna", "Bo"]
    assert lines[0].bad
    assert lines[0].word == "needs sign-in"
    assert "slots are withheld" in lines[0].sentence
    assert lines[0].sentence.endswith("2 changes wait to be written.")
    assert lines[0].read_at == 0
    assert lines[2].word == "fresh"
    assert lines[2].read_at == NOW - 6
    assert lines[2].uses == "1 calendar blocks, Work receives"
    assert lines[2].address == "anna@example.com"
    assert [each.act for each in lines] == ["ask", "read", "read", "read"]
    assert admin_words.sync_sentence([(each.word, each.tone) for each in lines]) == (
        "2 of 4 calendar accounts work. One needs its owner. One is slowed."
    )


def test_data_that_is_too_old_is_called_unreadable_and_stands_above_what_is_only_slowed() -> None:
    page = make_page(
        line("Anna", state="slowed", age=30),
        line("Bo", state="slowed", age=601),
        line("Cy", state="slowed", age=None, calendars=(make_calendar(age=None),)),
        line("Di", state="slowed", age=None, calendars=(make_calendar(blocks=False),)),
    )
    lines = sync_lines.lines(page, NOW, HARD)
    assert [(each.name[:2], each.word, each.tone) for each in lines] == [
        ("Bo", "cannot be read", "bad"),
        ("Cy", "cannot be read", "bad"),
        ("An", "slowed", "warn"),
        ("Di", "slowed", "warn"),
    ]
    assert admin_words.sync_sentence([(each.word, each.tone) for each in lines]) == (
        "0 of 4 calendar accounts work. 2 cannot be read. 2 are slowed."
    )
    assert calendar_cards.card(make_connection(state="slowed", age=601), NOW, HARD).word == "cannot be read"


def test_an_account_in_which_nothing_was_chosen_is_not_called_fresh() -> None:
    calendars = (make_calendar(blocks=False, target=False, age=None),)
    [shown] = sync_lines.lines(make_page(line("Anna", age=None, calendars=calendars)), NOW, HARD)
    assert (shown.word, shown.tone, shown.uses) == ("choose calendars", "warn", "nothing is chosen yet")
    assert shown.sentence.startswith("Connected. Its owner has not chosen")
    assert shown.act == ""
    assert admin_words.sync_sentence([(shown.word, shown.tone)]) == (
        "0 of 1 calendar accounts work. One waits until its calendars are chosen."
    )
    card = calendar_cards.card(make_connection(age=None, calendars=calendars), NOW, HARD)
    assert (card.word, card.tone, card.unused) == ("choose calendars", "warn", True)


def test_the_figures_say_what_waits_and_since_when() -> None:
    empty = sync_lines.figures(make_page(), NOW)
    assert [each.value for each in empty] == ["3.1 s", "0.9 s", "–", "0"]
    assert empty[0].more == "Half of all changes were seen within 3.1 s, nearly all within 12 s"
    assert empty[1].more == "Half of all bookings were written within 0.9 s"
    figures = Figures(inbound_p50=None, inbound_p99=None, outbound_p50=None, outbound_p99=None, waiting=1, parked=1)
    busy = sync_lines.figures(make_page(line("Chris", make_waiting(), age=41), figures=figures), NOW)
    assert [each.value for each in busy] == ["–", "–", "41 s", "2"]
    assert busy[0].more == "No change was seen in the last 24 hours"
    assert busy[2].more == "Chris"
    assert busy[3].more == "Since 4 min · 1 for somebody to look at"


def test_p41_requests_are_shown_of_providers_that_somebody_linked() -> None:
    use = (
        ProviderUse(provider="google", title="Google", sent=1234, allowed=10_000, per_account=False),
        ProviderUse(provider="microsoft", title="Microsoft", sent=7, allowed=1_000, per_account=True),
    )
    assert len(sync_lines.figures(make_page(line("Anna")), NOW, use)) == 4
    google = sync_lines.figures(make_page(line("Anna", provider="google")), NOW, use)
    assert [(each.what, each.value) for each in google[4:]] == [("Requests to Google", "1,234")]
    assert google[4].more == "By this process in the last minute; 10,000 are allowed"
    both = make_page(line("Anna", provider="google"), line("Bo", provider="microsoft"))
    assert sync_lines.figures(both, NOW, use)[5].more.endswith("1,000 are allowed for each account")


def test_waiting_work_says_when_it_is_tried_again() -> None:
    assert sync_lines.queued(make_waiting(), NOW).retry == "again in 30 s"
    assert sync_lines.queued(make_waiting(retry_at=NOW - 1), NOW).retry == "tried now"
    assert sync_lines.queued(make_waiting(retry_at=None, parked=True), NOW).retry == "waits for somebody"
    [notice] = notice_lines.notices((AlertView(id=1, message="Look.", since=NOW),))
    assert (notice.message, notice.since) == ("Look.", NOW)


def test_every_state_of_a_connection_has_a_word_and_a_place() -> None:
    for state in ConnectionState:
        assert admin_words.state_word(state)[0]
        assert state in admin_words.WORST_FIRST


def test_p27_a_stopped_calendar_asks_its_owner() -> None:
    sentence = "12 events vanished at once. We kept the old copy."
    stopped = calendar_cards.line(make_calendar(stopped=True, sentence=sentence))
    assert (stopped.stopped, stopped.trouble, stopped.note) == (True, sentence, "")
    reading = calendar_cards.line(make_calendar(age=None, sentence="Being read for the first time."))
    assert (reading.trouble, reading.note) == ("", "Being read for the first time.")
    assert calendar_cards.line(make_calendar()).note == ""


def test_a_calendars_colour_becomes_a_style_only_if_it_is_one() -> None:
    assert calendar_cards.line(make_calendar(colour="#FF2968FF")).colour == "#FF2968"
    for hostile in ("red;background:url(//x)", "#12", "", "#12345g"):
        assert calendar_cards.line(make_calendar(colour=hostile)).colour == ""


def test_what_is_chosen_spans_all_accounts() -> None:
    views = (
        make_connection(),
        make_connection(
            calendars=(
                make_calendar(uid="c2", name="Choir", target=False),
                make_calendar(uid="c3", blocks=False, target=False),
            )
        ),
    )
    assert calendar_cards.chosen(views) == ({"c1", "c2"}, "c1")
    assert calendar_cards.name_of(views, "c2") == "“Choir” of anna@example.com"
    assert calendar_cards.name_of(views, "unknown") == "The calendar"


def test_an_account_at_a_server_of_ones_own_says_where() -> None:
    assert calendar_cards.card(make_connection(), NOW, HARD).account == "anna@example.com"
    other = calendar_cards.card(make_connection(preset="other", label="dav.example.com", username="anna"), NOW, HARD)
    assert (other.name, other.account) == ("CalDAV", "anna · dav.example.com")


def test_durations_and_names_in_few_words() -> None:
    assert [lasting(each) for each in (0.4, 59, 60, 3600, 86400 * 2, 86400 * 5)] == [
        "0 s",
        "59 s",
        "1 min",
        "1 h",
        "2 days",
        "5 days",
    ]
    assert [admin_words.initials(each) for each in ("Anna Berg", "Mila", "(x) 9", "")] == ["AB", "MI", "(X", ""]
    assert admin_words.week_words(date(2027, 2, 22), date(2027, 3, 1)) == "22 February – 1 March"


def test_the_pill_is_worded_for_whoever_has_to_act() -> None:
    def pill(number: int, own: int = 0, sign_in: int = 0) -> str:
        return attention(Bar(colour="", zone="", need_attention=number, own=own, sign_in=sign_in))

    assert pill(0) == ""
    assert [pill(each, own=each) for each in (1, 2)] == ["1 calendar needs you", "2 calendars need you"]
    assert [pill(each, sign_in=each) for each in (1, 2)] == [
        "1 account needs its owner",
        "2 accounts need their owners",
    ]
    assert [pill(1), pill(3, own=1, sign_in=1)] == ["1 account needs a look", "3 accounts need a look"]


def linked(**overrides: object) -> ConnectionView:
    plain: dict[str, object] = {"preset": "google", "provider": "google", "by_consent": True}
    return make_connection(**plain | overrides)


def test_an_account_whose_provider_refuses_this_installation_cannot_be_read_and_an_admin_is_led_there() -> None:
    reason = "Google Calendar does not accept this installation."
    sentence = "Reading is disturbed and tried again. " + reason
    refused = HealthLine(
        owner="Joost",
        owner_colour="jade",
        connection=linked(state="slowed", age=60, reason=reason, sentence=sentence),
        waiting=(),
    )
    alert = AlertView(id=1, message="It refuses.", since=NOW, provider="google")
    page = make_page(line("Anna"), line("Bo", state="slowed", age=60), refused, alerts=(alert,))
    lines = sync_lines.lines(page, NOW, HARD)
    assert [(each.name, each.word, each.tone, each.act) for each in lines] == [
        ("Joost · Google Calendar", "cannot be read", "bad", "mend"),
        ("Bo · iCloud", "slowed", "warn", "read"),
        ("Anna · iCloud", "fresh", "ok", "read"),
    ]
    assert lines[0].sentence == "Cannot be read until the credentials are mended. " + reason
    assert admin_words.sync_sentence([(each.word, each.tone) for each in lines]) == (
        "1 of 3 calendar accounts work. One cannot be read. One is slowed."
    )
    assert sync_lines.lines(replace(page, alerts=()), NOW, HARD)[0].word == "slowed"


def test_a_link_that_ends_soon_works_and_is_not_called_slowed() -> None:
    page = make_page(HealthLine(owner="Jo", owner_colour="", connection=linked(ends_at=NOW + 3600), waiting=()))
    [shown] = sync_lines.lines(page, NOW, HARD)
    assert (shown.word, shown.tone) == ("ends soon", "warn")
    assert admin_words.sync_sentence([(shown.word, shown.tone)]) == "The one calendar account works. One ends soon."


def test_an_account_that_lets_nobody_in_is_for_its_owner_also_if_that_is_the_reader() -> None:
    page = make_page(replace(line("Anna", state="needs_sign_in"), owner_id=4))
    [theirs] = sync_lines.lines(page, NOW, HARD, asked={"u1": NOW - 60}, me=5)
    assert (theirs.act, theirs.asked_at) == ("ask", NOW - 60)
    [own] = sync_lines.lines(page, NOW, HARD, me=4)
    assert (own.act, own.asked_at) == ("own", 0)


def test_who_receives_no_appointments_is_named() -> None:
    nothing = (make_calendar(target=False),)
    one = make_page(line("Anna", calendars=nothing), line("Anna"), line("Bo", calendars=nothing))
    assert sync_lines.unreceived(make_page(line("Anna"))) == ""
    assert sync_lines.unreceived(one) == "Bo has no calendar that receives appointments."
    many = make_page(*(line(name, calendars=nothing) for name in "ABCDEFG"))
    assert sync_lines.unreceived(many) == (
        "7 people have no calendar that receives appointments: A, B, C, D, E and 2 others."
    )


def test_the_share_of_changes_without_a_push_is_shown_where_it_is_known() -> None:
    page = make_page()
    assert len(sync_lines.figures(page, NOW)) == 4
    figures = sync_lines.figures(replace(page, figures=replace(page.figures, without_push=0.023)), NOW)
    assert [each.value for each in figures if "push" in each.what] == ["2 %"]


def test_p25_an_appointment_that_needs_a_decision_is_said_beside_accounts_that_work() -> None:
    alerts = (AlertView(id=1, message="Moved.", since=NOW, moved=5), AlertView(id=2, message="Look.", since=NOW))
    notices = notice_lines.notices(alerts)
    assert [each.moved for each in notices] == [5, 0]
    assert notice_lines.undecided(notices) == " One appointment needs a decision."
    assert notice_lines.undecided(notices[1:]) == ""


def test_p27_an_admin_finds_each_stopped_calendar_with_its_sentence() -> None:
    calendars = (make_calendar(uid="c1", stopped=True, sentence="8 of 8 events disappeared."), make_calendar(uid="c2"))
    [shown] = sync_lines.lines(make_page(line("Anna", state="stopped", calendars=calendars)), NOW, HARD)
    assert [(each.uid, each.name, each.sentence) for each in shown.stopped] == [
        ("c1", "Work of Anna", "8 of 8 events disappeared.")
    ]
