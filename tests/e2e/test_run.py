"""The two commands as a person meets them: starting, stopping, starting again, and what goes wrong."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from base64 import b64encode
from pathlib import Path

import psutil
import pytest

from booking_app.sync.vault import new_key
from tests.e2e.instance import Instance, free_port, launch, start

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def answer(address: str, *, method: str = "GET", user: str = "", password: str = "", body: str = "") -> tuple[int, str]:
    request = urllib.request.Request(address, method=method, data=body.encode() or None)
    if user:
        request.add_header("Authorization", "Basic " + b64encode(f"{user}:{password}".encode()).decode())
    with urllib.request.urlopen(request, timeout=20) as reply:
        return reply.status, reply.read().decode()


def processes_of(folder: Path) -> list[str]:
    """What runs for a data folder: whoever has it on the command line or in the environment."""
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        try:
            words = process.cmdline()
            variables = process.environ()
        except psutil.Error:
            continue
        if any(str(folder) in word for word in words) or variables.get("DATA_DIR") == str(folder):
            found.append(f"{process.pid} {' '.join(words)}")
    return found


def nothing_runs(folder: Path) -> bool:
    deadline = time.monotonic() + 60
    while processes_of(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not processes_of(folder)


def sentence(folder: Path, command: str = "demo", **variables: str) -> str:
    """What a start that must fail prints: one sentence, exit code 2, no traceback."""
    refused = launch(folder, command, **variables)
    assert refused.ended() == 2
    assert "Traceback" not in refused.output
    return refused.output.strip().splitlines()[-1]


def test_run_json_says_what_runs(instance: Instance) -> None:
    facts = instance.facts
    assert set(facts) == {"url", "admin", "staff", "services"}
    assert set(facts["admin"]) == {"email", "password"}
    assert len(facts["staff"]) >= 3
    for person in facts["staff"]:
        assert set(person) == {"slug", "name", "email", "password", "caldav"}
        assert set(person["caldav"]) == {"url", "user", "password", "calendar_url"}
    assert "first-consultation" in facts["services"]
    assert stat.S_IMODE((instance.folder / "run.json").stat().st_mode) == 0o600


def test_run_prints_the_addresses_and_sign_ins(instance: Instance) -> None:
    for fact in (instance.url, f"{instance.url}/admin/sync", instance.facts["admin"]["password"]):
        assert fact in instance.output
    for person in instance.facts["staff"]:
        assert person["password"] in instance.output
        assert person["caldav"]["calendar_url"] in instance.output


def test_the_app_is_ready_and_says_so(instance: Instance) -> None:
    assert answer(f"{instance.url}/healthz") == (200, '{"status":"ok"}')
    assert answer(f"{instance.url}/readyz") == (200, '{"status":"ready"}')
    status, text = answer(f"{instance.url}/metrics")
    assert status == 200
    assert 'booking_app_calendar_age_seconds{state="ok"}' in text


def test_any_calendar_app_can_open_the_calendars(instance: Instance) -> None:
    caldav = instance.facts["staff"][0]["caldav"]
    status, text = answer(caldav["calendar_url"], user=caldav["user"], password=caldav["password"])
    assert status == 200
    assert "SUMMARY:Week start" in text


def test_pages_carry_the_protecting_headers(instance: Instance) -> None:
    with urllib.request.urlopen(instance.url, timeout=20) as reply:
        assert "frame-ancestors 'none'" in reply.headers["Content-Security-Policy"]
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Cache-Control"] == "no-cache"
        page = reply.read().decode()
    script = page.split('src="/assets/')[-1] if 'src="/assets/' in page else page.split('"/assets/')[1]
    with urllib.request.urlopen(f"{instance.url}/assets/{script.split(chr(34))[0]}", timeout=20) as reply:
        assert "immutable" in reply.headers["Cache-Control"]


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert sentence(tmp_path / "data", PORT=str(port)).startswith(f"PORT: {port} is taken")


def test_a_running_instance_keeps_its_folder(instance: Instance) -> None:
    assert "another instance is running" in sentence(instance.folder)
    assert (instance.folder / "run.json").exists()


def test_a_data_folder_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_text("mine")
    assert sentence(file) == f"DATA_DIR: {file} is not a folder."
    assert file.read_text() == "mine"


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    assert "holds other files" in sentence(tmp_path)
    assert "holds other files" in sentence(tmp_path, "reset")
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "cannot be created" in sentence(tmp_path / "data")


def test_ctrl_c_stops_everything_and_a_second_start_keeps_the_data(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    first = start(folder)
    facts = first.facts
    caldav = facts["staff"][0]["caldav"]
    event = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//T//T//EN\r\nBEGIN:VEVENT\r\nUID:kept@example.org\r\n"
        "DTSTAMP:20270101T000000Z\r\nDTSTART:20270104T100000Z\r\nDTEND:20270104T110000Z\r\nSUMMARY:Mine\r\n"
        "END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    mine = f"{caldav['calendar_url']}kept.ics"
    assert answer(mine, method="PUT", user=caldav["user"], password=caldav["password"], body=event)[0] == 201
    assert first.stop(signal.SIGINT) == 0
    assert nothing_runs(folder), processes_of(folder)
    assert not (folder / "run.json").exists()

    second = start(folder, PORT=str(first.port))
    assert second.facts == facts
    assert "kept@example.org" in answer(mine, user=caldav["user"], password=caldav["password"])[1]
    assert "Building" not in second.output
    assert second.stop(signal.SIGTERM) == 0
    assert nothing_runs(folder), processes_of(folder)


def test_a_killed_run_is_recovered_and_reset_forgets_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    killed = start(folder)
    os.kill(killed.process.pid, signal.SIGKILL)
    killed.process.wait(10)
    assert processes_of(folder)
    again = start(folder, PORT=str(killed.port))
    assert again.facts == killed.facts
    assert answer(f"{again.url}/readyz")[0] == 200
    assert "another instance is running" in sentence(folder, "reset")
    assert again.stop() == 0
    assert nothing_runs(folder), processes_of(folder)

    done = launch(folder, "reset")
    assert done.ended() == 0
    assert not folder.exists()


def test_calendars_stay_connected_when_their_port_is_taken_meanwhile(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    first = start(folder)
    assert first.stop() == 0
    port = json.loads((folder / "demo.json").read_text())["calendar_port"]
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        second = start(folder)
        try:
            assert second.facts["staff"][0]["caldav"]["url"] != first.facts["staff"][0]["caldav"]["url"]
            deadline = time.monotonic() + 60
            while (age := oldest_data(second)) > 30 and time.monotonic() < deadline:
                time.sleep(0.5)
            assert age <= 30
        finally:
            assert second.stop() == 0


def oldest_data(instance: Instance) -> float:
    """Seconds, over all connections; only those that work."""
    lines = [line for line in answer(f"{instance.url}/metrics")[1].splitlines() if "calendar_age_seconds{" in line]
    assert all('state="ok"' in line or 'state="slowed"' in line for line in lines)
    return max(float(line.split()[-1]) for line in lines)


def test_a_child_that_dies_ends_the_run(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    running = start(folder)
    os.kill(int((folder / "child-app.pid").read_text().split()[0]), signal.SIGKILL)
    assert running.ended() == 1
    assert "app ended by itself" in running.output
    assert nothing_runs(folder), processes_of(folder)


def test_two_instances_side_by_side_share_nothing(instance: Instance, tmp_path: Path) -> None:
    other = start(tmp_path / "data")
    try:
        assert other.url != instance.url
        assert other.facts["admin"]["password"] != instance.facts["admin"]["password"]
        assert other.facts["staff"][0]["caldav"]["url"] != instance.facts["staff"][0]["caldav"]["url"]
        assert answer(f"{other.url}/readyz")[0] == answer(f"{instance.url}/readyz")[0] == 200
    finally:
        assert other.stop() == 0
    assert answer(f"{instance.url}/readyz")[0] == 200


def test_the_demos_secrets_are_never_active_outside_the_demo(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    demo = start(folder)
    kept = json.loads((folder / "demo.json").read_text())
    real = {"SECRET_KEYS": new_key(), "PUBLIC_URL": "https://book.example.com"}
    try:
        database = next(
            value for pid in psutil.Process(demo.process.pid).children()
            for name, value in pid.environ().items() if name == "DATABASE_URL" and value
        )  # fmt: skip
        refusal = sentence(tmp_path / "real", "serve", DATABASE_URL=database, **real)
        assert "holds the demo's team" in refusal
        assert "DEMO: is set" in sentence(tmp_path / "real", "serve", DEMO="true", **real)
    finally:
        demo.stop()
    assert "belongs to the demo" in sentence(folder, "serve", **real)
    assert kept["secret_key"] not in demo.output


def test_a_real_installation_says_what_is_missing_and_offers_the_first_admin(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    refused = launch(folder, "serve")
    assert refused.ended() == 2
    assert refused.output.strip() == "SECRET_KEYS and PUBLIC_URL must be set (or run the demo: make run)"
    assert not folder.exists()

    port = str(free_port())
    address = f"http://localhost:{port}"
    real = {"SECRET_KEYS": new_key(), "PUBLIC_URL": address, "PORT": port}
    serving = launch(folder, "serve", **real)
    deadline = time.monotonic() + 120
    while "Serving" not in serving.output and serving.process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    try:
        assert answer(f"{address}/readyz") == (200, '{"status":"ready"}'), serving.output
        link = next(line.strip() for line in serving.lines if line.strip().startswith(address))
        assert answer(link)[0] == 200
        assert "studio-haarlem" not in serving.output
        checked = launch(folder, "doctor", **real)
        assert checked.ended() == 0, checked.output
        assert "another instance" in sentence(folder, "serve", **real)
    finally:
        assert serving.stop() == 0
    assert nothing_runs(folder), processes_of(folder)
    assert "belongs to a real installation" in sentence(folder)
    assert "belongs to a real installation" in sentence(folder, "reset")


def test_an_unreachable_database_is_one_sentence_without_its_password(tmp_path: Path) -> None:
    said = sentence(
        tmp_path / "data",
        "serve",
        SECRET_KEYS=new_key(),
        PUBLIC_URL="https://book.example.com",
        DATABASE_URL=f"postgresql://app:hunter2@127.0.0.1:{free_port()}/app",
    )
    assert said.startswith("DATABASE_URL: cannot connect")
    assert "hunter2" not in said


def test_a_new_key_is_one_that_is_accepted() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "booking_app.cli", "new-key"], capture_output=True, text=True, check=True
    )
    assert len(done.stdout.strip()) == 44
