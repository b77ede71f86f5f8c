"""The page that Streamlit sends has the style of ClassCam in it; all else is as Streamlit sends it."""

import re
from pathlib import Path

import pytest
import streamlit
from starlette.applications import Starlette
from streamlit.web.server.starlette.starlette_static_routes import create_streamlit_static_assets_routes
from support.asgi_parts import ask

from cam import app
from cam.server.page_style import PageStyle, read_style

STATIC = Path(streamlit.__file__).parent / "static"
PAGE = (STATIC / "index.html").read_text(encoding="utf-8")
SCRIPT = max((STATIC / "static/js").glob("*.js"), key=lambda path: path.stat().st_size)
FOLDER = Path(app.__file__).parent


@pytest.fixture
def own():
    return Starlette(routes=create_streamlit_static_assets_routes(""))


@pytest.fixture
def looks(own):
    return PageStyle(own)


@pytest.mark.parametrize("path", ["/", "/inside", "/guess?photo=koala"])
def test_each_page_comes_with_the_style_after_all_of_streamlits(looks, path):
    answer = ask(looks, path)
    page, added = PAGE.split("</body>"), f"<style>\n{read_style()}</style>\n</body>"
    assert answer.status == 200 and answer.text == added.join(page)
    assert answer.header("content-length") == str(len(answer.body))
    assert answer.header("content-type").startswith("text/html")


def test_a_browser_that_has_a_page_of_an_earlier_style_gets_the_new_one(own, looks):
    about = {name: ask(own, "/").header(name) for name in ("etag", "last-modified")}
    conditions = {"if_none_match": about["etag"], "if_modified_since": about["last-modified"]}
    assert ask(own, "/", **conditions).status == 304
    answer = ask(looks, "/", **conditions)
    assert answer.status == 200 and "</style>" in answer.text
    assert answer.header("etag") is None and answer.header("last-modified") is None


@pytest.mark.parametrize(
    ("path", "about"),
    [
        (f"/{SCRIPT.relative_to(STATIC).as_posix()}", {"accept": "*/*"}),
        ("/favicon.png", {"accept": "image/*"}),
        ("/", {"method": "HEAD"}),
    ],
)
def test_all_else_is_as_streamlit_sends_it(own, looks, path, about):
    assert ask(looks, path, **about) == ask(own, path, **about)


def test_streamlit_does_not_pack_what_is_changed(own, looks):
    """It would for a browser that takes it so; what stands before the style packs the page."""
    assert ask(looks, accept_encoding="gzip, deflate, br, zstd") == ask(looks)


def test_a_page_that_is_refused_is_left_alone():
    async def other(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/html")]})
        await send({"type": "http.response.body", "body": b"<body></body>"})

    assert ask(PageStyle(other)).text == "<body></body>"


def test_a_page_in_parts_is_put_together():
    async def parts(scope, receive, send) -> None:
        headers = [(b"content-type", b"text/html"), (b"content-length", b"13")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for part in (b"<body></bo", b"dy>", b""):
            await send({"type": "http.response.body", "body": part, "more_body": bool(part)})

    answer = ask(PageStyle(parts))
    assert answer.text == f"<body><style>\n{read_style()}</style>\n</body>"


def test_the_style_is_that_of_the_whole_page_first_and_then_of_all_pages_but_not_of_components():
    files = {path: path.read_text(encoding="utf-8") for path in FOLDER.rglob("*.css")}
    own = {path for path in files if path.with_suffix(".js").exists()}
    assert {path.name for path in own} == {"picture.css", "box_drawing.css", "cell_grid.css"}
    assert read_style().startswith(files[FOLDER / "page.css"])
    for path, text in files.items():
        assert (text in read_style()) == (path not in own)


def test_no_rule_of_one_page_reaches_into_another():
    names = {"occlusion": "cover", "architecture": "why"}
    paths = {path.parent.name if path.stem == "page" else path.stem: path for path in FOLDER.glob("pages/**/*.css")}
    assert set(paths) == {"inside", "compare", "occlusion", "architecture", "guess"}
    for folder, path in paths.items():
        name = names.get(folder, folder)
        rules = re.sub(r"/\*.*?\*/|@media[^{]*", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for rule in re.findall(r"[^{}]+(?={)", rules):
            for selector in re.split(r",(?![^(]*\))", rule):
                if selector.strip():
                    assert re.search(rf"\.(st-key-)?{name}|st-key-(case|begin_)", selector), (folder, selector)
