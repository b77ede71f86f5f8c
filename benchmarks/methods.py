"""Milliseconds of each method for one class of one photo, beside the passes that it takes, on the embedded networks.

Run: .venv/bin/python -m benchmarks.methods [NETWORK...]
"""

import sys
import time
from collections.abc import Iterator
from functools import partial

import cam
from benchmarks.engine import PHOTO, milliseconds
from cam.explanation import Scored
from cam.methods import METHODS

# A method of more passes than this is timed once.
FEW = 50


def _another(explanation: Scored, classes: Iterator[int]) -> None:
    """The map of a class that was not asked for yet."""
    explanation.class_map(next(classes))


def measure(name: str) -> None:
    """Print a table for one network: the time of a class map after the pass that all methods share."""
    image, model = cam.open_image(PHOTO), cam.load_model(name)
    explain = milliseconds(lambda: model.explain(image))
    print(f"{model.spec.title}, photo {image.size}: one pass with everything that CAM needs {explain:.1f} ms")
    for method in METHODS.values():
        if method.linear_only and not model.exact:
            continue
        explanation = model.explain(image, method=method.name)
        classes = iter(range(1000))
        if explanation.exact or explanation.passes <= FEW:
            taken = milliseconds(partial(_another, explanation, classes), repeats=10)
        else:
            start = time.perf_counter()
            _another(explanation, classes)
            taken = 1000 * (time.perf_counter() - start)
        passes = 0 if explanation.exact else explanation.passes
        print(f"  {method.title:18} {taken:10.2f} ms   {passes:5,} passes")
    start = time.perf_counter()
    finer = model.explain(image, detail=True)
    print(f"  {'Finer map':18} {1000 * (time.perf_counter() - start):10.2f} ms   {finer.views:5,} passes, all classes")


def main() -> None:
    for name in sys.argv[1:] or ["efficientnet-lite0", "efficientnet-lite2"]:
        measure(name)


if __name__ == "__main__":
    main()
