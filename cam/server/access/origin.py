"""What pages of other sites may send to the server: nothing that changes anything, and no websocket."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_SAFE = {"GET", "HEAD", "OPTIONS"}


class SameOrigin:
    """Middleware that refuses requests of foreign origin.

    Streamlit compares origins too, but to do so it asks a server on the internet for the address of this machine.

    Args:
        app: what is served behind it.
        origins: origins besides the server's own, such as "https://cam.school.org"; where a proxy gives the server
            another name than the browser knows, that of the browser.
    """

    def __init__(self, app: ASGIApp, *, origins: frozenset[str] = frozenset()):
        self._app, self._origins = app, origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or (scope["type"] == "http" and scope["method"] in _SAFE):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin, host = headers.get("origin"), headers.get("host")
        # Programs send none; they are not a page that a visitor was lured to.
        if origin is None or _host(origin) == host:
            await self._app(scope, receive, send)
        elif origin.lower() in self._origins:
            # As a proxy should have passed it on, so that Streamlit comes to the same answer.
            others = [(name, value) for name, value in scope["headers"] if name != b"host"]
            own = (b"host", _host(origin).encode("latin-1"))
            await self._app({**scope, "headers": [*others, own]}, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await PlainTextResponse("A page of another site sent this.", 403)(scope, receive, send)


def _host(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    # Brackets that do not close.
    except ValueError:
        return ""
