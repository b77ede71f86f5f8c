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
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

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
    return _running[what]


@contextmanager
def track_run(page: str) -> Iterator[None]:
    """Publish one event for a run of the script.

    It is "open" in a new session; "page", "photo", "network" or "class" where that differs from the run before; or else
    "view".
    """
    state = st.session_state
    before = state.get("seen")

    def name_run() -> str:
        photo = state.get("photo")
        state.seen = {
            "page": page,
            "photo": photo and photo.digest,
            "network": state.get("network"),
            "class": state.get("chosen"),
        }
        if before is None:
            return "open"
        return next((name for name, value in state.seen.items() if value != before[name]), "view")

    # Before, because a run that is stopped can keep nothing any more; and after, because a photo that was uploaded is
    # opened, and a new session filled, by the run itself.
    with track(name_run(), page=page or "see") as event:
        yield
        event["asked"] = name_run()


def start_log(form: str) -> None:
    """Write each event, and each warning, as one line on the standard error stream from now on.

    Args:
        form: "json" for one JSON object a line, "text" for reading along, "off" for nothing.
    """
    if form == "off":
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter({"json": _Json, "text": _Text}[form]())
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


def read_health() -> tuple[bool, dict[str, Any]]:
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
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _read_networks() -> list[dict[str, Any]]:
    """Read the name, the state and the number of passes of each network that was asked for."""
    # Which tracks its downloads by this module.
    from cam.server import model_store

    rows = []
    for name, future in model_store.requested().items():
        state = "loading" if not future.done() else "failed" if future.exception() else "loaded"
        rows.append({"name": name, "state": state, "passes": future.result().passes if state == "loaded" else 0})
    return rows


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
        with suppress(psutil.NoSuchProcess):
            started += process.memory_info().rss
    return {"server": own.memory_info().rss, "started": started}


class Counters:
    """Prometheus' counters of this process; they count from when they are made."""

    def __init__(self) -> None:
        """Register them."""
        # Imported where it is used: 70 ms, a quarter of what the page takes to be there.
        from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector

        self.registry = CollectorRegistry(auto_describe=True)
        ended = "Things asked, by kind and by how they ended."
        self._asked = Counter("classcam_asked", ended, ["asked", "outcome"], registry=self.registry)
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
        rows = _read_networks()
        states = dict.fromkeys(("loaded", "loading", "failed"), 0) | Counter(row["state"] for row in rows)
        passes = {row["name"]: row["passes"] for row in rows}
        for family, values in (
            (GaugeMetricFamily("classcam_memory_bytes", "Resident memory.", labels=["processes"]), _measure_memory()),
            (GaugeMetricFamily("classcam_networks", "Networks by state.", labels=["state"]), states),
            (CounterMetricFamily("classcam_passes", "Forward passes for photos.", labels=["network"]), passes),
        ):
            for label, value in values.items():
                family.add_metric([label], value)
            yield family


_counters: Counters | None = None


def start_counters() -> Counters:
    """Count events from now on."""
    global _counters
    _counters = _counters or Counters()
    return _counters
