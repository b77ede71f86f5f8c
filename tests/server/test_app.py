"""What the server is made of: compressed files, the operator's pages, and memory that goes back to the system."""

import gzip
import json
import platform
import socket
import subprocess
import sys
from concurrent.futures import Future
from pathlib import Path

import pytest
import streamlit
from starlette.applications import Starlette
from streamlit.web.server.starlette.starlette_static_routes import create_streamlit_static_assets_routes
from support.asgi_parts import ask

from cam.errors import ModelError
from cam.server import app as server_app
from cam.server import model_store, telemetry
from cam.server.app import build_middleware, build_routes, give_back_memory, send_at_once

STATIC = Path(streamlit.__file__).parent / "static"
SCRIPT = max((STATIC / "static/js").glob("*.js"), key=lambda path: path.stat().st_size)
FONT = next((STATIC / "static/media").glob("SourceSans*.woff2"))
PROGRAM = """
import json, sys, threading
import psutil
from cam.server.app import give_back_memory
done = sys.argv[1] == "set" and give_back_memory()
memory = psutil.Process().memory_info
before = memory().rss
kept = []
def click(turn):
    # Photos of all sizes, of which something small stays between them.
    arrays = []
    for size in range(5, 12):
        arrays.append(bytearray(size * 1_000_000))
        kept.append(bytes(2_000))
barrier = threading.Barrier(4)
def threads():
    barrier.wait()
    for turn in range(6):
        click(turn)
running = [threading.Thread(target=threads) for _ in range(4)]
for thread in running: thread.start()
for thread in running: thread.join()
print(json.dumps([done, memory().rss - before]))
"""


@pytest.fixture(scope="module")
def served():
    """What Streamlit serves, behind all that stands before it."""
    return Starlette(routes=create_streamlit_static_assets_routes(""), middleware=build_middleware())


def fetch(served, path: Path, coding: str = "gzip, deflate, br, zstd"):
    return ask(
        served, f"/{path.relative_to(STATIC).as_posix()}", accept="*/*", accept_encoding=coding, host="localhost"
    )


def test_scripts_come_compressed_and_are_the_same(served):
    plain, packed = fetch(served, SCRIPT, ""), fetch(served, SCRIPT)
    assert plain.header("content-encoding") is None and packed.header("content-encoding") == "gzip"
    assert gzip.decompress(packed.body) == plain.body == SCRIPT.read_bytes()
    assert len(packed.body) < len(plain.body) / 2
    assert packed.header("vary") == "Accept-Encoding" and "immutable" in packed.header("cache-control")


def test_fonts_which_are_compressed_already_come_as_they_are(served):
    assert fetch(served, FONT).body == FONT.read_bytes()


@pytest.mark.parametrize("base", ["", "cam", "/cam/"])
def test_the_operators_pages_are_there_only_where_they_were_asked_for(monkeypatch, base):
    monkeypatch.setattr("cam.server.guards.st.get_option", {"server.baseUrlPath": base}.get)
    monkeypatch.delenv("CAM_METRICS", raising=False)
    assert build_routes() == []
    monkeypatch.setenv("CAM_METRICS", "yes")
    prefix = base and "/cam"
    assert [route.path for route in build_routes()] == [f"{prefix}/healthz", f"{prefix}/metrics"]


def test_a_wrong_setting_does_not_keep_the_server_from_starting(monkeypatch):
    monkeypatch.setenv("CAM_METRICS", "perhaps")
    assert build_routes() == [] and server_app._read_settings() is None


def test_a_server_that_is_not_well_says_so_by_its_status(monkeypatch):
    monkeypatch.setenv("CAM_METRICS", "yes")
    monkeypatch.setattr(telemetry, "_counters", None)
    pages = Starlette(routes=build_routes())
    monkeypatch.setattr(model_store, "_models", {})
    assert ask(pages, "/healthz").status == 200
    assert b"classcam_sessions" in ask(pages, "/metrics").body
    failed = Future()
    failed.set_exception(ModelError("damaged"))
    monkeypatch.setattr(model_store, "_models", {"own/broken": ((), failed)})
    assert ask(pages, "/healthz").status == 503


def test_answers_are_sent_at_once():
    """Streamlit makes its socket so, which asyncio does not take for one of TCP."""

    def waits(found: socket.socket) -> bool:
        return not found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    with socket.socket(socket.AF_INET) as listening, socket.socket(socket.AF_INET) as other:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        send_at_once()
        assert not waits(listening) and waits(other)
        with socket.create_connection(listening.getsockname()):
            accepted, _ = listening.accept()
            with accepted:
                assert not waits(accepted)


def left(how: str) -> tuple[bool, int]:
    output = subprocess.run([sys.executable, "-c", PROGRAM, how], check=True, capture_output=True, text=True).stdout
    return tuple(json.loads(output))


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these settings")
def test_what_threads_have_freed_goes_back_to_the_system():
    done, rest = left("set")
    _, usual = left("as it is")
    assert done
    assert rest < usual / 3


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert give_back_memory() is False
