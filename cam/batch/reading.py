"""From a path to what the network sees: read, decoded, brought to its size. Run by threads, ahead of the network."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from PIL import Image

from cam.batch.sources import read_photo
from cam.errors import ImageError
from cam.images.open import open_image, resized
from cam.settings import read_settings


@dataclass(frozen=True)
class Loaded:
    """A photo that was read.

    Attributes:
        number: of its row.
        path: as in the list of photos.
        size: (width, height) in pixels, upright.
        shown_size: the same as it was decoded, which for a large photo may be a half, a quarter or an eighth.
        pixels: RGB, at the size at which the network sees it.
        seconds: that this took.
    """

    number: int
    path: str
    size: tuple[int, int]
    shown_size: tuple[int, int]
    pixels: Image.Image
    seconds: float


@dataclass(frozen=True)
class Unreadable:
    """A photo that could not be read, and why: as text, because the exception would keep the bytes of the file."""

    number: int
    path: str
    error: str
    seconds: float


def open_photo(path: str) -> Image.Image:
    """Open a photo within the limits of the settings, as many at a time as there are processors (ImageError)."""
    limits = replace(read_settings().image_limits, at_once=os.cpu_count() or 1)
    return open_image(read_photo(path), limits=limits)


def load_photo(number: int, path: str, input_size: Callable[[tuple[int, int]], tuple[int, int]]) -> Loaded | Unreadable:
    """Read a photo; `input_size` tells from (width, height) of a photo at which (width, height) the network sees it."""
    start = time.perf_counter()
    try:
        image = open_photo(path)
    except ImageError as error:
        return Unreadable(number, path, str(error), time.perf_counter() - start)
    pixels = Image.fromarray(resized(image, input_size(image.size)))
    return Loaded(number, path, image.info["stored_size"], image.size, pixels, time.perf_counter() - start)
