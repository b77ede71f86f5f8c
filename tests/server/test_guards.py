"""What stands before Streamlit besides the code: names, origins, media, and a sentence where a setting is wrong."""

import pytest
import streamlit as st
from starlette.formparsers import MultiPartParser
from support.asgi_parts import ask, behind

from cam.server.access import add_code
from cam.server.guards import SameOrigin, build_guards


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setattr(MultiPartParser, "spool_max_size", MultiPartParser.spool_max_size)
    return monkeypatch.setenv


@pytest.fixture(autouse=True)
def options(monkeypatch) -> dict[str, object]:
    """Options of Streamlit that are set otherwise: the server is for others too."""
    changed, get = {"server.address": "0.0.0.0"}, st.get_option
    monkeypatch.setattr(st, "get_option", lambda name: changed[name] if name in changed else get(name))
    return changed


def guarded(app=behind):
    """The app behind all guards, as the settings ask for them."""
    for guard in reversed(build_guards()):
        app = guard.cls(app, *guard.args, **guard.kwargs)
    return app


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://cam.school.org.evil.example", "http://[",
                                    "http://cam.school.org@evil.example", "http://other.school.org", ""])  # fmt: skip
def test_what_a_page_of_another_site_sends_is_refused(origin):
    guard = SameOrigin(behind, origins=frozenset({"https://school.org"}))
    assert ask(guard, type="websocket", origin=origin).status == 403
    assert [ask(guard, method=method, origin=origin).status for method in ("POST", "PUT", "DELETE")] == [403] * 3
    assert ask(guard, origin=origin).text == "behind cam.school.org"


@pytest.mark.parametrize(
    "headers", [{}, {"origin": "http://cam.school.org"}, {"origin": "https://a:8501", "host": "a:8501"}]
)
def test_the_page_s_own_requests_and_those_of_programs_are_not(headers):
    guard = SameOrigin(behind)
    assert ask(guard, type="websocket", **headers).status == 101
    assert ask(guard, method="PUT", **headers).text == f"behind {headers.get('host', 'cam.school.org')}"


def test_where_a_proxy_gives_the_server_another_name_the_browser_s_is_passed_on(environment):
    environment("CAM_ADDRESS", "https://Cam.School.org:444/cam/")
    names = {"host": "localhost:8501", "origin": "https://cam.school.org:444"}
    assert ask(guarded(), method="POST", **names).text == "behind cam.school.org:444"
    assert ask(guarded(), method="POST", **{**names, "origin": "http://cam.school.org:444"}).status == 403


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1", "::1"])
def test_a_server_for_this_computer_alone_answers_to_its_own_names(environment, options, address):
    """A page of another site can have its name lead to this computer, and would be the same site then."""
    options["server.address"] = address
    for host in ("localhost:8501", "127.0.0.1:8501", "[::1]:8501"):
        assert ask(guarded(), host=host).status == 200
    for type in ("http", "websocket"):
        assert ask(guarded(), type=type, host="rebound.example").status == 400
    # Unless it was told what its visitors type, or that any name will do.
    for name, value in (("CAM_ADDRESS", "https://cam.school.org"), ("CAM_HOSTS", "cam.school.org"), ("CAM_HOSTS", "*")):
        environment(name, value)
        assert ask(guarded(), host="cam.school.org").status == 200
    assert ask(guarded(), host="rebound.example").status == 200


@pytest.mark.parametrize("address", ["0.0.0.0", "192.168.1.17", None])
def test_a_server_for_others_answers_to_any_name_unless_some_are_named(environment, options, address):
    options["server.address"] = address
    assert ask(guarded(), host="whatever.example").status == 200


def test_only_names_that_were_allowed_are_answered_to(environment):
    environment("CAM_HOSTS", "cam.school.org *.example.org")
    environment("CAM_ADDRESS", "http://10.0.0.7:8501")
    for host in ("cam.school.org", "CAM.school.org:8501", "a.example.org", "10.0.0.7:8501", "localhost", "[::1]:8501"):
        assert ask(guarded(), host=host).status == 200
        assert ask(guarded(), type="websocket", host=host).status == 101
    for host in (
        "evil.example",
        "school.org",
        "cam.school.org.evil.example",
        "example.org.evil",
        "10.0.0.8",
        "",
        "[::1",
    ):
        assert ask(guarded(), host=host).status == 400
        assert ask(guarded(), type="websocket", host=host).status == 400


def test_the_code_stands_before_everything_only_where_there_is_one(environment):
    assert ask(guarded()).status == 200
    environment("CAM_ACCESS_CODE", "rhinoceros")
    assert ask(guarded()).status == 401
    assert (ask(guarded(), "/healthz").status, ask(guarded(), "/_stcore/health").status) == (401, 200)
    environment("CAM_METRICS", "yes")
    assert (ask(guarded(), "/healthz").status, ask(guarded(), "/metrics").status) == (200, 200)


def test_a_link_or_qr_code_can_bring_the_code(environment):
    assert add_code("https://cam.school.org") == "https://cam.school.org"
    environment("CAM_ACCESS_CODE", "50 % ñ#?&/")
    assert add_code("https://cam.school.org/cam/") == "https://cam.school.org/cam/enter#50%20%25%20%C3%B1%23%3F%26%2F"


def test_no_picture_is_kept_by_a_browser_or_a_proxy(options):
    assert ask(guarded(), "/media/photo.png").header("cache-control") == "no-store"
    assert ask(guarded(), "/static/media/font.woff2").header("cache-control") is None
    options["server.baseUrlPath"] = "cam"
    assert ask(guarded(), "/cam/media/photo.png").header("cache-control") == "no-store"


def test_a_secret_that_could_be_guessed_is_refused_where_there_is_a_code(environment, options, capsys):
    options["server.cookieSecret"] = "summer"
    assert ask(guarded()).status == 200
    environment("CAM_ACCESS_CODE", "rhinoceros")
    answer = ask(guarded())
    assert answer.status == 503 and "must have 32 letters or more" in answer.text and "summer" not in answer.text


def test_a_wrong_setting_is_said_instead_of_everything(environment, capsys):
    environment("CAM_HOSTS", "<b>")
    app = guarded()
    assert "ClassCam does not start: CAM_HOSTS must be names" in capsys.readouterr().err
    answer = ask(app, "/compare")
    assert answer.status == 503 and "CAM_HOSTS must be names" in answer.text and "<b>" not in answer.text
    assert (ask(app, method="PUT").status, ask(app, type="websocket").status) == (503, 503)


@pytest.mark.parametrize("photo", ["20", "1000"])
def test_whatever_streamlit_accepts_stays_in_memory(environment, photo):
    environment("CAM_PHOTO_MB", photo)
    build_guards()
    assert MultiPartParser.spool_max_size == (st.get_option("server.maxUploadSize") + 1) * 2**20
