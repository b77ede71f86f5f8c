"""Write PyTorch's pre-zip checkpoints opcode by opcode, so that a test can write wrong and hostile ones as well."""

import struct
from dataclasses import dataclass
from pathlib import Path
from pickle import encode_long
from typing import Any

import numpy as np
import pytest

from cam.errors import ModelError
from cam.models.torch_checkpoint import read_checkpoint

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
SYS_INFO = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}


@dataclass(frozen=True)
class Global:
    """An object that the pickle looks up by name."""

    module: str
    name: str


@dataclass(frozen=True)
class Call:
    """REDUCE: call a function with arguments."""

    function: Any
    arguments: tuple


@dataclass(frozen=True)
class Build:
    """BUILD: set the state of an object."""

    target: Any
    state: Any


@dataclass(frozen=True)
class Ordered:
    """An OrderedDict filled with items, and its attributes (PyTorch sets `_metadata`)."""

    items: dict
    attributes: dict | None = None


@dataclass(frozen=True)
class Persistent:
    """A reference to an object outside of the pickle."""

    pid: Any


def storage(key: str, count: int, kind: str = "FloatStorage") -> Persistent:
    return Persistent(("storage", Global("torch", kind), key, "cpu", count, None))


def tensor(stored: Any, offset: Any, shape: tuple, strides: tuple) -> Call:
    hooks = Ordered({})
    return Call(Global("torch._utils", "_rebuild_tensor_v2"), (stored, offset, shape, strides, False, hooks))


def pickled(value: Any) -> bytes:
    """A pickle of protocol 2."""
    return b"\x80\x02" + _opcodes(value) + b"."


def _opcodes(value: Any) -> bytes:
    match value:
        case None | True | False:
            return {None: b"N", True: b"\x88", False: b"\x89"}[value]
        case int():
            data = encode_long(value)
            return b"\x8a" + bytes([len(data)]) + data
        case float():
            return b"G" + struct.pack(">d", value)
        case str():
            return b"X" + struct.pack("<I", len(value.encode())) + value.encode()
        case tuple():
            return b"(" + b"".join(map(_opcodes, value)) + b"t"
        case list():
            return b"(" + b"".join(map(_opcodes, value)) + b"l"
        case dict():
            return b"}" + _items(value)
        case Global(module, name):
            return f"c{module}\n{name}\n".encode()
        case Call(function, arguments):
            return _opcodes(function) + _opcodes(arguments) + b"R"
        case Build(target, state):
            return _opcodes(target) + _opcodes(state) + b"b"
        case Persistent(pid):
            return _opcodes(pid) + b"Q"
        case Ordered(items, attributes):
            made = _opcodes(Call(Global("collections", "OrderedDict"), ())) + _items(items)
            return made + (_opcodes(attributes) + b"b" if attributes else b"")
    raise TypeError(f"no opcodes for {value!r}")


def _items(items: dict) -> bytes:
    return b"(" + b"".join(_opcodes(key) + _opcodes(value) for key, value in items.items()) + b"u"


def checkpoint(state: Any, storages: dict[str, np.ndarray], **replaced: Any) -> bytes:
    """The bytes of a whole file.

    Args:
        state: what the fourth pickle holds, usually an Ordered of tensors.
        storages: key -> the flat array that is written after the pickles.
        replaced: magic, protocol, sys_info or keys to write instead of the right ones.
    """
    header = {"magic": MAGIC, "protocol": PROTOCOL, "sys_info": SYS_INFO, "state": state, "keys": list(storages)}
    pickles = b"".join(map(pickled, (header | replaced).values()))
    return pickles + b"".join(struct.pack("<q", array.size) + array.tobytes() for array in storages.values())


def two_tensors(**replaced: Any) -> bytes:
    """A right file unless parts are `replaced`: "a" = [[0, 1, 2], [3, 4, 5]] float32 and "n" = 7 int64, no axes."""
    state = Ordered(
        {"a": tensor(storage("10", 6), 0, (2, 3), (3, 1)), "n": tensor(storage("11", 1, "LongStorage"), 0, (), ())},
        attributes={"_metadata": Ordered({"": {"version": 1}})},
    )
    storages = {"10": np.arange(6, dtype="<f4"), "11": np.array([7], "<i8")}
    return checkpoint(replaced.pop("state", state), replaced.pop("storages", storages), **replaced)


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def one_tensor(described: Call, values: int = 6) -> bytes:
    """A file with the tensor "t", whose storage "0" holds 0, 1, 2, ..."""
    return checkpoint(Ordered({"t": described}), {"0": np.arange(values, dtype="<f4")})


def refuse(tmp_path: Path, data: bytes) -> str:
    """Read a file that must be refused; the text of the ModelError."""
    with pytest.raises(ModelError) as caught:
        read_checkpoint(write(tmp_path / "bad.pth", data))
    return str(caught.value)
