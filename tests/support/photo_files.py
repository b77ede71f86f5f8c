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


def with_chunks(photo: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG with further chunks after its header."""
    return photo[:33] + b"".join(chunk(*each) for each in chunks) + photo[33:]


def raw_png(samples: np.ndarray, depth: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of whole numbers, grey (height, width) or RGB (height, width, 3), of 1 to 16 bits each."""
    height, width = samples.shape[:2]
    bits = samples.reshape(height, -1, 1) >> np.arange(depth)[::-1] & 1
    rows = np.packbits(bits.reshape(height, -1).astype(np.uint8), axis=1)
    pixels = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    header = struct.pack(">IIBBBBB", width, height, depth, 2 * (samples.ndim == 3), 0, 0, 0)
    named = ((b"IHDR", header), *chunks, (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in named)


def apng_with_default(default: Image.Image, frame: Image.Image, left: int, top: int, blend: int) -> bytes:
    """An APNG of one frame, of the mode of its default picture, which is no frame."""
    photo, drawn = encoded(default, "PNG"), encoded(frame, "PNG")
    place = drawn.index(b"IDAT")
    pixels = drawn[place + 4 : place + 4 + struct.unpack_from(">L", drawn, place - 4)[0]]
    control = struct.pack(">IIIIIHHBB", 0, *frame.size, left, top, 1, 1, 0, blend)
    animation = chunk(b"fcTL", control) + chunk(b"fdAT", struct.pack(">L", 1) + pixels)
    return with_chunks(photo[:-12], (b"acTL", struct.pack(">LL", 1, 0))) + animation + photo[-12:]


# The light of red, green and blue as XYZ under D50.
COLORANTS = {
    "Display P3": ((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407)),
    "Adobe RGB": ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)),
    "ProPhoto": ((0.79767, 0.28804, 0.0), (0.13519, 0.71187, 0.0), (0.03134, 0.00009, 0.82491)),
    "sRGB": ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.7141)),
}


def icc_profile(space: bytes, tags: dict[bytes, bytes], connection: bytes = b"XYZ ") -> bytes:
    """An ICC profile of a screen or, of four inks, a printer."""
    kind = b"prtr" if space == b"CMYK" else b"mntr"
    tags = {b"wtpt": xyz(0.9642, 1.0, 0.8249), **tags}
    table, body = b"", b""
    for name, data in tags.items():
        table += name + struct.pack(">LL", 132 + 12 * len(tags) + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">4s4sL4s4s4s12x4s28x", b"", b"", 0x02400000, kind, space, connection, b"acsp")
    rest = head[4:] + xyz(0.9642, 1.0, 0.8249)[8:] + bytes(48) + struct.pack(">L", len(tags)) + table + body
    return struct.pack(">L", 4 + len(rest)) + rest


def xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3l", *(round(value * 65536) for value in values))


def gamma_curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">LH", 1, round(gamma * 256))


def rgb_profile(name: str, gamma: float = 2.2) -> bytes:
    primaries = dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), (xyz(*light) for light in COLORANTS[name]), strict=True))
    return icc_profile(b"RGB ", primaries | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), gamma_curve(gamma)))


def grey_profile(gamma: float) -> bytes:
    return icc_profile(b"GRAY", {b"kTRC": gamma_curve(gamma)})


def ink_profile() -> bytes:
    """Of four inks, by a table of their 16 full mixtures as Lab: cyan is green, black is grey."""
    mixtures = [(255 * (3 - (c + m + y) / 2) / 3 * (1 - 0.8 * k), 128 - 60 * c + 60 * m, 128 + 50 * y - 30 * m)
                for c in (0, 1) for m in (0, 1) for y in (0, 1) for k in (0, 1)]  # fmt: skip
    one = struct.pack(">9l", *(65536 * (i % 4 == 0) for i in range(9)))
    ramp, table = bytes(range(256)), bytes(int(value) for mixture in mixtures for value in mixture)
    lookup = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + one + ramp * 4 + table + ramp * 3
    return icc_profile(b"CMYK", {b"A2B0": lookup}, b"Lab ")


def with_nclx(photo: bytes, primaries: int, curve: int) -> bytes:
    """An AVIF or HEIC with other numbers for its colours."""
    place = photo.index(b"colrnclx") + 8
    return photo[:place] + struct.pack(">HH", primaries, curve) + photo[place + 4 :]
