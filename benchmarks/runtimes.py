"""What runs a network fastest here: medians and ratios of one photo, all measured in one run, turn by turn.

Run: .venv/bin/python -m benchmarks.runtimes [--rounds 30] [--json FILE]
Runtimes that are not installed are passed over. For the peers: pip install torch, pip install --no-deps torchcam.

Each runtime has a process of its own. In one process their threads wait for work beside each other and take the cores
from whoever runs: torch-cam took ten times as long as it does alone.
"""

import argparse
import importlib.util
import json
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import time
from importlib import metadata
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.runtime_rows import ENGINES, RUNTIMES, THREADS, TORCH, Row

# Seconds and memory of an import, in a process of its own.
IMPORT = """
import sys, time
start = time.perf_counter()
sys.modules["openvino_telemetry"] = None
import {0}
pages = int(open("/proc/self/statm").read().split()[1])
print(time.perf_counter() - start, pages * 4096 / 2**20)
"""


class Section(NamedTuple):
    """A table: rows that do the same work on one network, and the (width, height) or the fit of the photo."""

    title: str
    network: str
    given: tuple[int, int] | str
    rows: tuple[Row, ...]


LITE2 = "efficientnet-lite2"
SECTIONS = (
    Section("ResNet-50, random weights, 224 x 224, one pass", "resnet50", (224, 224), (*RUNTIMES, *TORCH)),
    Section("EfficientNet-Lite2, 320 x 320, one pass", LITE2, (320, 320), RUNTIMES),
    Section("EfficientNet-Lite2, 480 x 224, one pass", LITE2, (480, 224), RUNTIMES),
    Section("ResNet-50, photo to top 5 and map, 224 x 224", "resnet50", "squash", ENGINES),
    Section("EfficientNet-Lite2, photo to top 5 and map, whole photo", LITE2, "whole", ENGINES[:-1]),
)


def work(connection: Connection, section: int, row: int) -> None:
    """Make a row ready, say how long that took and how wrong it is, then run it whenever told to, and say how long."""
    chosen = SECTIONS[section]
    start = time.perf_counter()
    run, error = chosen.rows[row].make(chosen.network, chosen.given)
    run()
    connection.send((time.perf_counter() - start, error))
    while connection.recv():
        start = time.perf_counter()
        run()
        connection.send(1000 * (time.perf_counter() - start))


def measure(number: int, rounds: int) -> dict:
    """One table: every round starts with another row, and the first does not count."""
    context = multiprocessing.get_context("spawn")
    ends, notes, workers = {}, {}, []
    for place, row in enumerate(SECTIONS[number].rows):
        if importlib.util.find_spec(row.needs) is None:
            continue
        ends[row.title], theirs = context.Pipe()
        workers.append(context.Process(target=work, args=(theirs, number, place), daemon=True))
        workers[-1].start()
        notes[row.title] = ends[row.title].recv()
    names, times = list(ends), {name: [] for name in ends}
    for turn in range(rounds + 1):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            ends[name].send(True)
            taken = ends[name].recv()
            times[name] += [taken] if turn else []
    for name, process in zip(names, workers, strict=True):
        ends[name].send(False)
        process.join()
    return summary(times, notes)


def summary(times: dict[str, list[float]], notes: dict[str, tuple]) -> dict:
    """Of each row: median and lowest ms, their ratios to the fastest row's, seconds to make ready, relative error."""
    medians = {name: statistics.median(values) for name, values in times.items()}
    lowest = {name: min(values) for name, values in times.items()}
    return {
        name: {
            "median": medians[name],
            "lowest": lowest[name],
            "median_ratio": medians[name] / min(medians.values()),
            "lowest_ratio": lowest[name] / min(lowest.values()),
            "ready": notes[name][0],
            "error": notes[name][1],
        }
        for name in times
    }


def imports() -> dict:
    """Seconds and megabytes of importing each runtime, the median of three processes."""
    found = {}
    for name in ("numpy", "tensorflow", "keras", "ai_edge_litert.interpreter", "openvino", "torch", "cam"):
        if importlib.util.find_spec(name.partition(".")[0]) is None:
            continue
        command = [sys.executable, "-c", IMPORT.format(name)]
        runs = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(3)]
        numbers = [tuple(map(float, run.split()[-2:])) for run in runs]
        found[name] = {"seconds": statistics.median(n[0] for n in numbers), "rss_mb": max(n[1] for n in numbers)}
    return found


COLUMNS = (
    ("median ms", "median", ".1f"),
    ("lowest ms", "lowest", ".1f"),
    ("median to the fastest", "median_ratio", ".2f"),
    ("lowest to the fastest", "lowest_ratio", ".2f"),
    ("made ready in s", "ready", ".1f"),
    ("relative error", "error", ".0e"),
)


def show(title: str, table: dict) -> None:
    print(f"\n{title}\n\n| | {' | '.join(column for column, _, _ in COLUMNS)} |\n|---|{'---|' * len(COLUMNS)}")
    for name, row in table.items():
        cells = ["" if row[key] is None else f"{row[key]:{form}}" for _, key, form in COLUMNS]
        print(f"| {name} | {' | '.join(cells)} |")


def versions() -> dict:
    names = ("tensorflow", "keras", "openvino", "ai-edge-litert", "torch", "torchcam", "numpy")
    known = {dist.metadata["Name"].lower(): dist.version for dist in metadata.distributions()}
    found = {name: known[name] for name in names if name in known}
    return {"python": platform.python_version(), "machine": platform.machine(), "cores": THREADS, **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    report: dict = {"versions": versions(), "load": os.getloadavg()}
    print(report)
    for number, section in enumerate(SECTIONS):
        report[section.title] = measure(number, options.rounds)
        show(section.title, report[section.title])
    report["imports"] = imports()
    print("\n| import | s | MB |\n|---|---|---|")
    for name, row in report["imports"].items():
        print(f"| {name} | {row['seconds']:.2f} | {row['rss_mb']:.0f} |")
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
