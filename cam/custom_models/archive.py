"""Read what an own model's file holds without Keras: the architecture as data, and the weights as a file of their own.

Nothing is believed that the file's own size contradicts: Keras compresses nothing, so a file is at least as large as
what it declares.
"""

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import h5py

from cam.custom_models.discovery import SUFFIXES
from cam.custom_models.weights import Weights, clean_weights
from cam.errors import ModelError

_CONFIG, _WEIGHTS, _METADATA = "config.json", "model.weights.h5", "metadata.json"
_CONFIG_BYTES = 2**24
_CHUNK = 2**20
_ZIP, _HDF5 = "a .keras file (zip)", "an .h5 file (HDF5)"
_STARTS = {_ZIP: b"PK\x03\x04", _HDF5: b"\x89HDF\r\n\x1a\n"}
_FORMATS = dict(zip(SUFFIXES, (_ZIP, _HDF5, _HDF5), strict=True))
_AGAIN = "Save the whole model again with model.save('name.keras')."


class Contents(NamedTuple):
    """The contents of a model file.

    Attributes:
        architecture: decoded JSON that nobody has checked.
        weights: a function that checks the weights and copies them to where they are safe to open.
    """

    architecture: object
    weights: Callable[[], Weights]


def read_contents(path: Path, folder: Path) -> Contents:
    """Read a `.keras`, `.h5` or `.hdf5` file, as its name says.

    Args:
        folder: where copies may be made.

    Raises:
        ModelError: another kind of file, damaged, or with anything in it that Keras does not write.
        OSError: it cannot be read or copied.
    """
    return (_read_zip if _format(path) == _ZIP else _read_hdf5)(path, folder)


def _format(path: Path) -> str:
    if path.is_dir():
        raise ModelError(f"it is a folder, as a SavedModel is. {_AGAIN}")
    if path.suffix not in _FORMATS:
        raise ModelError(f"its name ends in {path.suffix!r} instead of {', '.join(SUFFIXES)}. {_AGAIN}")
    if path.name.endswith(".weights.h5"):
        raise ModelError(f"it holds weights without the model, as its name says. {_AGAIN}")
    expected = _FORMATS[path.suffix]
    with path.open("rb") as file:
        start = file.read(8)
    for found, magic in _STARTS.items():
        if start.startswith(magic):
            if found == expected:
                return found
            raise ModelError(f"it is {found} under another ending. Rename it.")
    what = f"does not start as {expected} does, so it is damaged or something else" if start else "is empty"
    raise ModelError(f"it {what}. {_AGAIN}")


def _read_zip(path: Path, folder: Path) -> Contents:
    try:
        with zipfile.ZipFile(path) as archive:
            members = _check_members(archive.infolist(), path.stat().st_size)
            if members[_CONFIG].file_size > _CONFIG_BYTES:
                raise ModelError(f"its architecture is longer than {_CONFIG_BYTES // 2**20} MB.")
            return Contents(_decoded(archive.read(_CONFIG)), lambda: _extracted(path, folder))
    except zipfile.BadZipFile as error:
        raise ModelError(f"it is damaged or cut off ({error}). Copy it again.") from error


def _extracted(path: Path, folder: Path) -> Weights:
    extracted = folder / "extracted.h5"
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(archive.infolist(), path.stat().st_size)
            with archive.open(_WEIGHTS) as member, extracted.open("wb") as copy:
                shutil.copyfileobj(member, copy, _CHUNK)  # at the end, zipfile compares the checksum
    except zipfile.BadZipFile as error:
        raise ModelError(f"its weights are damaged ({error}). Copy it again.") from error
    return clean_weights(extracted, folder / _WEIGHTS)


def _check_members(infos: list[zipfile.ZipInfo], size: int) -> dict[str, zipfile.ZipInfo]:
    members = {info.filename: info for info in infos}
    if len(members) != len(infos):
        raise ModelError(f"it holds one name twice, which Keras does not write. {_AGAIN}")
    for name, info in members.items():
        if name not in (_CONFIG, _WEIGHTS, _METADATA):
            raise ModelError(f"it holds {name[:60]!r}, which no network of plain layers needs. {_AGAIN}")
        if info.flag_bits & 1:
            raise ModelError(f"it is encrypted. {_AGAIN}")
        if info.file_size > size or info.compress_size > size:
            raise ModelError(f"its {name} declares {info.file_size:,} bytes in a file of {size:,}. {_AGAIN}")
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise ModelError(f"it was compressed, which Keras does not do. {_AGAIN}")
    for name in (_CONFIG, _WEIGHTS):
        if name not in members:
            raise ModelError(f"it holds no {name}. {_AGAIN}")
    return members


def _read_hdf5(path: Path, folder: Path) -> Contents:
    weights = clean_weights(path, folder / "model.h5")
    with h5py.File(weights.path, "r") as file:
        text = file.attrs.get("model_config")
    if text is None:
        raise ModelError(f"it holds weights without the model. {_AGAIN}")
    return Contents(_decoded(text), lambda: weights)


def _decoded(text: str | bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "too deep" if isinstance(error, RecursionError) else error
        raise ModelError(f"its architecture is no JSON ({reason}). {_AGAIN}") from error
