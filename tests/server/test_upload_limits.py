"""Uploads: a few at a time, by session and by network, and none that keeps others waiting by being slow."""

import asyncio
import time
from functools import partial

import pytest
from support.asgi_parts import ask, asked, behind
from support.event_loop import run_apart

from cam.server import upload_limits
from cam.server.upload_limits import NETWORK_PLACES, PLACES, SESSION_PLACES, Uploads

PHOTO = "/_stcore/upload_file/{}/file"


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


async def read_all(scope, receive, send) -> None:
    """An app that reads what is sent to its end, as Streamlit does."""
    while (await receive()).get("more_body"):
        pass
    await behind(scope, receive, send)


async def upload_slowly(app, session: str, client: str, size: int, seconds: float) -> int:
    """Upload for ever, so many bytes every so many seconds; the status in the end."""

    async def receive():
        await asyncio.sleep(seconds)
        return {"type": "http.request", "body": bytes(size), "more_body": True}

    sent = []

    async def send(message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "PUT", "path": PHOTO.format(session), "headers": [], "client": (client, 1)}
    await app(scope, receive, send)
    return sent[0]["status"]


async def step(times: int = 100) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("names", "clients", "most"),
    [
        (["open"] * 30, ["203.0.113.{}"] * 30, SESSION_PLACES),
        ([f"open{n}" for n in range(30)], ["203.0.113.7"] * 30, NETWORK_PLACES),
        ([f"open{n}" for n in range(30)], ["2001:db8::{:x}"] * 30, NETWORK_PLACES),
        ([f"open{n}" for n in range(30)], ["203.0.113.{}"] * 30, PLACES),
    ],
    ids=["session", "address", "network", "all"],
)
def test_uploads_take_turns_and_all_have_theirs(sessions, names, clients, most):
    async def work():
        held = Held()
        put = partial(asked, Uploads(held, most_bytes=100), method="PUT")
        tasks = [
            asyncio.create_task(put(PHOTO.format(name), client=client.format(n)))
            for n, (name, client) in enumerate(zip(names, clients, strict=True))
        ]
        await step()
        # Everything else passes meanwhile.
        elsewhere = asyncio.create_task(asked(Uploads(behind, most_bytes=100), "/"))
        assert (await elsewhere).status == 200
        held.go.set()
        return held.most, [(await task).status for task in tasks]

    assert run_apart(work()) == (most, [200] * 30)
    # What came before is dropped.
    assert sorted(sessions.removed) == sorted(names)


def test_who_takes_all_places_of_an_address_leaves_some_to_the_others(sessions):
    """Four sessions with two uploads each, which bring nothing, and somebody elsewhere."""

    async def work():
        app = Uploads(read_all, most_bytes=100)
        slow = [asyncio.create_task(upload_slowly(app, f"open{n // 2}", "203.0.113.7", 0, 60)) for n in range(8)]
        await step()
        answer = await asked(app, PHOTO.format("open9"), method="PUT", body=b"photo", client="198.51.100.1")
        for task in slow:
            task.cancel()
        return answer.status

    assert run_apart(work()) == 200


@pytest.fixture
def hurried(monkeypatch):
    """A grace time of a tenth of a second, and then 10,000 bytes a second."""
    for name, value in (("GRACE", 0.1), ("_PACE", 0.02), ("LEAST_RATE", 10_000)):
        monkeypatch.setattr(upload_limits, name, value)


def test_slow_uploads_give_up_their_places_when_others_need_them(sessions, hurried):
    async def work():
        app = Uploads(read_all, most_bytes=10**9)
        slow = [
            asyncio.create_task(upload_slowly(app, f"open{n // 2}", f"203.0.113.{n}", 1, 0.01)) for n in range(PLACES)
        ]
        await step()
        start = time.monotonic()
        answer = await asked(app, PHOTO.format("open9"), method="PUT", body=b"photo", client="198.51.100.1")
        waited = time.monotonic() - start
        return answer.status, waited, [await task for task in slow[:1]], [task.cancel() for task in slow[1:]]

    status, waited, ended, _ = run_apart(work())
    assert status == 200 and ended == [408] and waited < 5


@pytest.mark.parametrize(("size", "uploads"), [(1, 2), (10**6, PLACES)], ids=["slow with places free", "fast"])
def test_others_keep_their_places(sessions, hurried, size, uploads):
    async def work():
        app = Uploads(read_all, most_bytes=10**9)
        tasks = [
            asyncio.create_task(upload_slowly(app, f"open{n}", f"203.0.113.{n}", size, 0.01)) for n in range(uploads)
        ]
        await asyncio.sleep(0.5)
        return [task.done() for task in tasks], [task.cancel() for task in tasks]

    assert run_apart(work())[0] == [False] * uploads


def test_an_upload_that_has_arrived_is_not_slow(sessions, hurried):
    async def work():
        held = Held()

        async def read_and_hold(scope, receive, send) -> None:
            await receive()
            await held(scope, receive, send)

        put = partial(asked, Uploads(read_and_hold, most_bytes=100), method="PUT", body=())
        tasks = [asyncio.create_task(put(PHOTO.format(f"open{n}"), client=f"203.0.113.{n}")) for n in range(PLACES + 1)]
        await asyncio.sleep(0.4)
        held.go.set()
        return [(await task).status for task in tasks]

    assert run_apart(work()) == [200] * (PLACES + 1)


def test_an_upload_that_does_not_come_to_its_end_gives_up_its_turn(sessions, monkeypatch):
    monkeypatch.setattr(upload_limits, "PATIENCE", 0.01)
    assert ask(Uploads(Held(), most_bytes=100), PHOTO.format("open"), method="PUT").status == 408


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(sessions):
    app = Uploads(behind, most_bytes=2**20)
    for length, status in ((2**20, 200), (2 * 2**20, 200), (2 * 2**20 + 1, 413), (10**19, 413)):
        answer = ask(app, PHOTO.format("open"), method="PUT", content_length=str(length))
        assert answer.status == status


@pytest.mark.parametrize("path", [PHOTO.format("gone"), "/_stcore/upload_file/open", "/_stcore/upload_file/open/a/b"])
def test_what_belongs_to_no_session_changes_nothing(sessions, path):
    # Streamlit refuses it.
    assert ask(Uploads(behind, most_bytes=100), path, method="PUT", content_length="1000000000").status == 200
    assert ask(Uploads(behind, most_bytes=100), PHOTO.format("open"), method="DELETE").status == 200
    assert sessions.removed == []
