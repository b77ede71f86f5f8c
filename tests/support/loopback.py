"""Files served from this machine to itself, in place of the internet."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Server(ThreadingHTTPServer):
    """Says nothing of a client that went away, as one does that has seen enough: a test may read what is said."""

    def handle_error(self, *request: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*request)


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[ThreadingHTTPServer]:
    """A server on a free port.

    Its `reached` is there for a handler to set, and its `ended` is set when the server is to stop, before handlers that
    still answer are waited for.
    """
    with _Server(("127.0.0.1", 0), handler) as server:
        server.reached, server.ended = threading.Event(), threading.Event()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.ended.set()
        server.shutdown()
        thread.join()
