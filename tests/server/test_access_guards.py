"""What stands before Streamlit besides the code: names, origins, uploads, and a sentence where a setting is wrong."""

import asyncio
from functools import partial

import pytest
from starlette.formparsers import MultiPartParser
from support.asgi_parts import ask, asked, behind
from support.event_loop import run_apart

from cam.server import upload_limits
from cam.server.access import guards as guards_module
from cam.server.access.guards import guards, with_code
from cam.server.access.origin import SameOrigin
from cam.server.upload_limits import SESSION_TURNS, TURNS, Uploads

PHOTO = "/_stcore/upload_file/{}/file"


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setattr(MultiPartParser, "spool_max_size", MultiPartParser.spool_max_size)
    return monkeypatch.setenv


def guarded(app=behind):
    """The app behind all guards, as the settings ask for them."""
    for guard in reversed(guards()):
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


def test_only_names_that_were_allowed_are_answered_to(environment):
    assert ask(guarded(), host="evil.example").status == 200
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
    assert with_code("https://cam.school.org") == "https://cam.school.org"
    environment("CAM_ACCESS_CODE", "50 % ñ#?&/")
    assert with_code("https://cam.school.org/cam/") == "https://cam.school.org/cam/enter#50%20%25%20%C3%B1%23%3F%26%2F"


def test_a_wrong_setting_is_said_instead_of_everything(environment, capsys):
    environment("CAM_HOSTS", "<b>")
    app = guarded()
    assert "ClassCam does not start: CAM_HOSTS must be names" in capsys.readouterr().err
    answer = ask(app, "/compare")
    assert answer.status == 503 and "CAM_HOSTS must be names" in answer.text and "<b>" not in answer.text
    assert (ask(app, method="PUT").status, ask(app, type="websocket").status) == (503, 403)


class Runtime:
    """A server's sessions, one of them open, and what they have uploaded."""

    def __init__(self):
        self.removed = []
        self.uploaded_file_mgr = self

    def is_active_session(self, session: str) -> bool:
        return session.startswith("open")

    def remove_session_files(self, session: str) -> None:
        self.removed.append(session)


@pytest.fixture
def sessions(monkeypatch) -> Runtime:
    monkeypatch.setattr(upload_limits.runtime, "exists", lambda: True)
    monkeypatch.setattr(upload_limits.runtime, "get_instance", lambda: found, raising=True)
    found = Runtime()
    return found


class Held:
    """An app that takes what is sent and waits until it is let go."""

    def __init__(self):
        self.at_once, self.most, self.go = 0, 0, asyncio.Event()

    async def __call__(self, scope, receive, send) -> None:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await self.go.wait()
        self.at_once -= 1
        await behind(scope, receive, send)


@pytest.mark.parametrize(("names", "most"), [(["open"] * 30, SESSION_TURNS), ([f"open{n}" for n in range(30)], TURNS)])
def test_uploads_take_turns_and_all_have_theirs(sessions, names, most):
    async def work():
        held = Held()
        put = partial(asked, Uploads(held, most_bytes=100), method="PUT")
        tasks = [asyncio.create_task(put(PHOTO.format(name))) for name in names]
        for _ in range(100):
            await asyncio.sleep(0)
        # Everything else passes meanwhile.
        elsewhere = asyncio.create_task(asked(Uploads(behind, most_bytes=100), "/"))
        assert (await elsewhere).status == 200
        held.go.set()
        return held.most, [(await task).status for task in tasks]

    assert run_apart(work()) == (most, [200] * 30)
    # What came before is dropped.
    assert sorted(sessions.removed) == sorted(names)


def test_an_upload_that_does_not_come_to_its_end_gives_up_its_turn(sessions, monkeypatch):
    monkeypatch.setattr(upload_limits, "PATIENCE", 0.01)
    assert ask(Uploads(Held(), most_bytes=100), PHOTO.format("open"), method="PUT").status == 408


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(sessions, environment):
    environment("CAM_PHOTO_MB", "1")
    for length, status in ((2**20, 200), (2 * 2**20, 200), (2 * 2**20 + 1, 413), (10**19, 413)):
        answer = ask(guarded(), PHOTO.format("open"), method="PUT", content_length=str(length))
        assert answer.status == status


@pytest.mark.parametrize("path", [PHOTO.format("gone"), "/_stcore/upload_file/open", "/_stcore/upload_file/open/a/b"])
def test_what_belongs_to_no_session_changes_nothing(sessions, path):
    # Streamlit refuses it.
    assert ask(Uploads(behind, most_bytes=100), path, method="PUT", content_length="1000000000").status == 200
    assert ask(Uploads(behind, most_bytes=100), PHOTO.format("open"), method="DELETE").status == 200
    assert sessions.removed == []


@pytest.mark.parametrize("photo", ["20", "1000"])
def test_whatever_streamlit_accepts_stays_in_memory(environment, photo):
    environment("CAM_PHOTO_MB", photo)
    guards()
    assert MultiPartParser.spool_max_size == (guards_module.st.get_option("server.maxUploadSize") + 1) * 2**20
