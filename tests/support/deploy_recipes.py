"""What docs/deploy.md tells an operator to write, and nginx run by it."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.page_server import ROOT, free_port

_TEXT = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
_AROUND = """
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
daemon off;
# One process, so that it is whoever runs the tests.
master_process off;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{config}
}}
"""


def blocks(language: str) -> list[str]:
    """The pieces of code in this language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", _TEXT, re.MULTILINE | re.DOTALL)


def replaced(config: str, **by: str) -> str:
    """The text with other words; each must be in it. A number is not looked for inside of others, which ports are."""
    for word in by:
        assert word in config, f"{word} is not in the recipe"
    words = "|".join(map(re.escape, by))
    return re.sub(rf"(?<!\d)(?:{words})(?!\d)", lambda found: by[found[0]], config)


@contextmanager
def running_nginx(folder: Path, config: str) -> Iterator[str]:
    """nginx with a recipe for port 443 that names a certificate; gives its address."""
    if not (
        program := shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin:/opt/homebrew/bin")
    ):
        pytest.skip("needs nginx: apt-get install nginx")
    port = free_port()
    _make_certificate(folder)
    words = {"443": str(port), "/etc/ssl/cam.school.example": f"{folder}/cam"}
    (folder / "nginx.conf").write_text(_AROUND.format(folder=folder, config=replaced(config, **words)))
    with (folder / "nginx.txt").open("w") as output:
        process = subprocess.Popen([program, "-p", folder, "-c", folder / "nginx.conf"], stderr=output)
    try:
        _wait_for(port, process, folder / "nginx.txt")
        yield f"https://localhost:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _make_certificate(folder: Path) -> None:
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -keyout cam.key -out cam.pem"
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)


def _wait_for(port: int, process: subprocess.Popen, output: Path) -> None:
    for _ in range(200):
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("localhost", port)).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"nginx did not start:\n{output.read_text()}")
