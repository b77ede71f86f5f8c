"""The table of a load run, as Markdown."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.load_student import CLICKS, EVERY, PAGES, THINK, Notes
from cam.server.telemetry import read_versions


@dataclass(frozen=True)
class Round:
    """What one round has shown: memory of the server in bytes, processor use in cores."""

    number: int
    notes: Notes
    rest: int
    peak: int
    left: int
    later: int
    driver: float
    server: float


def report(rounds: list[Round], sessions: int, minutes: float) -> str:
    """The whole report."""
    return "\n\n".join((_heading(sessions, minutes), _times(rounds), _memory(rounds), _failures(rounds))) + "\n"


def _heading(sessions: int, minutes: float) -> str:
    return (
        "# A class at once\n\n"
        f"`python -m benchmarks.load --sessions {sessions} --minutes {minutes:g}`: sessions over Streamlit's own "
        f"websocket. Each uploads a photo of 12 megapixels of its own every {EVERY[0]:.0f} to {EVERY[1]:.0f} s, looks "
        f"at {CLICKS} classes or more of it and at {len(PAGES)} other pages ({', '.join(PAGES)}), and thinks "
        f"{THINK[0]:.0f} to {THINK[1]:.0f} s before each step. Checked of each answer: no error, only pictures of the "
        "session's own photo (by digest and by its pixels), and the class that was asked for last.\n\n"
        f"{platform.machine()}, {_processor()}, {os.cpu_count()} cores shared with the driver; Python "
        f"{platform.python_version()}, "
        + ", ".join(f"{name} {version}" for name, version in read_versions().items())
        + "."
    )


def _times(rounds: list[Round]) -> str:
    rows = ["| Round | Step | Count | Median | 95 % | 99 % | Longest |", "|---|---|--:|--:|--:|--:|--:|"]
    for row in rounds:
        for kind, seconds in row.notes.seconds.items():
            middle, late, latest = 1000 * np.percentile(seconds, (50, 95, 99))
            longest = 1000 * max(seconds)
            rows.append(
                f"| {row.number} | {kind} | {len(seconds):,} | {middle:,.0f} ms | {late:,.0f} ms | {latest:,.0f} ms "
                f"| {longest:,.0f} ms |"
            )
    return "\n".join(rows)


def _memory(rounds: list[Round]) -> str:
    rows = [
        "| Round | Memory before | Peak | Sessions left | Later | Growth | Cores of the server | of the driver |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rounds:
        sizes = (row.rest, row.peak, row.left, row.later, row.later - row.rest)
        cells = " | ".join(f"{size / 2**20:,.0f} MB" for size in sizes)
        rows.append(f"| {row.number} | {cells} | {row.server:.2f} | {row.driver:.2f} |")
    return "\n".join(rows)


def _failures(rounds: list[Round]) -> str:
    failures = [f"* Round {row.number}, session {what}" for row in rounds for what in row.notes.failures]
    answers = sum(len(seconds) for row in rounds for seconds in row.notes.seconds.values())
    return "\n".join([f"Checks that failed: {len(failures)}, of {answers:,} answers.", *failures[:20]])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.processor())
