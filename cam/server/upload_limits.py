"""Uploads: in memory alone, one photo a session, a few at a time, and none that takes for ever."""

import asyncio
import re
from weakref import WeakValueDictionary

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartParser
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import runtime

# Uploads at a time, of all and of one session; each may take as much memory as a photo.
TURNS, SESSION_TURNS = 8, 2
# From the first byte to the last; 50 MB in two minutes are 3.5 Mbit/s.
PATIENCE = 120
# Boundaries and names around the photo.
_AROUND = 2**20
_PATH = re.compile(r"/_stcore/upload_file/([^/]+)/[^/]+$")


def keep_in_memory(most_bytes: int) -> None:
    """Have uploads of up to so many bytes read in memory; by default those over 1 MB go through a temporary file."""
    MultiPartParser.spool_max_size = most_bytes + _AROUND


class Uploads:
    """Middleware that bounds uploads.

    Args:
        app: what is served behind it.
        most_bytes: of a photo.
    """

    def __init__(self, app: ASGIApp, *, most_bytes: int):
        self._app, self._most = app, most_bytes
        self._turns = asyncio.Semaphore(TURNS)
        self._sessions: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = _PATH.search(scope["path"]) if scope["type"] == "http" and scope["method"] == "PUT" else None
        # Streamlit refuses what belongs to no session, without reading it.
        if found is None or not _is_session(found[1]):
            await self._app(scope, receive, send)
        elif _length(scope) > self._most + _AROUND:
            await PlainTextResponse("This file is too large.", 413)(scope, receive, send)
        else:
            own = self._sessions.setdefault(found[1], asyncio.Semaphore(SESSION_TURNS))
            async with own, self._turns:
                await self._receive(found[1], scope, receive, send)

    async def _receive(self, session: str, scope: Scope, receive: Receive, send: Send) -> None:
        answered = False

        async def sending(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        # The page has taken what came before, and holds the one photo that it shows.
        runtime.get_instance().uploaded_file_mgr.remove_session_files(session)
        try:
            async with asyncio.timeout(PATIENCE):
                await self._app(scope, receive, sending)
        except TimeoutError:
            if not answered:
                await PlainTextResponse("The upload took too long.", 408)(scope, receive, send)


def _is_session(session: str) -> bool:
    return runtime.exists() and runtime.get_instance().is_active_session(session)


def _length(scope: Scope) -> int:
    text = Headers(scope=scope).get("content-length", "")
    return int(text[:20]) if text.isascii() and text.isdecimal() else 0
