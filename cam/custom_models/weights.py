"""Copy the weights of a custom model into an HDF5 file that is safe to open here, if they are plain arrays.

A damaged HDF5 file can crash the library that reads it, or make it take gigabytes, and with it a whole server. So a
child process with limits copies it, and what is opened in the server is the copy.

HDF5 can also link to other files, keep numbers in other files, and declare arrays that are not there. Keras writes none
of that (CVE-2026-1669 reads files of the server that way; 2026-0897 and 2026-12570 declare more than is there).
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from cam.errors import ModelError
from cam.sandbox import ChildError, LimitError, Limits, call_in_child

_COPY = f"{__name__}:copy_weights"
_WALL_SECONDS = 120
# Addresses of the child: of Python with its libraries, and of the largest array, which may be read twice.
_MEMORY_BYTES = 2**29
_OBJECTS = 100_000
_TEXT_BYTES = 2**24
_ADVICE = "Keras does not write that. Save the model again with model.save('name.keras')."
_NUMBERS = "fiub"  # the kinds of NumPy's floats, integers and booleans
_BFLOAT16 = np.dtype("V2")  # which NumPy does not know; Keras writes its two bytes


class Weights(NamedTuple):
    """A clean HDF5 file of weights, and how many numbers they are."""

    path: Path
    numbers: int


def clean_weights(source: Path, target: Path) -> Weights:
    """Check the HDF5 file of a model and copy its arrays and texts.

    Raises:
        ModelError: it is damaged, or holds anything but groups of plain arrays of numbers that are all in it.
    """
    memory_bytes = _MEMORY_BYTES + 2 * source.stat().st_size
    limits = Limits(memory_bytes, cpu_seconds=_WALL_SECONDS, wall_seconds=_WALL_SECONDS)
    try:
        numbers = call_in_child(_COPY, source, target, limits=limits, empty_environment=True)
    except LimitError as error:
        raise ModelError(
            f"reading its weights takes more than {_WALL_SECONDS} s or {memory_bytes // 2**20:,} MB, "
            "so they are damaged."
        ) from error
    except ChildError as error:
        reason = (error.last_lines or ["the library that reads it crashed"])[-1]
        raise ModelError(
            f"its HDF5 file is damaged ({reason[:200]}). Copy it again, or save the model again."
        ) from error
    return Weights(target, int(numbers))


def copy_weights(source: Path, target: Path) -> bytes:
    """Copy all arrays but those of an optimizer, and all texts that belong to them; return how many numbers, as text.

    Raises:
        ModelError: anything but groups of plain arrays of numbers that are all in the file.
    """
    size = source.stat().st_size
    numbers, held = 0, 0
    with h5py.File(source, "r") as old, h5py.File(target, "w") as new:
        _copy_texts("/", old, new, size)
        for path, item in _walk(old):
            if isinstance(item, h5py.Group):
                _copy_texts(path, item, new.require_group(path), size)
                continue
            held += _check_array(path, item)
            if held > size:
                raise ModelError(f"its arrays declare more than the {size:,} bytes that it has. {_ADVICE}")
            if not path.startswith("/optimizer"):
                numbers += item.size
                _copy_texts(path, item, new.create_dataset(path, data=item[()]), size)
    return str(numbers).encode()


def _walk(file: h5py.File) -> Iterator[tuple[str, h5py.Group | h5py.Dataset]]:
    seen: set[int] = set()
    waiting: list[tuple[str, h5py.Group]] = [("", file)]
    while waiting:
        path, group = waiting.pop()
        for name in group:
            inner = f"{path}/{name}"
            child = _hard_linked(group, name, inner, seen)
            if isinstance(child, h5py.Group):
                waiting.append((inner, child))
            yield inner, child


def _hard_linked(group: h5py.Group, name: str, path: str, seen: set[int]) -> h5py.Group | h5py.Dataset:
    """What a name of a group stands for, if it is in this file and was not met before, as links can go in circles."""
    if group.id.links.get_info(name.encode(), lapl=None).type != h5py.h5l.TYPE_HARD:
        raise ModelError(f"{_quoted(path)} is a link to another place or file. {_ADVICE}")
    child = group[name]
    if not isinstance(child, h5py.Group | h5py.Dataset):
        raise ModelError(f"{_quoted(path)} is neither a group nor an array. {_ADVICE}")
    address = h5py.h5o.get_info(child.id).addr
    if address in seen:
        raise ModelError(f"{_quoted(path)} is there under two names. {_ADVICE}")
    seen.add(address)
    if len(seen) > _OBJECTS:
        raise ModelError(f"it holds more than {_OBJECTS:,} arrays and groups. {_ADVICE}")
    return child


def _check_array(path: str, array: h5py.Dataset) -> int:
    """The bytes of an array, which its file really holds."""
    layout = array.id.get_create_plist()
    if layout.get_layout() == h5py.h5d.VIRTUAL or layout.get_external_count():
        raise ModelError(f"the array {_quoted(path)} is kept in another place or file. {_ADVICE}")
    if layout.get_nfilters():
        raise ModelError(f"the array {_quoted(path)} is compressed. {_ADVICE}")
    if not (array.dtype.kind in _NUMBERS or array.dtype == _BFLOAT16) or array.shape is None:
        raise ModelError(f"the array {_quoted(path)} is not made of numbers. {_ADVICE}")
    declared = math.prod(array.shape) * array.dtype.itemsize
    if declared > (there := array.id.get_storage_size()):
        raise ModelError(f"the array {_quoted(path)} declares {declared:,} bytes, and {there:,} are there. {_ADVICE}")
    return declared


def _copy_texts(path: str, old: h5py.HLObject, new: h5py.HLObject, size: int) -> None:
    """Copy the attributes that are texts or lists of texts; what else there is, nothing asks for."""
    for name in old.attrs:
        described = old.attrs.get_id(name)
        if math.prod(described.shape or ()) * described.dtype.itemsize > size:
            raise ModelError(f"an attribute of {_quoted(path)} declares more than the file has. {_ADVICE}")
        value = old.attrs[name]
        if isinstance(value, np.ndarray) and value.dtype.kind in "SOU" and value.ndim == 1:
            encoded = [text if isinstance(text, bytes) else str(text).encode() for text in value]
            new.attrs[name] = np.array(encoded, "S" if encoded else "S1")
        elif isinstance(value, str | bytes):
            if len(value) > _TEXT_BYTES:
                raise ModelError(f"a text in it is longer than {_TEXT_BYTES // 2**20} MB.")
            new.attrs[name] = value if isinstance(value, str) else value.decode()


def _quoted(path: str) -> str:
    return repr(path if len(path) <= 80 else f"{path[:80]}...")
