"""The app as a user starts it, on a free port, and what it takes of memory and processor time."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import requests

ROOT = Path(__file__).parent.parent
_PATIENCE = 60


@dataclass(frozen=True)
class Server:
    """A server that runs: its address and its process."""

    url: str
    process: psutil.Process

    def memory(self) -> int:
        """Bytes that the server and the processes which it started keep in memory (RSS)."""
        return sum(_memory(process) for process in (self.process, *_children(self.process)))

    def seconds(self) -> float:
        """Processor time so far."""
        return sum(self.process.cpu_times()[:4])


@contextmanager
def running_server(
    output: Path, *, app: str = "streamlit_app.py", prefix: Sequence[str] = (), **environment: str
) -> Iterator[Server]:
    """A server of its own with the settings of the project, stopped at the end.

    Args:
        output: the file that its output goes to.
        app: what is served, from the project's folder.
        prefix: a command that starts it.
        environment: variables on top of those that there are.
    """
    with socket.create_server(("localhost", 0)) as free:
        port = free.getsockname()[1]
    options = ["--server.headless=true", f"--server.port={port}"]
    command = [*prefix, sys.executable, "-m", "streamlit", "run", app, *options]
    with output.open("w") as stream:
        started = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **environment}, stdout=stream, stderr=subprocess.STDOUT
        )
    try:
        server = Server(f"http://localhost:{port}", psutil.Process(started.pid))
        _wait_until_healthy(server.url, started, output)
        yield server
    finally:
        started.terminate()
        try:
            started.wait(10)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def _wait_until_healthy(url: str, process: subprocess.Popen, output: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            requests.get(f"{url}/_stcore/health", timeout=5).raise_for_status()
            return
        except requests.RequestException:
            time.sleep(0.05)
    raise RuntimeError(f"the app did not start:\n{output.read_text()}")


@dataclass
class Watch:
    """Memory of a server, once a second for as long as `watch` runs: (seconds since its start, bytes)."""

    server: Server
    samples: list[tuple[float, int]] = field(default_factory=list)

    async def watch(self) -> None:
        """Until it is cancelled."""
        start = time.monotonic()
        while True:
            self.samples.append((time.monotonic() - start, self.server.memory()))
            await asyncio.sleep(1)

    @property
    def peak(self) -> int:
        return max(memory for _, memory in self.samples)


def _children(process: psutil.Process) -> list[psutil.Process]:
    return process.children(recursive=True)


def _memory(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0
