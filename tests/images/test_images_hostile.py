"""Files made to hurt: each opens as what can be seen of it, or is refused with a sentence, at little cost."""

import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image
from support.photo_files import (
    chunk,
    encoded,
    grey_fields,
    in_gif,
    in_jpeg,
    jpeg_of_scans,
    noise,
    one_strip,
    overlapping_exif,
    png,
    red,
    red_png,
    segment,
    tiff,
)

from cam.errors import ImageError
from cam.images.limits import DAMAGED, NOT_A_PHOTO, TOO_LONG, ImageLimits
from cam.images.open import open_image

MEGABYTE = 2**20
PIECES = 100_000


def assert_red(data: bytes, size: tuple[int, int] = (32, 32)) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        photo = open_image(data)
    assert caught == []
    assert photo.size == size
    assert np.abs(np.asarray(photo, int) - (255, 0, 0)).max() <= 4


def exif_segments(exif: bytes) -> bytes:
    parts = (exif[start : start + 65_000] for start in range(0, len(exif), 65_000))
    return b"".join(segment(0xE1, b"Exif\0\0" + part) for part in parts)


def webp_with(name: bytes, data: bytes) -> bytes:
    photo = bytearray(encoded(red(), "WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0" + bytes(6)))
    photo += name + struct.pack("<L", len(data)) + data
    photo[4:8] = struct.pack("<L", len(photo) - 8)
    return bytes(photo)


def red_tiff(*fields: tuple[int, int, int, int], data: bytes = b"") -> bytes:
    pixels = b"\xff\0\0" * 32 * 32
    bits = 8 + len(pixels)
    own = [(256, 4, 1, 32), (257, 4, 1, 32), (258, 3, 3, bits), (259, 3, 1, 1), (262, 3, 1, 2), (277, 3, 1, 3)]
    return tiff([*own, *one_strip(32, len(pixels)), *fields], pixels + struct.pack("<3H", 8, 8, 8) + data)


OPENED = {
    "pixels that inflate": lambda: png(32, 32, zlib.compress((b"\0" + b"\xff\0\0" * 32) * 32 + bytes(100 * MEGABYTE))),
    "PNG, EXIF that overlaps": lambda: red_png(chunk(b"eXIf", overlapping_exif(65_000, 4 * MEGABYTE))),
    "JPEG, EXIF that overlaps": lambda: in_jpeg(exif_segments(overlapping_exif(5_000, 4 * MEGABYTE))),
    "WebP, EXIF that overlaps": lambda: webp_with(b"EXIF", overlapping_exif(65_000, 4 * MEGABYTE)),
    "WebP, a large XMP": lambda: webp_with(b"XMP ", bytes(20 * MEGABYTE)),
    "EXIF that points at itself": lambda: in_jpeg(exif_segments(b"II*\0\0\0\0\0")),
    "EXIF beyond its end": lambda: in_jpeg(exif_segments(b"II*\0\xff\xff\xff\xff")),
    "EXIF at 2 to the power of 63": lambda: in_jpeg(exif_segments(b"MM\0+" + bytes(4) + b"\x80" + bytes(7))),
    "EXIF cut off": lambda: in_jpeg(exif_segments(b"II*\0\x08\0\0\0\xff\xff")),
    "EXIF with an orientation of text": lambda: in_jpeg(
        exif_segments(b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHL4s", 274, 2, 2, b"6\0\0\0") + bytes(4))
    ),
    "EXIF with orientation 9": lambda: in_jpeg(
        exif_segments(b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHLL", 274, 3, 1, 9) + bytes(4))
    ),
    "a profile in many segments": lambda: in_jpeg(segment(0xE2, b"ICC_PROFILE\0\x01\xff" + bytes(60_000)) * 700),
    "a profile with impossible numbers": lambda: in_jpeg(segment(0xE2, b"ICC_PROFILE\0\xff\0")),
    "fill bytes": lambda: in_jpeg(b"\xff" * MEGABYTE),
    "a broken directory of further pictures": lambda: in_jpeg(segment(0xE2, b"MPF\0II*\0\xff\xff\xff\xff")),
    "a GIF of many frames": lambda: many_frames(20_000),
    "TIFF fields that overlap": lambda: red_tiff(
        *((tag, 7, 4 * MEGABYTE, 8) for tag in range(1000, 60_000)), data=bytes(4 * MEGABYTE)
    ),
    "TIFF fields beyond the end": lambda: red_tiff((700, 7, 2**32 - 1, 8), (34675, 7, 9, 2**32 - 1)),
    "TIFF fields twice": lambda: red_tiff((256, 4, 1, 1), (257, 4, 1, 60_000)),
    "PNG chunks": lambda: red_png(chunk(b"tEXt", b"") * PIECES),
    "JPEG segments": lambda: in_jpeg(segment(0xFE, b"") * PIECES),
    "JPEG tables": lambda: in_jpeg(segment(0xDB, b"\0" + bytes(range(1, 65))) * 5_000, encoded(red(), "JPEG")),
    "GIF comments": lambda: in_gif(b"!\xfe" + b"\1x" * PIECES + b"\0"),
    "GIF extensions": lambda: in_gif(b"!\xfe\0" * PIECES),
    "a page that follows itself": lambda: red_tiff()[:-4] + struct.pack("<L", 8 + 32 * 32 * 3 + 6),
}


def many_frames(count: int) -> bytes:
    photo = encoded(red().quantize(2), "GIF")
    start = 13 + (3 << (photo[10] & 7) + 1)
    return photo[:start] + photo[start:-1] * count + b";"


@pytest.mark.parametrize("case", OPENED)
def test_what_stands_beside_the_picture_does_no_harm(case):
    assert_red(OPENED[case]())


def scanned(compression: int, *fields: tuple[int, int, int, int]) -> bytes:
    pixels = zlib.compress(bytes(64 * 64))
    return tiff([*grey_fields(64, 64, compression=compression), *one_strip(64, len(pixels)), *fields], pixels)


def tiles(width: int, height: int) -> bytes:
    pixels = zlib.compress(bytes(MEGABYTE))
    fields = [(322, 4, 1, width), (323, 4, 1, height), (324, 4, 1, 8), (325, 4, 1, len(pixels))]
    return tiff([*grey_fields(64, 64, compression=8), *fields], pixels)


def strips(count: int, length: int) -> bytes:
    """Strips of one row, which all are the same bytes of the file."""
    numbers = struct.pack("<L", 8 + 8 * count) * count + struct.pack("<L", length) * count
    places = [(273, 4, count, 8), (278, 4, 1, 1), (279, 4, count, 8 + 4 * count)]
    return tiff([*grey_fields(64, count, compression=8), *places], numbers + bytes(length))


def bmp(width: int, height: int, compression: int, pixels: bytes) -> bytes:
    size = struct.pack("<LllHHLLllLL", 40, width, height, 1, 8, compression, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<LLL", 0, 0, 54 + 1024) + size + bytes((0, 0, 255, 0)) * 256 + pixels


def webp_canvas(width: int, height: int) -> bytes:
    canvas = b"\0\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF" + struct.pack("<L", 22) + b"WEBPVP8X" + struct.pack("<L", 10) + canvas


REFUSED = {
    "text that inflates": (
        lambda: red_png(chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(MEGABYTE))) * 200),
        "not a photo that can be opened",
    ),
    "a profile that inflates": (
        lambda: red_png(chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(100 * MEGABYTE)))),
        "not a photo that can be opened",
    ),
    "WebP chunks": (lambda: webp_with(b"junk\0\0\0\0" * PIECES, b""), "not a photo that can be opened"),
    "TIFF fields": (lambda: b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**40), "not a photo that can be opened"),
    "TIFF compression": (lambda: scanned(50000), "damaged"),
    "large tiles": (lambda: tiles(60_000, 60_000), "damaged|too long or too much memory"),
    "overlapping strips": (lambda: strips(20_000, MEGABYTE), "damaged|too long or too much memory"),
    "strips of no length": (lambda: strips(100, 0), "damaged"),
    "run-length encoding": (lambda: bmp(2000, 2000, 1, b"\1\7" * MEGABYTE), "damaged"),
    "GIF screen": (lambda: resized_gif(60_000, 60_000), "60000 x 60000 pixels, 3,600 megapixels; at most 40"),
    "GIF frame": (
        lambda: in_gif(b"," + struct.pack("<4HB", 30_000, 30_000, 9, 9, 0)),
        "30009 x 30009 pixels, 901 megapixels; at most 40",
    ),
    "WebP canvas": (lambda: webp_canvas(2**14, 2**14), "not a photo that can be opened|16384 x 16384 pixels"),
    "a narrow picture": (lambda: encoded(red(1, 60_000), "PNG"), "1 x 60000 pixels; each side must have at least 16"),
    "a low picture": (lambda: encoded(red(60_000, 1), "PNG"), "60000 x 1 pixels; each side must have at least 16"),
    "no pixels after the header": (lambda: red_png()[:60], "damaged or cut off"),
    "a chunk of 2 GB": (lambda: red_png()[:33] + b"\x7f\xff\xff\xffIDAT", "cut off"),
    "empty blocks": (lambda: png(5000, 5000, zlib.compress(b"")[:2] + b"\0\0\0\xff\xff" * 10**6), "damaged"),
}


def resized_gif(width: int, height: int) -> bytes:
    photo = bytearray(encoded(red().quantize(2), "GIF"))
    photo[6:10] = struct.pack("<HH", width, height)
    return bytes(photo)


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_cost_too_much_is_refused_in_words(case):
    make, text = REFUSED[case]
    with pytest.raises(ImageError, match=text):
        open_image(make())


ENDLESS = {
    "PNG chunks": lambda: red_png(chunk(b"tEXt", b"") * 3_000_000),
    "PNG chunks of no kind": lambda: red_png(chunk(b"abCd", b"") * 3_000_000),
    "PNG pixels": lambda: png(6000, 6000, b"x\x9c", *[chunk(b"IDAT", b"")] * 3_000_000),
    "JPEG segments": lambda: in_jpeg(segment(0xFE, b"") * 9_000_000),
    "JPEG application segments": lambda: in_jpeg(segment(0xE5, b"") * 9_000_000),
    "JPEG tables": lambda: in_jpeg(segment(0xDB, bytes(65)) * 600_000),
    "JPEG scans": lambda: jpeg_of_scans(3_000, 4000, 4000),
    "GIF comments": lambda: in_gif(b"!\xfe" + b"\1x" * 20_000_000 + b"\0"),
    "GIF extensions": lambda: in_gif(b"!\xfe\0" * 15_000_000),
    "WebP chunks": lambda: webp_with(b"junk\0\0\0\0" * 5_000_000, b""),
    "TIFF strips": lambda: strips(600_000, 8),
    "TIFF fields": lambda: red_tiff(*((tag, 3, 1, 1) for tag in range(1000, 61_000))),
    "run-length encoding": lambda: bmp(6000, 6000, 1, b"\1\7" * 20_000_000),
}


@pytest.mark.parametrize("case", ENDLESS)
def test_millions_of_pieces_end_by_the_clock_at_the_latest(case):
    limits = ImageLimits(cpu_seconds=1)
    try:
        photo = open_image(ENDLESS[case](), limits=limits)
    except ImageError as error:
        assert str(error) in (TOO_LONG, NOT_A_PHOTO, DAMAGED)
    else:
        assert photo.mode == "RGB"
    assert_red(red_png())


def test_a_progressive_photo_of_the_usual_scans_and_more_is_opened():
    photo = open_image(jpeg_of_scans(64))
    assert photo.size == (64, 64)
    assert photo.getpixel((32, 32)) == (90, 90, 90)


def test_a_small_run_length_encoded_picture_is_opened():
    assert_red(bmp(32, 32, 1, b"\x20\7\0\0" * 32 + b"\0\1"))


def test_a_sequence_keeps_what_its_first_frame_needs():
    """A palette entry that is transparent, said between comments; and in WebP the frame within its canvas."""
    clear = encoded(Image.new("P", (32, 32), 1), "GIF", transparency=1)
    data = in_gif(b"!\xfe\5hello\0", clear)
    assert open_image(data).getpixel((9, 9)) == (255, 255, 255)
    frames = encoded(red(), "WEBP", save_all=True, append_images=[Image.new("RGB", (32, 32), "blue")] * 20)
    assert_red(frames)


@pytest.mark.parametrize("size", [(60_000, 16), (16, 60_000)])
def test_a_picture_of_extreme_shape_is_opened(size):
    assert_red(encoded(red(*size), "PNG"), size)


def test_noise_of_49_megabytes_is_opened():
    rows = np.random.default_rng(0).integers(0, 256, (4000, 1 + 3 * 4083), np.uint8)
    rows[:, 0] = 0
    data = png(4083, 4000, zlib.compress(rows.tobytes(), 0))
    assert 49e6 < len(data) < 50 * MEGABYTE
    assert np.array_equal(np.asarray(open_image(data)), rows[:, 1:].reshape(4000, 4083, 3))


POLYGLOTS = {
    "JPEG and ZIP": lambda: encoded(red(), "JPEG") + b"PK\5\6" + bytes(18),
    "GIF and JavaScript": lambda: in_gif(b"!\xfe\x14*/=1;alert('x')/*...\0"),
    "PNG and HTML": lambda: red_png(chunk(b"tEXt", b"k\0<script>alert(1)</script>")) + b"<html><script>",
    "JPEG and HTML": lambda: in_jpeg(segment(0xFE, b"<script>alert(1)</script>")),
    "WebP and JavaScript": lambda: encoded(red(), "WEBP") + b"*/;alert(1)",
    "BMP and ZIP": lambda: encoded(red(), "BMP") + b"PK\5\6" + bytes(18),
    "TIFF and PDF": lambda: red_tiff() + b"%PDF-1.7",
}


@pytest.mark.parametrize("case", POLYGLOTS)
def test_a_file_that_is_also_something_else_is_a_picture_here(case):
    assert_red(POLYGLOTS[case]())


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_no_text_of_the_file_stays_with_the_picture(format):
    exif = Image.Exif()
    exif[0x010E] = exif[0x013B] = "<script>alert(1)</script>"
    xmp = b"<x:xmpmeta><script>alert(1)</script></x:xmpmeta>"
    data = encoded(noise(), format, exif=exif.tobytes(), xmp=xmp, icc_profile=b"<script>" * 40)
    assert b"script" in data
    photo = open_image(data)
    assert type(photo) is Image.Image
    assert (photo.info, dict(photo.getexif())) == ({"stored_size": photo.size}, {})
