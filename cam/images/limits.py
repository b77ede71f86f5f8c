"""The limits on a photo, and the sentences that refuse it."""

import os
from dataclasses import dataclass, field

from cam.errors import ImageError

FORMATS_TEXT = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC"
MIN_SIDE = 16

DAMAGED = "This photo is damaged or cut off and cannot be shown. Copy or download it again."
NOT_A_PHOTO = f"This file is not a photo that can be opened, or it is cut off. Use {FORMATS_TEXT}."
RAW = "This is a raw photo of a camera, which holds only a small picture to look at. Export it as JPEG and try again."
TOO_LONG = "This photo takes too long or too much memory to open. Save it as an ordinary JPEG and try again."


@dataclass(frozen=True)
class ImageLimits:
    """Limits on a photo, and on what opening it may take.

    Attributes:
        max_bytes: of its file.
        max_pixels: of the photo as it is stored.
        at_once: photos that are opened at a time; others wait. Where some take long, up to twice as many.
        cpu_seconds: of one processor, to open one.
        wall_seconds: by the clock, because many photos share the processors.
    """

    max_bytes: int = 50 * 2**20
    max_pixels: int = 40_000_000
    at_once: int = field(default_factory=lambda: os.cpu_count() or 1)
    cpu_seconds: int = 10
    wall_seconds: float = 60.0

    @property
    def memory_bytes(self) -> int:
        """Addresses that the process may take which opens a photo."""
        return 2**28 + 2 * self.max_bytes + 14 * self.max_pixels

    def check_size(self, width: int, height: int) -> None:
        """Raise ImageError unless a photo of this size in pixels is accepted."""
        if width * height > self.max_pixels:
            raise ImageError(
                f"This photo is {width} x {height} pixels, {_megapixels(width * height)}; at most "
                f"{_megapixels(self.max_pixels)} are accepted. Save it smaller and try again."
            )
        if min(width, height) < MIN_SIDE:
            raise ImageError(
                f"This picture is {width} x {height} pixels; each side must have at least {MIN_SIDE}. Use a larger one."
            )


def _megapixels(pixels: int) -> str:
    return f"{pixels / 1e6:{'.3g' if pixels < 1e9 else ',.0f'}} megapixels"
