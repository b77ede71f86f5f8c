"""Read a PyTorch checkpoint of the old (pre-zip) format into NumPy without PyTorch and without running its code.

The format is five pickles (magic number, protocol, machine, state dict, storage keys) and then the raw storages, each
an int64 count followed by its values. A pickle is a program, so the unpickler here may look up three names only, and
what it finds under them are inert objects of this module.
"""

import io
import math
import pickle
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from cam.errors import ModelError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001


# Named tuples, because a pickle can rewrite the fields of most other objects that it was handed.
class _Kind(NamedTuple):
    """Stands in for a storage class of PyTorch: the dtype of its values."""

    dtype: str


class _Storage(NamedTuple):
    """A flat array that follows the pickles: `size` values of one kind, found by `key`."""

    kind: _Kind
    key: str
    size: int


class _Tensor(NamedTuple):
    """A strided view of a storage; offset and strides in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def view(self, values: np.ndarray) -> np.ndarray:
        numbers = (self.offset, *self.shape, *self.strides)
        last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True))
        whole = all(type(n) is int and n >= 0 for n in numbers) and 0 not in self.shape
        if not whole or last >= values.size or math.prod(self.shape) > values.size:
            raise ValueError(f"a tensor of shape {self.shape} does not fit its storage of {values.size} values")
        strides = tuple(s * values.itemsize for s in self.strides)
        return np.lib.stride_tricks.as_strided(values[self.offset :], self.shape, strides).copy()


class _RebuildTensor:
    """Stands in for `torch._utils._rebuild_tensor_v2`; without attributes, so a pickle cannot change it."""

    __slots__ = ()

    def __call__(
        self, storage: object, offset: int, shape: Iterable[int], strides: Iterable[int], *unused: object
    ) -> _Tensor:
        if not isinstance(storage, _Storage):
            raise pickle.UnpicklingError("a tensor without a storage")
        return _Tensor(storage, offset, tuple(shape), tuple(strides))


# The one in Python: the one in C makes room for 2**31 objects where one damaged bit says so.
class _Unpickler(pickle._Unpickler):
    """Looks up the names in `allowed` only; refuses every other global, and persistent ids that are no storage."""

    def __init__(self, file: BinaryIO, allowed: dict[tuple[str, str], object]):
        super().__init__(file)
        self._allowed = allowed

    def find_class(self, module: str, name: str) -> object:
        try:
            return self._allowed[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no weights need") from None

    def persistent_load(self, pid: object) -> _Storage:
        match pid:
            case ("storage", _Kind() as kind, str() as key, str(), int() as count, None) if count >= 0:
                return _Storage(kind, key, count)
        raise pickle.UnpicklingError(f"it refers to {pid!r}, which is no plain storage")


_STATE_GLOBALS = {
    ("torch", "FloatStorage"): _Kind("<f4"),
    ("torch", "LongStorage"): _Kind("<i8"),
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _RebuildTensor(),
}


def _read_storages(file: BinaryIO, keys: list[str], wanted: dict[str, _Storage]) -> dict[str, np.ndarray]:
    if len(keys) != len(set(keys)) or set(keys) != set(wanted):
        raise ValueError("its list of storages does not match its tensors")
    storages = {}
    for key in keys:
        storage = wanted[key]
        count = int.from_bytes(file.read(8), "little", signed=True)
        if count != storage.size:
            raise ValueError(f"storage {key} holds {count} values instead of {storage.size}")
        dtype = np.dtype(storage.kind.dtype)
        data = file.read(count * dtype.itemsize)
        if len(data) != count * dtype.itemsize:
            raise ValueError("it ends early")
        storages[key] = np.frombuffer(data, dtype)
    return storages


def _read(file: BinaryIO) -> dict[str, np.ndarray]:
    def load(allowed: dict[tuple[str, str], object] | None = None) -> Any:
        return _Unpickler(file, allowed or {}).load()

    if (magic := load()) != _MAGIC:
        raise ValueError(f"it does not start as one does (magic number {magic!r})")
    if (protocol := load()) != _PROTOCOL:
        raise ValueError(f"its protocol is {protocol!r} instead of {_PROTOCOL}")
    if load().get("little_endian") is not True:
        raise ValueError("its numbers are big-endian")
    state = load(_STATE_GLOBALS)
    keys = load()
    if not isinstance(state, dict) or not all(isinstance(t, _Tensor) for t in state.values()):
        raise ValueError("it holds something else than named tensors")
    described = {tensor.storage for tensor in state.values()}
    wanted = {storage.key: storage for storage in described}
    if len(wanted) != len(described):
        raise ValueError("it describes one storage in two ways")
    # Tensors may share a storage, but together they are no more than all storages: a small file stays small in memory.
    if sum(math.prod(tensor.shape) for tensor in state.values()) > sum(storage.size for storage in described):
        raise ValueError("its tensors have more values than its storages")
    storages = _read_storages(file, keys, wanted)
    if file.read(1):
        raise ValueError("something follows its last storage")
    return {name: tensor.view(storages[tensor.storage.key]) for name, tensor in state.items()}


def read_checkpoint(path: str | Path) -> dict[str, np.ndarray]:
    """Return the named tensors of a checkpoint: float32 and int64 arrays, C-contiguous, in the file's order.

    Raises:
        ModelError: the file is missing, truncated, of another format, or asks for anything but plain tensors.
    """
    try:
        # In memory, where reading a made-up length gives what is there; a file would allocate the length first.
        return _read(io.BytesIO(Path(path).read_bytes()))
    except OSError as error:
        raise ModelError(f"The weights file {path} cannot be read: {error.strerror}.") from error
    # A hostile or cut-off pickle can end in nearly any exception; each means the same to the reader.
    except Exception as error:
        raise ModelError(
            f"{path} is not a PyTorch weights file that can be read safely: {error}. "
            "Install the package it came from again."
        ) from error
