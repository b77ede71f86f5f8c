"""Who gets in: what stands before the pages on the server, and the access code.

`guards` stand before `st.App`, `may_enter` is asked by the page, and closes it wherever the guards are not there.
"""

import sys
from urllib.parse import quote, urlsplit

import streamlit as st
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from cam.errors import SettingsError
from cam.server.access import signed_cookies
from cam.server.access.form import problem_page
from cam.server.access.gate import ENTER, Gate
from cam.server.access.origin import SameOrigin
from cam.server.base_path import base_path
from cam.server.upload_limits import Uploads, keep_in_memory
from cam.settings import Settings, read_settings

# A server on this machine is asked by its own names for whether it is up.
_OWN_NAMES = ("localhost", "127.0.0.1", "[::1]")


def guards() -> list[Middleware]:
    """What lets requests in, the outermost first."""
    try:
        settings = read_settings()
    except SettingsError as error:
        print(f"ClassCam does not start: {error}", file=sys.stderr, flush=True)
        return [Middleware(Refused, sentence=str(error))]
    uploaded = st.get_option("server.maxUploadSize") * 2**20
    keep_in_memory(uploaded)
    found = [Middleware(SameOrigin, origins=_origins(settings))]
    if hosts := _hosts(settings):
        found.insert(0, Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False))
    if settings.access_code:
        opened = ("/healthz", "/metrics") if settings.metrics else ()
        found.append(Middleware(Gate, code=settings.access_code, base=base_path(), open_paths=opened))
    return [*found, Middleware(Uploads, most_bytes=min(settings.photo_bytes, uploaded))]


def may_enter() -> bool:
    """Whether this session may see the page; where not, the reason is shown."""
    try:
        code = read_settings().access_code
    except SettingsError as error:
        st.error(str(error))
        return False
    if code is None or signed_cookies.read(signed_cookies.ENTRY, code, st.context.cookies.get(signed_cookies.ENTRY)):
        return True
    st.error("This page needs the access code. Load it again, and it asks for it.")
    return False


def with_code(address: str) -> str:
    """The address as a link that brings the access code, where there is one; for a QR code, or to be sent."""
    code = read_settings().access_code
    return f"{address.rstrip('/')}/{ENTER}#{quote(code, safe='')}" if code else address


def _hosts(settings: Settings) -> list[str]:
    """The names that are answered to; none where any is."""
    named = [*settings.hosts, *st.get_option("server.allowedHosts")]
    if not named:
        return []
    return list(dict.fromkeys((*named, *(urlsplit(address).hostname for address in settings.address), *_OWN_NAMES)))


def _origins(settings: Settings) -> frozenset[str]:
    addresses = ("{0.scheme}://{0.netloc}".format(urlsplit(address)) for address in settings.address)
    return frozenset(origin.lower().rstrip("/") for origin in (*addresses, *st.get_option("server.corsAllowedOrigins")))


class Refused:
    """Middleware that answers everything with a sentence, where a setting is wrong."""

    def __init__(self, app: ASGIApp, *, sentence: str):
        self._app, self._sentence = app, sentence

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await problem_page(503, self._sentence)(scope, receive, send)
