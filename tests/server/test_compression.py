"""The scripts and styles of Streamlit's page come compressed, and are what Streamlit itself sends."""

import asyncio
import gzip
from contextlib import suppress
from pathlib import Path

import pytest
import streamlit
from starlette.applications import Starlette
from streamlit.web.server.starlette.starlette_static_routes import create_streamlit_static_assets_routes
from support.asgi_parts import ask
from support.event_loop import run_apart

from cam.server.compression import Assets

STATIC = Path(streamlit.__file__).parent / "static"
SCRIPT = max((STATIC / "static/js").glob("*.js"), key=lambda path: path.stat().st_size)
STYLE = next((STATIC / "static/css").glob("index.*.css"))
FONT = next((STATIC / "static/media").glob("SourceSans*.woff2"))


class Counting:
    """An app that counts what it is asked."""

    def __init__(self, app):
        self._app, self.asked = app, 0

    async def __call__(self, scope, receive, send) -> None:
        self.asked += 1
        await self._app(scope, receive, send)


@pytest.fixture(params=["", "/cam"])
def served(request) -> tuple[Counting, Assets, str]:
    """What Streamlit serves, counted, what stands before it, and below which path."""
    streamlit_own = Counting(Starlette(routes=create_streamlit_static_assets_routes(request.param)))
    return streamlit_own, Assets(streamlit_own, base=request.param), request.param


def address(base: str, path: Path) -> str:
    return f"{base}/{path.relative_to(STATIC).as_posix()}"


@pytest.mark.parametrize("path", [SCRIPT, STYLE], ids=["script", "style"])
def test_a_file_comes_compressed_and_is_the_same(served, path):
    own, assets, base = served
    plain = ask(own, address(base, path))
    answer = ask(assets, address(base, path), accept_encoding="gzip, deflate, br, zstd")
    assert gzip.decompress(answer.body) == plain.body == path.read_bytes()
    assert len(answer.body) < len(plain.body) / 2
    assert (answer.status, answer.header("content-encoding"), answer.header("vary")) == (200, "gzip", "Accept-Encoding")
    assert int(answer.header("content-length")) == len(answer.body)
    for name in ("content-type", "cache-control"):
        assert answer.header(name) == plain.header(name)
    # They tell one file from another, and this is not the file.
    assert answer.header("etag") is None and answer.header("last-modified") is None


def test_it_is_read_and_compressed_for_the_first_visitor_only(served):
    own, assets, base = served
    answers = {ask(assets, address(base, STYLE), accept_encoding="gzip") for _ in range(3)}
    assert own.asked == len(answers) == 1


@pytest.mark.parametrize(
    ("path", "about"),
    [
        (SCRIPT, {}),
        (SCRIPT, {"accept_encoding": "br"}),
        (SCRIPT, {"accept_encoding": "gzip", "method": "HEAD"}),
        (SCRIPT, {"accept_encoding": "gzip", "range": "bytes=0-99"}),
        (FONT, {"accept_encoding": "gzip"}),
        (STATIC / "index.html", {"accept_encoding": "gzip"}),
        (STATIC / "static/js/is_not_there.js", {"accept_encoding": "gzip"}),
        (STATIC / "static/js/", {"accept_encoding": "gzip"}),
        (STATIC / "static/js/../../index.html", {"accept_encoding": "gzip"}),
        (STATIC / "_stcore/health", {"accept_encoding": "gzip"}),
    ],
)
def test_all_else_is_as_streamlit_sends_it(served, path, about):
    own, assets, base = served
    assert ask(assets, address(base, path), **about) == ask(own, address(base, path), **about)


def test_no_more_is_kept_than_there_are_files(served):
    own, assets, base = served
    for number in range(5):
        for path in (address(base, STYLE).replace("/css/", f"/css{'/' * number}/"), f"{base}/static/js/{number}.js"):
            ask(assets, f"{path}?{number}", accept_encoding="gzip")
    assert len(assets._kept) == 1


def test_what_is_compressed_already_is_left_alone():
    async def packed(scope, receive, send) -> None:
        headers = [(b"cache-control", b"public, immutable"), (b"content-encoding", b"br")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"packed"})

    answer = ask(Assets(packed), "/static/js/index.js", accept_encoding="gzip, br")
    assert (answer.body, answer.header("content-encoding")) == (b"packed", "br")


def test_who_goes_away_in_the_middle_leaves_nothing_half_done_to_the_next(served):
    own, assets, base = served
    scope = {"type": "http", "method": "GET", "path": address(base, SCRIPT), "headers": [(b"accept-encoding", b"gzip")]}

    async def gone():
        return {"type": "http.disconnect"}

    async def send(message) -> None:
        pass

    run_apart(assets(scope, gone, send))
    answer = ask(assets, address(base, SCRIPT), accept_encoding="gzip")
    assert gzip.decompress(answer.body) == SCRIPT.read_bytes() and own.asked == 1


def test_an_app_that_listens_for_who_goes_away_is_not_told():
    async def listening(scope, receive, send) -> None:
        headers = [(b"cache-control", b"public, immutable"), (b"content-length", b"8")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        await receive()
        with suppress(TimeoutError):
            await asyncio.wait_for(receive(), 0.05)
            return
        await send({"type": "http.response.body", "body": b"half"})

    async def gone():
        return {"type": "http.disconnect"}

    got = []

    async def send(message) -> None:
        got.append(message)

    scope = {"type": "http", "method": "GET", "path": "/static/js/a.js", "headers": [(b"accept-encoding", b"gzip")]}
    run_apart(Assets(listening)(scope, gone, send))
    assert gzip.decompress(got[-1]["body"]) == b"halfhalf"


def test_a_part_of_a_file_is_not_kept():
    sizes = iter((4, 8))

    async def breaking(scope, receive, send) -> None:
        headers = [(b"cache-control", b"public, immutable"), (b"content-length", b"8")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"x" * next(sizes)})

    assets = Assets(breaking)
    assert ask(assets, "/static/js/a.js", accept_encoding="gzip").body == b"xxxx"
    for _ in range(2):
        assert gzip.decompress(ask(assets, "/static/js/a.js", accept_encoding="gzip").body) == b"x" * 8
