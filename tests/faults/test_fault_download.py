"""A download that is cut at any byte: nothing that looks whole is left, and the next one brings the whole file."""

import hashlib
import os
import signal
import subprocess
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.loopback import serving

from cam.errors import ModelError
from cam.models.weights import KerasFile

CONTENT = hashlib.sha256(b"weights").digest() * 20_000  # 640,000 bytes, three chunks
MD5 = hashlib.md5(CONTENT).hexdigest()
CHUNK = 2**18


class _Handler(BaseHTTPRequestHandler):
    """/N/said/ ends after N bytes; /N/unsaid/ too, and nothing says that more should come; /N/hang/ never ends."""

    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        _, count, kind = self.path.split("/", 2)
        self.send_response(200)
        if not kind.startswith("unsaid"):
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[: int(count)])
        if kind.startswith("hang"):
            self.server.reached.set()
            self.server.ended.wait(60)

    def log_message(self, *args) -> None:
        pass


@pytest.fixture(scope="module")
def server():
    with serving(_Handler) as running:
        yield running


@pytest.fixture
def home(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path


def file_at(server, count: int, kind: str) -> KerasFile:
    return KerasFile(f"http://127.0.0.1:{server.server_port}/{count}/{kind}/net.h5", MD5, len(CONTENT))


def files(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(0, len(CONTENT) - 1), kind=st.sampled_from(["said", "unsaid"]))
@example(0, "said")
@example(0, "unsaid")
@example(CHUNK, "said")
@example(CHUNK, "unsaid")
@example(CHUNK + 1, "unsaid")
@example(len(CONTENT) - 1, "said")
@example(len(CONTENT) - 1, "unsaid")
def test_a_download_that_is_cut_leaves_nothing_and_the_next_is_whole(server, home, count, kind):
    with pytest.raises(ModelError, match="could not be downloaded"):
        file_at(server, count, kind).download()
    assert files(home) == []
    whole = file_at(server, len(CONTENT), kind)
    assert whole.download().read_bytes() == CONTENT and whole.is_whole()
    assert files(home) == ["net.h5"]
    whole.path.unlink()


def test_a_program_that_is_killed_in_a_download_leaves_nothing_that_is_taken_for_whole(server, home):
    url = file_at(server, CHUNK + 10, "hang").url
    code = f"from cam.models.weights import KerasFile; KerasFile({url!r}, {MD5!r}, {len(CONTENT)}).download()"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2], env=dict(os.environ))
    try:
        assert server.reached.wait(60)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    whole = file_at(server, len(CONTENT), "said")
    (part,) = whole.path.parent.iterdir()
    assert whole.find() is None and not whole.is_whole()
    assert whole.download().read_bytes() == CONTENT
    # It could be that of a program that runs, until nothing has come for long enough.
    assert part.exists()
    whole.path.unlink()
    os.utime(part, (0, 0))
    whole.download()
    assert files(home) == ["net.h5"]
