"""Telemetry: each event is logged and counted, and the server's state can be read as JSON or in Prometheus' format.

An event holds numbers, and names that the app itself has: never a photo, its name or digest, the class that was seen in
it, an access code, or an address.
"""

import json
import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import psutil
import streamlit as st
from streamlit import runtime
from streamlit.runtime.stats import ACTIVE_SESSIONS_FAMILY, GaugeStat

from cam.errors import CamError

if TYPE_CHECKING:
    from prometheus_client.core import Metric

Event = dict[str, str | int | float | bool]

# The work of which `/healthz` and `/metrics` say how much waits or runs.
EXPLAIN = "explain"
# Upper bounds of durations in seconds: a click that is found in a cache, up to a photo that waits behind a class.
_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
# Those that are installed are named.
_PACKAGES = ("streamlit", "tensorflow", "tensorflow-cpu", "openvino", "keras", "numpy", "pillow")

_logger = logging.getLogger("cam")
# Events are logged only after `start_log`; warnings always are.
_events = logging.getLogger("cam.events")
_events.addHandler(logging.NullHandler())
_events.propagate = False
_started = time.time()
_running: Counter[str] = Counter()
_lock = threading.Lock()


@contextmanager
def track(what: str, **fields: str | int | float | bool) -> Iterator[Event]:
    """Time a block and publish one event when it ends. Keys added to the yielded dict are published too.

    The event has `asked` (what), the fields, `ms`, and `outcome`: "done"; "refused" after an error that a user can
    cause; "stopped" when the visitor asked for something else meanwhile or nothing more could be shown; "failed" with
    the kind of `error` after a mistake of the app. The block may set another `outcome`. Errors pass through.
    """
    event: Event = {"asked": what, **fields}
    with _lock:
        _running[what] += 1
    start = time.perf_counter()
    outcome = "done"
    try:
        yield event
    except BaseException as error:
        outcome = "refused" if isinstance(error, CamError) else "failed" if isinstance(error, Exception) else "stopped"
        if outcome != "stopped":
            event["error"] = type(error).__name__
        raise
    finally:
        event["ms"] = round(1000 * (time.perf_counter() - start), 1)
        event.setdefault("outcome", outcome)
        with _lock:
            _running[what] -= 1
        publish(event)


def publish(event: Event) -> None:
    """Log an event, and count it where there are counters."""
    level = logging.ERROR if event["outcome"] == "failed" else logging.INFO
    _events.log(level, event["asked"], extra={"event": event})
    if _counters:
        _counters.count(event)


def count_running(what: str) -> int:
    """Count the blocks of this kind that run, or wait to run, right now."""
    with _lock:
        return _running[what]


@contextmanager
def track_run(page: str) -> Iterator[None]:
    """Publish one event for a run of the script.

    It is "open" in a new session; "page", "photo", "network" or "class" where that differs from the run before; or else
    "view".
    """
    before, now = st.session_state.get("seen"), _read_choices(page)
    with track(_name_run(before, now), page=page or "see") as event:
        # Before, because a run that is stopped can keep nothing any more; and after, because a photo that was uploaded
        # is opened, and a new session filled, by the run itself.
        st.session_state.seen = now
        yield
        now = st.session_state.seen = _read_choices(page)
        event["asked"] = _name_run(before, now)


def _name_run(before: dict[str, object] | None, now: dict[str, object]) -> str:
    if before is None:
        return "open"
    return next((name for name in now if now[name] != before[name]), "view")


def _read_choices(page: str) -> dict[str, object]:
    state = st.session_state
    photo = state.get("photo")
    digest = photo and photo.digest
    return {"page": page, "photo": digest, "network": state.get("network"), "class": state.get("chosen")}


def start_log(form: str) -> None:
    """Write each event, and each warning, as one line on the standard error stream from now on.

    Args:
        form: "json" for one JSON object a line, "text" for reading along, "off" for nothing.
    """
    if form == "off":
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter({"json": _Json, "text": _Text}[form]("%(message)s"))
    _logger.addHandler(handler)
    _logger.setLevel(logging.INFO)
    _logger.propagate = False
    _events.propagate = True


class _Text(logging.Formatter):
    """14:03:59 explain done 213.4 ms, network=efficientnet-lite2 fit=whole"""

    def format(self, record: logging.LogRecord) -> str:
        event = dict(getattr(record, "event", ()))
        if not event:
            return f"{self.formatTime(record, '%H:%M:%S')} {record.levelname.lower()}: {super().format(record)}"
        what, outcome, ms = (event.pop(name) for name in ("asked", "outcome", "ms"))
        fields = " ".join(f"{name}={value}" for name, value in event.items())
        return f"{self.formatTime(record, '%H:%M:%S')} {what} {outcome} {ms} ms{', ' if fields else ''}{fields}"


class _Json(logging.Formatter):
    """{"time": "2026-03-01T13:03:59.120Z", "level": "info", "asked": "explain", ...}"""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        when = {"time": moment.replace("+00:00", "Z"), "level": record.levelname.lower()}
        return json.dumps(when | getattr(record, "event", {"message": super().format(record)}))


def read_health() -> tuple[bool, dict]:
    """Read whether photos can be explained, and the numbers behind that, ready for JSON.

    They cannot where all networks that were asked for failed to load.
    """
    networks = _read_networks()
    well = not networks or any(row["state"] != "failed" for row in networks)
    about = {
        "status": "ok" if well else "no network can be loaded",
        "uptime_seconds": round(time.time() - _started),
        "sessions": _count_sessions(),
        "waiting_or_explaining": count_running(EXPLAIN),
        "networks": networks,
        "memory_mb": {name: round(value / 2**20) for name, value in _measure_memory().items()},
        "versions": read_versions(),
    }
    return well, about


def read_versions() -> dict[str, str]:
    """Read the versions of the packages that explain photos."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _read_networks() -> list[dict]:
    """Read the name, the state and the number of passes of each network that was asked for."""
    # Which tracks its downloads by this module.
    from cam.server import model_store

    return [
        {"name": name, "state": _state(future), "passes": future.result().passes if _state(future) == "loaded" else 0}
        for name, future in model_store.requested().items()
    ]


def _state(future: Future) -> str:
    if not future.done():
        return "loading"
    return "failed" if future.exception() else "loaded"


def _count_sessions() -> int:
    """Count the pages that are open in browsers."""
    if not runtime.exists():
        return 0
    found = runtime.get_instance().stats_mgr.get_stats(family_names=[ACTIVE_SESSIONS_FAMILY])
    return sum(stat.value for stats in found.values() for stat in stats if isinstance(stat, GaugeStat))


def _measure_memory() -> dict[str, int]:
    """Measure the resident bytes of this process, and of those it started, which open photos and read networks."""
    own = psutil.Process()
    started = 0
    for process in own.children(recursive=True):
        # Any of them may end at any time.
        try:
            started += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return {"server": own.memory_info().rss, "started": started}


class _Counters:
    """Prometheus' counters of this process; they count from when they are made."""

    def __init__(self):
        # Imported where it is used: 70 ms, a quarter of what the page takes to be there.
        from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector

        self.registry = CollectorRegistry(auto_describe=True)
        self._asked = Counter(
            "classcam_asked",
            "Things asked, by kind and by how they ended.",
            ["asked", "outcome"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "classcam_seconds", "How long they took.", ["asked"], buckets=_BUCKETS, registry=self.registry
        )
        self.registry.register(self)
        ProcessCollector(registry=self.registry)

    def count(self, event: Event) -> None:
        """Count an event by its outcome, and its duration."""
        self._asked.labels(event["asked"], event["outcome"]).inc()
        self._seconds.labels(event["asked"]).observe(float(event["ms"]) / 1000)

    def collect(self) -> "Iterator[Metric]":
        """Yield what is not counted but looked up; the registry calls this."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        sessions, running = _count_sessions(), count_running(EXPLAIN)
        yield GaugeMetricFamily("classcam_sessions", "Pages that are open in browsers.", value=sessions)
        yield GaugeMetricFamily("classcam_explaining", "Photos that are explained or wait for it.", value=running)
        memory = GaugeMetricFamily("classcam_memory_bytes", "Resident memory.", labels=["processes"])
        for name, value in _measure_memory().items():
            memory.add_metric([name], value)
        networks = GaugeMetricFamily("classcam_networks", "Networks by state.", labels=["state"])
        passes = CounterMetricFamily("classcam_passes", "Forward passes for photos.", labels=["network"])
        rows = _read_networks()
        for state in ("loaded", "loading", "failed"):
            networks.add_metric([state], sum(row["state"] == state for row in rows))
        for row in rows:
            passes.add_metric([row["name"]], row["passes"])
        yield from (memory, networks, passes)


_counters: _Counters | None = None


def start_counters() -> None:
    """Count events from now on."""
    global _counters
    _counters = _counters or _Counters()


def format_counters() -> bytes:
    """Format the counters in Prometheus' text format; those of a server that does not count are not there."""
    from prometheus_client import generate_latest

    return generate_latest(_counters.registry) if _counters else b""
