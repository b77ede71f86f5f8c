"""Guards before Streamlit besides the access code: names, origins, and a sentence where a setting is wrong."""

import sys
from urllib.parse import urlsplit

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cam.errors import SettingsError
from cam.server.access import HEALTH, Gate, check_secret
from cam.server.login_page import render_sentence
from cam.server.upload_limits import Uploads, keep_in_memory
from cam.settings import Settings, read_settings

# A server on this machine is asked by its own names for whether it is up.
_OWN_NAMES = ("localhost", "127.0.0.1", "[::1]")
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


def base_path() -> str:
    """The beginning of each page's path behind a proxy that serves other things too: "" or, for example, "/cam"."""
    base = st.get_option("server.baseUrlPath").strip("/")
    return f"/{base}" if base else ""


def build_guards() -> list[Middleware]:
    """List what decides on each request, the outermost first."""
    try:
        settings = read_settings()
        if settings.access_code:
            check_secret()
    except SettingsError as error:
        print(f"ClassCam does not start: {error}", file=sys.stderr, flush=True)
        return [Middleware(RefuseAll, sentence=str(error))]
    uploaded = st.get_option("server.maxUploadSize") * 2**20
    keep_in_memory(uploaded)
    guards = [
        Middleware(TrustedHostMiddleware, allowed_hosts=_list_hosts(settings), www_redirect=False),
        Middleware(SameOrigin, origins=_list_origins(settings)),
    ]
    if settings.access_code:
        open_paths = (HEALTH, "/healthz", "/metrics") if settings.metrics else (HEALTH,)
        below = frozenset(f"{base_path()}{path}" for path in open_paths)
        guards.append(Middleware(Gate, code=settings.access_code, open_paths=below))
    uploads = Middleware(Uploads, most_bytes=min(settings.photo_mb * 2**20, uploaded))
    return [*guards, uploads, Middleware(KeepNoMedia, base=base_path())]


def _list_hosts(settings: Settings) -> list[str]:
    """List the names that are answered to.

    A server for this computer alone answers to its own names, because a page of another site can have its name lead
    here (DNS rebinding).
    """
    named = [*settings.hosts, *st.get_option("server.allowedHosts")]
    if not named and st.get_option("server.address") not in (*_OWN_NAMES, "::1"):
        return ["*"]
    return list(dict.fromkeys((*named, *(urlsplit(address).hostname for address in settings.address), *_OWN_NAMES)))


def _list_origins(settings: Settings) -> frozenset[str]:
    addresses = ("{0.scheme}://{0.netloc}".format(urlsplit(address)) for address in settings.address)
    return frozenset(origin.lower().rstrip("/") for origin in (*addresses, *st.get_option("server.corsAllowedOrigins")))


class SameOrigin:
    """Middleware that refuses changes and websockets of foreign origin.

    Streamlit compares origins too, but to do so it asks a server on the internet for the address of this machine.

    Args:
        app: what is served behind it.
        origins: origins besides the server's own, such as "https://cam.school.org"; where a proxy gives the server
            another name than the browser knows, that of the browser.
    """

    def __init__(self, app: ASGIApp, *, origins: frozenset[str] = frozenset()):
        self._app, self._origins = app, origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or (scope["type"] == "http" and scope["method"] in _SAFE_METHODS):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin, host = headers.get("origin"), headers.get("host")
        # Programs send none; they are not a page that a visitor was lured to.
        if origin is None or _read_host(origin) == host:
            await self._app(scope, receive, send)
        elif origin.lower() in self._origins:
            # As a proxy should have passed it on, so that Streamlit comes to the same answer.
            others = [(name, value) for name, value in scope["headers"] if name != b"host"]
            own = (b"host", _read_host(origin).encode("latin-1"))
            await self._app({**scope, "headers": [*others, own]}, receive, send)
        else:
            await PlainTextResponse("A page of another site sent this.", 403)(scope, receive, send)


def _read_host(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    # Brackets that do not close.
    except ValueError:
        return ""


class KeepNoMedia:
    """Middleware that has no browser or proxy keep pictures, which may be made of a visitor's photo."""

    def __init__(self, app: ASGIApp, *, base: str):
        self._app, self._media = app, f"{base}/media/"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Cache-Control"] = "no-store"
            await send(message)

        is_media = scope["type"] == "http" and scope["path"].startswith(self._media)
        await self._app(scope, receive, send_marked if is_media else send)


class RefuseAll:
    """Middleware that answers everything with a sentence, where a setting is wrong."""

    def __init__(self, app: ASGIApp, *, sentence: str):
        self._app, self._sentence = app, sentence

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app if scope["type"] == "lifespan" else render_sentence(503, self._sentence)
        await app(scope, receive, send)
