"""The formats of photos: how files are named, and what their first bytes are."""

import re

from cam.errors import ImageError
from cam.images.limits import NOT_A_PHOTO

# What names of photos end in, for lists and choosers of files. What a file is, its first bytes tell.
ENDINGS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".pjp", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib"),
    *(".tif", ".tiff", ".avif", ".heic", ".heif", ".hif"),
)

# What the first bytes look like, and the formats of Pillow that the file is opened as. AVIF and HEIC begin as many
# videos do, which their decoders tell apart.
_STARTS = (
    (re.compile(rb"\xff\xd8\xff"), ("JPEG",)),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), ("PNG",)),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), ("WEBP",)),
    (re.compile(rb"GIF8[79]a"), ("GIF",)),
    (re.compile(rb"BM"), ("BMP",)),
    (re.compile(rb"II[*+]\0|MM\0[*+]"), ("TIFF",)),
    (re.compile(rb"....ftyp", re.DOTALL), ("AVIF", "HEIF")),
)


def find_formats(data: bytes) -> tuple[str, ...]:
    """Return the formats that a file can have by its first bytes; ImageError if it is no photo."""
    for start, formats in _STARTS:
        if start.match(data):
            return formats
    raise ImageError(NOT_A_PHOTO)
