"""Measure a network's heatmaps on an annotated set of photos.

Nothing here runs a network: `explain` and `probabilities` are the caller's, and with them the network, the method, the
fit and the detail.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from PIL import Image

from cam.analysis import occlusion
from cam.errors import ImageError
from cam.evaluation import metrics
from cam.evaluation.annotations import Annotated, check_fit
from cam.evaluation.results import Evaluation, Faithfulness, PhotoResult
from cam.explanation import Scored
from cam.images.open import open_image, resized
from cam.methods.probe import Report, no_report

# Heatmaps are smooth, so those of larger photos are measured at this length of the longer side, in pixels.
LONGEST_SIDE = 512
STEPS = 20
# Takes the path of a photo; raises ImageError where it cannot be opened.
OpenPhoto = Callable[[Path], Image.Image]
_open_whole = partial(open_image, draft=False)


def evaluate(
    photos: Sequence[Annotated],
    explain: Callable[[Image.Image], Scored],
    *,
    probabilities: Callable[[Image.Image], np.ndarray] | None = None,
    steps: int = STEPS,
    report: Report = no_report,
    open_photo: OpenPhoto = _open_whole,
) -> Evaluation:
    """Explain every photo once and measure the heatmap of its true class.

    Args:
        photos: at least one.
        explain: RGB image -> its explanation.
        probabilities: RGB image -> (classes,), called 2 * steps + 3 times a photo about the class that the network
            names, as in the papers; None leaves deletion, insertion, drop and increase out.
        steps: of the deletion and insertion curves.
        report: called with the photos done and in all; its exceptions end the work.
        open_photo: opens a photo with all its pixels, in which the boxes are.

    Raises:
        AnnotationError: the ground truth does not fit the photos or the network.
        ImageError: a photo cannot be opened; the text names it.
    """
    results = []
    for done, photo in enumerate(photos, start=1):
        try:
            image = open_photo(photo.path)
        except ImageError as error:
            raise ImageError(f"{photo.file}: {error}") from error
        explanation = explain(image)
        check_fit(photo, image.size, len(explanation.labels))
        faithful = None if probabilities is None else measure_faithfulness(image, explanation, probabilities, steps)
        results.append(_measure_photo(photo, image.size, explanation, faithful))
        report(done, len(photos))
    return Evaluation(tuple(results))


def working_size(size: tuple[int, int]) -> tuple[int, int]:
    """The (width, height) at which a photo's heatmap is measured: its own, or smaller in the same shape."""
    scale = min(1.0, LONGEST_SIDE / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _measure_photo(
    photo: Annotated, size: tuple[int, int], explanation: Scored, faithful: Faithfulness | None
) -> PhotoResult:
    working = working_size(size)
    scale = np.divide(size, working)
    corners = np.tile(scale, 2)
    heatmap = explanation.heatmap(photo.class_index, size=working)
    swept = metrics.sweep(heatmap, photo.truth / corners)
    fixed = metrics.box_at_share(heatmap) * corners
    # The middle of the highest pixel, as a pixel of the photo.
    x, y = ((np.array(metrics.peak(heatmap)) + 0.5) * scale - 0.5).tolist()
    named, true = explanation.top(1)[0], explanation.prediction(photo.class_index)
    return PhotoResult(
        photo=photo,
        size=size,
        label=true.label,
        rank=explanation.rank(photo.class_index),
        probability=true.probability,
        predicted=named.index,
        predicted_label=named.label,
        point=(x, y),
        pointed=metrics.pointing((x, y), photo.truth),
        fixed_box=tuple(fixed.tolist()),
        fixed_fit=float(metrics.iou(fixed[np.newaxis], photo.truth).max()),
        sweep=metrics.Sweep(swept.boxes * corners.astype(np.float32), swept.largest, swept.best),
        center=metrics.iou(_center_boxes(working), photo.truth / corners).max(axis=1),
        faithfulness=faithful,
    )


@lru_cache(maxsize=1024)
def _center_boxes(size: tuple[int, int]) -> np.ndarray:
    """float32 (LEVELS, 4): the boxes of the map that always points at the middle."""
    return metrics.sweep(metrics.center_heat(size), np.array([[0, 0, *size]])).boxes


def measure_faithfulness(
    image: Image.Image, explanation: Scored, probabilities: Callable[[Image.Image], np.ndarray], steps: int
) -> Faithfulness:
    """Measure how the heat of the class that the network names decides its probability, by 2 * steps + 3 passes."""
    index = explanation.top(1)[0].index
    working = working_size(image.size)
    shown = image if working == image.size else Image.fromarray(resized(image, working))
    heatmap = explanation.heatmap(index, size=working)

    def probability(picture: Image.Image) -> float:
        return float(probabilities(picture)[index])

    deletion = list(occlusion.deletion(probability, shown, heatmap, steps=steps))
    insertion = list(occlusion.insertion(probability, shown, heatmap, steps=steps))
    weighted = Image.fromarray(metrics.weighted_photo(np.asarray(shown), heatmap))
    area = occlusion.curve_area
    return Faithfulness(area(deletion), area(insertion), before=deletion[0], after=probability(weighted))
