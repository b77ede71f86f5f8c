"""Converted networks on disk, so that the next start needs no Keras: one file each, written in one step.

A file holds numbers and OpenVINO's XML, and reading it runs no code; but whoever can write into the folder decides what
the network says, so it is one of the user's own.

Nothing here stops a network from loading: where the folder cannot be written to, or a file in it is damaged, a line in
the log says so, and the network is converted again.
"""

import hashlib
import io
import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from cam.backends import Head
from cam.backends.openvino import ConvertedNetwork
from cam.files import remove_abandoned, replace_file
from cam.formatting import slugify
from cam.models.registry import ModelSpec

# As many networks as were used last stay; a new version of anything leaves its old files behind.
_KEPT = 8
_SUFFIX = ".network.npz"
# Seconds after which a file that was being written never will be whole.
_ABANDONED = 3600
# Fields of a converted network that are written as JSON.
_PLAIN = ("native_size", "fixed_size", "cell_stride", "stride", "reference_photo")
_log = logging.getLogger(__name__)


def cache_path(folder: Path, spec: ModelSpec, weights: Path) -> Path:
    """Name the file of a network in the folder: the name changes with its weights and with all that reads them."""
    with weights.open("rb") as file:
        numbers = hashlib.file_digest(file, "sha256").hexdigest()
    versions = [metadata.version(name) for name in ("keras", "openvino", "numpy")]
    key = hashlib.sha256(repr((numbers, spec.builder, spec.architecture, versions, _code())).encode()).hexdigest()
    return folder / f"{slugify(spec.name, ascii_only=True)}-{key[:32]}{_SUFFIX}"


@cache
def _code() -> str:
    """Hash the modules that build networks: what they build may change without a new version."""
    package = Path(__file__).parents[1]
    files = sorted(
        path for folder in ("backends", "models", "custom_models") for path in (package / folder).glob("*.py")
    )
    return hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)).hexdigest()


def read(path: Path) -> ConvertedNetwork | None:
    """Read a network; None where there is none, or the checksums in the file say that it is damaged."""
    try:
        # Opened here, because NumPy leaves a damaged archive open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            converted = _load(arrays)
    except FileNotFoundError:
        return None
    # A damaged archive fails in many ways: zipfile, zlib, struct, NumPy and JSON each raise their own.
    except Exception as error:
        _log.warning("The converted network %s cannot be read (%s); it is made again.", path, error)
        return None
    # The age by which the oldest go; a folder may be there for reading only.
    with suppress(OSError):
        os.utime(path)
    return converted


def write(path: Path, converted: ConvertedNetwork) -> None:
    """Write a network in one step, also where another process does the same now; a failure is only logged."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(path) as part, part.open("xb") as file:
            _save(file, converted)
        _drop_oldest(path.parent)
        remove_abandoned(path.parent, _ABANDONED)
    except OSError as error:
        _log.warning("The converted network is not kept in %s: %s.", path.parent, error.strerror or error)


def pack(converted: ConvertedNetwork, maps: np.ndarray) -> bytes:
    """Encode a network as in its file, with maps beside it, to hand them to another process."""
    file = io.BytesIO()
    _save(file, converted, maps=maps)
    return file.getvalue()


def unpack(data: bytes) -> tuple[ConvertedNetwork, np.ndarray]:
    """Decode the network and the maps of `pack`."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return _load(arrays), arrays["maps"]


def _save(file: BinaryIO, converted: ConvertedNetwork, **more: Any) -> None:
    about = {
        "activation": converted.head.activation,
        "one_unit": converted.head.one_unit,
        **{name: getattr(converted, name) for name in _PLAIN},
    }
    arrays: dict[str, Any] = {
        "about": np.frombuffer(json.dumps(about).encode(), np.uint8),
        "graph": np.frombuffer(converted.graph, np.uint8),
        "constants": converted.constants,
        "weight": converted.head.weight,
        "bias": converted.head.bias,
        "output": converted.output,
    }
    np.savez(file, **arrays | more)


def _load(arrays: Mapping[str, np.ndarray]) -> ConvertedNetwork:
    about: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in json.loads(arrays["about"].tobytes()).items()
    }
    return ConvertedNetwork(
        graph=arrays["graph"].tobytes(),
        constants=arrays["constants"],
        head=Head(None, arrays["weight"], arrays["bias"], about.pop("activation"), about.pop("one_unit")),
        output=arrays["output"],
        **about,
    )


def _drop_oldest(folder: Path) -> None:
    ages: dict[Path, int] = {}
    for file in folder.glob(f"*{_SUFFIX}"):
        # Another process may drop the same ones now.
        with suppress(FileNotFoundError):
            ages[file] = file.stat().st_mtime_ns
    for file in sorted(ages, key=ages.__getitem__)[:-_KEPT]:
        file.unlink(missing_ok=True)
