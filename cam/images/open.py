"""Open a photo: path, bytes or file -> upright RGB, or the reason why not; fit it to a network."""

import math
import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from cam.errors import ImageError
from cam.images.decode import HEAD
from cam.images.formats import find_formats
from cam.images.limits import DAMAGED, TOO_LONG, ImageLimits
from cam.sandbox import ChildError, ChildPool, LimitError, Limits

_DECODE = "cam.images.decode:decode_photo"
_POOL = ChildPool()


def open_image(
    source: str | Path | bytes | BinaryIO,
    *,
    draft: bool = True,
    most_pixels: int | None = None,
    limits: ImageLimits | None = None,
) -> Image.Image:
    """Open a photo as an upright 8-bit RGB image of at least 16 pixels a side and at most 40 megapixels.

    The format is found from the content: JPEG, PNG, WebP, GIF (first frame), BMP, TIFF, AVIF or HEIC. The photo looks
    as in a browser: upright, its colours converted to sRGB, transparency laid on white; grey of more than 8 bits is
    rescaled. A child process decodes it, with limits on memory and time, so a file made to hurt ends in an ImageError.

    Args:
        source: a path, the bytes of a file, or a binary file that is read from where it stands.
        draft: give a JPEG, TIFF, AVIF or HEIC of which both sides have 2,400 pixels or more at 1/2, 1/4 or 1/8 of its
            size, a JPEG several times faster; False keeps every pixel.
        most_pixels: shrink a photo that still has more to about so many; None: as many as there are.
        limits: on the file, the photo and what opening it may take; None: those of `ImageLimits()`.

    Returns:
        The photo. `info["stored_size"]` is the (width, height) in pixels that it has in the file, upright.

    Raises:
        ImageError: no image, damaged or cut off, over 50 MB, over 40 megapixels, or a side under 16 pixels.
    """
    limits = limits or ImageLimits()
    data = _read(source, limits.max_bytes)
    of_child = Limits(
        memory_bytes=limits.memory_bytes,
        cpu_seconds=limits.cpu_seconds,
        wall_seconds=limits.wall_seconds,
        answer_bytes=HEAD.size + 3 * limits.max_pixels,
    )
    arguments = (data, find_formats(data), draft, most_pixels, limits)
    try:
        answer = _POOL.call(_DECODE, *arguments, limits=of_child, at_once=limits.at_once, refusal=ImageError)
    except LimitError as error:
        raise ImageError(TOO_LONG) from error
    except ChildError as error:
        # A child that ends by itself is no fault of the photo.
        if error.exit_code > 0:
            raise
        raise ImageError(DAMAGED) from error
    if len(answer) < HEAD.size:
        raise ImageError(DAMAGED)
    width, height, *stored_size = HEAD.unpack_from(answer)
    if not width * height or len(answer) != HEAD.size + 3 * width * height:
        raise ImageError(DAMAGED)
    photo = Image.frombytes("RGB", (width, height), memoryview(answer)[HEAD.size :])
    photo.info["stored_size"] = tuple(stored_size)
    return photo


def _read(source: str | Path | bytes | BinaryIO, max_bytes: int) -> bytes:
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
    elif isinstance(source, (str, os.PathLike)):
        try:
            with open(source, "rb") as file:
                data = file.read(max_bytes + 1)
        except OSError as error:
            raise ImageError(f"The photo {source} cannot be read: {error.strerror}.") from error
    else:
        data = source.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise ImageError(f"This file is larger than {max_bytes // 2**20} MB. Save the photo smaller and try again.")
    return data


def whole_size(size: tuple[int, int], side: int, stride: int) -> tuple[int, int]:
    """The (width, height) in pixels at which a network sees a whole photo of `size` (width, height) in its own shape.

    Both sides are the nearest multiples of `stride` for which the area is about `side` squared and the shape is the
    photo's; a side has at least one stride and, for the longest panoramas, at most (side / stride) squared strides.
    """
    cells = (side / stride) ** 2
    shape = size[0] / size[1]
    columns, rows = math.sqrt(cells * shape), math.sqrt(cells / shape)
    width, height = (stride * min(max(1, round(n)), round(cells)) for n in (columns, rows))
    return width, height


def resized(image: Image.Image, size: tuple[int, int]) -> np.ndarray:
    """The photo at `size` (width, height): uint8 (height, width, 3), bicubic, antialiased where it shrinks.

    One that shrinks to a sixth of its side or less is averaged to a half first, to a ninth to a third and so on: half
    the time, and of 255 steps of brightness the pixels of our samples differed by 0.4 on average and by 7 at most.
    """
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0))
