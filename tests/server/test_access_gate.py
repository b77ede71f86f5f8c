"""Without the code nothing is served but its form; with it everything is, and never leads elsewhere."""

import asyncio
import html
import re
import time

import pytest
from itsdangerous import TimestampSigner
from support.asgi_parts import Answer, ask, asked, behind
from support.event_loop import run_apart

from cam.server.access import gate as gate_module
from cam.server.access import signed_cookies
from cam.server.access.gate import Gate
from cam.server.access.limit import VISITOR, Limiter
from cam.server.access.signed_cookies import ENTRY

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


@pytest.fixture
def gate(clock):
    return Gate(behind, code=CODE, limiter=Limiter(lambda: clock[0]))


def passed(answer: Answer) -> bool:
    return answer.status == 101 or answer.text.startswith("behind")


def entry(gate: Gate) -> dict[str, str]:
    return ask(gate, method="POST", body=FORM).cookies


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_nothing_is_served_without_the_code(gate, path, method):
    answer = ask(gate, path, method=method)
    assert answer.status == 401 and not passed(answer) and not answer.cookies.keys() & {ENTRY}


@pytest.mark.parametrize("path", PATHS)
def test_no_websocket_is_opened_without_the_code(gate, path):
    assert ask(gate, path, type="websocket").status == 403


@pytest.mark.parametrize("path", [path for path in PATHS if path != "/enter"])
def test_everything_is_served_with_the_code(gate, path):
    cookies = entry(gate)
    for method in ("GET", "PUT", "POST"):
        assert passed(ask(gate, path, method=method, cookies=cookies))
    assert passed(ask(gate, path, type="websocket", cookies=cookies))


def test_whether_the_server_is_up_is_served_without_it():
    gate = Gate(behind, code=CODE, base="/cam", open_paths=("/healthz",))
    assert passed(ask(gate, "/cam/_stcore/health")) and passed(ask(gate, "/cam/healthz", method="HEAD"))
    assert not passed(ask(gate, "/_stcore/health")) and not passed(ask(gate, "/cam/_stcore/health", method="POST"))


def test_browsers_get_the_form_and_the_rest_a_line():
    gate = Gate(behind, code=CODE)
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
    cookie = next(value for name, value in answer.headers if name == "set-cookie" and value.startswith(ENTRY))
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Secure" not in cookie
    secure = ask(gate, path, method="POST", body=FORM, scheme="https")
    assert all("Secure" in value for name, value in secure.headers if name == "set-cookie")
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
    assert answer.status == 401 and ENTRY not in answer.cookies
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
    monkeypatch.setattr(gate_module, "_PATIENCE", 0.01)

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
        assert "Too many wrong codes. Wait 15 seconds, then try again." in held.text and ENTRY not in held.cookies
    # A classmate at the same address, and the same one later.
    assert ask(gate, method="POST", body=FORM, cookies=ask(gate).cookies).status == 303
    clock[0] += VISITOR.seconds
    assert ask(gate, method="POST", body=FORM, cookies=visitor).status == 303


def test_a_visitor_s_cookie_that_was_made_up_counts_as_none(gate):
    for n in range(VISITOR.tries):
        ask(gate, method="POST", body=b"code=wrong", cookies={signed_cookies.VISITOR: f"made.up.{n}"})
    assert ask(gate, method="POST", body=FORM, cookies={signed_cookies.VISITOR: "made.up.again"}).status == 429
    assert ask(gate, method="POST", body=FORM).status == 429


def test_of_many_tries_at_once_no_more_are_let_through(gate):
    async def work():
        tries = (asked(gate, method="POST", body=b"code=wrong") for _ in range(50))
        return [answer.status for answer in await asyncio.gather(*tries)]

    assert sorted(run_apart(work())) == [401] * VISITOR.tries + [429] * (50 - VISITOR.tries)


@pytest.mark.parametrize("change", ["kind", "letter", "other code", "other secret", "expired", "nothing"])
def test_a_cookie_holds_for_a_day_of_school_with_one_code_on_one_server(gate, monkeypatch, change):
    cookies = entry(gate)
    assert passed(ask(gate, cookies=cookies))
    if change == "kind":
        cookies = {ENTRY: cookies[signed_cookies.VISITOR]}
    elif change == "letter":
        cookies = {ENTRY: re.sub("^.", lambda found: chr(ord(found[0]) ^ 1), cookies[ENTRY])}
    elif change == "other code":
        gate = Gate(behind, code="another code")
    elif change == "other secret":
        monkeypatch.setattr(signed_cookies.config, "get_option", lambda name: "another secret")
    elif change == "expired":
        now = time.time() + signed_cookies.HOURS * 3600 + 2
        monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda self: int(now))
    else:
        cookies = {ENTRY: ""}
    assert not passed(ask(gate, cookies=cookies))


def test_codes_are_compared_in_constant_time(monkeypatch):
    compared = []
    monkeypatch.setattr(signed_cookies.hmac, "compare_digest", lambda *pair: compared.append(pair) or False)
    assert not signed_cookies.is_code("x", CODE) and not signed_cookies.is_code(CODE * 100, CODE)
    assert {len(part) for pair in compared for part in pair} == {32} and len(compared) == 2
