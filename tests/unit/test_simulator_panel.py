"""The panel breaks exactly what it was told to break."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.simulators.panel import Panel
from tests.simulators.serving import serving


async def echo(request: Request) -> Response:
    return JSONResponse({"path": request.url.path, "body": (await request.body()).decode(), "pad": "x" * 1000})


@pytest.fixture
def panel() -> Iterator[Panel]:
    panel = Panel("Nobody")
    yield panel
    panel.deliveries.stop()


@pytest.fixture
def client(panel: Panel) -> Iterator[httpx.Client]:
    app = Starlette(routes=[Route("/{path:path}", echo, methods=["GET", "POST"])])
    with serving(panel.wrap(app)) as url, httpx.Client(base_url=url, trust_env=False) as client:
        yield client


@pytest.fixture
def hook() -> Iterator[tuple[str, list[str]]]:
    """A receiver of messages and the numbers it got."""
    got: list[str] = []

    async def take(request: Request) -> Response:
        number = request.headers["X-Number"]
        got.append(number)
        return Response(status_code=503 if number == "again" and got.count("again") < 2 else 204)

    with serving(Starlette(routes=[Route("/", take, methods=["POST"])])) as url:
        yield f"{url}/", got


def test_a_fault_hits_as_often_as_it_says_and_heals(panel: Panel, client: httpx.Client) -> None:
    panel.fault("GET", "^/a", status=429, body={"error": "slow"}, headers={"Retry-After": "3"}, times=2, after=1)
    answers = [client.get("/a").status_code for _ in range(4)]
    assert answers == [200, 429, 429, 200]
    assert client.get("/b").status_code == 200
    panel.fault(status=500, times=None)
    assert [client.post("/a", content=b"1").status_code for _ in range(3)] == [500] * 3
    panel.heal()
    assert client.post("/a", content=b"1").json()["body"] == "1"


def test_connections_are_dropped_and_bodies_cut(panel: Panel, client: httpx.Client) -> None:
    for what in ({"drop": "before"}, {"drop": "after"}, {"cut": 0.5}):
        panel.fault(**what)
        with pytest.raises(httpx.RemoteProtocolError):
            client.get("/a")
    panel.fault(truncate=0.5)
    short = client.get("/a")
    assert short.status_code == 200
    with pytest.raises(ValueError):
        short.json()
    assert client.get("/a").json()["path"] == "/a"


def test_requests_are_kept_without_their_token(panel: Panel, client: httpx.Client) -> None:
    client.post("/a?x=1&x=2&y=", content=b"body", headers={"Authorization": "Bearer secret"})
    (seen,) = panel.requests
    assert (seen.method, seen.path, seen.query) == ("POST", "/a", (("x", "1"), ("x", "2"), ("y", "")))
    assert seen.body == b"body"
    assert "secret" not in repr(seen)


def test_the_panel_is_worked_over_http(panel: Panel, client: httpx.Client) -> None:
    assert client.post("/_panel/fault", json={"path": "^/a", "status": 500, "times": None}).status_code == 200
    assert client.get("/a").status_code == 500
    assert client.post("/_panel/heal", json={}).status_code == 200
    assert client.get("/a").status_code == 200
    assert client.post("/_panel/skew", data={"seconds": "86400"}).status_code == 303
    assert panel.skew == 86400
    assert client.get("/a").headers["Date"] != client.get("/_panel").headers.get("Date")
    assert client.post("/_panel/webhooks", json={"lose": True}).status_code == 200
    assert panel.deliveries.lose
    assert client.post("/_panel/fault", json={"wat": 1}).status_code == 400
    assert client.post("/_panel/nothing").status_code == 404
    assert "not the real service" in client.get("/_panel").text
    assert client.get("/_panel/state").json()["skew"] == 86400


def send(panel: Panel, url: str, *numbers: str) -> None:
    for number in numbers:
        panel.deliveries.post(url, {"X-Number": number})
    panel.deliveries.settle()


def test_messages_are_lost_doubled_turned_round_and_held(panel: Panel, hook: tuple[str, list[str]]) -> None:
    url, got = hook
    out = panel.deliveries
    out.lose = True
    send(panel, url, "1")
    assert got == []
    out.lose, out.double = False, True
    send(panel, url, "2")
    assert got == ["2", "2"]
    out.double, out.reorder = False, 3
    send(panel, url, "3", "4", "5")
    assert got[2:] == ["5", "4", "3"]
    out.reorder, out.hold = 0, True
    send(panel, url, "6", "7")
    assert len(got) == 5
    assert out.release() == 2
    out.settle()
    assert got[5:] == ["6", "7"]


def test_a_message_that_failed_is_sent_again(panel: Panel, hook: tuple[str, list[str]]) -> None:
    url, got = hook
    panel.deliveries.pause = 0.01
    send(panel, url, "again")
    panel.deliveries.settle()
    assert got == ["again", "again"]
    assert panel.deliveries.log[0].status == 204
