"""A session whose page was closed is forgotten by the clock, with what was uploaded and saved, on a server at rest."""

import re
import time

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from support.page_server import ROOT, running_server
from support.visitor import Visitor, next_message, session_of

# Seconds for which Streamlit keeps a closed session, and in which all of it must be gone.
KEPT, GONE = 4, 30
# A page as ClassCam's pages are: they have a file for download.
PAGE = """
import streamlit as st
from cam.server.closed_sessions import forget_when_closed

{call}
st.download_button("Save", b"a photo of a visitor", "overlay.png", "image/png")
"""


@pytest.fixture
def serve(tmp_path):
    """A function that runs such a page; gives a visitor."""
    running = []

    def start(call: str) -> Visitor:
        (tmp_path / "page.py").write_text(PAGE.format(call=call))
        server = running_server(
            tmp_path,
            start=("streamlit", "run", str(tmp_path / "page.py")),
            STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL=str(KEPT),
            STREAMLIT_SERVER_ENABLE_XSRF_PROTECTION="false",
        )
        running.append(server)
        return Visitor((url := server.__enter__().url), url.removeprefix("http://"))

    yield start
    for server in running:
        server.__exit__(None, None, None)


def visit(visitor: Visitor) -> str:
    """Open the page, upload a photo, and close the page again; the path of the file for download."""
    with visitor.opened() as stream:
        session = session_of(stream)
        path = None
        while path is None:
            delta = next_message(stream, "delta")
            path = delta.new_element.download_button.url or None
        next_message(stream, "script_finished")
        assert visitor.upload(session, b"photo" * 1000) == 204
        assert visitor.ask(path) == (200, "a photo of a visitor")
    return path


def uploaded(visitor: Visitor) -> int:
    """Bytes that are held of uploads."""
    found = re.findall(
        r"^cache_memory_bytes\{[^}]*UploadedFileManager[^}]*\} (\d+)", visitor.ask("/_stcore/metrics")[1], re.M
    )
    return sum(map(int, found))


def test_a_saved_picture_and_an_upload_go_with_the_session(serve):
    visitor = serve("forget_when_closed()")
    path = visit(visitor)
    closed = time.monotonic()
    # A lost connection can come back.
    assert uploaded(visitor) == 5000 and visitor.ask(path)[0] == 200
    while visitor.ask(path)[0] == 200 or uploaded(visitor):
        assert time.monotonic() < closed + GONE
        time.sleep(0.2)
    assert time.monotonic() > closed + KEPT - 2


def test_without_this_they_would_stay(serve):
    """If this fails, Streamlit does it itself, and `cam.server.closed_sessions` can go."""
    visitor = serve("")
    path = visit(visitor)
    time.sleep(KEPT + 8)
    assert visitor.ask(path)[0] == 200 and uploaded(visitor) == 5000


def test_each_run_of_classcam_asks_for_it(monkeypatch):
    asked = []
    # No more of the run is needed.
    monkeypatch.setattr("cam.app.navigation.forget_when_closed", lambda: asked.append(True) or st.stop())
    at = AppTest.from_file(ROOT / "streamlit_app.py", default_timeout=60).run()
    at.run()
    assert asked == [True, True] and not at.exception
