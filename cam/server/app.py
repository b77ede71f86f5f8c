"""Build the server around the pages: what requests pass, the operator's pages, and the process itself."""

import ctypes
import os
import platform
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psutil
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cam.errors import SettingsError
from cam.server import telemetry
from cam.server.guards import base_path, build_guards
from cam.server.page_style import PageStyle
from cam.settings import Settings, read_settings

# A first visit is sent 2.1 MB of scripts and styles as 0.5 MB; level 9 takes twice the time for 5 % less.
_LEVEL = 4
# Parameters of mallopt. The names and numbers are those of malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
# Larger are only opened photos; to ask the system for the arrays of a click too would cost each some milliseconds.
_HEAP_BYTES = 4 * 2**20
_HEAPS = 2


def build_middleware() -> list[Middleware]:
    """List what each request passes before it comes to Streamlit, the outermost first."""
    return [*build_guards(), Middleware(GZipMiddleware, compresslevel=_LEVEL), Middleware(PageStyle)]


def build_routes() -> list[Route]:
    """List the addresses `/healthz` and `/metrics` below the base path, where the settings open them."""
    settings = _read_settings()
    if not settings or not settings.metrics:
        return []
    # Imported where it is used.
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

    registry = telemetry.start_counters().registry

    def show_health(request: Request) -> Response:
        well, about = telemetry.read_health()
        return JSONResponse(about, 200 if well else 503, {"Cache-Control": "no-store"})

    def show_counters(request: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return [Route(f"{base_path()}/healthz", show_health), Route(f"{base_path()}/metrics", show_counters)]


@asynccontextmanager
async def run_server(app: object, *, import_page: Callable[[], None]) -> AsyncIterator[None]:
    """Start the log, and load page and network while the server answers already: the lifespan of the app.

    Args:
        app: the app.
        import_page: imports the page that the app opens with.
    """
    give_back_memory()
    if settings := _read_settings():
        telemetry.start_log(settings.log)
        threading.Thread(target=_preload, args=(import_page,), name="preload", daemon=True).start()
    yield


def _preload(import_page: Callable[[], None]) -> None:
    from cam.server.model_store import preload

    preload(import_page)


def _read_settings() -> Settings | None:
    try:
        return read_settings()
    # The page says which, instead of what it shows otherwise.
    except SettingsError:
        return None


def give_back_memory() -> bool:
    """Have glibc give free memory back to the system; False with another C library.

    By default it keeps a heap for each of many threads, and keeps there what photos have left, once some were freed. A
    server that runs one thread for each click then holds hundreds of megabytes that nobody uses. To be called before
    other threads begin.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    # Arrays of more bytes than the threshold are apart from the heaps; naming it keeps it from growing by itself.
    wanted = ((_ARENA_MAX, _HEAPS), (_MMAP_THRESHOLD, _HEAP_BYTES), (_TRIM_THRESHOLD, _HEAP_BYTES))
    return all([mallopt(parameter, value) == 1 for parameter, value in wanted])


def send_at_once() -> None:
    """Turn off Nagle's algorithm for the sockets at which this process listens, and the connections they accept.

    Streamlit makes its socket in a way in which asyncio does not know it for one of TCP, and leaves the algorithm on
    (uvicorn's own has the same fault: github.com/Kludex/uvicorn/issues/3149). The second of two small parts of an
    answer then waits until the client has confirmed the first: up to 40 ms for a proxy that keeps its connection.
    """
    try:
        sockets = psutil.Process().net_connections("tcp")
    # A system that does not tell; answers are only slower.
    except psutil.Error:
        return
    for found in sockets:
        # Windows names no descriptors.
        if found.status == psutil.CONN_LISTEN and found.fd >= 0:
            with socket.socket(fileno=os.dup(found.fd)) as listening:
                listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
