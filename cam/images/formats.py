"""The formats of photos: how each is told by its first bytes, and how it is decoded."""

import contextlib
import io
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from cam.errors import ImageError
from cam.images.bare import bare_bmp, bare_gif, bare_jpeg, bare_png, bare_webp, whole
from cam.images.limits import DAMAGED, NOT_A_PHOTO, check_size, too_many_pixels, turns
from cam.images.process import decode_apart
from cam.images.tiff import bare_tiff

# A JPEG, TIFF, AVIF or HEIC is given at 1/2, 1/4 or 1/8 while both its sides stay at least this long; networks see
# 224 to 600 pixels.
DRAFT_SIDE = 1200


class Decoded(NamedTuple):
    """A picture, the EXIF orientation, 1 to 8, in which it is stored, and its (width, height) in the file."""

    image: Image.Image
    orientation: int
    size: tuple[int, int]


class Format(NamedTuple):
    """How the first bytes of a file look, and (data, finish, draft) -> its picture."""

    start: re.Pattern[bytes]
    decode: Callable[[bytes, Callable, bool], Decoded]


def decode(data: bytes, finish: Callable, *, draft: bool) -> Decoded:
    """The first picture of a file.

    `finish` gets the picture in any mode of Pillow and gives what is kept of it; it is called before the next file has
    its turn, so that no more pictures as they were stored are in memory than have turns.
    """
    for format in FORMATS:
        if format.start.match(data):
            return format.decode(data, finish, draft)
    raise ImageError(NOT_A_PHOTO)


def _decode_here(bare: Callable, opener: Callable, data: bytes, finish: Callable, draft: bool) -> Decoded:
    with turns("here"), _refusing(NOT_A_PHOTO):
        data, orientation = bare(data)
        # The opener itself: Image.open would warn of what is refused below.
        image = opener(io.BytesIO(data))
        size = image.size
        check_size(*size)
        if draft and isinstance(image, JpegImageFile):
            # The mode is only a wish: a grey or CMYK JPEG keeps its own.
            image.draft(None, (DRAFT_SIDE, DRAFT_SIDE))
        with _refusing(DAMAGED):
            image.load()
            # A palette may be too short.
            return Decoded(finish(image), orientation, size)


def _decode_apart(bare: Callable, data: bytes, finish: Callable, draft: bool) -> Decoded:
    with _refusing(NOT_A_PHOTO):
        data, orientation = bare(data)
    with turns("apart"):
        image, found, size = decode_apart(data, DRAFT_SIDE if draft else 0)
        with _refusing(DAMAGED):
            return Decoded(finish(image), found if orientation == 1 else orientation, size)


@contextlib.contextmanager
def _refusing(sentence: str) -> Iterator[None]:
    """Turn whatever a reader stumbles over into an ImageError.

    A file can be wrong in many ways, and each reader fails in its own: OSError, SyntaxError, struct.error, EOFError...
    """
    try:
        yield
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(too_many_pixels()) from error
    except Exception as error:
        raise ImageError(sentence) from error


FORMATS = (
    Format(re.compile(rb"\xff\xd8\xff"), partial(_decode_here, bare_jpeg, JpegImageFile)),
    Format(re.compile(rb"\x89PNG\r\n\x1a\n"), partial(_decode_here, bare_png, PngImageFile)),
    Format(re.compile(rb"RIFF....WEBP", re.DOTALL), partial(_decode_here, bare_webp, WebPImageFile)),
    Format(re.compile(rb"GIF8[79]a"), partial(_decode_here, bare_gif, GifImageFile)),
    Format(re.compile(rb"BM"), partial(_decode_here, bare_bmp, BmpImageFile)),
    Format(re.compile(rb"II[*+]\0|MM\0[*+]"), partial(_decode_apart, bare_tiff)),
    # AVIF and HEIC, and also videos, which the decoder tells apart.
    Format(re.compile(rb"....ftyp", re.DOTALL), partial(_decode_apart, whole)),
)
