"""The page in a real browser: one server and one Chromium for all tests, a fresh page for each.

Pages share one browser context, so that the browser keeps Streamlit's scripts, which halves the time of the tests;
every page is a session of its own on the server nevertheless. A test of two visitors asks for contexts of their own.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.page_server import PATIENCE, Server, running_server

_NAMES = ("chromium", "chromium-browser", "google-chrome")
# The browser's own traffic is off, so that every request that is seen is the page's.
_ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
)
_VIEWPORT = {"width": 1366, "height": 1000}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test in a browser has a second try, because nothing bounds how long a busy machine takes to draw a page.

    The summary lists those that needed it: each may be a fault of the page that shows at some moments only.
    """
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """Headless Chromium; where it or Playwright is missing, the tests skip and say what to install."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install playwright")
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.skip(f"needs a browser, one of {', '.join(_NAMES)}: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=_ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def own_models(tmp_path_factory) -> Path:
    """The server's folder of one's own networks; empty, but for what a test puts there and takes away again."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def server(browser, own_models, tmp_path_factory) -> Iterator[Server]:
    """The app that all tests share."""
    with running_server(tmp_path_factory.mktemp("server"), CAM_MODELS=str(own_models)) as server:
        yield server


@pytest.fixture(scope="session")
def shared_context(browser, server) -> Iterator:
    """The browser context of all pages that need none of their own."""
    with browser.new_context(base_url=server.url, viewport=_VIEWPORT) as context:
        context.set_default_timeout(1000 * PATIENCE)
        yield context


@pytest.fixture
def new_page(browser, request) -> Iterator[Callable]:
    """A function that makes an empty page; `goto("/...")` opens the app.

    With `alone=True`, a server, or options of Playwright's `new_context`, it is in a browser context of its own. After
    the test, every page must have asked its server alone, and have reported no error.
    """
    contexts, pages, strangers, problems = [], [], [], []

    def make(*, alone: bool = False, server: Server | None = None, **options):
        home = server or request.getfixturevalue("server")
        if alone or server or options:
            context = browser.new_context(base_url=home.url, **{"viewport": _VIEWPORT, **options})
            context.set_default_timeout(1000 * PATIENCE)
            contexts.append(context)
        else:
            context = request.getfixturevalue("shared_context")
        pages.append(page := context.new_page())
        _watch(page, home.url, strangers, problems)
        return page

    yield make
    for opened in (*pages, *contexts):
        opened.close()
    assert strangers == [], "the page has asked another server"
    assert problems == [], "the page has reported errors"


def _watch(page, home: str, strangers: list[str], problems: list[str]) -> None:
    def request(url: str) -> None:
        if not url.startswith((f"{home}/", f"{home.replace('http', 'ws', 1)}/", "data:", "blob:")):
            strangers.append(url)

    page.on("request", lambda event: request(event.url))
    page.on("websocket", lambda event: request(event.url))
    page.on("console", lambda event: problems.append(event.text) if _is_problem(event) else None)
    page.on("pageerror", lambda error: problems.append(str(error)))


def _is_problem(event) -> bool:
    # A page that is opened by its own link looks for the server below that first.
    looks = re.search(r"/\w+/_stcore/(health|host-config)$", event.location["url"])
    # That answers a page without the access code, which is asked for then.
    return event.type == "error" and "401 (Unauthorized)" not in event.text and not looks


@pytest.fixture
def page(new_page):
    """The page as it opens, with the heat of the first sample."""
    from support.page_parts import wait_for_heat

    page = new_page()
    page.goto("/")
    wait_for_heat(page)
    return page
