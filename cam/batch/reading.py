"""From a path to what the network sees: read, decoded, brought to its size. Run by threads, ahead of the network."""

import io
import time
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from cam.batch.sources import read_photo
from cam.errors import ImageError
from cam.images import open_image, resized

_JPEG = b"\xff\xd8\xff"


@dataclass(frozen=True)
class Loaded:
    """A photo that was read.

    Attributes:
        number: of its row.
        path: as in the list of photos.
        size: (width, height) in pixels, upright.
        shown_size: the same as it was decoded, which for a large JPEG is a half, a quarter or an eighth.
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


def load_photo(number: int, path: str, input_size: Callable[[tuple[int, int]], tuple[int, int]]) -> Loaded | Unreadable:
    """Read a photo; `input_size` tells from (width, height) of a photo at which (width, height) the network sees it."""
    start = time.perf_counter()
    try:
        data = read_photo(path)
        image = open_image(data)
    except ImageError as error:
        return Unreadable(number, path, str(error), time.perf_counter() - start)
    pixels = Image.fromarray(resized(image, input_size(image.size)))
    return Loaded(number, path, whole_size_of(data, image.size), image.size, pixels, time.perf_counter() - start)


def whole_size_of(data: bytes, shown: tuple[int, int]) -> tuple[int, int]:
    """(width, height) of a photo before it was decoded at `shown`; only JPEGs are decoded smaller than they are."""
    if not data.startswith(_JPEG):
        return shown
    width, height = JpegImageFile(io.BytesIO(data)).size
    # The photo was turned upright where it lies in the file.
    lies = (width - height) * (shown[0] - shown[1]) < 0
    return (height, width) if lies else (width, height)
