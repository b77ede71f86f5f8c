"""Read the directory of a TIFF file or of an EXIF block, which is one, as far as a picture needs it.

A directory is a list of fields (tag, type, count, values or their place). Its values may lie anywhere and overlap, so a
small file can claim gigabytes; what is read here is bounded by `MAX_STRIPS`.
"""

import struct
from typing import NamedTuple

from cam.errors import ImageError
from cam.images.limits import MAX_STRIPS, TOO_LONG, check_count, max_pixels

# Bytes of a value of each type.
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
# How struct names the types of whole numbers without sign: BYTE, SHORT, LONG, LONG8.
_WHOLE = {1: "B", 3: "H", 4: "L", 16: "Q"}
_MAX_FIELDS = 65_535

_ORIENTATION = 274
_WIDTH, _HEIGHT, _COMPRESSION = 256, 257, 259
_TILE_WIDTH, _TILE_HEIGHT = 322, 323
# Places and lengths of the strips, of the tiles.
_PLACES = ((273, 279), (324, 325))
# What describes pixels by one number: besides the above the meaning of a value, bit order, samples, rows in a strip,
# planes, two options of fax coding, predictor.
_ONE = {_WIDTH, _HEIGHT, _COMPRESSION, _TILE_WIDTH, _TILE_HEIGHT, 262, 266, 277, 278, 284, 292, 293, 317}
# By several: the places, bits of a sample, palette, extra samples, sample format, JPEG tables, and four of YCbCr.
_SEVERAL = {273, 279, 324, 325, 258, 320, 338, 339, 347, 529, 530, 531, 532}
# None, CCITT (three), LZW, JPEG, deflate, PackBits, deflate's older number. Others are rare and seldom tested.
_COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946}


class _Layout(NamedTuple):
    """How a directory is laid out: byte order, and in struct's terms a count of fields, a field, and a place."""

    order: str
    fields: str
    field: str
    place: str
    header: int

    def number(self, data: bytes, at: int, format: str) -> int:
        # A slice, because a place may be larger than any that struct takes.
        return struct.unpack(self.order + format, data[at : at + struct.calcsize(self.order + format)])[0]


class _Field(NamedTuple):
    type: int
    count: int
    data: bytes


def exif_orientation(exif: bytes) -> int:
    """The EXIF orientation, 1 to 8, that an EXIF block tells; 1 where it tells none or is damaged."""
    try:
        layout = _layout(exif)
        return _orientation(layout, _read(exif, layout, {_ORIENTATION}).get(_ORIENTATION))
    # A photo is worth showing whatever is wrong beside it.
    except (ImageError, LookupError, ValueError, struct.error):
        return 1


def bare_tiff(data: bytes) -> tuple[bytes, int]:
    """A TIFF with only the fields that describe the pixels of its first picture, and its EXIF orientation.

    Raises:
        ImageError: a compression that is not accepted, or strips or tiles that take too long.
    """
    layout = _layout(data)
    fields = _read(data, layout, _ONE | _SEVERAL | {_ORIENTATION})
    orientation = _orientation(layout, fields.pop(_ORIENTATION, None))
    # Several numbers where one belongs: the first counts.
    fields = {
        tag: field._replace(count=1, data=field.data[: _SIZES[field.type]]) if tag in _ONE else field
        for tag, field in fields.items()
    }
    _check_work(layout, fields, len(data))
    return _written(data, layout, fields), orientation


def _layout(data: bytes) -> _Layout:
    order = {b"II": "<", b"MM": ">"}[data[:2]]
    layouts = {42: _Layout(order, "H", "HHL4s", "L", 8), 43: _Layout(order, "Q", "HHQ8s", "Q", 16)}
    return layouts[struct.unpack_from(order + "H", data, 2)[0]]


def _read(data: bytes, layout: _Layout, wanted: set[int]) -> dict[int, _Field]:
    """The first field of each wanted tag in the first directory."""
    # Classic TIFF: "II", 42, place. BigTIFF: "II", 43, two numbers that never change, place.
    at = layout.number(data, layout.header // 2, layout.place)
    count = layout.number(data, at, layout.fields)
    check_count(count, _MAX_FIELDS, "fields")
    at += struct.calcsize(layout.order + layout.fields)
    size = count * struct.calcsize(layout.order + layout.field)
    found = {}
    for tag, type_, values, held in struct.iter_unpack(layout.order + layout.field, _part(data, at, size)):
        if tag in wanted and tag not in found and type_ in _SIZES and values:
            # A palette has fewer, 3 x 65,536 at most.
            check_count(values, MAX_STRIPS, "strips or tiles")
            size = values * _SIZES[type_]
            held = held[:size] if size <= len(held) else _part(data, layout.number(held, 0, layout.place), size)
            found[tag] = _Field(type_, values, held)
    return found


def _part(data: bytes, at: int, size: int) -> bytes:
    if at + size > len(data):
        raise ValueError("a part of the directory lies outside of the file")
    return data[at : at + size]


def _numbers(layout: _Layout, field: _Field) -> tuple[int, ...]:
    return struct.unpack(f"{layout.order}{field.count}{_WHOLE[field.type]}", field.data)


def _orientation(layout: _Layout, field: _Field | None) -> int:
    value = _numbers(layout, field)[0] if field and field.type in _WHOLE else 1
    return value if 1 <= value <= 8 else 1


def _check_work(layout: _Layout, fields: dict[int, _Field], size: int) -> None:
    """Raise where decoding would take more than a few passes over the file and the pixels."""

    def numbers(tag: int, default: int) -> tuple[int, ...]:
        return _numbers(layout, fields[tag]) if tag in fields else (default,)

    compression = numbers(_COMPRESSION, 1)[0]
    if compression not in _COMPRESSIONS:
        raise ImageError(
            f"This TIFF is compressed in a way that is not accepted (number {compression}). Save it as JPEG or PNG."
        )
    for places, lengths in _PLACES:
        if places in fields and compression != 1:
            # Where lengths are missing, a decoder takes each strip to be as long as the file.
            known = numbers(lengths, size if fields[places].count == 1 else 0)
            # Equal tiles may be stored once, but not so many that the file is read over and over.
            if len(known) < fields[places].count or 0 in known or sum(known) > 4 * size:
                raise ImageError(TOO_LONG)
    if _TILE_WIDTH in fields and _TILE_HEIGHT in fields:
        sides = zip((_WIDTH, _HEIGHT), (_TILE_WIDTH, _TILE_HEIGHT), strict=True)
        (wide, tile_wide), (high, tile_high) = ((numbers(a, 0)[0], numbers(b, 0)[0]) for a, b in sides)
        if -(-wide // tile_wide) * tile_wide * -(-high // tile_high) * tile_high > 2 * max_pixels():
            # Much larger than the picture, and all of it would be decoded.
            raise ImageError(TOO_LONG)


def _written(data: bytes, layout: _Layout, fields: dict[int, _Field]) -> bytes:
    """The file with another directory, of these fields, at its end."""
    at = len(data) + len(data) % 2
    values_at = (
        at
        + struct.calcsize(layout.order + layout.fields + layout.place)
        + len(fields) * struct.calcsize(layout.order + layout.field)
    )
    width = struct.calcsize(layout.order + layout.place)
    entries, values = [], []
    for tag, field in sorted(fields.items()):
        held = field.data
        if len(held) > width:
            values.append(held + b"\0" * (len(held) % 2))
            held = struct.pack(layout.order + layout.place, values_at)
            values_at += len(values[-1])
        entries.append(struct.pack(layout.order + layout.field, tag, field.type, field.count, held))
    head = data[: layout.header // 2] + struct.pack(layout.order + layout.place, at)
    start = struct.pack(layout.order + layout.fields, len(fields))
    end = struct.pack(layout.order + layout.place, 0)
    return b"".join((head, memoryview(data)[layout.header :], b"\0" * (at - len(data)), start, *entries, end, *values))
