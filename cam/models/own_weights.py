"""Check the HDF5 file of an own model's weights before any is read: plain arrays, in this file, as large as they say.

HDF5 can also link to other files, keep numbers in other files, and declare arrays that are not there; Keras writes none
of that (CVE-2026-1669 reads files of the server that way).
"""

import math

import h5py

from cam.errors import ModelError

_OBJECTS = 100_000
_ADVICE = "Keras does not write that. Save the model again with model.save('name.keras')."
_NUMBERS = "fiub"  # the kinds of NumPy's floats, integers and booleans


def check_weights(file: h5py.File, size: int) -> int:
    """How many numbers the weights of an HDF5 file of `size` bytes are, without those of an optimizer.

    Raises:
        ModelError: anything but groups of plain arrays of numbers that are all in the file.
    """
    seen: set[int] = set()
    waiting: list[tuple[str, h5py.Group]] = [("", file)]
    held, numbers = 0, 0
    while waiting:
        path, group = waiting.pop()
        check_attributes(path or "/", group, size)
        for name in group:
            inner = f"{path}/{name}"
            child = _hard_linked(group, name, inner, seen)
            if isinstance(child, h5py.Group):
                waiting.append((inner, child))
                continue
            held += _check_array(inner, child)
            numbers += 0 if inner.startswith("/optimizer") else child.size
            if held > size:
                raise ModelError(f"its arrays declare more than the {size:,} bytes that it has. {_ADVICE}")
    return numbers


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
    if array.dtype.kind not in _NUMBERS or array.shape is None:
        raise ModelError(f"the array {_quoted(path)} is not made of numbers. {_ADVICE}")
    declared = math.prod(array.shape) * array.dtype.itemsize
    if declared > (there := array.id.get_storage_size()):
        raise ModelError(f"the array {_quoted(path)} declares {declared:,} bytes, and {there:,} are there. {_ADVICE}")
    return declared


def check_attributes(path: str, group: h5py.Group, size: int) -> None:
    """Refuse attributes of a group that are declared larger than a file of `size` bytes (ModelError)."""
    for index in range(h5py.h5a.get_num_attrs(group.id)):
        attribute = h5py.h5a.open(group.id, index=index)
        if math.prod(attribute.shape or ()) * attribute.dtype.itemsize > size:
            raise ModelError(f"an attribute of {_quoted(path)} declares more than the file has. {_ADVICE}")


def _quoted(path: str) -> str:
    return repr(path if len(path) <= 80 else f"{path[:80]}...")
