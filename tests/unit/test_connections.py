"""Which connection goes where there is no room for a new one."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from booking_app.run.connections import Connection, Connections


@dataclass(eq=False)
class Line:
    """A transport that notes its end."""

    aborted: bool = False

    def abort(self) -> None:
        self.aborted = True


def opened(connections: Connections, client: str = "192.0.2.1") -> tuple[Line, Connection | None]:
    line = Line()
    return line, connections.add(line, client, 10.0)


def test_a_client_with_too_many_loses_the_one_that_is_idle_longest() -> None:
    connections = Connections(each=2, total=100)
    (first, a), (second, b) = opened(connections), opened(connections)
    assert a is not None
    assert b is not None
    connections.busy(a)
    connections.idle(a)
    assert opened(connections)[1] is not None
    assert (first.aborted, second.aborted) == (False, True)
    assert len(connections) == 2


def test_one_that_works_is_never_closed_for_another() -> None:
    connections = Connections(each=2, total=100)
    lines = [opened(connections) for _ in range(2)]
    for _, made in lines:
        assert made is not None
        connections.busy(made)
    assert opened(connections)[1] is None
    assert not any(line.aborted for line, _ in lines)
    assert opened(connections, "192.0.2.2")[1] is not None


def test_when_all_are_too_many_the_client_that_has_most_makes_room() -> None:
    connections = Connections(each=100, total=6)
    greedy = [opened(connections, "192.0.2.66")[0] for _ in range(4)]
    modest = [opened(connections, f"192.0.2.{number}")[0] for number in range(2)]
    for number in range(2, 4):
        assert opened(connections, f"192.0.2.{number}")[1] is not None
    assert [line.aborted for line in greedy] == [True, True, False, False]
    assert not any(line.aborted for line in modest)


def test_a_client_whose_connections_are_all_in_use_keeps_nobody_else_out() -> None:
    connections = Connections(each=6, total=20)
    for _ in range(6):
        _, made = opened(connections, "192.0.2.66")
        assert made is not None
        connections.busy(made)
    silent = [opened(connections, f"192.0.2.{number}")[0] for number in range(14)]
    assert opened(connections, "198.51.100.1")[1] is not None
    assert [line.aborted for line in silent] == [True] + [False] * 13


def test_what_is_owed_in_time_is_overdue_afterwards() -> None:
    connections = Connections(each=5, total=5)
    _, silent = opened(connections)
    _, reader = opened(connections)
    assert silent is not None
    assert reader is not None
    reader.owed, reader.taken = inf, 20.0
    assert connections.overdue(9.9) == []
    assert connections.overdue(10.0) == [silent]
    assert set(connections.overdue(20.0)) == {silent, reader}


@given(
    st.lists(
        st.tuples(st.sampled_from(["open", "busy", "idle", "close"]), st.integers(0, 3), st.integers(0, 20)),
        max_size=80,
    )
)
def test_the_bounds_hold_whatever_happens(steps: list[tuple[str, int, int]]) -> None:
    connections, made = Connections(each=3, total=7), list[tuple[Line, Connection]]()
    for step, client, which in steps:
        if step == "open":
            line, new = opened(connections, str(client))
            if new is not None:
                made.append((line, new))
        elif made:
            _, one = made[which % len(made)]
            {"busy": connections.busy, "idle": connections.idle, "close": connections.remove}[step](one)
            if step == "close":
                made = [each for each in made if each[1] is not one]
        made = [each for each in made if not each[0].aborted]
        assert len(connections) == len(made) <= 7
        assert all(sum(each.client == str(client) for _, each in made) <= 3 for client in range(4))
