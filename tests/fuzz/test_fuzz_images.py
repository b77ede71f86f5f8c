"""Whatever bytes come, opening ends in an upright RGB picture or in a sentence, and warns of nothing.

By hand, for as long as one likes: CAM_FUZZ_EXAMPLES=20000 pytest tests/fuzz
"""

import struct
import warnings

import numpy as np
import pytest
from hypothesis import given
from PIL import Image
from support.mutations import damaged, fuzzed
from support.photo_files import (
    apng_with_default,
    encoded,
    grey_profile,
    in_gif,
    in_jpeg,
    ink_profile,
    jpeg_of_scans,
    noise,
    raw_png,
    rgb_profile,
    segment,
    with_chunks,
    with_nclx,
)

from cam.errors import ImageError
from cam.images.limits import MIN_SIDE, ImageLimits
from cam.images.open import open_image

EXIF = Image.Exif()
EXIF[0x0112], EXIF[0x010E] = 6, "a photo"
PHOTO, TURNED = noise(24, 16), EXIF.tobytes()
SEQUENCE = {"save_all": True, "append_images": [noise(24, 17).crop((0, 1, 24, 17))]}
POINTS = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
FILES = {
    "JPEG": [
        encoded(PHOTO, "JPEG", exif=TURNED),
        encoded(PHOTO, "JPEG", progressive=True),
        encoded(PHOTO.convert("CMYK"), "JPEG"),
        encoded(PHOTO, "JPEG", restart_marker_blocks=1, subsampling=2),
        encoded(PHOTO, "MPO", **SEQUENCE),
        encoded(PHOTO, "JPEG", icc_profile=rgb_profile("ProPhoto")),
        encoded(PHOTO.convert("CMYK"), "JPEG", icc_profile=ink_profile()),
        in_jpeg(segment(0xFE, b"comment") + segment(0xE2, b"ICC_PROFILE\0\1\1abc"), jpeg_of_scans(12, 24, 16)),
    ],
    "PNG": [
        encoded(PHOTO, "PNG", exif=TURNED),
        encoded(PHOTO.quantize(7), "PNG", transparency=3),
        encoded(PHOTO.convert("L").convert("I;16"), "PNG"),
        encoded(PHOTO.convert("RGBA"), "PNG"),
        encoded(PHOTO.convert("1"), "PNG"),
        encoded(PHOTO, "PNG", transparency=(1, 2, 3), **SEQUENCE),
        encoded(PHOTO.convert("LA"), "PNG", icc_profile=grey_profile(1.5)),
        with_chunks(
            encoded(PHOTO, "PNG"), (b"gAMA", struct.pack(">L", 50_000)), (b"cHRM", struct.pack(">8L", *POINTS))
        ),
        with_chunks(encoded(PHOTO, "PNG"), (b"cICP", bytes((9, 16, 0, 1)))),
        raw_png(np.full((16, 24, 3), 257), 16, (b"tRNS", b"\1\1" * 3)),
        apng_with_default(PHOTO, PHOTO.crop((0, 0, 8, 8)), 3, 3, 1),
    ],
    "GIF": [
        encoded(PHOTO.quantize(9), "GIF", transparency=3),
        encoded(PHOTO.convert("L"), "GIF", interlace=1),
        in_gif(b"!\xfe\5hello\0", encoded(PHOTO.quantize(9), "GIF", **SEQUENCE)),
    ],
    "WEBP": [
        encoded(PHOTO, "WEBP", exif=TURNED, xmp=b"<x/>"),
        encoded(PHOTO.convert("RGBA"), "WEBP", lossless=True),
        encoded(PHOTO.convert("RGBA"), "WEBP", quality=20),
        encoded(PHOTO, "WEBP", exif=TURNED, **SEQUENCE),
    ],
    "BMP": [encoded(PHOTO.convert(mode), "BMP") for mode in ("RGB", "L", "P", "1", "RGBA")],
}
TIFFS = [
    encoded(PHOTO, "TIFF", exif=TURNED),
    encoded(PHOTO.convert("L"), "TIFF", compression="tiff_lzw"),
    encoded(PHOTO.convert("F"), "TIFF", compression="tiff_adobe_deflate"),
    encoded(PHOTO, "TIFF", compression="jpeg"),
    encoded(PHOTO.convert("1"), "TIFF", compression="group4"),
    encoded(PHOTO.quantize(9), "TIFF", compression="packbits", big_tiff=True),
    encoded(noise(24, 16), "TIFF", save_all=True, append_images=[noise(24, 16)]),
]
VIDEOS = [
    encoded(PHOTO, "AVIF", exif=TURNED),
    encoded(PHOTO, "AVIF", **SEQUENCE),
    with_nclx(encoded(PHOTO, "AVIF"), 9, 18),
    encoded(PHOTO, "HEIF", exif=TURNED, xmp=b"<x/>"),
    encoded(PHOTO.convert("RGBA"), "HEIF"),
]
MARKS = {
    "JPEG": (b"\xff\xc0", b"\xff\xc2", b"\xff\xc4", b"\xff\xda", b"\xff\xd9", b"\xff\xe1", b"\xff\xdd", b"\xff\xd0"),
    "PNG": (b"IHDR", b"PLTE", b"IDAT", b"tRNS", b"eXIf", b"IEND", b"acTL", b"fdAT", b"gAMA", b"cICP"),
    "GIF": (b",", b"!\xf9\4", b"!\xff\x0b", b"!\xfe", b";"),
    "WEBP": (b"VP8 ", b"VP8L", b"VP8X", b"ANMF", b"ANIM", b"ALPH", b"EXIF", b"RIFF"),
    "BMP": (b"\1\0\0\0", b"\2\0\0\0", b"\3\0\0\0", b"\x18\0", b"\x20\0", b"\x28\0\0\0", b"\x7c\0\0\0"),
}
FIELDS = tuple(struct.pack("<H", tag) for tag in (*range(256, 260), 262, 273, 277, 278, 279, 317, 322, 324, 347))
BOXES = (
    b"meta",
    b"iloc",
    b"iinf",
    b"infe",
    b"iref",
    b"iprp",
    b"ipco",
    b"ispe",
    b"irot",
    b"grid",
    b"mdat",
    b"av1C",
    b"nclx",
)


def check(data: bytes) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            photo = open_image(data)
        except ImageError as error:
            assert str(error).startswith("This ") and str(error).endswith(".") and "\n" not in str(error)
        else:
            assert (type(photo), photo.mode, list(photo.info)) == (Image.Image, "RGB", ["stored_size"])
            assert min(photo.size) >= MIN_SIDE and photo.width * photo.height <= ImageLimits().max_pixels
    assert caught == []


@pytest.mark.parametrize("format", FILES)
def test_damaged_files(format):
    @fuzzed(600)
    @given(damaged(FILES[format], MARKS[format]))
    def run(data: bytes) -> None:
        check(data)

    run()


@fuzzed(300)
@given(damaged(TIFFS, FIELDS))
def test_damaged_tiffs(data):
    check(data)


@fuzzed(100)
@given(damaged(VIDEOS, BOXES))
def test_damaged_videos(data):
    check(data)
