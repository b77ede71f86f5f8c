"""Ask an ASGI app as a server does, without one."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from http.cookies import SimpleCookie

from support.event_loop import run_apart


@dataclass(frozen=True)
class Answer:
    """What came back; a websocket that was refused has status 403."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    @property
    def text(self) -> str:
        return self.body.decode()

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    @property
    def cookies(self) -> dict[str, str]:
        found = SimpleCookie()
        for key, value in self.headers:
            if key == "set-cookie":
                found.load(value)
        return {name: cookie.value for name, cookie in found.items()}


async def behind(scope, receive, send) -> None:
    """What a guard stands before: accepts all, and says what it got."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    host = dict(scope["headers"]).get(b"host", b"").decode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": f"behind {host}".encode()})


async def asked(
    app,
    path: str = "/",
    *,
    method: str = "GET",
    body: bytes | Iterable[bytes] = b"",
    cookies: dict[str, str] | None = None,
    client: str = "192.0.2.1",
    type: str = "http",
    scheme: str = "http",
    **headers: str,
) -> Answer:
    """One request; headers are named with _ for -."""
    scope = _scope(path, {"host": "cam.school.org", "accept": "text/html", **headers}, cookies)
    scope |= {"type": type, "method": method, "client": (client, 50000), "scheme": scheme}
    chunks = [body] if isinstance(body, bytes) else list(body)
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.request", "body": b"", "more_body": False})
    got = []

    async def receive():
        # A client that sends no more waits.
        return messages.pop(0) if messages else await asyncio.Event().wait()

    async def send(message) -> None:
        got.append(message)

    await app(scope, receive, send)
    return _answer(got)


def _scope(path: str, headers: dict[str, str], cookies: dict[str, str] | None) -> dict:
    path, _, query = path.partition("?")
    if cookies:
        headers["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return {
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        "server": ("cam.school.org", 80),
        "extensions": {"websocket.http.response": {}},
    }


def _answer(got: list[dict]) -> Answer:
    first = got[0]
    if first["type"] in ("websocket.accept", "websocket.close"):
        return Answer(101 if first["type"] == "websocket.accept" else 403)
    headers = tuple((name.decode().lower(), value.decode()) for name, value in first.get("headers", ()))
    return Answer(first["status"], headers, b"".join(message.get("body", b"") for message in got[1:]))


def ask(app, path: str = "/", **about) -> Answer:
    """The same, for a test that asks one thing at a time."""
    return run_apart(asked(app, path, **about))
