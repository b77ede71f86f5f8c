"""The table of a run, as Parquet: one row for each photo, made of what the network said."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from PIL import Image
from pyarrow import parquet

from cam.batch.artifacts import artifact_path, encode_artifact
from cam.batch.plan import Settings
from cam.batch.sources import OpenPhoto, printable
from cam.errors import ImageError
from cam.explanation import Scored
from cam.localization import Box, boxes

# Share of the heat's maximum that a box goes around (Zhou et al. 2016).
_THRESHOLD = 0.2
_CLASS = pa.struct(
    [("index", pa.int32()), ("label", pa.string()), ("probability", pa.float32()), ("score", pa.float32())]
)
_BOX = pa.struct([*((side, pa.int32()) for side in ("left", "top", "right", "bottom")), ("peak", pa.float32())])
# Of a photo that could not be explained everything is null but its path, the seconds and the error.
SCHEMA = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        # Pixels of the photo, upright, and of the network's input.
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("input_width", pa.int32()),
        ("input_height", pa.int32()),
        # The classes with the highest scores, best first.
        ("classes", pa.list_(_CLASS)),
        # Where the heat of the first of them reaches 20 % of its maximum, strongest first; pixels of the photo.
        ("boxes", pa.list_(_BOX)),
        # Names of the pictures that were saved, in the folder of the run.
        ("pictures", pa.list_(pa.string())),
        # Reading, the photo's share of its pass, and the rest.
        ("seconds", pa.float32()),
        ("error", pa.string()),
    ]
)
# Parts that are written together: some 16,000 rows.
_GROUP = 128
# A row by the columns of `SCHEMA`.
Row = dict[str, Any]
# Takes the name of a picture in the folder of the run, and its content.
Write = Callable[[str, bytes], None]


@dataclass(frozen=True)
class LoadedPhoto:
    """A photo that was read.

    Attributes:
        number: its row.
        path: as in the list of photos.
        size: (width, height) in pixels, upright.
        shown_size: (width, height) as decoded, which of a large photo may be a half, a quarter or an eighth.
        pixels: RGB, at the size of the network's input.
        seconds: reading took these.
    """

    number: int
    path: str
    size: tuple[int, int]
    shown_size: tuple[int, int]
    pixels: Image.Image
    seconds: float


def make_row(
    photo: LoadedPhoto, explanation: Scored, seconds: float, settings: Settings, write: Write, open_photo: OpenPhoto
) -> Row:
    """Find the boxes around the heat of the best class, write the pictures, and make the photo's row.

    Args:
        photo: the photo.
        explanation: of its pixels.
        seconds: the network took these for it.
        settings: of the run.
        write: called for each picture.
        open_photo: opens the photo again, because holding all photos until here would take too much memory.
    """
    start = time.perf_counter()
    classes = explanation.top(settings.top)
    cells = explanation.class_map(classes[0])
    heatmap = explanation.resize_map(cells, photo.shown_size)
    found = boxes(heatmap, _THRESHOLD)
    names = {kind: artifact_path(kind, photo.number, photo.path) for kind in settings.save}
    if names:
        try:
            image = open_photo(photo.path)
        except ImageError as error:
            return make_failed_row(photo.path, str(error), photo.seconds + seconds + time.perf_counter() - start)
        for kind, name in names.items():
            write(name, encode_artifact(kind, image, cells, heatmap, found))
    return {
        "path": printable(photo.path),
        "width": photo.size[0],
        "height": photo.size[1],
        "input_width": explanation.input_size[0],
        "input_height": explanation.input_size[1],
        "classes": [vars(prediction) for prediction in classes],
        "boxes": [_scale_box(box, photo) for box in found],
        "pictures": list(names.values()),
        "seconds": photo.seconds + seconds + time.perf_counter() - start,
        "error": None,
    }


def make_failed_row(path: str, error: str, seconds: float) -> Row:
    """Make the row of a photo that could not be explained."""
    return {"path": printable(path), "seconds": seconds, "error": error}


def _scale_box(box: Box, photo: LoadedPhoto) -> Row:
    """A box in pixels of the photo as decoded -> in pixels of the photo itself."""
    scales = [whole / shown for whole, shown in zip(photo.size, photo.shown_size, strict=True)] * 2
    left, top, right, bottom = (round(side * scale) for side, scale in zip(box, scales, strict=True))
    right, bottom = min(right, photo.size[0]), min(bottom, photo.size[1])
    return {"left": left, "top": top, "right": right, "bottom": bottom, "peak": box.peak}


def count_rows(path: Path) -> int | None:
    """Count the rows of a Parquet file; None where it is not there, is none or was cut off."""
    try:
        return parquet.read_metadata(path).num_rows
    except (OSError, pa.ArrowInvalid):
        return None


def count_failed(path: Path) -> tuple[int, int]:
    """Count the rows of a table, and those of them with an error."""
    errors = parquet.read_table(path, columns=["error"])["error"]
    return len(errors), len(errors) - errors.null_count


def join_tables(paths: Sequence[Path], joined: Path, about: dict[str, str]) -> None:
    """Write the rows of several Parquet files as one; no more than some 16,000 rows are held at a time.

    Args:
        paths: the files, in the order of their rows.
        joined: destination.
        about: the metadata of the table.
    """
    with parquet.ParquetWriter(joined, SCHEMA.with_metadata(about)) as writer:
        for start in range(0, len(paths), _GROUP):
            tables = [parquet.read_table(path, schema=SCHEMA) for path in paths[start : start + _GROUP]]
            writer.write_table(pa.concat_tables(tables))
