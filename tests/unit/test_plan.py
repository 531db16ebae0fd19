"""What a read of a calendar means, decided without asking anybody."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from booking_app.sync.model import Busy, Delta, OwnEvent, RemoteObject
from booking_app.sync.plan import (
    Breaker,
    Drop,
    Held,
    Ours,
    OwnDeleted,
    Suspect,
    blocks_of,
    events,
    plan,
    stop_reason,
    suspects,
    weighty,
)

OWN = "0e9ba3d0-1111-4222-8333-444455556666-1@booking-app"
TEN, ELEVEN, NOON = 36_000, 39_600, 43_200


def make_object(key: str = "/a.ics", etag: str = '"2"', uid: str = "a@x", **changes: object) -> RemoteObject:
    values: dict[str, object] = {"key": key, "etag": etag, "uid": uid, "busy": (Busy(start=TEN, end=ELEVEN),)}
    return RemoteObject(**(values | changes))  # type: ignore[arg-type]


def make_own(start: int = TEN, end: int = ELEVEN, *, etag: str = '"2"', cancelled: bool = False) -> RemoteObject:
    event = OwnEvent(uid=OWN, start=start, end=end, cancelled=cancelled, sequence=0, fields="f")
    busy = () if cancelled else (Busy(start=start, end=end),)
    return make_object(key="/own.ics", uid=OWN, etag=etag, busy=busy, own=event)


def make_ours(**changes: object) -> Ours:
    values: dict[str, object] = {
        "appointment_id": 7,
        "times": frozenset({(TEN, ELEVEN)}),
        "mirrored": True,
        "key": "/own.ics",
        "etag": '"1"',
        "pending": False,
        "live": True,
    }
    return Ours(**(values | changes))  # type: ignore[arg-type]


def held(count: int, *, missing: bool = False) -> dict[str, Held]:
    return {f"/{n}.ics": Held(etag='"1"', uid=f"{n}@x", missing=missing) for n in range(count)}


def decided(delta: Delta, known: dict[str, Held], ours: dict[str, Ours], confirmed: frozenset[str] = frozenset()):  # type: ignore[no-untyped-def]
    return plan(known, ours, delta, suspected=suspects(known, ours, delta), confirmed=confirmed)


def test_what_a_partial_read_does_not_mention_is_no_suspect() -> None:
    assert suspects(held(3), {}, Delta(objects=(make_object(),))) == frozenset()


def test_what_a_full_read_does_not_show_is_a_suspect_and_unchanged_is_shown() -> None:
    delta = Delta(objects=(), unchanged=frozenset({"/0.ics"}), full=True)
    assert suspects(held(3), {}, delta) == {"/1.ics", "/2.ics"}


def test_what_lies_outside_the_window_is_let_go_without_anybody_having_deleted_it() -> None:
    known = {**held(2), "/own.ics": Held(etag='"1"', uid=OWN)}
    delta = Delta(objects=(), unchanged=frozenset({"/0.ics"}), outside=frozenset({"/1.ics", "/own.ics"}), full=True)
    assert suspects(known, {OWN: make_ours()}, delta) == frozenset()
    found = decided(delta, known, {OWN: make_ours()})
    assert found.drop == (Drop(key="/1.ics"), Drop(key="/own.ics"))
    assert found.deleted == ()


def test_a_removal_of_something_never_known_means_nothing() -> None:
    assert suspects(held(1), {}, Delta(objects=(), gone=frozenset({"/never.ics"}))) == frozenset()


def test_an_unconfirmed_suspect_is_kept_and_asked_for_again() -> None:
    known = held(2)
    delta = Delta(objects=(), gone=frozenset({"/0.ics"}))
    first = decided(delta, known, {})
    assert first.drop == ()
    assert first.suspect == (Suspect(key="/0.ics"),)
    again = {"/0.ics": Held(etag='"1"', uid="0@x", missing=True), "/1.ics": known["/1.ics"]}
    assert suspects(again, {}, Delta(objects=())) == {"/0.ics"}
    assert decided(Delta(objects=()), again, {}, frozenset({"/0.ics"})).drop == (Drop(key="/0.ics"),)


def test_a_missing_object_that_is_shown_again_is_cleared() -> None:
    known = {"/a.ics": Held(etag='"1"', uid="a@x", missing=True)}
    assert decided(Delta(objects=(make_object(),)), known, {}).cleared == {"/a.ics"}


def test_an_echo_of_our_write_changes_nothing() -> None:
    found = decided(Delta(objects=(make_own(etag='"1"'),)), {}, {OWN: make_ours()})
    assert found.moved == ()
    assert found.store[0].busy == ()
    assert found.seen[0].appointment_id == 7


def test_a_move_is_a_move_and_blocks_its_new_time_unless_the_appointment_follows() -> None:
    found = decided(Delta(objects=(make_own(NOON, NOON + 3600),)), {}, {OWN: make_ours()})
    assert [(each.event.start, each.event.end) for each in found.moved] == [(NOON, NOON + 3600)]
    assert found.store[0].busy == (Busy(start=NOON, end=NOON + 3600),)


def test_a_time_whose_writing_was_begun_is_ours() -> None:
    ours = make_ours(times=frozenset({(TEN, ELEVEN), (NOON, NOON + 3600)}))
    found = decided(Delta(objects=(make_own(NOON, NOON + 3600),)), {}, {OWN: ours})
    assert found.moved == ()


def test_while_a_write_is_on_its_way_nothing_is_read_out_of_our_event() -> None:
    ours = {OWN: make_ours(pending=True)}
    assert decided(Delta(objects=(make_own(NOON, NOON + 3600),)), {}, ours).moved == ()
    known = {"/own.ics": Held(etag='"1"', uid=OWN)}
    found = decided(Delta(objects=(), gone=frozenset({"/own.ics"})), known, ours, frozenset({"/own.ics"}))
    assert found.deleted == ()
    assert found.suspect == (Suspect(key="/own.ics"),)


def test_what_was_overtaken_by_our_write_is_left_alone_and_shown_again() -> None:
    ours = {OWN: make_ours(overtaken=True)}
    found = decided(Delta(objects=(make_own(NOON, NOON + 3600),)), {}, ours)
    assert (found.moved, found.seen, found.store) == ((), (), ())
    assert found.overtaken
    echo = decided(Delta(objects=(make_own(etag='"1"'),)), {}, ours)
    assert not echo.overtaken
    assert echo.seen[0].appointment_id == 7
    known = {"/own.ics": Held(etag='"1"', uid=OWN)}
    gone = decided(Delta(objects=(), gone=frozenset({"/own.ics"})), known, ours, frozenset({"/own.ics"}))
    assert (gone.deleted, gone.drop) == ((), ())
    assert gone.suspect == (Suspect(key="/own.ics"),)


def test_an_event_in_conflict_that_is_back_at_its_time_was_moved_there() -> None:
    back = Delta(objects=(make_own(),))
    assert decided(back, {}, {OWN: make_ours()}).moved == ()
    assert decided(back, {}, {OWN: make_ours(conflict=True)}).moved[0].appointment_id == 7


def test_a_confirmed_removal_of_our_event_is_the_owners_decision() -> None:
    known = {"/own.ics": Held(etag='"1"', uid=OWN)}
    found = decided(Delta(objects=(), gone=frozenset({"/own.ics"})), known, {OWN: make_ours()}, frozenset({"/own.ics"}))
    assert found.deleted == (OwnDeleted(appointment_id=7, uid=OWN, key="/own.ics"),)


def test_a_removal_of_a_cancelled_appointments_event_is_nobodys_decision() -> None:
    known = {"/own.ics": Held(etag='"1"', uid=OWN)}
    ours = {OWN: make_ours(live=False)}
    found = decided(Delta(objects=(), gone=frozenset({"/own.ics"})), known, ours, frozenset({"/own.ics"}))
    assert found.deleted == ()
    assert found.drop == (Drop(key="/own.ics"),)


def test_a_copy_of_our_event_under_another_key_is_not_the_event() -> None:
    copy = make_own(NOON, NOON + 3600)
    ours = {OWN: make_ours(key="/original.ics")}
    found = decided(Delta(objects=(copy,)), {}, ours)
    assert found.moved == ()
    assert found.store[0].busy == copy.busy


def test_a_foreign_object_always_blocks() -> None:
    assert blocks_of(make_object(), {(TEN, ELEVEN)}) == make_object().busy


def test_p27_a_handful_is_no_mass() -> None:
    assert stop_reason(5, 5, Breaker()) is None
    assert stop_reason(6, 10_000, Breaker()) == (
        "6 of 10000 events disappeared at once. The last good copy is kept until somebody confirms it."
    )


def test_p27_only_what_lies_ahead_counts_and_a_series_counts_once() -> None:
    known = held(4) | {f"/series/{n}": Held(etag='"1"', uid="series@x") for n in range(9)}
    coming = {"/0.ics", "/1.ics", *(key for key in known if key.startswith("/series"))}
    counted = weighty(known, {}, known, coming=coming, now=TEN)
    assert counted == coming
    assert events(known, counted) == 3


def test_p27_our_own_event_counts_while_its_appointment_lies_ahead_and_is_none_of_our_own_doing() -> None:
    known = {"/own.ics": Held(etag='"1"', uid=OWN)}

    def counts(now: int = TEN, **changes: object) -> bool:
        return bool(weighty(known, {OWN: make_ours(**changes)}, known, coming=(), now=now))

    assert counts()
    assert not counts(now=ELEVEN)
    assert not counts(live=False)
    assert not counts(pending=True)
    assert not counts(mirrored=False)


@given(
    st.integers(0, 60),
    st.sets(st.integers(0, 59)),
    st.sets(st.integers(0, 59)),
    st.sets(st.integers(0, 59)),
    st.booleans(),
)
def test_nothing_is_dropped_that_was_not_suspected_and_confirmed(
    count: int, gone: set[int], shown: set[int], confirmed: set[int], full: bool
) -> None:
    known = held(count)
    delta = Delta(
        objects=tuple(make_object(key=f"/{n}.ics", uid=f"{n}@x") for n in sorted(shown)),
        gone=frozenset(f"/{n}.ics" for n in gone - shown),
        full=full,
    )
    suspected = suspects(known, {}, delta)
    believed = suspected & {f"/{n}.ics" for n in confirmed}
    found = plan(known, {}, delta, suspected=suspected, confirmed=believed)
    assert {each.key for each in found.drop} == believed
    kept = {each.key for each in found.store} | {each.key for each in found.suspect}
    assert not kept & believed
    assert suspected - believed <= kept
