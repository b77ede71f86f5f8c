"""What stands before the pages and beside them: the log, and for whoever runs the server a health page and counters."""

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cam.errors import SettingsError
from cam.server.access.guards import guards
from cam.server.allocator import give_back_what_is_free
from cam.server.base_path import base_path
from cam.server.closed_sessions import forget_closed_sessions
from cam.server.compression import Assets
from cam.server.log import start_log
from cam.server.page_style import Looks
from cam.settings import Settings, read_settings


def start_server() -> bool:
    """Have what is free or closed given back, and what is asked logged; False where the settings are wrong."""
    give_back_what_is_free()
    forget_closed_sessions()
    settings = _settings()
    if settings:
        start_log(settings.log)
    return settings is not None


def middleware() -> list[Middleware]:
    """What each request passes before it comes to Streamlit, the outermost first."""
    return [*guards(), Middleware(Looks), Middleware(Assets, base=base_path())]


def operator_routes() -> list[Route]:
    """The addresses `/healthz` and `/metrics` below the base path, where the settings open them."""
    settings = _settings()
    if not settings or not settings.metrics:
        return []
    # Imported only where they are used.
    from cam.server.counters import CONTENT_TYPE, Counters
    from cam.server.health import health

    counters = Counters()

    def health_page(request: Request) -> Response:
        well, about = health()
        return JSONResponse(about, 200 if well else 503, {"Cache-Control": "no-store"})

    def metrics_page(request: Request) -> Response:
        return Response(counters.text(), media_type=CONTENT_TYPE)

    return [Route(f"{base_path()}/healthz", health_page), Route(f"{base_path()}/metrics", metrics_page)]


def _settings() -> Settings | None:
    try:
        return read_settings()
    # The page says which, instead of what it shows otherwise.
    except SettingsError:
        return None
