"""Open a photo: path, bytes or file -> upright RGB, or the reason why not; fit it to a network."""

import io
import math
import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pillow_heif
from PIL import ExifTags, Image

from cam.errors import ImageError

pillow_heif.register_heif_opener()

# Pillow's names of the formats accepted; several of its other openers run external programs or are rarely fuzzed.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
FORMATS_TEXT = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC"
MAX_BYTES = 50 * 2**20
MAX_PIXELS = 40_000_000
MIN_SIDE = 16
# A JPEG is decoded at 1/2, 1/4 or 1/8 while both its sides stay at least this long; networks see 224 to 600 pixels.
DRAFT_SIDE = 1200

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

_TOO_MANY_PIXELS = (Image.DecompressionBombError, Image.DecompressionBombWarning)


def open_image(source: str | Path | bytes | BinaryIO, *, draft: bool = True) -> Image.Image:
    """Open a photo as an upright 8-bit RGB image of at least 16 pixels a side and at most 40 megapixels.

    The format is found from the content: JPEG, PNG, WebP, GIF (first frame), BMP, TIFF, AVIF or HEIC. The EXIF rotation
    is applied, transparency is laid on white, and grey of more than 8 bits is rescaled.

    Args:
        source: a path, the bytes of a file, or a binary file that is read from where it stands.
        draft: decode a JPEG of which both sides have 2,400 pixels or more at 1/2, 1/4 or 1/8 of its size, several times
            faster; False keeps every pixel.

    Raises:
        ImageError: no image, damaged or cut off, over 50 MB, over 40 megapixels, or a side under 16 pixels.
    """
    image = _identify(io.BytesIO(_read(source)))
    _check_size(*image.size)
    # MPO is Pillow's name for a JPEG that holds a second picture, as some phones write.
    if draft and image.format in ("JPEG", "MPO"):
        # The mode is only a wish: a grey or CMYK JPEG keeps its own.
        image.draft(None, (DRAFT_SIDE, DRAFT_SIDE))
    try:
        image.load()
        photo = _to_rgb(_upright(image))
    # Each decoder fails in its own way on damaged data: OSError (JPEG, PNG), SyntaxError (AVIF), struct.error (EXIF)...
    except Exception as error:
        raise ImageError("This photo is damaged or cut off and cannot be shown. Copy or download it again.") from error
    # What stood beside the pixels, such as EXIF, is true of the file only.
    photo.info.clear()
    return photo


def _read(source: str | Path | bytes | BinaryIO) -> bytes:
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
    elif isinstance(source, (str, os.PathLike)):
        try:
            with open(source, "rb") as file:
                data = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise ImageError(f"The photo {source} cannot be read: {error.strerror}.") from error
    else:
        data = source.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ImageError(f"This file is larger than {MAX_BYTES // 2**20} MB. Save the photo smaller and try again.")
    return data


def _identify(file: io.BytesIO) -> Image.Image:
    """Read the header only."""
    try:
        return Image.open(file, formats=FORMATS)
    except _TOO_MANY_PIXELS as error:
        raise ImageError(f"This photo has too many pixels: at most {_megapixels(MAX_PIXELS)} are accepted.") from error
    # As when decoding: whatever a format's reader stumbles over.
    except Exception as error:
        raise ImageError(
            f"This file is not a photo that can be opened, or it is cut off. Use {FORMATS_TEXT}."
        ) from error


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"This photo is {width} x {height} pixels, {_megapixels(width * height)}; at most "
            f"{_megapixels(MAX_PIXELS)} are accepted. Save it smaller and try again."
        )
    if min(width, height) < MIN_SIDE:
        raise ImageError(
            f"This picture is {width} x {height} pixels; each side must have at least {MIN_SIDE}. Use a larger one."
        )


def _megapixels(pixels: int) -> str:
    return f"{pixels / 1e6:.3g} megapixels"


def _upright(image: Image.Image) -> Image.Image:
    """Turned as EXIF says; the other EXIF values, which may be damaged, are not touched."""
    turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation))
    return image if turn is None else image.transpose(turn)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return _rescaled(np.asarray(image), 0, 65535)
    if image.mode in ("I", "F"):
        values = np.asarray(image, np.float64)
        finite = values[np.isfinite(values)]
        low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
        return _rescaled(np.clip(np.nan_to_num(values), low, high), low, high)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")


def _rescaled(values: np.ndarray, low: float, high: float) -> Image.Image:
    """Grey of any range -> RGB with `low` black and `high` white; all of one value is black."""
    scale = 255.0 / (high - low) if high > low else 0.0
    grey = np.rint((values.astype(np.float64) - low) * scale).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")


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
    """The photo at `size` (width, height): uint8 (height, width, 3), bicubic, antialiased where it shrinks."""
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC))
