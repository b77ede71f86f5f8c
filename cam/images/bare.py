"""Cut a file down to its first picture before a decoder sees it: `bare_...(data) -> (data, EXIF orientation)`.

A decoder also reads what stands beside the pixels, and that is where small files ask for gigabytes and hours: text that
inflates, EXIF blocks whose values overlap, profiles in a million pieces, thousands of frames. None of it is shown here.
What is refused is an ImageError; what is damaged may end in another exception.
"""

import re
import struct
from itertools import count

from cam.errors import ImageError
from cam.images.limits import (
    MAX_PIECES,
    MAX_RLE_PIXELS,
    MAX_SCANS,
    MAX_TABLES,
    check_count,
    check_size,
)
from cam.images.tiff import exif_orientation

# A marker is one or more bytes FF and one that says which; in compressed data FF is followed by 0 or a restart marker.
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd8])")
_START_OF_SCAN, _END, _APP1 = 0xDA, 0xD9, 0xE1
# Frames of the kinds that browsers show: baseline, extended, progressive. Others are rare, and slow for their size.
_FRAMES = {0xC0, 0xC1, 0xC2}
_OTHER_FRAMES = {*range(0xC3, 0xD0)} - {0xC4, 0xC8, 0xCC}
# Besides a frame: Huffman tables, scan, quantization tables, restarts.
_TABLES = _FRAMES | {0xC4, _START_OF_SCAN, 0xDB, 0xDD}
# JFIF and Adobe say how colours are stored.
_COLOURS = {0xE0: b"JFIF\0", 0xEE: b"Adobe"}

_GRAPHIC_CONTROL = 0xF9
# Run-length encodings of a BMP, of 8 and of 4 bits.
_RLE = {1, 2}
_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_WEBP_CHUNKS = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF"}


def bare_jpeg(data: bytes) -> tuple[bytes, int]:
    """The tables and scans up to the end of the first picture; phones add others after it."""
    kept, orientation, at = [data[:2]], 1, 2
    for pieces in count():
        check_count(pieces, MAX_PIECES, "pieces")
        marker = _MARKER.search(data, at)
        kind, at = marker[1][0], marker.end()
        length = int.from_bytes(data[at : at + 2])
        segment, at = data[at : at + length], at + length
        if kind in _OTHER_FRAMES:
            raise ImageError(
                "This JPEG is of a rare kind (arithmetic, lossless or hierarchical). Save it again as an ordinary JPEG."
            )
        if kind in _TABLES or (kind in _COLOURS and segment[2:].startswith(_COLOURS[kind])):
            kept.append(bytes((0xFF, kind)) + segment)
        elif kind == _APP1 and segment[2:8] == b"Exif\0\0" and orientation == 1:
            orientation = exif_orientation(segment[8:])
        if kind == _START_OF_SCAN:
            break
    check_count(sum(map(len, kept)), MAX_TABLES, "bytes of tables")
    end = data.find(bytes((0xFF, _END)), at)
    rest = data[at:] if end < 0 else data[at : end + 2]
    check_count(1 + rest.count(bytes((0xFF, _START_OF_SCAN))), MAX_SCANS, "scans")
    return b"".join((*kept, rest)), orientation


def bare_png(data: bytes) -> tuple[bytes, int]:
    """Header, palette, transparent colour and pixels."""
    view, kept, orientation, at = memoryview(data), [_PNG_START], 1, len(_PNG_START)
    for pieces in count():
        check_count(pieces, MAX_PIECES, "pieces")
        head = data[at : at + 8]
        length, name = int.from_bytes(head[:4]), head[4:]
        # Length, name, data, checksum.
        if name in _PNG_CHUNKS:
            kept.append(view[at : at + length + 12])
        elif name == b"eXIf":
            orientation = exif_orientation(data[at + 8 : at + 8 + length].removeprefix(b"Exif\0\0"))
        at += length + 12
        if name == b"IEND" or at >= len(data):
            return b"".join(kept), orientation


def bare_webp(data: bytes) -> tuple[bytes, int]:
    """The picture, or of an animation the first frame."""
    view, kept, orientation, at = memoryview(data), {}, 1, 12
    riff_end = min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    for pieces in count():
        check_count(pieces, MAX_PIECES, "pieces")
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + length + length % 2
        if name == b"EXIF":
            orientation = exif_orientation(data[at + 8 : at + 8 + length].removeprefix(b"Exif\0\0"))
        elif name in _WEBP_CHUNKS:
            kept.setdefault(name, view[at:end])
        at = end
        if at >= riff_end:
            break
    if b"VP8X" in kept:
        extended = bytearray(kept[b"VP8X"])
        # Of the announced parts only transparency and animation are there.
        extended[8] &= 0x12
        kept[b"VP8X"] = extended
    size = 4 + sum(map(len, kept.values()))
    return b"".join((b"RIFF", size.to_bytes(4, "little"), b"WEBP", *kept.values())), orientation


def bare_gif(data: bytes) -> tuple[bytes, int]:
    """Screen, palette, what is said about transparency, and the first frame with all that follows it."""
    at = after_screen = 13 + _palette_bytes(data[10])
    control = b""
    pieces = 0
    while data[at] != ord(","):
        start, at = at, at + 1
        if data[start] == ord("!"):
            # An extension: its kind, then blocks, each after its length, of which the last is 0.
            at += 1
            while length := data[at]:
                at += 1 + length
                pieces += 1
                check_count(pieces, MAX_PIECES, "pieces")
            at += 1
            if data[start + 1] == _GRAPHIC_CONTROL:
                control = data[start:at]
        elif data[start] == ord(";"):
            raise ValueError("no picture before the end")
        pieces += 1
        check_count(pieces, MAX_PIECES, "pieces")
    left, top, width, height = struct.unpack_from("<4H", data, at + 1)
    screen = struct.unpack_from("<2H", data, 6)
    # Here, because Pillow warns of a large frame before its size can be seen.
    check_size(max(screen[0], left + width), max(screen[1], top + height))
    return b"".join((data[:after_screen], control, memoryview(data)[at:])), 1


def _palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 128 else 0


def bare_bmp(data: bytes) -> tuple[bytes, int]:
    """All of it: nothing stands beside the picture. A large one that is run-length encoded is refused."""
    header, width, height = struct.unpack_from("<Lll", data, 14)
    if header >= 40 and int.from_bytes(data[30:34], "little") in _RLE:
        check_count(max(width * abs(height), len(data)), MAX_RLE_PIXELS, "run-length encoded pixels")
    return data, 1


def whole(data: bytes) -> tuple[bytes, int]:
    """All of it, for a decoder that is limited in another way."""
    return data, 1
