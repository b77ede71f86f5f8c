"""Test whether a score needs the heat: hide regions of a photo, or keep only them, and ask for the score again.

The deletion and insertion curves are those of Petsiuk, Das & Saenko (RISE: Randomized Input Sampling for Explanation of
Black-box Models, BMVC 2018, section 4). Nothing here runs a network: `score` is any function from an RGB image to a
number. Images are RGB of any size; heatmaps and masks are (height, width) of the image.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from cam.heatmap import require_finite

# Zero, or nearly, after the preprocessing of the networks here: neither bright nor dark.
_GREY = (127, 127, 127)
# Standard deviation of the blur as a share of the side of a square of the image's area. Petsiuk et al. have about half
# of it (5 of 224 pixels), at which some photos are still recognised.
BLUR_RADIUS = 1 / 20


@dataclass(frozen=True)
class Fill:
    """A way to fill hidden pixels: `paint` makes the image that shows through a mask, RGB of the same size."""

    name: str
    title: str
    paint: Callable[[Image.Image], Image.Image]


def _grey(image: Image.Image) -> Image.Image:
    return Image.new("RGB", image.size, _GREY)


def _mean_colour(image: Image.Image) -> Image.Image:
    mean = np.asarray(image, np.float64).mean(axis=(0, 1))
    return Image.new("RGB", image.size, tuple(np.rint(mean).astype(int).tolist()))


def _blurred(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(BLUR_RADIUS * math.sqrt(image.width * image.height)))


GREY = Fill("grey", "Grey", _grey)
MEAN_COLOUR = Fill("mean", "Mean colour", _mean_colour)
BLUR = Fill("blur", "Blur", _blurred)
FILLS = (GREY, MEAN_COLOUR, BLUR)


def cover(image: Image.Image, mask: np.ndarray, fill: Fill) -> Image.Image:
    """A new RGB image, filled where the bool mask is True and as it was elsewhere; `~mask` keeps only the region.

    Raises:
        ValueError: the mask is not bool (height, width) of the image.
    """
    if mask.dtype != bool or mask.shape != (image.height, image.width):
        raise ValueError(f"a bool mask {(image.height, image.width)} is needed, not {mask.dtype} {mask.shape}")
    return Image.composite(fill.paint(image), image, Image.fromarray(mask))


def hottest(heatmap: np.ndarray, share: float) -> np.ndarray:
    """bool (height, width): True at the round(share * pixels) highest values; of equal ones, the first ones read.

    Raises:
        ValueError: the heatmap is not two-dimensional and finite, or the share is outside 0..1.
    """
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"share must be between 0 and 1, not {share}")
    return _ranks(heatmap) < round(share * heatmap.size)


def _ranks(heatmap: np.ndarray) -> np.ndarray:
    """int (height, width): the place of each pixel in falling order, from 0."""
    require_finite(heatmap)
    ranks = np.empty(heatmap.size, int)
    ranks[np.argsort(-heatmap, axis=None, kind="stable")] = np.arange(heatmap.size)
    return ranks.reshape(heatmap.shape)


def _growing_regions(heatmap: np.ndarray, steps: int) -> Iterator[np.ndarray]:
    """Yield bool (height, width): the hottest 0, 1/steps, ... and all of the pixels."""
    ranks = _ranks(heatmap)
    for step in range(steps + 1):
        yield ranks < round(step / steps * ranks.size)


def random_heat(size: tuple[int, int], cells: tuple[int, int], seed: int) -> np.ndarray:
    """float32 (height, width): a heatmap that knows nothing, as coarse as the class map that it stands against.

    Each cell has one value, in random order from the seed. Cells instead of single pixels, because noise of single
    pixels harms a photo far more than a region of the same area and would make any map look good.

    Args:
        size: (width, height) in pixels.
        cells: (rows, columns) of the class map.
        seed: of the random order.
    """
    order = np.random.default_rng(seed).permutation(cells[0] * cells[1]).astype(np.float32).reshape(cells)
    rows, columns = (np.arange(n) * count // n for n, count in zip(size[::-1], cells, strict=True))
    return order[np.ix_(rows, columns)]


def random_mask(size: tuple[int, int], cells: tuple[int, int], share: float, seed: int) -> np.ndarray:
    """bool (height, width): as many pixels as `hottest` takes, whole cells in random order; the last is cut to fit."""
    return hottest(random_heat(size, cells, seed), share)


def box_mask(size: tuple[int, int], box: tuple[float, float, float, float]) -> np.ndarray:
    """bool (height, width): True inside a box (left, top, right, bottom) in shares 0..1, at least one pixel of it."""
    width, height = size
    left, right = _span(box[0], box[2], width)
    top, bottom = _span(box[1], box[3], height)
    mask = np.zeros((height, width), bool)
    mask[top:bottom, left:right] = True
    return mask


def _span(start: float, end: float, length: int) -> tuple[int, int]:
    first = min(round(start * length), length - 1)
    return first, max(round(end * length), first + 1)


def deletion(
    score: Callable[[Image.Image], float], image: Image.Image, heatmap: np.ndarray, *, steps: int, fill: Fill = GREY
) -> Iterator[float]:
    """The score after 0, 1/steps, ... and all of the image is hidden, hottest first; steps + 1 calls of `score`.

    It falls fast where the heat is what the score needs: the smaller the area under the curve, the better the map.
    """
    for region in _growing_regions(heatmap, steps):
        yield score(cover(image, region, fill))


def insertion(
    score: Callable[[Image.Image], float], image: Image.Image, heatmap: np.ndarray, *, steps: int, fill: Fill = BLUR
) -> Iterator[float]:
    """The score after 0, 1/steps, ... and all of a blurred image is made sharp, hottest first.

    It rises fast where the heat is enough for the score: the larger the area under the curve, the better the map.
    """
    for region in _growing_regions(heatmap, steps):
        yield score(cover(image, ~region, fill))


def curve_area(scores: Sequence[float]) -> float:
    """The area under a curve whose points stand at equal distances from 0 to 1, by the trapezoid rule."""
    return float(np.trapezoid(scores, dx=1 / (len(scores) - 1)))
