"""The style of all pages, put into the page that Streamlit sends to a browser.

Streamlit has no public way to do this: styles among the elements of a run (`st.html`) come later than the first of
these, which would be drawn in Streamlit's own style and jump.
"""

from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_STYLES = Path(__file__).parents[1] / "app"
# At the end, because of rules alike the last one counts, and Streamlit has its own in the head.
_PLACE = b"</body>"
# Of a request: what would be answered by a page that is packed, or by none.
_LEFT_OUT = (b"accept-encoding", b"if-none-match", b"if-modified-since")


def read_style() -> str:
    """Read the style of all pages: each *.css of the app that is not a component's, that of the whole page first."""
    files = [path for path in sorted(_STYLES.rglob("*.css")) if not path.with_suffix(".js").exists()]
    files.sort(key=lambda path: path.parent != _STYLES)
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


class PageStyle:
    """Middleware that puts the style into each page that `app` answers with."""

    def __init__(self, app: ASGIApp):
        self._app = app
        self._added = f"<style>\n{read_style()}</style>\n".encode() + _PLACE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asks = scope["type"] == "http" and scope["method"] == "GET"
        if not (asks and "text/html" in Headers(scope=scope).get("accept", "")):
            await self._app(scope, receive, send)
            return
        start: Message = {}
        body = bytearray()

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            body.extend(message.get("body", b""))

        left = [pair for pair in scope["headers"] if pair[0] not in _LEFT_OUT]
        await self._app({**scope, "headers": left}, receive, keep)
        headers = MutableHeaders(scope=start)
        if start["status"] == 200 and headers.get("content-type", "").startswith("text/html"):
            body = body.replace(_PLACE, self._added, 1)
            headers["content-length"] = str(len(body))
            for name in ("etag", "last-modified"):
                del headers[name]
        await send(start)
        await send({"type": "http.response.body", "body": bytes(body)})
