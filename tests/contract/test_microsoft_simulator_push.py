"""Subscriptions of the simulated Graph: the handshake, what is told to whom, lifecycle, and every refusal."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.contract.graph_client import ANN, APP, BACK, FULL, GRAPH, SECRET, WINDOW, Graph, event, weekly
from tests.contract.graph_client import graph as linked_graph
from tests.simulators.microsoft.outlook import CalendarApp
from tests.simulators.microsoft.serve import microsoft_simulator
from tests.simulators.microsoft.world import MicrosoftWorld


class Receiver:
    """A webhook: answers handshakes unless `mode` says otherwise, keeps what it is told by path."""

    def __init__(self) -> None:
        self.mode = "good"
        self.handshakes: list[tuple[str, str, str]] = []
        self.told: list[tuple[str, list[dict[str, Any]]]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                parts = urlsplit(self.path)
                query = parse_qs(parts.query)
                if "validationToken" in query:
                    token = query["validationToken"][0]
                    receiver.handshakes.append((parts.path, token, self.headers["Content-Type"]))
                    self._answer(*receiver.greeting(parts.path, token, parts.query))
                else:
                    receiver.told.append((parts.path, json.loads(body)["value"]))
                    self._answer(202, "text/plain", "")

            def _answer(self, status: int, kind: str, text: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def greeting(self, path: str, token: str, query: str) -> tuple[int, str, str]:
        raw = query.partition("validationToken=")[2]
        return {
            "good": (200, "text/plain; charset=utf-8", token),
            "encoded": (200, "text/plain", raw),
            "html": (200, "text/html", token),
            "202": (202, "text/plain", token),
            "lifecycle": (200 if path == "/push" else 500, "text/plain", token),
        }[self.mode]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def items(self) -> list[dict[str, Any]]:
        return [item for _, items in self.told for item in items]


@pytest.fixture
def world() -> Iterator[MicrosoftWorld]:
    with microsoft_simulator() as world:
        world.add_user(ANN, name="Ann")
        world.app(APP, SECRET, [BACK])
        yield world


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.stop()


@pytest.fixture
def graph(world: MicrosoftWorld) -> Graph:
    return linked_graph(world)


@pytest.fixture
def app(world: MicrosoftWorld) -> CalendarApp:
    return world.user(ANN).calendar()


def until(world: MicrosoftWorld, minutes: float) -> str:
    return f"{world.now() + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%S}.0000000Z"


def wanted(world: MicrosoftWorld, receiver: Receiver, **change: object) -> dict[str, object]:
    return {
        "changeType": "created,updated,deleted",
        "notificationUrl": receiver.url + "/push?from=graph",
        "lifecycleNotificationUrl": receiver.url + "/life",
        "resource": "me/events",
        "expirationDateTime": until(world, 10_070),
        "clientState": "a state",
        **change,
    }


def subscribed(world: MicrosoftWorld, graph: Graph, receiver: Receiver, **change: object) -> dict[str, Any]:
    answer = graph.ask("POST", "subscriptions", wanted(world, receiver, **change))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_both_addresses_answer_while_the_caller_waits(world: MicrosoftWorld, graph: Graph, receiver: Receiver) -> None:
    made = subscribed(world, graph, receiver)
    assert [path for path, _, _ in receiver.handshakes] == ["/push", "/life"]
    assert all(
        token.startswith("Validation: ") and kind.startswith("text/plain") for _, token, kind in receiver.handshakes
    )
    assert made["clientState"] == "a state"
    assert made["expirationDateTime"].endswith("0Z")
    assert graph.get(f"subscriptions/{made['id']}")["clientState"] is None
    assert [each["id"] for each in graph.get("subscriptions")["value"]] == [made["id"]]


@pytest.mark.parametrize("mode", ["encoded", "html", "202", "lifecycle"])
def test_an_address_that_does_not_prove_itself(
    world: MicrosoftWorld, graph: Graph, receiver: Receiver, mode: str
) -> None:
    receiver.mode = mode
    assert graph.refused("POST", "subscriptions", wanted(world, receiver)) == (400, "ValidationError")
    assert world.subscriptions == {}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"notificationUrl": "http://example.com/push"}, 400),
        ({"notificationUrl": None}, 400),
        ({"lifecycleNotificationUrl": "ftp://127.0.0.1/"}, 400),
        ({"resource": "https://graph.microsoft.com/v1.0/me/events"}, 400),
        ({"resource": "me/messages"}, 400),
        ({"resource": "users/somebody/events"}, 403),
        ({"changeType": "moved"}, 400),
        ({"clientState": "x" * 129}, 400),
        ({"expirationDateTime": "2027-03-10"}, 400),
        ({"expirationDateTime": "2020-03-10T00:00:00Z"}, 400),
        ({"includeResourceData": True}, 400),
        ({"secret": "x"}, 400),
    ],
)
def test_a_subscription_that_graph_does_not_take(
    world: MicrosoftWorld, graph: Graph, receiver: Receiver, change: dict[str, object], status: int
) -> None:
    answer = graph.ask("POST", "subscriptions", wanted(world, receiver) | change)
    assert answer.status_code == status, answer.text
    assert receiver.handshakes == []


def test_who_may_subscribe_and_how_often(world: MicrosoftWorld, graph: Graph, receiver: Receiver) -> None:
    writer = linked_graph(world, (*FULL[:4], GRAPH + "Calendars.ReadWrite"))
    world.consents.access[writer.access].scopes = frozenset({"Calendars.ReadWrite"})
    assert writer.refused("POST", "subscriptions", wanted(world, receiver)) == (403, "ErrorAccessDenied")
    subscribed(world, graph, receiver)
    assert graph.refused("POST", "subscriptions", wanted(world, receiver)) == (409, "Conflict")
    subscribed(world, graph, receiver, changeType="created")
    one = f"me/calendars/{world.user(ANN).calendar().id}/events"
    assert graph.refused("POST", "subscriptions", wanted(world, receiver, resource=one)) == (400, "ValidationError")
    world.calendar_resources = True
    subscribed(world, graph, receiver, resource=one)


def test_it_lasts_a_week_at_most_and_can_be_renewed(world: MicrosoftWorld, graph: Graph, receiver: Receiver) -> None:
    late = wanted(world, receiver, expirationDateTime=until(world, 10_090))
    assert graph.refused("POST", "subscriptions", late) == (400, "ValidationError")
    made = subscribed(world, graph, receiver, expirationDateTime=until(world, 5))
    assert made["expirationDateTime"] > until(world, 44)  # raised
    path = f"subscriptions/{made['id']}"
    later = until(world, 10_000)
    assert graph.ask("PATCH", path, {"expirationDateTime": later}).json()["expirationDateTime"][:19] == later[:19]
    for body in ({"clientState": "other"}, {"expirationDateTime": until(world, 20_000)}, {}):
        assert graph.ask("PATCH", path, body).status_code == 400
    world.add_user("bob@example.com")
    bob = linked_graph(world, user="bob@example.com")
    assert bob.refused("PATCH", path, {"expirationDateTime": later}) == (404, "ResourceNotFound")
    assert graph.ask("DELETE", path).status_code == 204
    assert graph.refused("PATCH", path, {"expirationDateTime": later}) == (404, "ResourceNotFound")
    assert graph.refused("DELETE", path) == (404, "ResourceNotFound")


def test_changes_are_told_together(world: MicrosoftWorld, graph: Graph, receiver: Receiver, app: CalendarApp) -> None:
    world.batch_seconds = 30
    made = subscribed(world, graph, receiver)
    name = app.put(event())
    app.change(name, subject="Other")
    app.delete(name)
    world.settle()
    [(path, items)] = receiver.told
    assert path == "/push"
    assert [item["changeType"] for item in items] == ["created", "updated", "deleted"]
    assert {item["subscriptionId"] for item in items} == {made["id"]}
    assert {item["clientState"] for item in items} == {"a state"}
    assert {item["tenantId"] for item in items} == {world.tenant}
    assert {item["resourceData"]["id"] for item in items} == {name}
    assert items[0]["resource"] == f"Users/{world.user(ANN).oid}/Events/{name}"
    assert items[0]["subscriptionExpirationDateTime"] == made["expirationDateTime"]
    assert "Something private" not in repr(receiver.told)


def test_of_a_series_the_series_is_told_and_ids_are_as_asked(
    world: MicrosoftWorld, graph: Graph, receiver: Receiver, app: CalendarApp
) -> None:
    plain = Graph(world, graph.access, prefer="")
    series = app.put(weekly(4))
    plain_name = plain.get(f"me/events/{series}")["id"]
    occurrence = app.occurrences(series, *WINDOW.values())[1]
    subscribed(world, plain, receiver, changeType="updated")
    app.change(occurrence, subject="Other")
    world.settle()
    assert [item["resourceData"]["id"] for item in receiver.items()] == [plain_name]
    app.put(event())  # nobody asked about what is created
    world.settle()
    assert len(receiver.items()) == 1


def test_nothing_is_told_after_the_end(
    world: MicrosoftWorld, graph: Graph, receiver: Receiver, app: CalendarApp
) -> None:
    subscribed(world, graph, receiver)
    world.add_user("bob@example.com").calendar().put(event())
    world.consents.revoke(ANN)
    app.put(event())
    world.settle()
    assert receiver.told == []
    again = linked_graph(world)
    subscribed(world, again, receiver)
    world.panel.skew = 8 * 86_400
    app.put(event())
    world.settle()
    assert receiver.told == []


def test_lifecycle(world: MicrosoftWorld, graph: Graph, receiver: Receiver, app: CalendarApp) -> None:
    made = subscribed(world, graph, receiver)
    world.lifecycle("missed")
    world.lifecycle("reauthorizationRequired")
    world.settle()
    assert {path for path, _ in receiver.told} == {"/life"}
    assert [item["lifecycleEvent"] for item in receiver.items()] == ["missed", "reauthorizationRequired"]
    assert {item["clientState"] for item in receiver.items()} == {"a state"}
    receiver.told.clear()
    app.put(event())
    world.settle()
    assert receiver.told == []
    assert graph.ask("POST", f"subscriptions/{made['id']}/reauthorize").status_code == 200
    app.put(event())
    world.settle()
    assert [path for path, _ in receiver.told] == ["/push"]
    world.lifecycle("subscriptionRemoved")
    world.settle()
    assert receiver.items()[-1]["lifecycleEvent"] == "subscriptionRemoved"
    assert graph.refused("GET", f"subscriptions/{made['id']}") == (404, "ResourceNotFound")


def test_p06_messages_get_lost_doubled_and_late(
    world: MicrosoftWorld, graph: Graph, receiver: Receiver, app: CalendarApp
) -> None:
    subscribed(world, graph, receiver)
    with world.quiet():
        app.put(event())
    world.settle()
    assert receiver.told == []
    world.panel.deliveries.double = True
    app.put(event())
    world.settle()
    assert len(receiver.told) == 2
    world.panel.deliveries.double, world.panel.deliveries.hold = False, True
    app.put(event())
    world.settle()
    assert len(receiver.told) == 2
    world.panel.deliveries.release()
    world.settle()
    assert len(receiver.told) == 3


def test_a_handshake_does_not_stop_the_rest(world: MicrosoftWorld, graph: Graph, receiver: Receiver) -> None:
    """The receiver may itself call Graph before it answers."""
    inside: list[int] = []
    greet = receiver.greeting

    def calling(path: str, token: str, query: str) -> tuple[int, str, str]:
        inside.append(graph.ask("GET", "me/calendars").status_code)
        return greet(path, token, query)

    receiver.greeting = calling  # type: ignore[method-assign]
    subscribed(world, graph, receiver)
    assert inside == [200, 200]
