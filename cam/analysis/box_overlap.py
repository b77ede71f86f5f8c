"""The share of a map's evidence in a guessed rectangle, and the points for it."""

import numpy as np

# In shares of the photo: left, top, right, bottom from 0 to 1; left below right and top below bottom.
Rectangle = tuple[float, float, float, float]


def heat_fraction(heatmap: np.ndarray, box: Rectangle) -> float | None:
    """The share, 0..1, of the evidence for a class that lies in the box; None where nothing is evidence for it.

    Evidence is what the picture of the heat shows: the heatmap, with what is below zero counted as zero. A pixel that
    the box cuts counts with the share of its area that is inside.

    Args:
        heatmap: finite float (height, width), signed, of any size: the box is in shares of it.
        box: the rectangle.

    Raises:
        ValueError: the box is not inside the photo, or empty.
    """
    _check(box)
    left, top, right, bottom = box
    positive = np.clip(heatmap, 0.0, None).astype(np.float64)
    total = positive.sum()
    if total <= 0:
        return None
    height, width = positive.shape
    return float(_overlap(height, top, bottom) @ positive @ _overlap(width, left, right) / total)


def area_fraction(box: Rectangle) -> float:
    """The share, 0..1, of the photo's area that lies in the box (ValueError as for `heat_fraction`)."""
    _check(box)
    left, top, right, bottom = box
    return (right - left) * (bottom - top)


def count_points(heat: float, area: float) -> int:
    """Whole percent of the heat minus whole percent of the area, -100..100.

    A box over everything earns nothing, and a box at random earns nothing on average.
    """
    return round(100 * heat) - round(100 * area)


def _overlap(count: int, start: float, end: float) -> np.ndarray:
    """float64 (count,): the share of each of `count` pixels of a side that lies between two shares of the side."""
    edges = np.clip(np.arange(count + 1, dtype=np.float64), start * count, end * count)
    return np.diff(edges)


def _check(box: Rectangle) -> None:
    left, top, right, bottom = box
    if not (0.0 <= left < right <= 1.0 and 0.0 <= top < bottom <= 1.0):
        raise ValueError(f"a box (left, top, right, bottom) inside 0..1 is needed, not {box}")
