"""`python -m cam page`: what it starts, who gets in, and how it ends."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

import cam
from cam.cli import serve

ROOT = Path(cam.__file__).parents[1]


@pytest.fixture
def started(monkeypatch):
    """What would have been started: its arguments and its environment."""
    started = {}

    def popen(command, env):
        started.update(command=command, env=env)
        return SimpleNamespace(wait=lambda: 0, terminate=lambda: None)

    monkeypatch.setattr(subprocess, "Popen", popen)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    for name in ("CAM_ADDRESS", "CAM_HOSTS"):
        monkeypatch.delenv(name, raising=False)
    return started


def options(started: dict) -> list[tuple[str, str]]:
    words = started["command"][5:]
    return list(zip(words[::2], words[1::2], strict=True))


@pytest.fixture
def networks(monkeypatch):
    """A function that gives this computer other networks: name -> addresses, and the one of the default route."""

    def give(default: str | None, **found: tuple[str, ...]) -> None:
        def entry(address):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            return SimpleNamespace(family=family, address=address)

        rows = {name.replace("_", "-"): [entry(address) for address in given] for name, given in found.items()}
        monkeypatch.setattr(psutil, "net_if_addrs", lambda: rows)
        monkeypatch.setattr(
            psutil, "net_if_stats", lambda: {name: SimpleNamespace(isup=name != "off") for name in rows}
        )
        monkeypatch.setattr(serve, "_find_default_address", lambda: default)

    return give


def test_by_itself_it_serves_this_computer_alone(run, started):
    done = run("page")
    assert (done.exit_code, done.stdout) == (0, "")
    assert options(started) == [("--server.address", "localhost")]
    assert not {"CAM_ADDRESS", "CAM_HOSTS"} & started["env"].keys()
    run("page --port 9000")
    assert options(started) == [("--server.address", "localhost"), ("--server.port", "9000")]


def test_shared_it_serves_the_room_and_says_where(run, started, networks):
    networks("192.168.1.17", lo=("127.0.0.1",), wifi=("192.168.1.17", "fe80::1"))
    done = run("page --share --port 9000")
    assert done.exit_code == 0
    assert "http://192.168.1.17:9000\n" in done.stdout
    assert started["env"]["CAM_ADDRESS"] == "http://192.168.1.17:9000"
    assert options(started) == [("--server.address", "0.0.0.0"), ("--server.port", "9000")]
    name = socket.gethostname().lower()
    assert started["env"]["CAM_HOSTS"].split(",") == ["192.168.1.17", name, f"{name}.local"]


def test_of_several_addresses_that_of_the_default_route_comes_first_and_virtual_ones_last(run, started, networks):
    networks("10.0.0.4", docker0=("172.17.0.1",), off=("10.9.9.9",), wifi=("192.168.1.17",), wired=("10.0.0.4",))
    run("page --share")
    expected = [f"http://{address}:8501" for address in ("10.0.0.4", "192.168.1.17", "172.17.0.1")]
    assert started["env"]["CAM_ADDRESS"].split() == expected


def test_an_address_that_was_given_is_the_one_that_is_told(run, started, networks, monkeypatch):
    networks("10.0.0.4", wired=("10.0.0.4",))
    monkeypatch.setenv("CAM_ADDRESS", "https://cam.school.example")
    for words, listens in (("page", "localhost"), ("page --share", "0.0.0.0")):
        done = run(words)
        assert "https://cam.school.example" in done.stdout and "10.0.0.4" not in done.stdout
        assert started["env"]["CAM_ADDRESS"] == "https://cam.school.example"
        assert options(started) == [("--server.address", listens)] + [("--server.port", "8501")] * ("share" in words)
        assert "cam.school.example" in started["env"]["CAM_HOSTS"].split(",")


def test_names_that_were_given_are_answered_to_as_well(run, started, networks, monkeypatch):
    networks("10.0.0.4", wired=("10.0.0.4",))
    monkeypatch.setenv("CAM_HOSTS", "*.school.example")
    # A name that no address can have.
    monkeypatch.setattr(socket, "gethostname", lambda: "my computer")
    run("page --share")
    assert started["env"]["CAM_HOSTS"] == "*.school.example,10.0.0.4"


def test_without_a_network_nothing_is_started(run, started, networks):
    networks(None, lo=("127.0.0.1",), cable=("169.254.7.7",))
    done = run("page --share")
    assert (done.exit_code, started) == (1, {})
    assert "in no network" in done.stderr and "Connect it" in done.stderr


def test_finding_the_address_sends_nothing_and_fails_without_a_route(monkeypatch):
    used = []

    class Probe(socket.socket):
        def connect(self, address):
            used.append((self.type, address))
            raise OSError("network is unreachable")

        def send(self, *args):
            raise AssertionError("something was sent")

        sendto = sendall = send

    monkeypatch.setattr(socket, "socket", Probe)
    assert serve._find_default_address() is None
    assert used == [(socket.SOCK_DGRAM, ("203.0.113.1", 9))]


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (3, 3), (-signal.SIGKILL, 137)])
def test_how_the_server_ended_by_itself_is_how_the_command_ends(run, started, monkeypatch, code, expected):
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: SimpleNamespace(wait=lambda: code))
    assert run("page").exit_code == expected


def test_a_terminal_shows_the_code(networks, monkeypatch, capsys):
    class Terminal:
        encoding = "utf-8"
        write, flush = sys.stdout.write, sys.stdout.flush

        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdout", Terminal())
    serve._print_addresses(("http://192.168.1.17:8501",))
    monkeypatch.undo()
    drawn = [line for line in capsys.readouterr().out.splitlines() if "▀" in line or "█" in line]
    # 25 cells and 4 around them on each side; two rows a line.
    assert len(drawn) == 17
    assert all("\x1b[97m" in line and "\x1b[40m" in line for line in drawn)


@contextlib.contextmanager
def running(folder: Path, *words: str, **environment: str):
    """The real command and its port; ended by SIGTERM, in the end there must be none of its processes."""
    with socket.create_server(("localhost", 0)) as free:
        port = free.getsockname()[1]
    # TensorFlow is never needed here: its import waits for a file that does not come.
    watch = str(ROOT / "tests" / "support" / "watch")
    held = {"PYTHONPATH": watch, "WATCH_LOG": str(folder / "watch.txt"), "TENSORFLOW_GATE": str(folder / "never")}
    held |= {"STREAMLIT_SERVER_HEADLESS": "true", **environment}
    with (folder / "out.txt").open("w") as output:
        command = subprocess.Popen(
            [sys.executable, "-m", "cam", "page", "--port", str(port), *words],
            cwd=ROOT,
            env=os.environ | held,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    children = []
    try:
        for _ in range(600):
            if answer(f"http://127.0.0.1:{port}/_stcore/health") == "ok" or command.poll() is not None:
                break
            time.sleep(0.05)
        children = psutil.Process(command.pid).children(recursive=True)
        assert children, (folder / "out.txt").read_text()
        yield port
        command.terminate()
        assert command.wait(30) == 0
        _, alive = psutil.wait_procs(children, timeout=30)
        assert alive == []
    finally:
        for child in children:
            if child.is_running():
                child.kill()
        command.kill()
        command.wait()


def answer(url: str, host: str | None = None) -> str | None:
    """What a GET gets; None where nobody listens or it is refused."""
    try:
        request = urllib.request.Request(url, headers={"Host": host} if host else {})
        return urllib.request.urlopen(request, timeout=30).read().decode()
    except urllib.error.URLError:
        return None


def opens(port: int, host: str) -> bool:
    """Whether a session can be opened under this name."""
    with socket.create_connection(("127.0.0.1", port)) as stream:
        try:
            with connect(f"ws://{host}:{port}/_stcore/stream", sock=stream, origin=f"http://{host}:{port}"):
                return True
        except InvalidStatus:
            return False


# Another address of this computer, which stands for that in a network.
OTHER = "127.0.0.2"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux answers at 127.0.0.2 by itself")
def test_others_get_in_when_it_is_shared_and_only_under_its_names(tmp_path):
    with running(tmp_path, "--share", CAM_ADDRESS=f"http://{OTHER}", CAM_METRICS="yes", CAM_LOG="json") as port:
        assert answer(f"http://{OTHER}:{port}/_stcore/health") == "ok"
        assert opens(port, OTHER) and opens(port, "localhost")
        assert not opens(port, "rebound.example")
        told = json.loads(answer(f"http://localhost:{port}/healthz"))
        assert (told["status"], told["sessions"]) == ("ok", 0) and told["memory_mb"]["server"] > 30
        text = answer(f"http://localhost:{port}/metrics")
        values = {s.name: s.value for family in text_string_to_metric_families(text) for s in family.samples}
        assert values["classcam_memory_bytes"] >= 0 and values["classcam_sessions"] == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux answers at 127.0.0.2 by itself")
def test_nobody_else_gets_in_by_default_and_the_operators_pages_are_closed(tmp_path):
    with running(tmp_path) as port:
        assert answer(f"http://{OTHER}:{port}/_stcore/health") is None
        assert opens(port, "localhost") and opens(port, "127.0.0.1")
        # A page of another site whose name leads here.
        assert answer(f"http://localhost:{port}/", host="rebound.example") is None
        assert not opens(port, "rebound.example")
        for path in ("healthz", "metrics"):
            page = answer(f"http://localhost:{port}/{path}")
            assert "networks" not in page and "classcam_" not in page
