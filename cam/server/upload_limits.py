"""Uploads: in memory alone, one photo a session, a few at a time, and none that takes for ever."""

import asyncio
import re
from collections.abc import Callable
from weakref import WeakValueDictionary

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartParser
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import runtime

from cam.server.rate_limit import find_network

# Uploads at a time, of all, of one network, and of one session; each may take as much memory as a photo.
PLACES, NETWORK_PLACES, SESSION_PLACES = 8, 6, 2
# Seconds from the first byte to the last; 50 MB in two minutes are 3.5 Mbit/s.
PATIENCE = 120
# While no place is free, an upload must have brought so many bytes for each second after the first ones.
LEAST_RATE, GRACE = 32_000, 10
_PACE = 1
# Boundaries and names around the photo.
_AROUND = 2**20
_PATH = re.compile(r"/_stcore/upload_file/([^/]+)/[^/]+$")


def keep_in_memory(most_bytes: int) -> None:
    """Have uploads of up to so many bytes read in memory.

    By default those over 1 MB go through a temporary file. Starlette takes this limit from a class attribute alone, as
    Streamlit calls it; it is documented by neither (Starlette 1.0).
    """
    MultiPartParser.spool_max_size = most_bytes + _AROUND


class Uploads:
    """Middleware that bounds uploads.

    Args:
        app: what is served behind it.
        most_bytes: the largest photo.
    """

    def __init__(self, app: ASGIApp, *, most_bytes: int):
        self._app, self._most = app, most_bytes
        self._places = asyncio.Semaphore(PLACES)
        # Of each session and each network that uploads.
        self._shares: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = _PATH.search(scope["path"]) if scope["type"] == "http" and scope["method"] == "PUT" else None
        # Streamlit refuses what belongs to no session, without reading it.
        if found is None or not (runtime.exists() and runtime.get_instance().is_active_session(found[1])):
            await self._app(scope, receive, send)
        elif _read_length(scope) > self._most + _AROUND:
            await PlainTextResponse("This file is too large.", 413)(scope, receive, send)
        else:
            host = scope["client"][0] if scope.get("client") else ""
            network = self._shares.setdefault(f"from {find_network(host)}", asyncio.Semaphore(NETWORK_PLACES))
            session = self._shares.setdefault(found[1], asyncio.Semaphore(SESSION_PLACES))
            async with session, network, self._places:
                # The page has taken what came before, and holds the one photo that it shows.
                runtime.get_instance().uploaded_file_mgr.remove_session_files(found[1])
                await self._pass_on(scope, receive, send, is_full=lambda: network.locked() or self._places.locked())

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send, is_full: Callable[[], bool]) -> None:
        """Pass an upload on to Streamlit, until it takes too long, or is slow while others wait for its place."""
        arrived, is_complete, is_answered = 0, False, False

        async def count() -> Message:
            nonlocal arrived, is_complete
            message = await receive()
            arrived += len(message.get("body", b""))
            is_complete = not message.get("more_body")
            return message

        async def answer(message: Message) -> None:
            nonlocal is_answered
            is_answered = True
            await send(message)

        async def end_where_slow(limit: asyncio.Timeout) -> None:
            await asyncio.sleep(GRACE)
            expected = 0.0
            while not is_complete and (arrived >= expected or not is_full()):
                await asyncio.sleep(_PACE)
                expected += LEAST_RATE * _PACE
            if not is_complete:
                limit.reschedule(0)

        try:
            async with asyncio.timeout(PATIENCE) as limit:
                watch = asyncio.create_task(end_where_slow(limit))
                try:
                    await self._app(scope, count, answer)
                finally:
                    watch.cancel()
        except TimeoutError:
            if not is_answered:
                await PlainTextResponse("The upload took too long.", 408)(scope, receive, send)


def _read_length(scope: Scope) -> int:
    text = Headers(scope=scope).get("content-length", "")
    return int(text[:20]) if text.isascii() and text.isdecimal() else 0
