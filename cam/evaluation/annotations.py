"""Read the ground truth of an annotated set: a folder of photos, and a table of the boxes around their objects."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cam.errors import CamError

COLUMNS = ("file", "class_index", "left", "top", "right", "bottom")
# Missing photos that an error names.
_NAMED = 3


class AnnotationError(CamError):
    """A table of boxes that is missing, incomplete, or does not fit the photos or the network."""


@dataclass(frozen=True)
class Annotated:
    """A photo and its ground truth.

    Attributes:
        path: the photo.
        file: its name in the table.
        class_index: of its object, in the network's order.
        boxes: (left, top, right, bottom) in pixels of the photo, right and bottom exclusive; at least one.
    """

    path: Path
    file: str
    class_index: int
    boxes: tuple[tuple[float, float, float, float], ...]

    @property
    def truth(self) -> np.ndarray:
        """float64 (n, 4): the boxes."""
        return np.array(self.boxes, np.float64)


def read_annotations(images: str | Path, table: str | Path) -> list[Annotated]:
    """Read a table of boxes: its photos, in its order; a photo has one class and may have several rows, one a box.

    Args:
        images: the folder with the photos.
        table: a CSV file with the columns file, class_index, left, top, right and bottom.

    Raises:
        AnnotationError: the table cannot be read, a column, number or photo is missing, or a photo has two classes.
    """
    found: dict[str, Annotated] = {}
    for line, row in _read_rows(Path(table)):
        file, index, box = _parse_row(row, f"{table}, line {line}")
        known = found.get(file, Annotated(Path(images) / file, file, index, ()))
        if known.class_index != index:
            raise AnnotationError(
                f"{table}, line {line}: {file} is of class {index} here and of class {known.class_index} above. A "
                "photo has one class; leave out the boxes of the others."
            )
        found[file] = Annotated(known.path, file, index, (*known.boxes, box))
    photos = list(found.values())
    _check_photos(photos, images, table)
    return photos


def _read_rows(table: Path) -> list[tuple[int, dict[str, str]]]:
    """The number of the line that each row ends on, and the row."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                there = ", ".join(map(str, reader.fieldnames or ())) or "nothing"
                raise AnnotationError(
                    f"{table} has no column {' and no column '.join(missing)}: its first line says {there}, and "
                    f"{','.join(COLUMNS)} is needed."
                )
            rows = [(reader.line_num, row) for row in reader]
    except OSError as error:
        raise AnnotationError(f"The table of boxes {table} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise AnnotationError(f"{table} is not a table in CSV and UTF-8: {error}. Save it as CSV.") from error
    if not rows:
        raise AnnotationError(f"{table} has no rows below its first line: add one row a box.")
    return rows


def _parse_row(row: dict[str, str], where: str) -> tuple[str, int, tuple[float, float, float, float]]:
    file, index, *sides = (row[name] for name in COLUMNS)
    if not file:
        raise AnnotationError(f"{where}: the name of the photo is missing.")
    # A row that is too short has None in its last columns.
    if not (index or "").strip().isdecimal():
        raise AnnotationError(f"{where}: class_index is {index!r}; a whole number from 0 is needed.")
    left, top, right, bottom = (_parse_number(side, where, name) for side, name in zip(sides, COLUMNS[2:], strict=True))
    if not (0 <= left < right and 0 <= top < bottom):
        raise AnnotationError(
            f"{where}: the box {left:g}, {top:g}, {right:g}, {bottom:g} is empty or starts outside the photo; left, "
            "top, right, bottom in pixels are needed, left below right and top below bottom."
        )
    return file, int(index), (left, top, right, bottom)


def _parse_number(text: str | None, where: str, column: str) -> float:
    try:
        number = float(text or "")
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise AnnotationError(f"{where}: {column} is {text!r}; a number of pixels is needed.")
    return number


def _check_photos(photos: list[Annotated], images: str | Path, table: str | Path) -> None:
    missing = [photo.file for photo in photos if not photo.path.is_file()]
    if missing:
        more = len(missing) - _NAMED
        named = ", ".join(missing[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        raise AnnotationError(
            f"{len(missing)} of the {len(photos)} photos in {table} are not in {images}: {named}. Give the folder that "
            "holds them."
        )


def check_fit(photo: Annotated, size: tuple[int, int], classes: int) -> None:
    """Refuse ground truth that cannot belong to a photo of `size` (width, height) or a network of so many classes.

    Raises:
        AnnotationError: a box reaches a pixel or more beyond the photo, or there is no such class.
    """
    right, bottom = photo.truth[:, 2:].max(axis=0)
    if right >= size[0] + 1 or bottom >= size[1] + 1:
        raise AnnotationError(
            f"{photo.file} is {size[0]} x {size[1]} pixels, but its boxes reach to {right:g}, {bottom:g}. The boxes "
            "must be in pixels of these very photos."
        )
    if photo.class_index >= classes:
        raise AnnotationError(
            f"{photo.file} is of class {photo.class_index}, but the network has the classes 0 to {classes - 1}."
        )
