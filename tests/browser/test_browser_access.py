"""A public server as outsiders and visitors meet it: by its network port, and in a real browser."""

import itertools
import re
from urllib.parse import quote

import pytest
from support.page_parts import expect, redrawn, upload, wait_for_heat
from support.page_server import Server, running_server
from support.visitor import Visitor, session_of, wait_for_end
from test_browser_private import strangers

CODE, NAME = "blue rhinoceros & ñ", "cam.school.org"
MEGABYTE = 2**20


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("public")


@pytest.fixture(scope="module")
def public(folder):
    """A server with an access code and a name."""
    with running_server(folder, CAM_ACCESS_CODE=CODE, CAM_HOSTS=NAME) as server:
        yield server


@pytest.fixture
def outsider(public):
    return Visitor(public.url, NAME)


@pytest.fixture
def visitor(public):
    visitor = Visitor(public.url, NAME)
    assert visitor.enter(CODE) == 303
    return visitor


def with_token(visitor: Visitor) -> dict[str, str]:
    """Headers with the token that Streamlit's scripts send."""
    visitor.ask("/_stcore/health")
    return {"X_Xsrftoken": visitor.cookies["_streamlit_xsrf"]}


def written_since(server: Server, before: int) -> list[str]:
    """What was written, but for modules that Python compiled."""
    return [path for path in server.written()[before:] if ".pyc" not in path]


def test_an_outsider_gets_the_form_and_nothing_else(outsider, visitor):
    with visitor.opened() as socket:
        session = session_of(socket)
        outsider.cookies |= {"_streamlit_xsrf": with_token(visitor)["X_Xsrftoken"]}
        token = {"X_Xsrftoken": outsider.cookies["_streamlit_xsrf"]}
        assert outsider.upload(session, b"photo", **token) == 401
        assert outsider.ask(f"/_stcore/upload_file/{session}/x", "DELETE", **token)[0] == 401
    for path in ("/", "/compare", "/static/index.html", "/_stcore/metrics", "/media/x.png", "/_stcore/host-config"):
        assert outsider.ask(path)[0] == 401
    assert outsider.refusal() == 401
    assert outsider.ask("/_stcore/health") == (200, "ok")
    assert outsider.enter("red rhinoceros") == 401


def test_a_visitor_gets_the_page(visitor):
    status, text = visitor.ask("/compare?photo=crab")
    assert status == 200 and "<title>" in text and "password" not in text
    assert visitor.refusal() is None


def test_pages_of_other_sites_reach_nothing_and_have_nobody_asked_for_the_address(public, visitor):
    for origin in ("http://evil.example", "null", f"http://{NAME}.evil.example"):
        assert visitor.refusal(origin) == 403
        assert visitor.ask("/", "POST", b"code=x", Origin=origin)[0] == 403
    assert visitor.refusal(f"http://{NAME}") is None
    assert strangers(public) == []


def test_other_names_of_the_server_are_refused(visitor):
    visitor.host = "evil.example"
    assert visitor.ask("/")[0] == 400 and visitor.ask("/_stcore/health")[0] == 400
    assert visitor.refusal() == 400
    visitor.host = "localhost"
    assert visitor.ask("/_stcore/health")[0] == 200


@pytest.mark.parametrize("start", ["/static", "/media", "/component", "/_stcore/bidi-components", "/app/static", ""])
def test_no_path_leads_to_a_file_of_the_server(visitor, start):
    ups = ("/../../../../..", "/", "/..%2f..%2f..%2f..%2f..", "/%2e%2e/%2e%2e/%2e%2e", "/..\\..\\..", "/.%00", "/..")
    files = ("/etc/passwd", "/streamlit_app.py", "/.streamlit/config.toml")
    for way in (up + file for up in ups for file in files):
        status, text = visitor.ask(start + way)
        # A path that is none of Streamlit's leads to its page.
        assert status in (400, 403, 404) or "<title>Streamlit</title>" in text
        assert "root:" not in text and "may_enter" not in text and "maxUploadSize" not in text


def test_uploads_need_the_token_and_a_session_and_are_bounded(visitor):
    with visitor.opened() as socket:
        session, token = session_of(socket), with_token(visitor)
        assert visitor.upload(session, b"photo") == 403
        assert visitor.upload(session, b"photo", X_Xsrftoken="2|00000000|00000000|0") == 403
        assert visitor.upload(session, b"photo", **token, Origin="http://evil.example") == 403
        assert visitor.upload("another", b"photo", **token) == 400
        assert visitor.upload(session, b"photo", **token, Content_Length=str(52 * MEGABYTE)) == 413
        assert visitor.upload(session, b"photo", **token) == 204
    # The session has ended, or does within two minutes; it takes nothing more than it took before.


def test_uploads_stay_in_memory_one_a_session_and_no_log_names_them(public, folder, visitor):
    with visitor.opened() as socket:
        session, token = session_of(socket), with_token(visitor)
        # Loading the network writes files of its own.
        wait_for_end(socket)
        before = len(public.written())
        for size in (9, 12, 49):
            assert visitor.upload(session, bytes(size * MEGABYTE), **token) == 204
        # Refused as it comes: nothing said beforehand how long it is.
        endless = itertools.repeat(bytes(MEGABYTE), 60)
        try:
            assert visitor.upload(session, endless, **token, Transfer_Encoding="chunked") == 413
        # The server hangs up before all is sent.
        except ConnectionError:
            pass
        _, metrics = visitor.ask("/_stcore/metrics")
    held = [int(n) for n in re.findall(r"^cache_memory_bytes\{[^}]*UploadedFileManager[^}]*\} (\d+)", metrics, re.M)]
    # One of them, and five bytes of the test before.
    assert held and max(held) <= 50 * MEGABYTE
    assert written_since(public, before) == []
    output = (folder / "server.txt").read_text()
    assert "holiday" not in output and "rhinoceros" not in output


@pytest.mark.browser
class TestInABrowser:
    """The same server under a name that the browser finds."""

    @pytest.fixture
    def open_page(self, new_page, public):
        def make(path: str, **options):
            page = new_page(server=public, **options)
            page.goto(path)
            return page

        return make

    @pytest.mark.parametrize("options", [{}, {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}])
    def test_the_code_is_typed_with_the_keyboard_alone_and_leads_to_what_the_link_names(self, open_page, options):
        page = open_page("/?photo=crab", **options)
        field = page.get_by_label("Access code")
        expect(field).to_be_focused()
        page.keyboard.type("nonsense")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_have_text(re.compile("That is not the code"))
        expect(field).to_be_focused()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.keyboard.type(CODE)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        wait_for_heat(page)
        assert "photo=crab" in page.url and "code" not in page.url
        page.reload()
        wait_for_heat(page)

    def test_a_link_brings_the_code_and_it_is_gone_from_the_address(self, open_page):
        page = open_page(f"/enter#{quote(CODE)}")
        wait_for_heat(page)
        assert "rhinoceros" not in page.url and "enter" not in page.url
        page.goto(f"/enter#{quote(CODE)}")
        wait_for_heat(page)
        assert "rhinoceros" not in page.url and "enter" not in page.url

    def test_a_photo_of_12_megapixels_is_never_written(self, open_page, public, sample, tmp_path):
        page = open_page("/")
        expect(page.get_by_label("Access code")).to_be_focused()
        page.keyboard.type(CODE)
        page.keyboard.press("Enter")
        wait_for_heat(page)
        path = tmp_path / "my holiday.jpg"
        sample("crab").resize((4000, 3000)).save(path, quality=98)
        assert path.stat().st_size > 2 * MEGABYTE
        before = len(public.written())
        with redrawn(page):
            upload(page, path)
        wait_for_heat(page)
        assert written_since(public, before) == []
