"""Open a photo: path, bytes or file -> upright RGB, or the reason why not; fit it to a network."""

import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from cam.errors import ImageError
from cam.images.formats import decode
from cam.images.limits import max_bytes

# What makes a photo upright, for each EXIF orientation that is not upright already.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_ON_THE_SIDE = range(5, 9)

# Pixels that are converted at once, so that what lies between two pictures stays small.
_BAND = 2**17


def open_image(source: str | Path | bytes | BinaryIO, *, draft: bool = True) -> Image.Image:
    """Open a photo as an upright 8-bit RGB image of at least 16 pixels a side and at most 40 megapixels.

    The format is found from the content: JPEG, PNG, WebP, GIF (first frame), BMP, TIFF, AVIF or HEIC. The EXIF rotation
    is applied, transparency is laid on white, and grey of more than 8 bits is rescaled.

    Args:
        source: a path, the bytes of a file, or a binary file that is read from where it stands.
        draft: give a JPEG, TIFF, AVIF or HEIC of which both sides have 2,400 pixels or more at 1/2, 1/4 or 1/8 of its
            size, a JPEG several times faster; False keeps every pixel.

    Returns:
        The photo. `info["stored_size"]` is the (width, height) in pixels that it has in the file, upright.

    Raises:
        ImageError: no image, damaged or cut off, over 50 MB, over 40 megapixels, or a side under 16 pixels.
    """
    return _opened(_read(source), convert_to_rgb, draft)


def open_small(data: bytes, most_pixels: int) -> Image.Image:
    """The same photo with at most about so many pixels: averaged where it has more, before others have their turn."""

    def small(image: Image.Image) -> Image.Image:
        if (share := most_pixels / (image.width * image.height)) >= 1:
            return convert_to_rgb(image)
        # What is RGB already need not be there twice.
        photo = image if image.mode == "RGB" and not image.has_transparency_data else convert_to_rgb(image)
        return photo.resize([max(1, round(side * share**0.5)) for side in photo.size], Image.Resampling.BOX)

    return _opened(_read(data), small, True)


def _opened(data: bytes, finish: Callable[[Image.Image], Image.Image], draft: bool) -> Image.Image:
    photo, orientation, size = decode(data, finish, draft=draft)
    if orientation in _TURNS:
        photo = photo.transpose(_TURNS[orientation])
    # What else stood beside the pixels is true of the file only.
    photo.info = {"stored_size": size[::-1] if orientation in _ON_THE_SIDE else size}
    return photo


def _read(source: str | Path | bytes | BinaryIO) -> bytes:
    limit = max_bytes()
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
    elif isinstance(source, (str, os.PathLike)):
        try:
            with open(source, "rb") as file:
                data = file.read(limit + 1)
        except OSError as error:
            raise ImageError(f"The photo {source} cannot be read: {error.strerror}.") from error
    else:
        data = source.read(limit + 1)
    if len(data) > limit:
        raise ImageError(f"This file is larger than {limit // 2**20} MB. Save the photo smaller and try again.")
    return data


def convert_to_rgb(image: Image.Image) -> Image.Image:
    """An image of any mode as RGB: transparency on white, grey of more than 8 bits rescaled."""
    if image.mode.startswith("I;16"):
        return _in_bands(image, lambda band: _rescaled(np.asarray(band), 0, 65535))
    if image.mode in ("I", "F"):
        low, high = _finite_range(image)
        return _in_bands(image, lambda band: _rescaled(np.asarray(band), low, high))
    if image.has_transparency_data:
        return _in_bands(image, _on_white)
    return image.convert("RGB")


def _bands(image: Image.Image) -> Iterator[tuple[int, int, int, int]]:
    rows = max(1, _BAND // image.width)
    return ((0, top, image.width, min(top + rows, image.height)) for top in range(0, image.height, rows))


def _in_bands(image: Image.Image, convert: Callable[[Image.Image], Image.Image]) -> Image.Image:
    photo = Image.new("RGB", image.size)
    for box in _bands(image):
        photo.paste(convert(image.crop(box)), box)
    return photo


def _on_white(image: Image.Image) -> Image.Image:
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _finite_range(image: Image.Image) -> tuple[float, float]:
    """The lowest and the highest value that is a finite number; 0 and 0 if there is none."""
    bands = (np.asarray(image.crop(box)) for box in _bands(image))
    ranges = [(values.min(), values.max()) for band in bands if (values := band[np.isfinite(band)]).size]
    return (float(min(low for low, _ in ranges)), float(max(high for _, high in ranges))) if ranges else (0.0, 0.0)


def _rescaled(values: np.ndarray, low: float, high: float) -> Image.Image:
    """Grey of any range -> RGB with `low` black and `high` white; all of one value is black."""
    # Infinite values are the lightest and the darkest; no number counts as 0.
    with np.errstate(invalid="ignore"):  # NaN of the signalling kind
        values = np.clip(np.nan_to_num(values.astype(np.float64)), low, high)
    scale = 255.0 / (high - low) if high > low else 0.0
    return Image.fromarray(np.rint((values - low) * scale).astype(np.uint8)).convert("RGB")


def whole_size(size: tuple[int, int], side: int, stride: int) -> tuple[int, int]:
    """The (width, height) in pixels at which a network sees a whole photo of `size` (width, height) in its own shape.

    Both sides are the nearest multiples of `stride` for which the area is about `side` squared and the shape is the
    photo's; a side has at least one stride and, for the longest panoramas, at most (side / stride) squared strides.
    """
    cells = (side / stride) ** 2
    shape = size[0] / size[1]
    columns, rows = math.sqrt(cells * shape), math.sqrt(cells / shape)
    return tuple(stride * min(max(1, round(n)), round(cells)) for n in (columns, rows))


def resized(image: Image.Image, size: tuple[int, int]) -> np.ndarray:
    """The photo at `size` (width, height): uint8 (height, width, 3), bicubic, antialiased where it shrinks.

    One that shrinks to a sixth of its side or less is averaged to a half first, to a ninth to a third and so on: half
    the time, and of 255 steps of brightness the pixels of our samples differed by 0.4 on average and by 7 at most.
    """
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0))
