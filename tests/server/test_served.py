"""The server as its users start it: what each page comes with, and what a wrong setting does."""

import statistics
import time
import urllib.error
import urllib.request
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
import requests
from support import page_server
from support.page_server import running_server

from cam.server.page_style import read_style

PAGES = ("/", "/inside", "/compare", "/cover", "/why", "/guess")


@pytest.mark.parametrize("base", ["", "cam"])
def test_each_page_has_the_style_and_answers_are_sent_at_once(tmp_path, base):
    with running_server(tmp_path, STREAMLIT_SERVER_BASE_URL_PATH=base) as server:
        for page in PAGES:
            for coding in ("gzip, deflate, br, zstd", "identity"):
                answer = requests.get(server.url + page, headers={"Accept": "text/html", "Accept-Encoding": coding})
                assert answer.status_code == 200
                assert answer.text.count(read_style()) == 1, (page, coding)
                assert answer.headers.get("content-encoding") == ("gzip" if "gzip" in coding else None)
        assert requests.get(server.url, headers={"Host": "rebound.example"}).status_code == 400
        assert requests.get(f"{server.url}/media/x.png").headers["cache-control"] == "no-store"
        kept, new = time_answers(server.url)
    assert kept < 4 * new


def time_answers(url: str) -> tuple[float, float]:
    """Median seconds of an answer on a connection that is kept, and on a new one, which waits for nothing at first."""

    def ask(connection: HTTPConnection) -> float:
        start = time.perf_counter()
        connection.request("GET", f"{urlsplit(url).path}/_stcore/health")
        assert connection.getresponse().read() == b"ok"
        return time.perf_counter() - start

    host = urlsplit(url).netloc
    kept = HTTPConnection(host)
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(40):
        seconds[0].append(ask(kept))
        with_new = HTTPConnection(host)
        seconds[1].append(ask(with_new))
        with_new.close()
    kept.close()
    return statistics.median(seconds[0]), statistics.median(seconds[1])


def test_a_wrong_setting_is_a_sentence_in_the_terminal_and_in_the_browser(tmp_path, monkeypatch):
    monkeypatch.setattr(page_server, "_wait_until_healthy", lambda url, process, output: wait_for(url))
    with running_server(tmp_path, CAM_PHOTO_MB="many") as server, pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{server.url}/compare")
    assert refused.value.code == 503
    sentence = "CAM_PHOTO_MB must be a whole number of megabytes from 1 to 1,000, not "
    assert sentence in refused.value.read().decode()
    output = (tmp_path / "server.txt").read_text()
    assert f"ClassCam does not start: {sentence}'many'." in output and "Traceback" not in output


def wait_for(url: str) -> None:
    """Until the server answers at all."""
    for _ in range(1200):
        try:
            urllib.request.urlopen(url)
        except urllib.error.HTTPError:
            return
        except urllib.error.URLError:
            time.sleep(0.05)
