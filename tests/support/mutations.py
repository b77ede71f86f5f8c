"""Damage to files that hypothesis chooses, and how long it goes on: a moment, or CAM_FUZZ_EXAMPLES examples a test."""

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

_LONG = os.environ.get("CAM_FUZZ_EXAMPLES", "")
# Numbers that parsers trip over: nothing, one, the largest with and without sign.
_WORDS = (b"\0\0", b"\1\0", b"\0\1", b"\xff\xff", b"\xff\x7f", b"\x7f\xff", b"\0\0\0\x80", b"\xff" * 4, b"\0" * 8)


def fuzzed(examples: int) -> settings:
    """The same examples each time, unless CAM_FUZZ_EXAMPLES asks for more and other ones."""
    return settings(
        max_examples=int(_LONG or examples),
        derandomize=not _LONG,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@st.composite
def damaged(draw: st.DrawFn, files: list[bytes], marks: tuple[bytes, ...] = ()) -> bytes:
    """One of the files after one to six changes: bytes set, `marks` of the format written in, parts cut or moved."""
    data = bytearray(draw(st.sampled_from(files)))
    for _ in range(draw(st.integers(1, 6))):
        change = draw(st.sampled_from(_CHANGES))
        change(draw, data, (*_WORDS, *marks))
    return bytes(data)


def _place(draw: st.DrawFn, data: bytearray) -> int:
    """Anywhere, and more often near the start, where headers are."""
    return min(draw(st.one_of(st.integers(0, 63), st.integers(0, max(0, len(data) - 1)))), len(data))


def _set_byte(draw: st.DrawFn, data: bytearray, words: tuple[bytes, ...]) -> None:
    at = _place(draw, data)
    data[at : at + 1] = bytes((draw(st.integers(0, 255)),))


def _flip_bit(draw: st.DrawFn, data: bytearray, words: tuple[bytes, ...]) -> None:
    if at := data[(place := _place(draw, data)) : place + 1]:
        data[place] = at[0] ^ 1 << draw(st.integers(0, 7))


def _write(draw: st.DrawFn, data: bytearray, words: tuple[bytes, ...]) -> None:
    word, at = draw(st.sampled_from(words)), _place(draw, data)
    data[at : at + len(word)] = word


def _insert(draw: st.DrawFn, data: bytearray, words: tuple[bytes, ...]) -> None:
    at = _place(draw, data)
    data[at:at] = draw(st.one_of(st.sampled_from(words), st.binary(max_size=40))) * draw(st.integers(1, 3))


def _repeat(draw: st.DrawFn, data: bytearray, words: tuple[bytes, ...]) -> None:
    start, end = sorted((_place(draw, data), _place(draw, data)))
    at = _place(draw, data)
    data[at:at] = data[start : min(end, start + 300)] * draw(st.integers(1, 4))


def _remove(draw: st.DrawFn, data: bytearray, words: tuple[bytes, ...]) -> None:
    at = _place(draw, data)
    del data[at : at + draw(st.integers(1, 64))]


def _cut_off(draw: st.DrawFn, data: bytearray, words: tuple[bytes, ...]) -> None:
    del data[_place(draw, data) :]


_CHANGES = (_set_byte, _set_byte, _flip_bit, _write, _write, _insert, _repeat, _remove, _cut_off)
