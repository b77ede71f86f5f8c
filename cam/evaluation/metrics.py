"""Numbers for a claim: how well heatmaps find objects and explain scores. Pure functions of maps, boxes and scores.

Boxes are float (n, 4): left, top, right, bottom in pixels, right and bottom exclusive. A measure is an array of what
each photo contributes, from which `value` makes the number and `interval` how far other photos might move it.
"""

from dataclasses import dataclass

import numpy as np

from cam.heatmap import require_finite
from cam.localization import find_regions

# Choe et al. try thresholds 0, 0.001, ... on a map of 8 bits, so 255 of the 1,000 differ: exactly those are tried here.
LEVELS = 255
THRESHOLDS = np.arange(LEVELS) / LEVELS
IOU_LEVELS = (0.3, 0.5, 0.7)
POINTING_TOLERANCE = 15
_RESAMPLES = 2000
_AT_A_TIME = 100


def iou(boxes: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """float64 (n, m), 0..1: intersection over union of boxes (n, 4) and boxes (m, 4)."""
    a, b = np.asarray(boxes, np.float64)[:, np.newaxis], np.asarray(truth, np.float64)[np.newaxis]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = np.clip(sides, 0.0, None).prod(axis=-1)
    return shared / ((a[..., 2:] - a[..., :2]).prod(axis=-1) + (b[..., 2:] - b[..., :2]).prod(axis=-1) - shared)


def find_boxes(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """float64 (n, 4), the boxes around the connected regions of a bool mask; and which region has the most pixels."""
    regions = find_regions(mask)
    boxes = np.array([region.box for region in regions], np.float64).reshape(-1, 4)
    largest = int(np.argmax([np.count_nonzero(region.inside) for region in regions])) if regions else 0
    return boxes, largest


@dataclass(frozen=True, eq=False)
class Sweep:
    """The overlap that one heatmap's boxes reach at each of `THRESHOLDS`.

    Attributes:
        boxes: float32 (LEVELS, 4), around the largest component; zeros where nothing is above the threshold.
        largest: float32 (LEVELS,), IoU of that box with the ground-truth box that fits it best.
        best: float32 (LEVELS,), the highest IoU of any component's box with any ground-truth box.
    """

    boxes: np.ndarray
    largest: np.ndarray
    best: np.ndarray


def sweep(heatmap: np.ndarray, truth: np.ndarray) -> Sweep:
    """The boxes of a heatmap at every threshold, against the ground truth (Choe et al., CVPR 2020; see `hits`).

    The map is scaled so that its lowest value is 0 and its highest 1, and quantised to 8 bits; the box at a threshold t
    is that around the largest connected component of the pixels above t.

    The authors' code (github.com/clovaai/wsolevaluation) differs in details that change an IoU by about 0.003: it cuts
    the ground truth to whole pixels and counts both ends of a box as inside, takes the component with the largest
    outline instead of the most pixels, and for MaxBoxAccV2 also tries the boxes around holes.

    Args:
        heatmap: float (height, width), signed.
        truth: float (m, 4), at least one box, in pixels of the heatmap.
    """
    steps = _quantised(heatmap)
    # Between two values that occur nothing changes, so only those are tried.
    values = np.unique(steps)
    found = [_at(steps, value, truth) for value in values]
    place = np.searchsorted(values, np.arange(LEVELS), side="right") - 1
    return Sweep(*(np.array(column, np.float32)[place] for column in zip(*found, strict=True)))


def _quantised(heatmap: np.ndarray) -> np.ndarray:
    """uint8 (height, width): 0 the lowest value, 255 the highest; all 0 where there is only one value."""
    require_finite(heatmap)
    heatmap = heatmap - heatmap.min().astype(np.float64)
    return (heatmap / (heatmap.max() or 1.0) * LEVELS).astype(np.uint8)


def _at(steps: np.ndarray, value: int, truth: np.ndarray) -> tuple[np.ndarray, float, float]:
    """The largest component's box above a value, its IoU, and the best IoU of all components."""
    boxes, largest = find_boxes(steps > value)
    if not len(boxes):
        return np.zeros(4), 0.0, 0.0
    fits = iou(boxes, truth).max(axis=1)
    return boxes[largest], fits[largest], fits.max()


def center_heat(size: tuple[int, int]) -> np.ndarray:
    """float64 (height, width): a Gaussian in the middle, of the photo's shape: the map of who always points there.

    The center-Gaussian baseline of Choe et al. (CVPR 2020). Its width hardly matters: whatever it is, the boxes at all
    thresholds together are the centred boxes of all sizes.
    """
    across, down = ((2 * np.arange(n) + 1 - n) / n for n in size)
    return np.exp(-(down[:, np.newaxis] ** 2 + across**2) / 2)


def hits(reached: np.ndarray, levels: tuple[float, ...] = IOU_LEVELS) -> np.ndarray:
    """float32 (levels, photos, T), 0 or 1: whether the IoU (photos, T) reaches each level.

    With `largest` of each photo's sweep and the level 0.5 its `value` is MaxBoxAcc of Choe et al. (Evaluating Weakly
    Supervised Object Localization Methods Right, CVPR 2020, section 4.1), s(X) the map and B the ground truth:

        BoxAcc(t, d) = mean over photos of [IoU(box(s(X), t), B) >= d]
        MaxBoxAcc(d) = max over t of BoxAcc(t, d)

    With `best` and all three levels it is MaxBoxAccV2 of their journal version (Evaluation for Weakly Supervised Object
    Localization: Protocol, Metrics, and Datasets, arXiv 2007.04178): the best match between all boxes and all ground
    truth, and the mean of MaxBoxAcc(d) over d = 0.3, 0.5 and 0.7.
    """
    # Levels in the precision of the IoU: 0.7 in float32 is below 0.7 in float64.
    return (reached[np.newaxis] >= np.reshape(levels, (-1, 1, 1)).astype(reached.dtype)).astype(np.float32)


def box_at_share(heatmap: np.ndarray, share: float = 0.2) -> np.ndarray:
    """float64 (4,): the box around the largest connected region that reaches a share of the heatmap's maximum.

    Zhou et al. (Learning Deep Features for Discriminative Localization, CVPR 2016, section 3.2): the pixels whose value
    is above 20 % of the map's maximum. Zeros where no value is above zero.
    """
    highest = heatmap.max()
    if not highest > 0:
        return np.zeros(4)
    boxes, largest = find_boxes(heatmap >= share * highest)
    return boxes[largest]


def localization_error(fit: np.ndarray, rank: np.ndarray, k: int | None, least: float = 0.5) -> np.ndarray:
    """bool (photos,): whether the object is missed. Zhou et al. 2016, section 3.2, after ILSVRC's localization task.

    error = mean over photos of 1 - [rank <= k and IoU >= 0.5]: each of the k classes of highest score has its own box,
    but only that of the true class can be right.

    Args:
        fit: (photos,), IoU of the true class's box with the ground truth.
        rank: (photos,), place of the true class by score, from 1.
        k: 1 or 5; None is GT-known: the box alone counts.
        least: IoU that is needed.
    """
    missed = fit < least
    return missed if k is None else missed | (rank > k)


def peak(heatmap: np.ndarray) -> tuple[int, int]:
    """(x, y) of the highest pixel; of equal ones, the first one read."""
    y, x = divmod(int(heatmap.argmax()), heatmap.shape[1])
    return x, y


def pointing(point: tuple[float, float], truth: np.ndarray, tolerance: float = POINTING_TOLERANCE) -> bool:
    """True if a pixel (x, y) lies in a box or at most `tolerance` pixels from the nearest pixel of one.

    The pointing game of Zhang et al. (Top-down Neural Attention by Excitation Backprop, ECCV 2016):
    accuracy = hits / (hits + misses). They take the mean over classes; in its `value` every photo counts the same.
    """
    nearest = np.clip(point, truth[:, :2], np.maximum(truth[:, 2:] - 1, truth[:, :2]))
    return bool((np.hypot(*(nearest - point).T) <= tolerance).any())


def weighted_photo(pixels: np.ndarray, heatmap: np.ndarray) -> np.ndarray:
    """uint8 (height, width, 3): each RGB pixel times its heat from 0 (none or against) to 1 (the maximum).

    The explanation map E = L * I of Chattopadhyay et al. (Grad-CAM++, WACV 2018, section 4.1), L the map and I the
    photo; of it the score is asked again. Where there is no heat it is black.
    """
    highest = heatmap.max()
    share = np.clip(heatmap / highest, 0.0, 1.0) if highest > 0 else np.zeros(heatmap.shape)
    return np.rint(pixels * share[..., np.newaxis]).astype(np.uint8)


def drop(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """float64 (photos,), 0..1: max(0, Y - O) / Y, the share of the probability Y that the weighted photo's O lacks.

    Its mean is the average drop of Chattopadhyay et al. (WACV 2018, section 4.1): the lower, the better.
    """
    return np.clip(np.subtract(before, after), 0.0, None) / before


def increase(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """bool (photos,): whether the weighted photo has the higher probability, Y < O.

    Its mean is the increase in confidence of Chattopadhyay et al. (WACV 2018, section 4.1): the higher, the better.
    """
    return np.greater(after, before)


def value(measure: np.ndarray) -> float:
    """The number that a measure (photos,) or (levels, photos, T) stands for.

    The mean over photos; of T thresholds the best one for the whole set, and then the mean over IoU levels.
    """
    return float(_stacked(measure).mean(axis=1, dtype=np.float64).max(axis=-1).mean())


def interval(measure: np.ndarray, *, resamples: int = _RESAMPLES, seed: int = 0) -> tuple[float, float]:
    """The bootstrap 95 % interval of `value` (Efron & Tibshirani 1993, chapter 13, percentiles).

    As many photos as there are are drawn from them with repetition, again and again, and the best threshold is chosen
    anew each time, which lifts the interval a little where photos are few. Of one seed, the same photos are drawn for
    every measure, so two measures of the same photos can be compared draw by draw.
    """
    stack = _stacked(measure)
    photos = stack.shape[1]
    random = np.random.default_rng(seed)
    drawn = []
    for start in range(0, resamples, _AT_A_TIME):
        batch = range(min(_AT_A_TIME, resamples - start))
        counts = np.array([np.bincount(random.integers(photos, size=photos), minlength=photos) for _ in batch])
        means = counts.astype(stack.dtype) @ stack / photos
        drawn.append(means.max(axis=-1).mean(axis=0))
    low, high = np.percentile(np.concatenate(drawn), (2.5, 97.5))
    return float(low), float(high)


def _stacked(measure: np.ndarray) -> np.ndarray:
    return measure.astype(np.float64)[np.newaxis, :, np.newaxis] if measure.ndim == 1 else measure
