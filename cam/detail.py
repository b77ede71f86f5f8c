"""Sharper maps: one photo at several sizes and mirrored, its maps averaged in units of the score.

Averaging is linear, and so is what brings a map to another grid here, which keeps the mean of every map exactly. So the
mean of the averaged class map plus the bias is the mean of the scores, and the averaged feature maps with the network's
own weights give both.
"""

from dataclasses import dataclass

import numpy as np

from cam.heatmap import Span, centres


@dataclass(frozen=True)
class View:
    """How the network is given the photo: at `scale` times its usual width and height, mirrored or not."""

    scale: float
    mirrored: bool


PLAIN = (View(1.0, False),)
# Twice the pixels for each step; a finer grid comes from the larger ones, and the mirrored ones even out chance.
FINER = tuple(View(scale, mirrored) for scale in (1.0, 2**0.5, 2.0) for mirrored in (False, True))


def cost(views: tuple[View, ...]) -> float:
    """The work of all views, in passes of the usual size: it grows with the pixels."""
    return sum(view.scale**2 for view in views)


def resampling(count: int, edges: tuple[float, float], onto: int, onto_edges: tuple[float, float]) -> np.ndarray:
    """float64 (onto, count): the matrix that brings a row of cells to another row in the same photo.

    Linear between the cells' centres, and level beyond the outermost; then every row is moved by the same small amount,
    so that the mean of what comes out is the mean of what went in, whatever went in.

    Args:
        count: cells that there are.
        edges: where the photo starts and ends, in these cells (see `cam.heatmap.covered`).
        onto: cells wanted.
        onto_edges: the same for them.
    """
    known, wanted = centres(count, *edges), centres(onto, *onto_edges)
    matrix = np.stack([np.interp(wanted, known, unit) for unit in np.eye(count)], axis=1)
    return matrix + (1 / count - matrix.mean(axis=0))


def averaged(maps: list[np.ndarray], spans: list[Span], mirrored: list[bool]) -> np.ndarray:
    """float32 (h, w, ...): the mean of maps (h_i, w_i, ...) of several views, on the grid with most cells.

    Args:
        maps: of each view, as the network gave them.
        spans: which part of each is the photo (see `cam.heatmap.covered`).
        mirrored: whether the view was mirrored; its map is turned back.
    """
    finest = max(range(len(maps)), key=lambda i: maps[i].shape[0] * maps[i].shape[1])
    rows, columns = maps[finest].shape[:2]
    left, top, right, bottom = spans[finest]
    total = np.zeros(maps[finest].shape)
    for cells, span, is_mirrored in zip(maps, spans, mirrored, strict=True):
        upright = cells[:, ::-1] if is_mirrored else cells
        down = resampling(cells.shape[0], (span[1], span[3]), rows, (top, bottom))
        across = resampling(cells.shape[1], (span[0], span[2]), columns, (left, right))
        total += np.einsum("yh,hw...,xw->yx...", down, upright, across, optimize=True)
    return (total / len(maps)).astype(np.float32)
