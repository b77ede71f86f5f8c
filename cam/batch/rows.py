"""The table of a run: one row a photo, as Parquet."""

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
from pyarrow import parquet

from cam.batch.sources import printable
from cam.explanation import Prediction
from cam.localization import Box

_CLASS = pa.struct(
    [("index", pa.int32()), ("label", pa.string()), ("probability", pa.float32()), ("score", pa.float32())]
)
_BOX = pa.struct([*((side, pa.int32()) for side in ("left", "top", "right", "bottom")), ("peak", pa.float32())])
# Of a photo that could not be explained everything is null but its path, the seconds and the error.
SCHEMA = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        # Pixels of the photo, upright, and of what the network saw.
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
# Rows that are written together; what is read back at a time.
_GROUP = 16_384


def explained_row(
    path: str,
    *,
    size: tuple[int, int],
    input_size: tuple[int, int],
    classes: Sequence[Prediction],
    boxes: Sequence[Box],
    pictures: Sequence[str],
    seconds: float,
) -> dict[str, object]:
    """The row of a photo that was explained; `size` and `input_size` are (width, height)."""
    width, height = size
    input_width, input_height = input_size
    return {
        "path": printable(path),
        "width": width,
        "height": height,
        "input_width": input_width,
        "input_height": input_height,
        "classes": [vars(prediction) for prediction in classes],
        "boxes": [vars(box) for box in boxes],
        "pictures": list(pictures),
        "seconds": seconds,
        "error": None,
    }


def failed_row(path: str, error: str, seconds: float) -> dict[str, object]:
    """The row of a photo that could not be explained."""
    return {"path": printable(path), "seconds": seconds, "error": error}


def table_of(rows: Sequence[dict[str, object]]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), SCHEMA)


def parquet_bytes(table: pa.Table) -> bytes:
    """A table as a Parquet file in memory."""
    buffer = io.BytesIO()
    parquet.write_table(table, buffer)
    return buffer.getvalue()


def row_count(path: Path) -> int | None:
    """How many rows a Parquet file has; None where it is not there, is none or was cut off."""
    try:
        return parquet.read_metadata(path).num_rows
    except (OSError, pa.ArrowInvalid):
        return None


def write_together(paths: Iterable[Path], file: BinaryIO, about: dict[str, str]) -> None:
    """Write the rows of several Parquet files as one; no more than some 16,000 rows are held at a time.

    Args:
        paths: of the files, in the order of their rows.
        file: where to.
        about: what is said about the table in its metadata.
    """
    with parquet.ParquetWriter(file, SCHEMA.with_metadata(about)) as writer:
        held: list[pa.Table] = []
        for path in paths:
            held.append(parquet.read_table(path, schema=SCHEMA))
            if sum(map(len, held)) >= _GROUP:
                writer.write_table(pa.concat_tables(held))
                held.clear()
        if held:
            writer.write_table(pa.concat_tables(held))


def count_failed(path: Path) -> tuple[int, int]:
    """How many rows a table has, and in how many of them there is an error."""
    with parquet.ParquetFile(path) as file:
        errors = [batch.column(0) for batch in file.iter_batches(batch_size=_GROUP, columns=["error"])]
        return file.metadata.num_rows, sum(len(column) - column.null_count for column in errors)
