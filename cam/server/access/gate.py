"""The gate before everything that is served: without the access code only its form, and whether the server is up.

It stands before Streamlit, so neither pages nor uploads, websockets, media or links are reached without the code. Given
once, the code is remembered by a cookie, and not asked for again when a page is loaded again.
"""

import asyncio
import math
from urllib.parse import parse_qs

from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from cam.server.access import signed_cookies
from cam.server.access.form import form_page
from cam.server.access.limit import Limiter
from cam.server.telemetry import asked

# Where links with the code lead: the last part of the path.
ENTER = "enter"
# Served without the code, below the base path.
HEALTH = "/_stcore/health"
_MOST_BYTES = 4096
_PATIENCE = 10
_WRONG = "That is not the code. Look closely: capital and small letters differ."


class Gate:
    """Middleware that lets through whoever gave the code.

    Args:
        app: what is served behind it.
        code: the access code.
        base: the path below which the pages are, "" for none.
        open_paths: paths below it that are served without the code, besides `HEALTH`.
        limiter: what bounds how often a code is tried.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        code: str,
        base: str = "",
        open_paths: tuple[str, ...] = (),
        limiter: Limiter | None = None,
    ):
        self._app, self._code = app, code
        self._open = {f"{base}{path}" for path in (HEALTH, *open_paths)}
        self._limiter = limiter or Limiter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or self._is_open(scope):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        entered = signed_cookies.read(signed_cookies.ENTRY, self._code, connection.cookies.get(signed_cookies.ENTRY))
        if entered and _is_link(scope):
            await RedirectResponse(_here(scope), 303)(scope, receive, send)
        elif entered:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            response = await self._answer(Request(scope, receive))
            await response(scope, receive, send)

    def _is_open(self, scope: Scope) -> bool:
        return scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and scope["path"] in self._open

    async def _answer(self, request: Request) -> Response:
        if request.method in ("GET", "HEAD"):
            browser = "text/html" in request.headers.get("accept", "") or _is_link(request.scope)
            response = form_page(401) if browser else PlainTextResponse("The access code is missing.", 401)
        elif request.method == "POST":
            response = await self._try(request)
        else:
            response = PlainTextResponse("The access code is missing.", 401)
        visitor = request.cookies.get(signed_cookies.VISITOR)
        if not signed_cookies.read(signed_cookies.VISITOR, self._code, visitor):
            _set_cookie(response, request, signed_cookies.VISITOR, self._code)
        return response

    async def _try(self, request: Request) -> Response:
        with asked("access") as told:
            response = await self._tried(request)
            told["outcome"] = "done" if response.status_code == 303 else "refused"
        return response

    async def _tried(self, request: Request) -> Response:
        given = await _given(request)
        if given is None:
            return PlainTextResponse("The access code is missing.", 401)
        visitor = signed_cookies.read(signed_cookies.VISITOR, self._code, request.cookies.get(signed_cookies.VISITOR))
        address = request.client.host if request.client else ""
        # Nothing waits between here and the end, so no two tries are counted as one.
        if seconds := self._limiter.wait(visitor, address):
            response = form_page(429, f"Too many wrong codes. Wait {_in_words(seconds)}, then try again.")
            response.headers["Retry-After"] = str(seconds)
            return response
        if not signed_cookies.is_code(given, self._code):
            self._limiter.failed(visitor, address)
            return form_page(401, _WRONG)
        response = RedirectResponse(_here(request.scope), 303, {"Cache-Control": "no-store"})
        _set_cookie(response, request, signed_cookies.ENTRY, self._code)
        return response


async def _given(request: Request) -> str | None:
    """The code of a form that was sent; None where it is no such form."""
    body = bytearray()
    try:
        async with asyncio.timeout(_PATIENCE):
            async for chunk in request.stream():
                body += chunk
                if len(body) > _MOST_BYTES:
                    return None
    except TimeoutError:
        return None
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=10, errors="replace")
    # Not ASCII, or too many fields.
    except ValueError:
        return None
    return fields["code"][0] if "code" in fields else None


def _is_link(scope: Scope) -> bool:
    return scope["type"] == "http" and scope["path"].rpartition("/")[2] == ENTER


def _here(scope: Scope) -> str:
    """The address that was asked for, relative to itself, so that it leads nowhere else; a link leads to the page."""
    if _is_link(scope):
        # The empty fragment keeps browsers from putting that of the link here.
        return "./#"
    last = scope["raw_path"].decode("ascii", "replace").rpartition("/")[2]
    query = scope["query_string"].decode("ascii", "replace")
    return f"./{last}?{query}" if query else f"./{last}"


def _set_cookie(response: Response, request: Request, kind: str, code: str) -> None:
    secure = request.url.scheme == "https"
    response.set_cookie(kind, signed_cookies.issue(kind, code), httponly=True, samesite="lax", secure=secure)


def _in_words(seconds: int) -> str:
    if seconds > 90:
        return f"{math.ceil(seconds / 60)} minutes"
    return f"{seconds} seconds" if seconds > 1 else "a second"
