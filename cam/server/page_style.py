"""The look of all pages: the page that Streamlit sends to a browser has it in it.

Styles among the elements of a run come later than the first of these, which would be drawn in Streamlit's own look and
jump.
"""

import gzip
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_STYLES = Path(__file__).parents[1] / "app"
# At the end, because of rules alike the last one counts, and Streamlit has its own in the head.
_PLACE = b"</body>"
# Of a request: what would be answered by a page that is packed, or by none.
_LEFT_OUT = (b"accept-encoding", b"if-none-match", b"if-modified-since")
# Of an answer: what is that of Streamlit's page, which may be the same when the style is another.
_TAGS = ("etag", "last-modified")
_LEVEL = 4


def style() -> str:
    """The style of all pages: each *.css of the app that is not a component's, that of the whole page first."""
    files = [path for path in sorted(_STYLES.rglob("*.css")) if not path.with_suffix(".js").exists()]
    files.sort(key=lambda path: path.parent != _STYLES)
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


class Looks:
    """Middleware that puts the style into each page that `app` answers with."""

    def __init__(self, app: ASGIApp):
        self._app = app
        self._added = f"<style>\n{style()}</style>\n".encode() + _PLACE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _asks_for_page(scope):
            await self._app(scope, receive, send)
            return
        plain = {**scope, "headers": [pair for pair in scope["headers"] if pair[0] not in _LEFT_OUT]}
        packed = "gzip" in Headers(scope=scope).get("accept-encoding", "")
        start, parts = None, []

        async def take(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_page(message):
                start = message
            elif start is None:
                await send(message)
            else:
                parts.append(message.get("body", b""))
                if not message.get("more_body"):
                    await self._send_page(start, b"".join(parts), packed, send)

        await self._app(plain, receive, take)

    async def _send_page(self, start: Message, body: bytes, packed: bool, send: Send) -> None:
        body = body.replace(_PLACE, self._added, 1)
        headers = MutableHeaders(raw=[pair for pair in start["headers"] if pair[0].decode().lower() not in _TAGS])
        headers.add_vary_header("Accept-Encoding")
        if packed:
            body = gzip.compress(body, _LEVEL, mtime=0)
            headers["content-encoding"] = "gzip"
        headers["content-length"] = str(len(body))
        await send({**start, "headers": headers.raw})
        await send({"type": "http.response.body", "body": body})


def _asks_for_page(scope: Scope) -> bool:
    asks = scope["type"] == "http" and scope["method"] == "GET"
    return asks and "text/html" in Headers(scope=scope).get("accept", "")


def _is_page(start: Message) -> bool:
    return start["status"] == 200 and Headers(raw=start["headers"]).get("content-type", "").startswith("text/html")
