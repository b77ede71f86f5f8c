"""The gallery: the photos of `sample_images/` with the titles and credits of its CREDITS.csv."""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image, ImageOps

from cam.app.cache import Photo, encode_uri, make_photo
from cam.settings import APP_FOLDER

FOLDER = APP_FOLDER / "sample_images"
DEFAULT = "dog_and_cat"
_THUMBNAIL = (152, 114)
# What is called otherwise on the page than in the file.
_LICENCES = {"CC0-1.0": "CC0"}


@dataclass(frozen=True)
class Sample:
    """One photo of the gallery; `name` is its file's name without the ending, as links have it."""

    name: str
    title: str
    credit: str
    path: Path

    def photo(self) -> Photo:
        """Read the photo."""
        return make_photo(self.path.read_bytes(), self.title, credit=self.credit, sample=self.name)


@cache
def list_samples() -> dict[str, Sample]:
    """List all samples by name: the one that the page opens with first, then as CREDITS.csv has them."""
    with (FOLDER / "CREDITS.csv").open(encoding="utf-8", newline="") as file:
        rows = [_read_sample(row) for row in csv.DictReader(file)]
    return {sample.name: sample for sample in sorted(rows, key=lambda sample: sample.name != DEFAULT)}


def _read_sample(row: dict[str, str]) -> Sample:
    path = FOLDER / row["file"]
    title = row["title"][:1].upper() + row["title"][1:]
    licence = _LICENCES.get(row["licence"], row["licence"])
    return Sample(path.stem, title, f"{row['author']}, {licence}", path)


@cache
def make_thumbnail(name: str) -> str:
    """Make a small picture of a sample, as a data URI."""
    with Image.open(list_samples()[name].path) as image:
        # Decoded at a quarter of its size, which is faster.
        image.draft("RGB", (2 * _THUMBNAIL[0], 2 * _THUMBNAIL[1]))
        return encode_uri(ImageOps.fit(image.convert("RGB"), _THUMBNAIL), "JPEG", quality=70)
