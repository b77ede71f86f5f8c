"""Photos per second by how many cores or actors work: the bare network, `python -m cam batch`, and the same by Ray.

Run: .venv/bin/python -m benchmarks.scaling [--only "batch, 2 cores" ...] [--rounds 2] [--model efficientnet-lite0]

A run is done for few and for many photos; what lies between counts, so that starting does not.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.batch import fill

_FEW, _MANY = 256, 1280
_PYTHON = [sys.executable, "-m"]
_ONE_CORE = ["taskset", "--cpu-list", "0"]


def bare(what: str, prefix: list[str], folder: Path, model: str) -> float:
    """Photos per second of the network alone, on batches in memory."""
    command = [*prefix, *_PYTHON, "benchmarks.batch", "--measure", what, "--folder", str(folder), "--model", model]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    return found["photos"] / found["seconds"]


def batch(prefix: list[str], options: list[str], few: Path, many: Path, model: str) -> float:
    """Photos per second of whole runs."""
    seconds = []
    for folder in (few, many):
        with tempfile.TemporaryDirectory() as out:
            command = [*prefix, *_PYTHON, "cam", "batch", str(folder), "-o", f"{out}/run", "--model", model, "--json"]
            done = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
            seconds.append(json.loads(done.stdout)["seconds"])
    return (_MANY - _FEW) / (seconds[1] - seconds[0])


_WORK = {
    "bare, 1 core": lambda few, many, model: bare("bare, shared", _ONE_CORE, few, model),
    "bare, 2 cores": lambda few, many, model: bare("bare", [], few, model),
    "bare, 2 cores shared": lambda few, many, model: bare("bare, shared", [], few, model),
    "batch, 1 core": lambda few, many, model: batch(_ONE_CORE, [], few, many, model),
    "batch, 2 cores": lambda few, many, model: batch([], [], few, many, model),
    "ray, 1 actor": lambda few, many, model: batch([], ["--engine", "ray", "--actors", "1"], few, many, model),
    "ray, 2 actors": lambda few, many, model: batch([], ["--engine", "ray", "--actors", "2"], few, many, model),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(_WORK), default=list(_WORK))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--model", default="efficientnet-lite0")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        few, many = Path(folder) / "few", Path(folder) / "many"
        for place, count in ((few, _FEW), (many, _MANY)):
            place.mkdir()
            fill(place, count)
        for what in given.only:
            rates = [_WORK[what](few, many, given.model) for _ in range(given.rounds)]
            print(
                f"{given.model}  {what:22}{max(rates):6.1f}/s  (of {given.rounds}: {min(rates):.1f} at least)",
                flush=True,
            )


if __name__ == "__main__":
    main()
