"""The page behind nginx with TLS, by the recipes of docs/deploy.md."""

import ssl
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image
from support.deploy_recipes import blocks, replaced, running_nginx
from support.page_parts import PHOTO, expect, upload
from support.page_server import Server, running_server

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("base", ["", "cam"])
def test_the_page_works_through_nginx_and_nothing_of_a_photo_is_written(new_page, tmp_path, base):
    single = blocks("nginx")[0]
    config = replaced(single, **{"location / {": blocks("nginx")[1].strip()}) if base else single
    # The heat is not the point, and TensorFlow takes long.
    held = {"TENSORFLOW_GATE": str(tmp_path / "never")}
    under = {"STREAMLIT_SERVER_BASE_URL_PATH": base} if base else {}
    address = "https://cam.school.example"
    with running_server(
        tmp_path, start=("cam", "page"), CAM_ADDRESS=address, CAM_METRICS="yes", **held, **under
    ) as server:
        port = server.url.removesuffix("/cam").rpartition(":")[2]
        with running_nginx(tmp_path, replaced(config, **{"8501": port})) as proxy:
            page = new_page(server=Server(proxy, server.log), ignore_https_errors=True)
            # The name is one that ClassCam was told, as in a browser that found it by DNS.
            page.goto(f"{proxy}/{base}{base and '/'}?photo=crab")
            expect(page.locator(f"{PHOTO} .title")).to_have_text("Crab")
            path = tmp_path / "noise.png"
            noise = np.random.default_rng(0).integers(0, 256, (1200, 1280, 3), np.uint8)
            Image.fromarray(noise).save(path, compress_level=0)
            upload(page, path)
            expect(page.locator(f"{PHOTO} .title")).to_have_text("noise.png")
            expect(page.locator(f"{PHOTO} img")).to_have_js_property("naturalHeight", 1200)
            # Before its server stops, which it would report.
            page.close()
            for closed in ("healthz", "metrics"):
                assert status(f"{server.url}/{closed}") == 200
                assert status(f"{proxy}/{base}{base and '/'}{closed}") == 404
    log = (tmp_path / "error.log").read_text()
    assert "client request body" not in log and "temporary file" not in log


class _Named(BaseHTTPRequestHandler):
    """Answers with the port that it listens at."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(self.server.server_port).encode())

    def log_message(self, *args) -> None:
        pass


@pytest.fixture
def servers():
    """Two servers that say their ports."""
    running = [ThreadingHTTPServer(("127.0.0.1", 0), _Named) for _ in range(2)]
    threads = [threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}) for server in running]
    for thread in threads:
        thread.start()
    yield running
    for server, thread in zip(running, threads, strict=True):
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_visitor_stays_with_one_of_several_servers_until_it_stops(servers, tmp_path):
    single, _, upstreams, location = blocks("nginx")
    passing = replaced(single, **{"        proxy_pass http://127.0.0.1:8501;\n": location})
    ports = {f"850{i}": str(server.server_port) for i, server in enumerate(servers, 1)}
    with running_nginx(tmp_path, replaced(upstreams, **ports) + passing) as proxy:
        visits = [answer(proxy) for _ in range(40)]
        assert {port for port, _ in visits} == set(ports.values()), "all 40 visitors went to the same server"
        for port, cookie in visits[:8]:
            assert {answer(proxy, cookie)[0] for _ in range(5)} == {port}
        servers[0].shutdown()
        servers[0].server_close()
        assert {answer(proxy, cookie)[0] for _, cookie in visits} == {str(servers[1].server_port)}


def status(url: str) -> int:
    """The status code that a GET gets."""
    try:
        return urllib.request.urlopen(url, context=_any_certificate()).status
    except urllib.error.HTTPError as error:
        return error.code


def answer(url: str, cookie: str = "") -> tuple[str, str]:
    """(what a GET with this cookie gets, the cookie for the next one)."""
    request = urllib.request.Request(url, headers={"Cookie": cookie})
    with urllib.request.urlopen(request, context=_any_certificate()) as got:
        return got.read().decode(), got.headers["Set-Cookie"].partition(";")[0]


def _any_certificate() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
