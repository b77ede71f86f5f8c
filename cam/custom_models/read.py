"""Read the file of a custom model, in a child process with limits; what comes back is checked and plain.

A damaged HDF5 file can crash the library that reads it, or make it take gigabytes. HDF5 can also link to other files,
keep numbers in other files, and declare arrays that are not there; Keras writes none of that (CVE-2026-1669 reads files
of the server that way; 2026-0897 and 2026-12570 declare more than is there).
"""

import json
import math
import os
import shutil
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from cam.custom_models.config import check_config
from cam.custom_models.discovery import FOREIGN, KERAS_MODEL
from cam.custom_models.keras2 import upgrade_config
from cam.errors import ModelError
from cam.formatting import shorten

CONFIG_BYTES = 2**24
_CONFIG, _WEIGHTS, _METADATA = "config.json", "model.weights.h5", "metadata.json"
_CHUNK = 2**20
_ZIP, _HDF5 = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"
_AGAIN = "Save the whole model again with model.save('name.keras')."
_NUMBERS = "fiub"  # the kinds of NumPy's floats, integers and booleans
_BFLOAT16 = np.dtype("V2")  # which NumPy does not know; Keras writes its two bytes


class Contents(NamedTuple):
    """The contents of a model file.

    Attributes:
        architecture: the description as it stands there.
        weights: an HDF5 file that was checked.
        version: of Keras that wrote it, or "".
    """

    architecture: str | bytes
    weights: Path
    version: str


def read_network(path: Path, folder: Path, limit_bytes: int, description: Path | None) -> list[bytes]:
    """Read a model, build it and run it once; called in a process of its own.

    Args:
        folder: where copies may be made.
        limit_bytes: of memory, for its weights and the largest output of its layers.
        description: a file that describes the model whose weights alone are in `path`.

    Returns:
        The architecture as JSON in one line, and the numbers of each weight.

    Raises:
        ModelError: it cannot be read, or asks for code or for too much memory.
    """
    contents = _read_contents(path, folder, limit_bytes, description)
    try:
        config = check_config(upgrade_config(json.loads(contents.architecture)))
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else error
        raise ModelError(f"its architecture is no JSON ({reason}). {_AGAIN}") from error
    # The graphics card is not for a network that nobody has tried; and each thread takes addresses.
    os.environ |= {"CUDA_VISIBLE_DEVICES": "-1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    from cam.custom_models.network import try_network

    return try_network(config, contents.weights, limit_bytes, version=contents.version)


def _read_contents(path: Path, folder: Path, limit_bytes: int, description: Path | None) -> Contents:
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(_ZIP):
        try:
            with zipfile.ZipFile(path) as archive:
                return _read_zip(archive, folder, limit_bytes)
        # At the end of a member, zipfile compares the checksum.
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise ModelError(f"it is damaged or cut off ({error}). Copy it again.") from error
    if start == _HDF5:
        return _read_hdf5(path, folder, description)
    what = "starts as neither a .keras file (zip) nor an .h5 file (HDF5)" if start else "is empty"
    raise ModelError(f"it {what}. {_AGAIN}")


def _read_zip(archive: zipfile.ZipFile, folder: Path, limit_bytes: int) -> Contents:
    members = {info.filename: info for info in archive.infolist()}
    if KERAS_MODEL in members:
        # As Teachable Machine gives it, compressed.
        return _read_hdf5(_extract(archive, members[KERAS_MODEL], folder, 2 * limit_bytes), folder, None)
    if any(name.endswith("/data.pkl") for name in members):
        raise ModelError(FOREIGN[".pt"])
    if len(members) != len(archive.infolist()):
        raise ModelError(f"it holds one name twice, which Keras does not write. {_AGAIN}")
    for name in members:
        if name not in (_CONFIG, _WEIGHTS, _METADATA):
            raise ModelError(f"it holds {name[:60]!r}, which no network of plain layers needs. {_AGAIN}")
    for name in (_CONFIG, _WEIGHTS):
        if name not in members:
            raise ModelError(f"it holds no {name}. {_AGAIN}")
    weights = _extract(archive, members[_WEIGHTS], folder, 2 * limit_bytes)
    _check_arrays(weights)
    config = _extract(archive, members[_CONFIG], folder, CONFIG_BYTES).read_bytes()
    metadata = _extract(archive, members[_METADATA], folder, CONFIG_BYTES).read_bytes() if _METADATA in members else b""
    return Contents(config, weights, _version(metadata))


def _extract(archive: zipfile.ZipFile, info: zipfile.ZipInfo, folder: Path, most_bytes: int) -> Path:
    if info.flag_bits & 1:
        raise ModelError(f"it is encrypted. {_AGAIN}")
    if info.file_size > most_bytes:
        raise ModelError(
            f"its {info.filename} declares {info.file_size:,} bytes, and at most {most_bytes:,} are read. {_AGAIN}"
        )
    target = folder / info.filename
    with archive.open(info) as member, target.open("wb") as copy:
        shutil.copyfileobj(member, copy, _CHUNK)
    return target


def _version(metadata: bytes) -> str:
    try:
        return str(json.loads(metadata)["keras_version"])[:20]
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""


def _read_hdf5(path: Path, folder: Path, description: Path | None) -> Contents:
    _check_arrays(path)
    with h5py.File(path) as file:
        text, version = file.attrs.get("model_config"), file.attrs.get("keras_version", b"")
        is_legacy = any("layer_names" in group.attrs for group in (file, file.get("model_weights", file)))
    if text is None:
        if description is None:
            raise ModelError(
                f"it holds weights without the model. {_AGAIN} Or put what model.to_json() gives beside it, as "
                f"{path.name.split('.')[0]}.json."
            )
        with description.open("rb") as beside:
            text = beside.read(CONFIG_BYTES)
    # Keras tells its two layouts by the file's name.
    weights = folder / ("legacy.h5" if is_legacy else "legacy.weights.h5")
    shutil.copyfile(path, weights)
    return Contents(text, weights, version.decode() if isinstance(version, bytes) else str(version))


def _check_arrays(path: Path) -> None:
    """Refuse a file that is damaged, or holds anything but groups of plain arrays of numbers that are all in it."""
    try:
        with h5py.File(path) as file:
            problem = file.visititems_links(_find_link_problem) or file.visititems(_find_array_problem)
    except MemoryError:
        raise
    # h5py ends in nearly any exception on damaged bytes.
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise ModelError(f"its HDF5 file is damaged ({reason}). Copy it again, or save the model again.") from error
    if problem:
        raise ModelError(f"{problem}. Keras does not write that. {_AGAIN}")


def _find_link_problem(name: str, link: object) -> str | None:
    return None if isinstance(link, h5py.HardLink) else f"{_quoted(name)} is a link to another place or file"


def _find_array_problem(name: str, item: h5py.HLObject) -> str | None:
    if isinstance(item, h5py.Group):
        return None
    if not isinstance(item, h5py.Dataset):
        return f"{_quoted(name)} is neither a group nor an array"
    layout = item.id.get_create_plist()
    if layout.get_layout() == h5py.h5d.VIRTUAL or layout.get_external_count():
        return f"the array {_quoted(name)} is kept in another place or file"
    if not (item.dtype.kind in _NUMBERS or item.dtype == _BFLOAT16) or item.shape is None:
        return f"the array {_quoted(name)} is not made of numbers"
    declared, there = math.prod(item.shape) * item.dtype.itemsize, item.id.get_storage_size()
    return (
        f"the array {_quoted(name)} declares {declared:,} bytes, and {there:,} are there" if declared > there else None
    )


def _quoted(name: str) -> str:
    return repr("/" + shorten(name, 80))
