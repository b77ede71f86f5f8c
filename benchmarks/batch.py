"""Photos per second and memory of `python -m cam batch`, beside the bare network on the same batches.

The bare network is run as `Model.explain` runs it, one pass at a time on all cores ("bare"), and as `batch` does,
several at a time on one core each ("bare, shared").

Run: .venv/bin/python -m benchmarks.batch [--photos 100 1000] [--rounds 3] [--model efficientnet-lite2]

Each measurement is a process of its own; bare network and batch take turns, so that what else the machine does falls on
both. The rates are those of the best round.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from cam.batch.pipeline import explain_parts, load_photo
from cam.batch.plan import Plan, Settings
from cam.batch.run import run
from cam.batch.sources import find_photos
from cam.cli.options import load_network, open_photo
from cam.model import group_batches

SAMPLES = Path(__file__).parent.parent / "sample_images"


def fill(folder: Path, count: int) -> None:
    """Links to the sample photos, in an order that mixes their shapes."""
    samples = sorted(SAMPLES.glob("*.jpg"))
    rng = np.random.default_rng(0)
    for i in range(count):
        os.symlink(samples[rng.integers(len(samples))], folder / f"{i:06d}.jpg")


def timed(work) -> dict[str, float]:
    """Seconds on the clock and of all processors."""
    start, busy = time.perf_counter(), time.process_time()
    work()
    return {"seconds": time.perf_counter() - start, "processor": time.process_time() - busy}


def bare(model, plan: Plan, threads: int = 1) -> dict[str, float]:
    """The network alone on the batches that a run makes of up to four parts, from memory, by some threads."""
    prepared = []
    for number in list(plan.parts)[:4]:
        photos = [load_photo(model.input_size, open_photo, row, path) for row, path in plan.part(number)]
        for batch in group_batches(photos, lambda photo: photo.pixels.size, model.batch_size):
            inputs = [model._input(photo.pixels, "given", model.views(detail=False)[0]) for photo in batch]
            prepared.append(np.stack(inputs))
    network = model.backend

    def passed(batch: np.ndarray) -> None:
        network.feature_maps(batch)

    passed(prepared[0])
    with ThreadPoolExecutor(threads) as pool:
        found = timed(lambda: list(pool.map(passed, prepared)))
    return found | {"photos": sum(map(len, prepared))}


def whole(model, plan: Plan, folder: Path) -> dict[str, float]:
    """All of a run but loading the network."""
    model.explain_many([Image.new("RGB", (256, 256))] * 4)
    return timed(lambda: run(plan, lambda: partial(explain_parts, model, open_photo=open_photo), folder)) | {
        "photos": len(plan.photos)
    }


_WORK = {
    "bare": lambda model, plan, folder: bare(model, plan),
    "bare, shared": lambda model, plan, folder: bare(model, plan, os.cpu_count()),
    "batch": whole,
}


def measure(what: str, photos: str, name: str) -> None:
    """Measure in this process and print it as JSON."""
    plan, model = Plan(find_photos([photos]), Settings(name)), load_network(name, many=what != "bare")
    with tempfile.TemporaryDirectory() as folder:
        found = _WORK[what](model, plan, Path(folder) / "out")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found | {"peak": peak}))


def measured(what: str, photos: Path, name: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.batch", "--measure", what, "--folder", photos, "--model", name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def compare(count: int, rounds: int, name: str) -> None:
    """Print the best round of both for so many photos."""
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder), count)
        found = {what: [] for what in _WORK}
        for _ in range(rounds):
            for what, results in found.items():
                results.append(measured(what, Path(folder), name))
    best = {what: min(results, key=lambda one: one["seconds"] / one["photos"]) for what, results in found.items()}
    print(f"{count} photos, {name}")
    for what, one in best.items():
        rate, busy = one["photos"] / one["seconds"], 1000 * one["processor"] / one["photos"]
        share = rate * best["bare"]["seconds"] / best["bare"]["photos"]
        cost = f"{busy:5.1f} ms of processor a photo, {one['peak']:.0f} MB at most"
        print(f"  {what:14}{rate:6.1f}/s{100 * share:6.0f} %  {cost}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="efficientnet-lite2")
    parser.add_argument("--measure", choices=list(_WORK), help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        measure(given.measure, given.folder, given.model)
        return
    for count in given.photos:
        compare(count, given.rounds, given.model)


if __name__ == "__main__":
    main()
