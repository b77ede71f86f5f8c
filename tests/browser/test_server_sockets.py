"""An answer does not wait until the browser has confirmed the part before it."""

import gc
import socket
import statistics
import time
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from support.page_server import running_server

from cam.server.sockets import send_at_once


@pytest.fixture
def listening():
    """A socket as Streamlit makes it, which asyncio does not take for one of TCP."""
    with socket.socket(socket.AF_INET) as found:
        found.bind(("127.0.0.1", 0))
        found.listen()
        yield found


def sends_at_once(found: socket.socket) -> bool:
    return bool(found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))


def test_connections_send_at_once_and_other_sockets_stay_as_they_are(listening):
    with socket.socket(socket.AF_INET) as other, socket.socket(socket.AF_INET, socket.SOCK_DGRAM):
        closed = socket.socket(socket.AF_INET)
        closed.close()
        send_at_once()
        assert sends_at_once(listening) and not sends_at_once(other)
    with socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert sends_at_once(accepted)


def test_lazy_modules_stay_asleep(listening):
    class Lazy:
        @property
        def __class__(self):
            raise AssertionError("woken")

    asleep = Lazy()
    assert gc.is_tracked(asleep)
    send_at_once()


def test_answers_on_a_connection_that_is_kept_take_no_longer_than_on_a_new_one(tmp_path):
    with running_server(tmp_path) as server:
        host = urlsplit(server.url).netloc
        kept = HTTPConnection(host)
        # A new connection is confirmed at once, for its first answers.
        seconds = {"kept": [], "new": []}
        for _ in range(40):
            seconds["kept"].append(taken(kept))
            with_new = HTTPConnection(host)
            seconds["new"].append(taken(with_new))
            with_new.close()
        kept.close()
    assert statistics.median(seconds["kept"]) < 4 * statistics.median(seconds["new"])


def taken(connection: HTTPConnection) -> float:
    start = time.perf_counter()
    connection.request("GET", "/_stcore/health")
    assert connection.getresponse().read() == b"ok"
    return time.perf_counter() - start
