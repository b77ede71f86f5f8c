"""What is asked of the app, and what it warns of, as one line each on the standard error stream."""

import json
import logging
import sys
import time

from cam.server.telemetry import Told, listen

_logger = logging.getLogger("cam")


def start_log(form: str) -> None:
    """Write each thing asked, and each warning, from now on.

    Args:
        form: "json" for one JSON object a line, "text" for reading along, "off" for nothing.
    """
    if form == "off":
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_FORMATTERS[form]("%(message)s"))
    _logger.addHandler(handler)
    _logger.setLevel(logging.INFO)
    _logger.propagate = False
    listen(_write)


def _write(told: Told) -> None:
    _logger.log(logging.ERROR if told["outcome"] == "failed" else logging.INFO, told["asked"], extra={"told": told})


class _Text(logging.Formatter):
    """14:03:59 explain done 213.4 ms, network=efficientnet-lite2 fit=whole"""

    def format(self, record: logging.LogRecord) -> str:
        told = dict(getattr(record, "told", ()))
        if not told:
            return f"{self.formatTime(record, '%H:%M:%S')} {record.levelname.lower()}: {super().format(record)}"
        what, outcome, ms = (told.pop(name) for name in ("asked", "outcome", "ms"))
        about = " ".join(f"{name}={value}" for name, value in told.items())
        return f"{self.formatTime(record, '%H:%M:%S')} {what} {outcome} {ms} ms{', ' if about else ''}{about}"


class _Json(logging.Formatter):
    """{"time": "2026-03-01T13:03:59.120Z", "level": "info", "asked": "explain", ...}"""

    converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        seconds = self.formatTime(record, "%Y-%m-%dT%H:%M:%S")
        when = {"time": f"{seconds}.{int(record.msecs):03}Z", "level": record.levelname.lower()}
        return json.dumps(when | getattr(record, "told", {"message": super().format(record)}))


_FORMATTERS = {"json": _Json, "text": _Text}
