"""Start the real app as its users do, on a free port, watched by `watch/sitecustomize.py`."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

ROOT = Path(__file__).parents[2]
WATCH = Path(__file__).with_name("watch")
# Seconds: far more than a start or a picture takes. A busy machine is no fault of the page.
PATIENCE = 120


@dataclass(frozen=True)
class Server:
    """A server that runs: its address, and the file that its connections are noted in."""

    url: str
    log: Path

    def addresses(self) -> list:
        """[event, address] of everything that the server's processes have bound, connected to or looked up."""
        return [entry for entry in self._noted() if entry[0] != "write"]

    def written(self) -> list[str]:
        """The files that the server's processes have opened to write."""
        return [path for event, path in self._noted() if event == "write"]

    def memory(self) -> int:
        """Bytes that the server holds in memory."""
        port = urlsplit(self.url).port
        [server] = [
            process
            for process in psutil.Process().children()
            if any(row.status == psutil.CONN_LISTEN and row.laddr.port == port for row in process.net_connections())
        ]
        return server.memory_info().rss

    def _noted(self) -> list:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


def watched_environment(log: Path, **more: str) -> dict[str, str]:
    """The environment in which Python notes its connections in `log`."""
    path = os.pathsep.join(filter(None, (str(WATCH), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, "WATCH_LOG": str(log), **more}


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("localhost", 0)) as free:
        return free.getsockname()[1]


@contextmanager
def running_server(
    folder: Path, *, start: Sequence[str] = ("streamlit", "run", "streamlit_app.py"), **environment: str
) -> Iterator[Server]:
    """A server of its own, stopped at the end; its output is in `folder`/server.txt.

    `start` is the module that starts it, with its arguments.
    """
    port = free_port()
    base = environment.get("STREAMLIT_SERVER_BASE_URL_PATH", "")
    server = Server(f"http://localhost:{port}{base and f'/{base}'}", folder / "connections.txt")
    environment |= {"STREAMLIT_SERVER_HEADLESS": "true", "STREAMLIT_SERVER_PORT": str(port)}
    with (folder / "server.txt").open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *start],
            cwd=ROOT,
            env=watched_environment(server.log, **environment),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_healthy(server.url, process, folder / "server.txt")
        yield server
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_healthy(url: str, process: subprocess.Popen, output: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health") as answer:
                if answer.status == 200:
                    return
        except urllib.error.URLError:
            time.sleep(0.05)
    raise RuntimeError(f"the app did not start:\n{output.read_text()}")
