"""What runs a network fastest here: medians and ratios of one photo, all measured in one run, turn by turn.

Run: .venv/bin/python -m benchmarks.runtimes [--rounds 30] [--output FILE]
The tables are printed and written to benchmarks/results/runtimes.md. Runtimes that are not installed are passed over.
For the peers: pip install torch; pip install --no-deps torchcam ai-edge-litert.

Each runtime has a process of its own. In one process their threads wait for work beside each other and take the cores
from whoever runs: torch-cam took ten times as long as it does alone.
"""

import argparse
import importlib.util
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

import cam
from benchmarks import runtime_rows as rows
from benchmarks.runtime_rows import PEER, RUNTIMES, THREADS, TORCH, Row

CPU = Path("/proc/cpuinfo")
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


LITE0, LITE2, RESNET50 = "efficientnet-lite0", "efficientnet-lite2", "resnet50"
SECTIONS = (
    Section("ResNet-50, random weights, 224 x 224: one pass", RESNET50, (224, 224), (*RUNTIMES, *TORCH)),
    Section("EfficientNet-Lite0, 288 x 288: one pass", LITE0, (288, 288), RUNTIMES),
    Section("EfficientNet-Lite2, 480 x 224: one pass", LITE2, (480, 224), RUNTIMES),
    Section(
        "ResNet-50, 224 x 224: photo to top 5 and map at the size of the photo",
        RESNET50,
        "squash",
        (*rows.engines(rows.enlarged), rows.peer(rows.enlarged)),
    ),
    Section(
        "ResNet-50, 224 x 224: photo to top 5 and picture",
        RESNET50,
        "squash",
        (*rows.engines(rows.picture)[:-1], rows.peer(rows.picture)),
    ),
    Section("ResNet-50: another class, its map of 7 x 7 cells", RESNET50, "squash", rows.classes(rows.small)),
    Section("ResNet-50: another class, its picture", RESNET50, "squash", rows.classes(rows.picture)),
    Section("EfficientNet-Lite0, whole photo: photo to top 5 and map", LITE0, "whole", rows.engines(rows.enlarged)),
    Section("EfficientNet-Lite2, whole photo: photo to top 5 and map", LITE2, "whole", rows.engines(rows.enlarged)),
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
        # So that waiting for one that has died ends, with EOFError.
        theirs.close()
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
    ("median ms", "median", ".2f"),
    ("lowest ms", "lowest", ".2f"),
    ("median to the fastest", "median_ratio", ".2f"),
    ("lowest to the fastest", "lowest_ratio", ".2f"),
    ("made ready in s", "ready", ".1f"),
    ("relative error", "error", ".0e"),
)


def table(title: str, measured: dict) -> str:
    lines = [
        f"## {title}",
        "",
        f"| | {' | '.join(column for column, _, _ in COLUMNS)} |",
        f"|---|{'--:|' * len(COLUMNS)}",
    ]
    for name, row in measured.items():
        cells = ["" if row[key] is None else f"{row[key]:{form}}" for _, key, form in COLUMNS]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    if PEER in measured:
        lines.append("")
        for name in (name for name in measured if name.startswith("ClassCam")):
            median, lowest = (measured[PEER][key] / measured[name][key] for key in ("median", "lowest"))
            lines.append(f"* torch-cam takes {median:.2f} times as long as {name} (lowest: {lowest:.2f} times).")
    return "\n".join(lines)


def import_table() -> str:
    lines = ["## Import, in a process of its own", "", "| | s | MB |", "|---|--:|--:|"]
    lines += [f"| {name} | {row['seconds']:.2f} | {row['rss_mb']:.0f} |" for name, row in imports().items()]
    return "\n".join(lines)


def heading(rounds: int) -> str:
    names = "tensorflow tensorflow-cpu keras openvino ai-edge-litert torch torchcam numpy pillow".split()
    known = {dist.metadata["Name"].lower().replace("_", "-"): dist.version for dist in metadata.distributions()}
    versions = [f"{name} {known[name]}" for name in names if name in known]
    models = {line.partition(":")[2].strip() for line in CPU.read_text().splitlines() if line.startswith("model name")}
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    size = "{} x {}".format(*cam.open_image(rows.PHOTO).size)
    return "\n".join(
        (
            "# Runtimes",
            "",
            f"By `python -m benchmarks.runtimes`: {rounds} rounds, the rows of a table turn by turn, each in a process",
            f"of its own. The photo is {rows.PHOTO.name}, {size} pixels, opened before.",
            "",
            f"* Machine: {', '.join(sorted(models))}, {platform.machine()}, {THREADS} cores; load at the start {load}.",
            f"* Python {platform.python_version()}, {', '.join(versions)}.",
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("results") / "runtimes.md")
    options = parser.parse_args()
    parts = [heading(options.rounds)]
    print(parts[0])
    for number, section in enumerate(SECTIONS):
        parts.append(table(section.title, measure(number, options.rounds)))
        print(f"\n{parts[-1]}", flush=True)
    parts.append(import_table())
    print(f"\n{parts[-1]}")
    options.output.parent.mkdir(exist_ok=True)
    options.output.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
