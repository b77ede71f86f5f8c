"""How the server is, for whoever runs it: numbers about the process, nothing about its visitors."""

import time
from concurrent.futures import Future
from importlib.metadata import PackageNotFoundError, version

import psutil
from streamlit.runtime import exists, get_instance
from streamlit.runtime.stats import ACTIVE_SESSIONS_FAMILY

from cam.server import model_store
from cam.server.telemetry import running

# What is asked of a network; each waits until it is its turn.
EXPLAIN = "explain"
# Those that are installed are named.
_PACKAGES = ("streamlit", "tensorflow", "tensorflow-cpu", "openvino", "keras", "numpy", "pillow")
_started = time.time()


def health() -> tuple[bool, dict]:
    """Whether photos can be explained, and the numbers behind that, ready for JSON.

    They cannot where all networks that were asked for failed to load.
    """
    networks = network_states()
    well = not networks or any(row["state"] != "failed" for row in networks)
    about = {
        "status": "ok" if well else "no network can be loaded",
        "uptime_seconds": round(time.time() - _started),
        "sessions": sessions(),
        "waiting_or_explaining": running(EXPLAIN),
        "networks": networks,
        "memory_mb": {name: round(value / 2**20) for name, value in memory().items()},
        "versions": versions(),
    }
    return well, about


def versions() -> dict[str, str]:
    """The packages that explain photos, with their versions."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def network_states() -> list[dict]:
    """Each network that was asked for: its name, whether it is loaded, and how many passes it has run."""
    return [
        {"name": name, "state": _state(future), "passes": future.result().passes if _state(future) == "loaded" else 0}
        for name, future in model_store.requested().items()
    ]


def _state(future: Future) -> str:
    if not future.done():
        return "loading"
    return "failed" if future.exception() else "loaded"


def sessions() -> int:
    """Pages that are open in browsers."""
    if not exists():
        return 0
    found = get_instance().stats_mgr.get_stats(family_names=[ACTIVE_SESSIONS_FAMILY])
    return sum(stat.value for stats in found.values() for stat in stats)


def memory() -> dict[str, int]:
    """Bytes in memory of this process, and of those it started, which open photos and read networks."""
    own = psutil.Process()
    started = 0
    for process in own.children(recursive=True):
        # Any of them may end at any time.
        try:
            started += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return {"server": own.memory_info().rss, "started": started}
