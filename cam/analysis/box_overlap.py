"""How much of a map's evidence a guessed rectangle catches, and the points for it."""

import numpy as np

# In shares of the photo: left, top, right, bottom from 0 to 1; left below right and top below bottom.
Rectangle = tuple[float, float, float, float]


def caught(heatmap: np.ndarray, box: Rectangle) -> float | None:
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
    whole = positive.sum()
    if whole <= 0:
        return None
    height, width = positive.shape
    return float(_covered(height, top, bottom) @ positive @ _covered(width, left, right) / whole)


def marked(box: Rectangle) -> float:
    """The share, 0..1, of the photo's area that lies in the box (ValueError as for `caught`)."""
    _check(box)
    left, top, right, bottom = box
    return (right - left) * (bottom - top)


def points(caught: float, marked: float) -> int:
    """Whole percent caught minus whole percent marked, -100..100.

    A box over everything earns nothing, and a box at random earns nothing on average.
    """
    return round(100 * caught) - round(100 * marked)


def _covered(count: int, start: float, end: float) -> np.ndarray:
    """float64 (count,): the share of each of `count` pixels of a side that lies between two shares of the side."""
    edges = np.clip(np.arange(count + 1, dtype=np.float64), start * count, end * count)
    return np.diff(edges)


def _check(box: Rectangle) -> None:
    left, top, right, bottom = box
    if not (0.0 <= left < right <= 1.0 and 0.0 <= top < bottom <= 1.0):
        raise ValueError(f"a box (left, top, right, bottom) inside 0..1 is needed, not {box}")
