"""The server is told to stop while it works, and while other processes work for it: it ends, and all that it began."""

import asyncio
import io
import signal
import time
from http.server import BaseHTTPRequestHandler

import numpy as np
import psutil
import pytest
from PIL import Image
from support.event_loop import run_apart
from support.loopback import serving

from benchmarks.load_client import Client
from benchmarks.load_server import Server, running_server
from cam.backends.imports import has_openvino

# Far more than an end takes; what hangs would last a minute.
_PATIENCE = 20


class _Endless(BaseHTTPRequestHandler):
    """A file of which a few bytes come, and no more."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000000")
        self.end_headers()
        self.wfile.write(bytes(1000))
        self.server.reached.set()
        self.server.ended.wait(120)

    def log_message(self, *args) -> None:
        pass


@pytest.fixture
def endless():
    with serving(_Endless) as running:
        yield running


@pytest.fixture(scope="module")
def slow_photo() -> bytes:
    """30 megapixels of noise as AVIF: a second or more for the process that opens it."""
    noise = np.random.default_rng(0).integers(0, 256, (750, 1000, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(np.tile(noise, (6, 7, 1))).save(buffer, "AVIF", speed=10, quality=50)
    return buffer.getvalue()


async def _until(condition) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.005)


async def _busy(server: Server, slow, photo: bytes, endless) -> list[psutil.Process]:
    """Have the server do three things at once; the processes that it has started for them."""
    looking, opening, loading = (Client(server.url) for _ in range(3))
    for tab in (looking, opening, loading):
        await tab.open()
    await loading.change("network", "string_value", "ResNet-50", lambda page: True)
    loading.value("download").trigger_value = True
    await loading.ask()
    await asyncio.to_thread(endless.reached.wait, 60)
    slow.touch()
    looking.value("fit").string_value = "Squashed to a square"
    await looking.ask()
    await _until(lambda: looking.running)
    asyncio.create_task(opening.upload("slow.avif", photo))
    await _until(server.process.children)
    return server.process.children(recursive=True)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=["told to stop", "Ctrl-C"])
def test_a_server_that_works_ends_within_seconds_and_leaves_no_process(tmp_path, slow_photo, endless, how):
    slow = tmp_path / "slow"
    about = {"KERAS_HOME": str(tmp_path), "NO_PROXY": "127.0.0.1", "FAULT_SLOW": str(slow)}
    about["FAULT_URL"] = f"http://127.0.0.1:{endless.server_port}/resnet50.h5"

    async def stop(server: Server) -> None:
        started = await _busy(server, slow, slow_photo, endless)
        server.process.send_signal(how)
        await asyncio.to_thread(server.process.wait, _PATIENCE)
        _, alive = psutil.wait_procs(started, timeout=_PATIENCE)
        assert started and not alive

    with running_server(tmp_path / "server.txt", app="tests/support/served_app.py", **about) as server:
        run_apart(stop(server))


def test_a_server_that_is_killed_takes_the_process_that_opens_a_photo_with_it(tmp_path, slow_photo):
    async def kill(server: Server) -> None:
        async with Client(server.url) as tab:
            await tab.open()
            uploading = asyncio.create_task(tab.upload("slow.avif", slow_photo))
            await _until(server.process.children)
            started = server.process.children(recursive=True)
            server.process.kill()
            _, alive = psutil.wait_procs(started, timeout=_PATIENCE)
            assert started and not alive
            uploading.cancel()

    with running_server(tmp_path / "server.txt") as server:
        run_apart(kill(server))


@pytest.mark.skipif(not has_openvino(), reason="without OpenVINO, no other process makes a network")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=["told", "Ctrl-C", "killed"])
def test_a_server_that_ends_takes_the_process_that_makes_its_network_with_it(tmp_path, how):
    def is_at_work(process: psutil.Process) -> bool:
        """It has come to TensorFlow, which takes seconds."""
        return any(one.memory_info().rss > 2**28 for one in process.children())

    async def stop(server: Server) -> None:
        # No page is open: the server itself begins soon after its start.
        await _until(lambda: is_at_work(server.process))
        started = server.process.children(recursive=True)
        # A terminal tells Ctrl-C to both.
        for process in (server.process, *(started if how == signal.SIGINT else ())):
            process.send_signal(how)
        await asyncio.to_thread(server.process.wait, _PATIENCE)
        _, alive = psutil.wait_procs(started, timeout=_PATIENCE)
        assert started and not alive

    with running_server(tmp_path / "server.txt", CAM_CACHE=str(tmp_path / "cache")) as server:
        run_apart(stop(server))
    # Nor was the network made by the server itself.
    assert not (tmp_path / "cache").exists()
    said = (tmp_path / "server.txt").read_text()
    assert "Traceback" not in said and "is built" not in said
