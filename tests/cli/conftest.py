"""The command line called in this process, over rows whose weights come from a server on this machine."""

import dataclasses
import hashlib
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.loopback import serving

from cam.__main__ import main
from cam.models import registry
from cam.models.weights import KerasFile

CONTENT = bytes(range(256)) * 8192  # 2 MiB


class _Handler(BaseHTTPRequestHandler):
    """Answers with the content, with another content of that length, with nothing, or with a half and then waits."""

    def do_GET(self) -> None:
        kind = self.path.split("/")[1]
        self.send_response(404 if kind == "missing" else 200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        body = {"wrong": bytes(len(CONTENT)), "half": CONTENT[: len(CONTENT) // 2]}.get(kind, CONTENT)
        self.wfile.write(body)
        if kind == "half":
            self.server.ended.wait(30)

    def log_message(self, *args) -> None:
        pass


@pytest.fixture(scope="session")
def server():
    with serving(_Handler) as running:
        yield f"http://127.0.0.1:{running.server_port}"


@pytest.fixture
def home(monkeypatch, tmp_path) -> Path:
    """An empty KERAS_HOME, and no proxy between here and the server."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path


@pytest.fixture
def rows(monkeypatch, server, home) -> dict[str, registry.ModelSpec]:
    """Three networks that can be fetched, one that cannot, and an embedded one, instead of those of the registry."""
    resnet, lite = registry.find_spec("resnet50"), registry.find_spec("efficientnet-lite0")
    md5 = hashlib.md5(CONTENT).hexdigest()

    def row(name: str, kind: str) -> registry.ModelSpec:
        source = KerasFile(f"{server}/{kind}/{name}.h5", md5, len(CONTENT))
        return dataclasses.replace(resnet, name=name, title=name.title(), source=source)

    specs = row("small", "right"), row("large", "right"), row("gone", "missing"), row("changed", "wrong"), lite
    monkeypatch.setattr(registry, "_SPECS", specs)
    return {spec.name: spec for spec in specs}


@pytest.fixture
def run():
    """Arguments as typed -> what the command printed and its exit code."""

    def call(line: str) -> Result:
        result = CliRunner().invoke(main, line.split(), prog_name="python -m cam")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call
