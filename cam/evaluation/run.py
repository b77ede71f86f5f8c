"""Measure a network's heatmaps on an annotated set of photos.

Nothing here runs a network: `explain` and `probabilities` are the caller's, and with them the network, the method, the
fit and the detail.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from PIL import Image

from cam.analysis import occlusion
from cam.errors import ImageError
from cam.evaluation import metrics
from cam.evaluation.annotations import Annotated, check_fit
from cam.evaluation.results import Evaluation, Faithfulness, PhotoResult
from cam.explanation import Explanation
from cam.images.open import open_image, resized
from cam.settings import read_settings

# Heatmaps are smooth, so those of larger photos are measured at this length of the longer side, in pixels.
LONGEST_SIDE = 512
STEPS = 20


def evaluate(
    photos: Sequence[Annotated],
    explain: Callable[[Image.Image], Explanation],
    *,
    probabilities: Callable[[Image.Image], np.ndarray] | None = None,
    steps: int = STEPS,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Evaluation:
    """Explain every photo once and measure the heatmap of its true class.

    Args:
        photos: at least one.
        explain: RGB image -> its explanation.
        probabilities: RGB image -> (classes,), asked 2 * steps + 3 times a photo about the class that the network
            names, as in the papers; None leaves deletion, insertion, drop and increase out.
        steps: of the deletion and insertion curves.
        report: called with the photos done and in all; what it raises ends the work.

    Raises:
        AnnotationError: the ground truth does not fit the photos or the network.
        ImageError: a photo cannot be opened; the text names it.
    """
    results = []
    for done, photo in enumerate(photos, start=1):
        image = _opened(photo)
        explanation = explain(image)
        check_fit(photo, image.size, len(explanation.labels))
        faithful = None if probabilities is None else faithful_to(image, explanation, probabilities, steps)
        results.append(_measured(photo, image.size, explanation, faithful))
        report(done, len(photos))
    return Evaluation(tuple(results))


def _opened(photo: Annotated) -> Image.Image:
    try:
        # Boxes are in pixels, so every pixel is kept.
        return open_image(photo.path, draft=False, limits=read_settings().image_limits)
    except ImageError as error:
        raise ImageError(f"{photo.file}: {error}") from error


def working_size(size: tuple[int, int]) -> tuple[int, int]:
    """The (width, height) at which a photo's heatmap is measured: its own, or smaller in the same shape."""
    scale = min(1.0, LONGEST_SIDE / max(size))
    return tuple(max(1, round(side * scale)) for side in size)


def _measured(
    photo: Annotated, size: tuple[int, int], explanation: Explanation, faithful: Faithfulness | None
) -> PhotoResult:
    working = working_size(size)
    scale = np.divide(size, working)
    corners = np.tile(scale, 2)
    heatmap = explanation.heatmap(photo.class_index, size=working)
    swept = metrics.sweep(heatmap, photo.truth / corners)
    fixed = metrics.box_at_share(heatmap) * corners
    # The middle of the highest pixel, as a pixel of the photo.
    point = (np.array(metrics.peak(heatmap)) + 0.5) * scale - 0.5
    named, true = explanation.top(1)[0], explanation.prediction(photo.class_index)
    return PhotoResult(
        photo=photo,
        size=size,
        label=true.label,
        rank=explanation.rank(photo.class_index),
        probability=true.probability,
        predicted=named.index,
        predicted_label=named.label,
        point=tuple(point.tolist()),
        pointed=metrics.pointing(point, photo.truth),
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


def faithful_to(
    image: Image.Image, explanation: Explanation, probabilities: Callable[[Image.Image], np.ndarray], steps: int
) -> Faithfulness:
    """What the heat of the class that the network names means for its probability, in 2 * steps + 3 looks."""
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
