"""What a photo may be at most and at least, and the sentences that refuse it."""

import threading
from functools import cache

from cam.backends.turns import Turns
from cam.errors import ImageError
from cam.settings import read_settings

FORMATS_TEXT = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC"
MIN_SIDE = 16
# Scans of a JPEG. Each costs a pass over all pixels, and as few as 100 bytes; encoders write about 10.
MAX_SCANS = 64
# Chunks, segments or blocks that a file consists of; each costs a step in Python. A PNG of 50 MB has about 6,000.
MAX_PIECES = 100_000
# Bytes of a JPEG's tables; all that the standard has room for are 3,000.
MAX_TABLES = 2**18
# Strips or tiles of a TIFF; 40 megapixels in the smallest tiles, of 16 x 16 pixels, are 156,250.
MAX_STRIPS = 200_000
# Pixels of a run-length encoded BMP, which Pillow decodes in Python.
MAX_RLE_PIXELS = 2_000_000
_making = threading.Lock()

DAMAGED = "This photo is damaged or cut off and cannot be shown. Copy or download it again."
NOT_A_PHOTO = f"This file is not a photo that can be opened, or it is cut off. Use {FORMATS_TEXT}."
TOO_LONG = "This photo takes too long or too much memory to open. Save it as an ordinary JPEG and try again."


def max_bytes() -> int:
    """The most bytes of a photo's file."""
    return read_settings().photo_bytes


def max_pixels() -> int:
    """The most pixels of a photo."""
    return read_settings().photo_pixels


def turns(where: str) -> Turns:
    """The turns at decoding "here", in threads, or "apart", in processes, so that slow files do not hold up JPEGs.

    Each keeps one processor busy, and takes up to 15 bytes a pixel here; apart, what a process may take. Pictures that
    are made to "save" take turns too.
    """
    # Else two threads that come first at the same time would have one each.
    with _making:
        return _turns(where)


@cache
def _turns(where: str) -> Turns:
    return Turns(read_settings().decodes)


def too_many_pixels() -> str:
    """The sentence for a photo whose size is not known."""
    return f"This photo has too many pixels: at most {max_pixels() // 10**6} megapixels are accepted."


def check_size(width: int, height: int) -> None:
    """Raise ImageError unless a photo of this size in pixels is accepted."""
    if width * height > (most := max_pixels()):
        raise ImageError(
            f"This photo is {width} x {height} pixels, {_megapixels(width * height)}; at most "
            f"{_megapixels(most)} are accepted. Save it smaller and try again."
        )
    if min(width, height) < MIN_SIDE:
        raise ImageError(
            f"This picture is {width} x {height} pixels; each side must have at least {MIN_SIDE}. Use a larger one."
        )


def check_count(count: int, limit: int, what: str) -> None:
    """Raise ImageError unless a file has at most `limit` of `what`."""
    if count > limit:
        raise ImageError(
            f"This photo is stored in more than {limit:,} {what}, which takes too long to open. "
            "Save it again as an ordinary JPEG or PNG."
        )


def _megapixels(pixels: int) -> str:
    return f"{pixels / 1e6:{'.3g' if pixels < 1e9 else ',.0f'}} megapixels"
