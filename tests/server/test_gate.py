"""Without the code nothing is served but its form; with it everything is, and never leads elsewhere."""

import asyncio
import html
import re
import time

import pytest
from support.asgi_parts import Answer, ask, asked, behind
from support.event_loop import run_apart

from cam.errors import SettingsError
from cam.server import access
from cam.server.access import COOKIE, HOURS, Gate
from cam.server.rate_limit import VISITOR, Limiter

CODE = "blue rhinoceros ñ"
FORM = b"code=blue+rhinoceros+%C3%B1"
# What Streamlit serves, and pages.
PATHS = (
    "/",
    "/compare?photo=crab",
    "/enter",
    "/_stcore/stream",
    "/_stcore/host-config",
    "/_stcore/metrics",
    "/_stcore/upload_file/session/file",
    "/_stcore/agent/interact",
    "/_stcore/bidi-components/a/b.js",
    "/media/0.png",
    "/component/a/b.js",
    "/static/js/index.js",
    "/healthz",
    "/_stcore/health/",
    "/x/_stcore/health",
)


@pytest.fixture
def clock():
    return [0.0]


def make_gate(app=behind, code=CODE, open_paths=("/_stcore/health",), limiter=None) -> Gate:
    return Gate(app, code=code, open_paths=frozenset(open_paths), limiter=limiter)


@pytest.fixture
def gate(clock):
    return make_gate(limiter=Limiter(lambda: clock[0]))


def passed(answer: Answer) -> bool:
    return answer.status == 101 or answer.text.startswith("behind")


def entry(gate: Gate) -> dict[str, str]:
    return ask(gate, method="POST", body=FORM).cookies


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_nothing_is_served_without_the_code(gate, path, method):
    answer = ask(gate, path, method=method)
    assert answer.status == 401 and not passed(answer)
    assert not passed(ask(gate, path, method=method, cookies=answer.cookies))


@pytest.mark.parametrize("path", PATHS)
def test_no_websocket_is_opened_without_the_code(gate, path):
    assert ask(gate, path, type="websocket").status == 401


@pytest.mark.parametrize("path", [path for path in PATHS if path != "/enter"])
def test_everything_is_served_with_the_code(gate, path):
    cookies = entry(gate)
    for method in ("GET", "PUT", "POST"):
        assert passed(ask(gate, path, method=method, cookies=cookies))
    assert passed(ask(gate, path, type="websocket", cookies=cookies))


def test_whether_the_server_is_up_is_served_without_it():
    gate = make_gate(open_paths=("/cam/_stcore/health", "/cam/healthz"))
    assert passed(ask(gate, "/cam/_stcore/health")) and passed(ask(gate, "/cam/healthz", method="HEAD"))
    assert not passed(ask(gate, "/_stcore/health")) and not passed(ask(gate, "/cam/_stcore/health", method="POST"))


def test_browsers_get_the_form_and_the_rest_a_line(gate):
    form = ask(gate, "/compare")
    assert form.header("content-type").startswith("text/html") and 'type="password"' in form.text
    assert CODE not in html.unescape(form.text)
    script = ask(gate, "/static/index.js", accept="*/*")
    assert script.header("content-type").startswith("text/plain")


def test_the_form_allows_nothing_but_itself_and_is_not_kept(gate):
    form = ask(gate)
    policy = form.header("content-security-policy")
    assert policy.startswith("default-src 'none';") and "unsafe" not in policy
    assert "form-action 'self'" in policy and "frame-ancestors 'none'" in policy
    assert (form.header("cache-control"), form.header("x-content-type-options")) == ("no-store", "nosniff")


@pytest.mark.parametrize(
    ("path", "there"),
    [
        ("/", "./"),
        ("/compare?photo=crab&class=rock+crab", "./compare?photo=crab&class=rock+crab"),
        ("/cam/compare", "./compare"),
        ("//evil.example/", "./"),
        ("//evil.example", "./evil.example"),
        ("/javascript:alert(1)", "./javascript:alert(1)"),
        ("/cam/enter", "./#"),
        ("/enter?next=//evil.example", "./#"),
    ],
)
def test_the_right_code_leads_to_what_was_asked_for_and_nowhere_else(gate, path, there):
    answer = ask(gate, path, method="POST", body=FORM)
    assert (answer.status, answer.header("location")) == (303, there)
    cookie = answer.header("set-cookie").lower()
    assert "httponly" in cookie and "samesite=lax" in cookie and "secure" not in cookie
    # The browser forgets it when it is closed.
    assert "max-age" not in cookie and "expires" not in cookie
    assert "secure" in ask(gate, path, method="POST", body=FORM, scheme="https").header("set-cookie")
    assert CODE not in str(answer) and "rhinoceros" not in str(answer)


def test_a_link_leads_on_who_has_given_the_code(gate):
    answer = ask(gate, "/enter", cookies=entry(gate))
    assert (answer.status, answer.header("location")) == (303, "./#")


@pytest.mark.parametrize(
    "given", [b"code=%20blue+rhinoceros+%C3%B1%0A", b"code=blue+rhinoceros+n%CC%83", b"a=1&" + FORM]
)
def test_the_code_is_taken_however_a_keyboard_writes_it(gate, given):
    assert ask(gate, method="POST", body=given).status == 303


@pytest.mark.parametrize(
    "given",
    [
        b"code=",
        b"code=%20",
        b"code=Blue+rhinoceros+%C3%B1",
        b"code=blue+rhinoceros",
        b"code=blue+rhinoceros+%C3%B1x",
        b"code=%ff%fe",
        b"code=x&" + FORM,
        b"code=" + b"x" * 4000,
        b"",
        b"\xff\xfe",
        b"other=1",
        b"&".join(b"a%d=1" % n for n in range(11)) + b"&" + FORM,
        FORM + b"&a=" + b"x" * 4096,
        b'{"code": "blue rhinoceros"}',
    ],
)
def test_anything_else_is_refused(gate, given):
    answer = ask(gate, method="POST", body=given)
    assert answer.status == 401 and not passed(ask(gate, cookies=answer.cookies))
    assert "<b>" not in answer.text and "rhinoceros" not in answer.text


def test_no_more_is_read_than_a_code_takes(gate):
    read = []

    def endless():
        for n in range(10_000):
            read.append(n)
            yield b"x" * 1000

    async def work():
        chunks = endless()

        async def receive():
            return {"type": "http.request", "body": next(chunks), "more_body": True}

        sent = []

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/", "raw_path": b"/", "query_string": b"", "headers": []}
        await gate({**scope, "client": ("192.0.2.1", 1), "scheme": "http", "server": ("x", 80)}, receive, send)
        return sent[0]["status"]

    assert (run_apart(work()), len(read)) == (401, 5)


def test_who_sends_nothing_is_not_waited_for(gate, monkeypatch):
    monkeypatch.setattr(access, "_PATIENCE", 0.01)

    async def work():
        async def receive():
            await asyncio.Event().wait()

        sent = []

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/", "raw_path": b"/", "query_string": b"", "headers": []}
        await gate({**scope, "client": ("192.0.2.1", 1), "scheme": "http", "server": ("x", 80)}, receive, send)
        return sent[0]["status"]

    assert run_apart(work()) == 401


def test_wrong_codes_make_a_visitor_wait_and_say_for_how_long(gate, clock):
    visitor = ask(gate).cookies
    wrong = [ask(gate, method="POST", body=b"code=wrong", cookies=visitor) for _ in range(VISITOR.tries)]
    assert {answer.status for answer in wrong} == {401} and "capital and small letters differ" in wrong[0].text
    # The right one too, else it would tell.
    for body in (b"code=wrong", FORM):
        held = ask(gate, method="POST", body=body, cookies=visitor)
        assert (held.status, held.header("retry-after")) == (429, str(VISITOR.seconds))
        assert "Too many wrong codes. Wait 15 seconds, then try again." in held.text
        assert not passed(ask(gate, cookies={**visitor, **held.cookies}))
    # A classmate at the same address, and the same one later.
    assert ask(gate, method="POST", body=FORM, cookies=ask(gate).cookies).status == 303
    clock[0] += VISITOR.seconds
    assert ask(gate, method="POST", body=FORM, cookies=visitor).status == 303


def test_a_visitor_s_cookie_that_was_made_up_counts_as_none(gate):
    for n in range(VISITOR.tries):
        ask(gate, method="POST", body=b"code=wrong", cookies={COOKIE: f"made.up.{n}"})
    assert ask(gate, method="POST", body=FORM, cookies={COOKIE: "made.up.again"}).status == 429
    assert ask(gate, method="POST", body=FORM).status == 429


def test_of_many_tries_at_once_no_more_are_let_through(gate):
    async def work():
        tries = (asked(gate, method="POST", body=b"code=wrong") for _ in range(50))
        return [answer.status for answer in await asyncio.gather(*tries)]

    assert sorted(run_apart(work())) == [401] * VISITOR.tries + [429] * (50 - VISITOR.tries)


@pytest.mark.parametrize("change", ["letter", "other code", "other secret", "expired", "nothing"])
def test_a_cookie_holds_for_a_day_of_school_with_one_code_on_one_server(gate, monkeypatch, change):
    cookies = entry(gate)
    assert passed(ask(gate, cookies=cookies))
    if change == "letter":
        cookies = {COOKIE: re.sub("^.", lambda found: chr(ord(found[0]) ^ 1), cookies[COOKIE])}
    elif change == "other code":
        gate = make_gate(code="another code")
    elif change == "other secret":
        monkeypatch.setattr(access.st, "get_option", lambda name: "another secret")
        gate = make_gate()
    elif change == "expired":
        now = time.time()
        monkeypatch.setattr(access.time, "time", lambda: now + HOURS * 3600 - 2)
        assert passed(ask(gate, cookies=cookies))
        monkeypatch.setattr(access.time, "time", lambda: now + HOURS * 3600 + 2)
    else:
        cookies = {COOKIE: ""}
    assert not passed(ask(gate, cookies=cookies))
    assert not access._is_entered(access._read_cookie(gate._code, cookies[COOKIE]))


def test_the_cookie_is_not_touched_by_a_session_of_the_app_behind(gate):
    async def app(scope, receive, send) -> None:
        scope["session"] = {"of": "another"}
        await behind(scope, receive, send)

    cookies = entry(gate)
    answer = ask(make_gate(app), cookies=cookies)
    assert passed(answer) and answer.cookies == {} and answer.header("vary") is None


def test_a_secret_that_could_be_guessed_is_refused(monkeypatch):
    for secret, refused in (("x" * 31, True), ("x" * 32, False)):
        monkeypatch.setattr(access.st, "get_option", lambda name, secret=secret: secret)
        if refused:
            with pytest.raises(SettingsError, match="cookieSecret.* must have 32 letters or more"):
                access.check_secret()
        else:
            access.check_secret()


def test_codes_are_compared_in_constant_time(monkeypatch):
    compared = []
    monkeypatch.setattr(access.hmac, "compare_digest", lambda *pair: compared.append(pair) or False)
    assert not access.is_code("x", CODE) and not access.is_code(CODE * 100, CODE)
    assert {len(part) for pair in compared for part in pair} == {32} and len(compared) == 2


def test_tries_are_published_by_how_they_ended_and_by_nothing_else(gate, monkeypatch):
    events = []
    monkeypatch.setattr("cam.server.telemetry.publish", events.append)
    for body in (b"code=red+rhinoceros", FORM, b"nothing"):
        ask(gate, method="POST", body=body)
    ask(gate)
    assert [event["outcome"] for event in events] == ["refused", "done", "refused"]
    assert all(event.keys() == {"asked", "ms", "outcome"} and event["asked"] == "access" for event in events)
