"""Milliseconds of the engine: a photo, another class, and the original notebook's way.

Run: .venv/bin/python -m benchmarks.engine
"""

import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

import cam

PHOTO = Path(__file__).parent.parent / "sample_images" / "dog_and_cat.jpg"


def milliseconds(work: Callable[[], object], repeats: int = 30) -> float:
    """The median of several runs after one that does not count."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def enlarge_all_then_sum(explanation: cam.Explanation, index: int) -> np.ndarray:
    """The notebook's order of work: every feature map is enlarged before the sum."""
    height, width, _ = explanation.features.shape
    factors = (explanation.input_size[1] / height, explanation.input_size[0] / width, 1)
    return ndimage.zoom(explanation.features, factors, order=1) @ explanation.weight[:, index]


def measure(spec: cam.ModelSpec, image: Image.Image) -> None:
    """Print what one network takes."""
    start = time.perf_counter()
    model = cam.load_model(spec.name)
    print(f"{spec.title}: loaded in {time.perf_counter() - start:.1f} s")
    for fit in ("squash", "whole"):
        explain = partial(model.explain, image, fit=fit)
        explanation = explain()
        print(f"  explain, {fit} {explanation.input_size}: {milliseconds(explain):.1f} ms")
    print(f"  class map of another class: {milliseconds(partial(explanation.class_map, 235)):.2f} ms")
    print(f"  heatmap {image.size}: {milliseconds(partial(explanation.heatmap, 235)):.1f} ms")
    overlay = partial(cam.overlay, image, explanation.heatmap(235))
    print(f"  overlay {image.size}: {milliseconds(overlay):.1f} ms")
    slow = milliseconds(partial(enlarge_all_then_sum, explanation, 235), repeats=3)
    print(f"  one class by enlarging all {explanation.features.shape[2]} maps first: {slow:.0f} ms")


def main() -> None:
    image = cam.open_image(PHOTO)
    print(f"open the photo {image.size}: {milliseconds(partial(cam.open_image, PHOTO)):.1f} ms")
    for spec in cam.list_models():
        if spec.available:
            measure(spec, image)


if __name__ == "__main__":
    main()
