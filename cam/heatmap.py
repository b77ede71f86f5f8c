"""Bring class maps to the size of a photo, and average the maps of several views of it.

Both are linear, so they may come before or after the sum over feature maps:

    resize(sum_k weight[k] * features[:, :, k])  =  sum_k weight[k] * resize(features[:, :, k])

Where the cells lie: their centres are as far apart as the network's stride says, and the grid is centred in the photo.
For a network that pads its input the cells then share the photo evenly; one that does not pad (Inception, Xception) has
fewer, and the photo reaches beyond the outermost ones.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

# Left, top, right and bottom of the photo, in cells from the left and top edge of the map.
Extent = tuple[float, float, float, float]


def require_finite(heatmap: np.ndarray) -> None:
    """Raise a ValueError unless a heatmap has two dimensions and finite numbers only."""
    if heatmap.ndim != 2 or not np.isfinite(heatmap).all():
        raise ValueError(f"a finite heatmap (height, width) is needed, not one of shape {heatmap.shape}")


def photo_extent(
    shape: tuple[int, ...], input_size: tuple[int, int], cell_stride: tuple[float, float] | None
) -> Extent:
    """The part of a map (h, w, ...) that is the photo; beyond 0 and (w, h) where the photo reaches beyond the cells.

    Args:
        shape: of the map.
        input_size: (width, height) in pixels of the network's input.
        cell_stride: pixels of it between neighbouring cells, (down, across); None: the cells share the photo evenly.
    """
    rows, columns = shape[:2]
    if cell_stride is None:
        return 0.0, 0.0, float(columns), float(rows)
    down, across = input_size[1] / cell_stride[0], input_size[0] / cell_stride[1]
    return (columns - across) / 2, (rows - down) / 2, (columns + across) / 2, (rows + down) / 2


def cell_centres(count: int, start: float, end: float) -> np.ndarray:
    """float64 (count,): the centres of a row of cells as shares 0..1 of the photo, whose edges `photo_extent` gives."""
    return (np.arange(count) + 0.5 - start) / (end - start)


def resize_map(cells: np.ndarray, size: tuple[int, int], extent: Extent | None = None) -> np.ndarray:
    """float32 (height, width): a map (h, w) at `size` (width, height), bilinear between the centres of its cells.

    A picture of fewer pixels than cells averages them, with the weights of a triangle as wide as two pixels.

    Args:
        cells: the map.
        size: of the picture.
        extent: the part of the map that the picture shows (see `photo_extent`); by default all of it. Beyond the
            outermost centres the map goes on as it is there.
    """
    rows, columns = cells.shape
    left, top, right, bottom = extent or (0.0, 0.0, columns, rows)
    down, across = _bilinear_weights(rows, size[1], top, bottom), _bilinear_weights(columns, size[0], left, right)
    # Unlike `@`, this starts no threads, which would keep the processor from the next pass for a while after it.
    return np.einsum("yr,rx->yx", down, np.einsum("rc,xc->rx", cells.astype(np.float32), across))


# Pillow's resize of a padded map gives the same within 8e-6, in twice the time for a photo of 1024 x 439.
@lru_cache(maxsize=64)
def _bilinear_weights(count: int, pixels: int, start: float, end: float) -> np.ndarray:
    """float32 (pixels, count), each row summing to 1: the weight of each cell of a row for each pixel of a row.

    Args:
        count: cells.
        pixels: pixels.
        start, end: the edges of the picture, in cells from the edge of the map.
    """
    step = (end - start) / pixels
    places = start + (np.arange(pixels) + 0.5) * step
    # The cells and, where the picture goes on beyond them, copies of the outermost.
    grid = np.arange(min(0, math.floor(start)), max(count, math.ceil(end)))
    weights = np.clip(1 - np.abs(places[:, np.newaxis] - (grid + 0.5)) / max(1.0, step), 0, None)
    copied = np.clip(grid, 0, count - 1)[:, np.newaxis] == np.arange(count)
    return (weights / weights.sum(axis=1, keepdims=True) @ copied).astype(np.float32)


@dataclass(frozen=True)
class View:
    """One way to give the network a photo: at `scale` times its usual width and height, mirrored or not."""

    scale: float
    mirrored: bool


SINGLE_VIEW = (View(1.0, False),)
# Twice the pixels for each step; the larger ones give a finer grid, and the mirrored ones even out chance.
MULTIVIEW = tuple(View(scale, mirrored) for scale in (1.0, 2**0.5, 2.0) for mirrored in (False, True))


def estimate_cost(views: tuple[View, ...]) -> float:
    """The work of all views, in passes of the usual size: it grows with the pixels."""
    return sum(view.scale**2 for view in views)


def average_maps(maps: list[np.ndarray], extents: list[Extent], mirrored: list[bool]) -> np.ndarray:
    """float32 (h, w, ...): the mean of maps (h_i, w_i, ...) of one or several views, on the grid with most cells.

    The mean of every map is kept exactly. So the mean of the averaged class map plus the bias is the mean of the views'
    scores, and the averaged feature maps with the network's own weights give both.

    Args:
        maps: of each view, as the network gave them.
        extents: the part of each that is the photo (see `photo_extent`).
        mirrored: for each, whether the view was mirrored; its map is turned back.
    """
    if len(maps) == 1 and not mirrored[0]:
        return maps[0]
    finest = max(range(len(maps)), key=lambda i: maps[i].shape[0] * maps[i].shape[1])
    rows, columns = maps[finest].shape[:2]
    left, top, right, bottom = extents[finest]
    total = np.zeros(maps[finest].shape)
    for cells, extent, is_mirrored in zip(maps, extents, mirrored, strict=True):
        upright = cells[:, ::-1] if is_mirrored else cells
        down = mean_preserving_weights(cells.shape[0], (extent[1], extent[3]), rows, (top, bottom))
        across = mean_preserving_weights(cells.shape[1], (extent[0], extent[2]), columns, (left, right))
        total += np.einsum("yh,hw...,xw->yx...", down, upright, across, optimize=True)
    return (total / len(maps)).astype(np.float32)


def mean_preserving_weights(
    count: int, edges: tuple[float, float], onto: int, onto_edges: tuple[float, float]
) -> np.ndarray:
    """float64 (onto, count): the matrix that brings a row of cells to another row in the same photo.

    Linear between the cells' centres, and level beyond the outermost; then every row is moved by the same small amount,
    so that the mean of what comes out is the mean of what went in, whatever went in.

    Args:
        count: cells that there are.
        edges: where the photo starts and ends, in these cells (see `photo_extent`).
        onto: cells wanted.
        onto_edges: the same for them.
    """
    known, wanted = cell_centres(count, *edges), cell_centres(onto, *onto_edges)
    matrix = np.stack([np.interp(wanted, known, unit) for unit in np.eye(count)], axis=1)
    return matrix + (1 / count - matrix.mean(axis=0))
