"""Write files of photos, right and wrong ones, for the tests of opening."""

import io
import struct
import zlib

import numpy as np
import pillow_heif
from PIL import Image

pillow_heif.register_heif_opener()  # to write HEIC; ClassCam itself reads it in another process

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")


def encoded(image: Image.Image, format: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def noise(width: int = 56, height: int = 40) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def red(width: int = 32, height: int = 32) -> Image.Image:
    return Image.new("RGB", (width, height), "red")


def chunk(name: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, pixels: bytes, *between: bytes) -> bytes:
    """An 8-bit RGB PNG: `pixels` are compressed rows, each after a filter byte; `between` stands before them."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"".join((b"\x89PNG\r\n\x1a\n", header, *between, chunk(b"IDAT", pixels), chunk(b"IEND", b"")))


def red_png(*between: bytes) -> bytes:
    return png(32, 32, zlib.compress((b"\0" + b"\xff\0\0" * 32) * 32), *between)


def segment(kind: int, data: bytes) -> bytes:
    """A segment of a JPEG."""
    return bytes((0xFF, kind)) + struct.pack(">H", len(data) + 2) + data


def in_jpeg(segments: bytes, photo: bytes | None = None) -> bytes:
    """A JPEG, a red one of 32 x 32 if none is given, with segments after its first two bytes."""
    photo = photo or encoded(red(), "JPEG")
    return photo[:2] + segments + photo[2:]


def jpeg_of_scans(count: int, width: int = 64, height: int = 64) -> bytes:
    """A grey progressive JPEG with this many scans, of which all after the usual ones change nothing."""
    usual = encoded(Image.new("L", (width, height), 90), "JPEG", progressive=True)[:-2]
    # One code of one bit, for "the next 16,384 blocks and more end here": 14 bits say how many more.
    table = segment(0xC4, b"\x10" + bytes((1, *bytes(15))) + b"\xe0")
    scan = segment(0xDA, bytes((1, 1, 0, 1, 63, 0x10))) + bytes(2 * (width * height // 2**20 + 1))
    return usual + (table + scan) * (count - usual.count(b"\xff\xda")) + b"\xff\xd9"


def in_gif(blocks: bytes, photo: bytes | None = None) -> bytes:
    """A GIF, a red one of 32 x 32 if none is given, with blocks before its first frame."""
    photo = photo or encoded(red().quantize(2), "GIF")
    start = 13 + (3 << (photo[10] & 7) + 1 if photo[10] & 128 else 0)
    return photo[:start] + blocks + photo[start:]


def grey_fields(width: int, height: int, *, compression: int = 1) -> list[tuple[int, int, int, int]]:
    """What says that a TIFF is 8-bit grey: tag, type, count, value or place."""
    return [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, compression), (262, 3, 1, 1)]


def one_strip(height: int, size: int) -> list[tuple[int, int, int, int]]:
    """One strip of `size` bytes, at the start of the data of `tiff`."""
    return [(273, 4, 1, 8), (278, 4, 1, height), (279, 4, 1, size)]


def tiff(fields: list[tuple[int, int, int, int]], data: bytes) -> bytes:
    """A little-endian TIFF: the data from byte 8 on, then a directory of fields in the order given."""
    data += b"\0" * (len(data) % 2)
    entries = b"".join(struct.pack("<HHLL", *field) for field in fields)
    return b"II*\0" + struct.pack("<L", 8 + len(data)) + data + struct.pack("<H", len(fields)) + entries + bytes(4)


def overlapping_exif(fields: int, size: int) -> bytes:
    """An EXIF block whose many fields all claim the same `size` bytes."""
    entries = b"".join(struct.pack("<HHLL", 300 + i, 7, size, 0) for i in range(fields))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", fields) + entries + bytes(size)


def repeated_frames(width: int, height: int, count: int) -> bytes:
    """An AVIF whose one item is the same compressed frame over and over; the decoder goes through all of them."""
    photo = encoded(Image.new("RGB", (width, height), "red"), "AVIF", speed=10)
    start = photo.index(b"mdat") + 4
    frame = photo[start:]
    place = photo.index(struct.pack(">LL", start, len(frame)))
    sizes = struct.pack(">LL", start, len(frame) * count)
    head = photo[:place] + sizes + photo[place + 8 : start - 8]
    return head + struct.pack(">L", 8 + len(frame) * count) + b"mdat" + frame * count
