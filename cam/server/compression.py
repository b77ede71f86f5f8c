"""The scripts and styles of Streamlit's page: 2.7 MB to each new visitor, compressed 0.6 MB.

Streamlit sends them as they are, because compressing them anew for each visitor would take longer than it saves. Here
each is compressed once, and kept. Fonts are compressed already.
"""

import asyncio
import gzip
import re

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# A third of the time of the default, for 5 % more bytes.
_LEVEL = 4
_NAMES = r"/static/(js|css)/[\w.-]+"


class Assets:
    """Middleware that sends these files compressed to browsers that take them so.

    Args:
        app: what is served behind it.
        base: what stands before the path of each page.
    """

    def __init__(self, app: ASGIApp, *, base: str = ""):
        self._app = app
        # Each file has one path here, so that no more is kept than there are files.
        self._paths = re.compile(re.escape(base) + _NAMES)
        self._kept: dict[str, Response] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._is_packed(scope):
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if path not in self._kept:
            answer = await self._whole_answer(scope)
            if not (_never_changes(answer[0]) and _is_whole(answer)):
                for message in answer:
                    await send(message)
                return
            self._kept[path] = await to_thread.run_sync(_packed, answer)
        await self._kept[path](scope, receive, send)

    async def _whole_answer(self, scope: Scope) -> list[Message]:
        """What the app answers, also to a browser that has gone meanwhile: of that, the app would send a part only."""
        asked, answer = [{"type": "http.request", "body": b"", "more_body": False}], []

        async def receive() -> Message:
            return asked.pop() if asked else await asyncio.Event().wait()

        async def take(message: Message) -> None:
            answer.append(message)

        await self._app(scope, receive, take)
        return answer

    def _is_packed(self, scope: Scope) -> bool:
        if scope["type"] != "http" or scope["method"] != "GET" or not self._paths.fullmatch(scope["path"]):
            return False
        headers = Headers(scope=scope)
        return "gzip" in headers.get("accept-encoding", "") and "range" not in headers


def _never_changes(start: Message) -> bool:
    """Whether this is the beginning of a file that Streamlit names after what is in it."""
    headers = Headers(raw=start["headers"])
    plain = start["status"] == 200 and "content-encoding" not in headers
    return plain and "immutable" in headers.get("cache-control", "")


def _is_whole(answer: list[Message]) -> bool:
    length = Headers(raw=answer[0]["headers"]).get("content-length")
    return length == str(sum(len(message.get("body", b"")) for message in answer[1:]))


def _packed(answer: list[Message]) -> Response:
    """The answer compressed; without its tag, which is that of the file as it is."""
    headers = Headers(raw=answer[0]["headers"])
    kept = {name: headers[name] for name in ("content-type", "cache-control") if name in headers}
    body = gzip.compress(b"".join(message.get("body", b"") for message in answer[1:]), _LEVEL, mtime=0)
    return Response(body, headers={**kept, "content-encoding": "gzip", "vary": "Accept-Encoding"})
