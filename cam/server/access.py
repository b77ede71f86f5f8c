"""The access code: without it nothing is served but its form, and whether the server is up.

The gate stands before Streamlit, so neither pages nor uploads, websockets, media or links are reached without the code.
A signed cookie remembers that the code was given. Wrong tries are counted on the server, because a cookie can be sent
again.
"""

import asyncio
import hashlib
import hmac
import json
import math
import secrets
import time
import unicodedata
from base64 import b64decode
from typing import Any
from urllib.parse import parse_qs, quote

import streamlit as st
from itsdangerous import BadSignature, TimestampSigner
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from cam.errors import SettingsError
from cam.server.login_page import render_login
from cam.server.rate_limit import Limiter
from cam.server.telemetry import track
from cam.settings import read_settings

COOKIE = "classcam"
# A day of school; the browser forgets the cookie when it is closed.
HOURS = 12
# The last part of the path of links that bring the code.
ENTER = "enter"
# Served without the code, below the base path.
HEALTH = "/_stcore/health"
SHORTEST_SECRET = 32
_MOST_BYTES = 4096
_PATIENCE = 10
_MISSING = PlainTextResponse("The access code is missing.", 401)
_WRONG = "That is not the code. Look closely: capital and small letters differ."


class Gate:
    """Middleware that lets through whoever gave the code.

    Args:
        app: what is served behind it.
        code: the access code.
        open_paths: paths that are served without the code.
        limiter: what bounds how often a code is tried.
    """

    def __init__(self, app: ASGIApp, *, code: str, open_paths: frozenset[str], limiter: Limiter | None = None):
        self._app, self._code, self._open, self._limiter = app, code, open_paths, limiter or Limiter()
        http, https = (
            # Without an age, which would have browsers keep the cookie when they are closed.
            SessionMiddleware(self._check, _derive_key(code), COOKIE, max_age=None, same_site="lax", https_only=secure)
            for secure in (False, True)
        )
        self._sessions = {"http": http, "ws": http, "https": https, "wss": https}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_open = scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and scope["path"] in self._open
        app = self._app if is_open or scope["type"] == "lifespan" else self._sessions[scope.get("scheme", "http")]
        await app(scope, receive, send)

    async def _check(self, scope: Scope, receive: Receive, send: Send) -> None:
        entered = _is_entered(scope["session"])
        if entered and not _is_link(scope):
            # Streamlit puts a session of its own into the scope, which must not be sent as this cookie.
            await self._app(dict(scope), receive, send)
        elif entered:
            await RedirectResponse(_here(scope), 303)(scope, receive, send)
        elif scope["type"] == "websocket":
            await _MISSING(scope, receive, send)
        else:
            await (await self._answer(Request(scope, receive)))(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        """Answer a visitor without the code: by the form, or by what became of a try."""
        if request.method == "POST":
            with track("access") as event:
                response = await self._try_code(request)
                event["outcome"] = "done" if response.status_code == 303 else "refused"
        elif request.method in ("GET", "HEAD") and _wants_page(request):
            response = render_login(401)
        else:
            response = _MISSING
        if "visitor" not in request.session:
            request.session["visitor"] = secrets.token_urlsafe(12)
        return response

    async def _try_code(self, request: Request) -> Response:
        given = await _read_form(request)
        if given is None:
            return _MISSING
        visitor = request.session.get("visitor")
        address = request.client.host if request.client else ""
        # Nothing waits between here and the end, so no two tries are counted as one.
        if seconds := self._limiter.wait(visitor, address):
            wait = f"{math.ceil(seconds / 60)} minutes" if seconds > 90 else f"{seconds} second{'s' * (seconds > 1)}"
            response: Response = render_login(429, f"Too many wrong codes. Wait {wait}, then try again.")
            response.headers["Retry-After"] = str(seconds)
            return response
        if not is_code(given, self._code):
            self._limiter.add(visitor, address)
            return render_login(401, _WRONG)
        request.session["entered"] = int(time.time())
        return RedirectResponse(_here(request.scope), 303, {"Cache-Control": "no-store"})


def may_enter() -> bool:
    """Decide whether this session may see the page, wherever the gate is missing; where not, the reason is shown."""
    try:
        code = read_settings().access_code
    except SettingsError as error:
        st.error(str(error))
        return False
    if code is None or _is_entered(_read_cookie(code, st.context.cookies.get(COOKIE))):
        return True
    st.error("This page needs the access code. Load it again, and it asks for it.")
    return False


def add_code(address: str) -> str:
    """Make the address a link that brings the access code, where there is one; for a QR code, or to be sent."""
    code = read_settings().access_code
    # Browsers send what stands behind # to no server.
    return f"{address.rstrip('/')}/{ENTER}#{quote(code, safe='')}" if code else address


def is_code(given: str, code: str) -> bool:
    """Compare what a visitor gave with the code, in the same time wherever they differ."""
    return hmac.compare_digest(_digest(given), _digest(code))


def check_secret() -> None:
    """Raise SettingsError where the secret that signs cookies could be found by trying."""
    if len(st.get_option("server.cookieSecret")) < SHORTEST_SECRET:
        raise SettingsError(
            f"STREAMLIT_SERVER_COOKIE_SECRET (server.cookieSecret) must have {SHORTEST_SECRET} letters or more: "
            "it signs the cookies of the access code. Leave it out, or take a long random text."
        )


def _digest(text: str) -> bytes:
    # Keyboards write the same letters in more than one way.
    return hashlib.sha256(unicodedata.normalize("NFKC", text.strip()).encode()).digest()


def _derive_key(code: str) -> str:
    """The key that signs cookies: one for each code, so that a new code shuts out who had the old one."""
    return f"{st.get_option('server.cookieSecret')} {_digest(code).hex()}"


def _is_entered(session: dict[str, Any]) -> bool:
    return 0 <= time.time() - session.get("entered", 0) < HOURS * 3600


def _read_cookie(code: str, cookie: str | None) -> dict[str, Any]:
    """Read a session as SessionMiddleware writes it; empty if it was not signed here."""
    try:
        return json.loads(b64decode(TimestampSigner(_derive_key(code)).unsign(cookie or "")))
    except BadSignature:
        return {}


async def _read_form(request: Request) -> str | None:
    """Read the code of a form that was sent; None where it is no such form."""
    body = bytearray()
    try:
        async with asyncio.timeout(_PATIENCE):
            async for chunk in request.stream():
                body += chunk
                if len(body) > _MOST_BYTES:
                    return None
        fields = parse_qs(body.decode("ascii"), max_num_fields=10, errors="replace")
    # The second where it is not ASCII, or has too many fields.
    except (TimeoutError, ValueError):
        return None
    return fields["code"][0] if "code" in fields else None


def _is_link(scope: Scope) -> bool:
    return scope["type"] == "http" and scope["path"].rpartition("/")[2] == ENTER


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "") or _is_link(request.scope)


def _here(scope: Scope) -> str:
    """The address that was asked for, relative to itself, so that it leads nowhere else; a link leads to the page."""
    if _is_link(scope):
        # The empty fragment keeps browsers from putting that of the link here.
        return "./#"
    last = scope["raw_path"].decode("ascii", "replace").rpartition("/")[2]
    query = scope["query_string"].decode("ascii", "replace")
    return f"./{last}?{query}" if query else f"./{last}"
