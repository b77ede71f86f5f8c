"""The raw grid: a class map's cells over the photo; pointing at one shows what it is made of, without the server."""

import numpy as np

from cam.analysis.contributions import ScoreParts, cell_parts, split_score
from cam.app.cache import Photo
from cam.app.components import register_component
from cam.explanation import Explanation
from cam.formatting import format_number
from cam.render import signed_layer

_grid = register_component("cell_grid")
# Feature maps that are named for each cell.
STRONGEST = 5


def show_grid(photo: Photo, explanation: Explanation, wanted: int) -> None:
    """Show the cells of a class over a photo, and beside them the one pointed at.

    Args:
        photo: the photo that `show_photo` shows.
        explanation: of the photo.
        wanted: the class, by index.
    """
    class_map = explanation.class_map(wanted)
    width, height = photo.size
    data = {
        "id": photo.digest,
        "width": width,
        "height": height,
        "cells": describe_cells(explanation, split_score(explanation, wanted), class_map),
        "columns": class_map.shape[1],
        "start": int(np.abs(class_map).argmax()),
        "maps": f"{explanation.features.shape[2]:,}",
        "label": explanation.labels.names[wanted],
    }
    _grid(key="grid", data=data)


def describe_cells(explanation: Explanation, parts: ScoreParts, class_map: np.ndarray) -> list[dict[str, object]]:
    """Describe each cell for the browser, row by row: value, colour on the signed scale, and strongest feature maps.

    A feature map is [its number, what it adds in words, the same from -1 to 1 of the most that any adds anywhere].
    """
    colors = np.asarray(signed_layer(class_map).convert("RGB")).reshape(-1, 3).tolist()
    which, added = cell_parts(explanation, parts, STRONGEST)
    shares = added / (np.abs(added).max() or 1.0)
    rows = [array.reshape(-1, array.shape[2]).tolist() for array in (which, added, shares)]
    return [
        {
            "value": format_number(value, 2, plus=True),
            "color": f"rgb({red} {green} {blue})",
            "parts": [[k, format_number(size, 2, plus=True), share] for k, size, share in zip(*own, strict=True)],
        }
        for value, (red, green, blue), *own in zip(class_map.ravel().tolist(), colors, *rows, strict=True)
    ]
