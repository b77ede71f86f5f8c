"""Custom model files: where they are, their kinds and their names. No model is read here, nor is Keras imported."""

import os
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cam.custom_models.sidecar import Sidecar, read_sidecar
from cam.errors import ModelError
from cam.formatting import slugify
from cam.models.weights import megabytes

SUFFIXES = (".keras", ".h5", ".hdf5", ".zip")
PREFIX = "own/"
# The network in a zip of Teachable Machine, and the names of its classes.
KERAS_MODEL, LABELS = "keras_model.h5", "labels.txt"
_LABELS_BYTES, _LIST_BYTES = 2**20, 2**16
_AGAIN = "Save the whole model as Keras does, with model.save('name.keras')."
# How a file of another kind is told: by its ending, or by what stands at a place in it.
FOREIGN = {
    ".tflite": f"it is a TensorFlow Lite file, which cannot be turned back. {_AGAIN} Teachable Machine: Export Model, "
    "Tensorflow, Keras.",
    ".pt": f"it is a PyTorch file, and only networks of Keras are opened. Rebuild it with Keras' own layers. {_AGAIN}",
    ".onnx": f"it is an ONNX file, and only networks of Keras are opened. {_AGAIN}",
    ".pb": f"it is a part of a SavedModel. Load that where it was made. {_AGAIN}",
}
FOREIGN[".pth"] = FOREIGN[".pt"]
_STARTS = (
    (4, b"TFL3", FOREIGN[".tflite"]),
    (0, b"\x80\x02", FOREIGN[".pt"]),
    (
        0,
        b"version https://git-lfs",
        "it is a pointer of Git LFS, and not the file itself. Run git lfs pull where it comes from, or download it "
        "there.",
    ),
)


@dataclass(frozen=True)
class CustomFile:
    """The file of a custom model; the interface is that of the other sources of weights."""

    path: Path
    here: ClassVar[str] = "your own"

    @property
    def size(self) -> int | None:
        """Of the file in bytes, None where it is missing."""
        return self.path.stat().st_size if self.find() else None

    def is_whole(self) -> bool:
        """True if there is such a file; its contents are checked when it is loaded."""
        return self.find() is not None

    def download(self, progress: Callable[[float], None]) -> Path:
        """Nothing can be downloaded: the file's place (ModelError if it is missing)."""
        return self.require()

    def find(self) -> Path | None:
        """The file's place, or None."""
        return self.path if self.path.is_file() else None

    def require(self) -> Path:
        """The file's place.

        Raises:
            ModelError: there is no such file.
        """
        if self.path.is_dir():
            raise ModelError(f"{self.path} cannot be opened: {describe_foreign(self.path)}")
        if self.find() is None:
            raise ModelError(f"There is no model file {self.path}. Expected one that model.save made: .keras or .h5.")
        return self.path

    @property
    def place(self) -> str:
        """Where the file is and how large, in a few words."""
        path = self.find()
        return f"{_size(path.stat().st_size)} in {path.parent.name or path.parent}/" if path else "not there"

    @property
    def sidecar_name(self) -> str:
        """Name of the sidecar, which may say what the model's file does not: cats.json for cats.keras.

        It is cats.h5.json where cats.json is what Keras calls a model's architecture.
        """
        return f"{self.path.name if find_description(self.path) else self.path.stem}.json"

    def read_labels(self) -> list[str]:
        """Read the names of classes in `labels.txt`, beside the file or in its zip; none where there is no such file.

        Teachable Machine begins each line with its number: "0 Cat".
        """
        data = b""
        if self.path.suffix == ".zip":
            with zipfile.ZipFile(self.path) as archive, suppress(KeyError), archive.open(LABELS) as member:
                data = member.read(_LABELS_BYTES)
        elif beside := find_beside(self.path, LABELS):
            with beside.open("rb") as file:
                data = file.read(_LABELS_BYTES)
        lines = [line.strip() for line in data.decode("utf-8-sig", errors="replace").splitlines() if line.strip()]
        numbered = all(line.startswith(f"{i} ") for i, line in enumerate(lines))
        return [line.partition(" ")[2].strip() for line in lines] if numbered else lines


@dataclass(frozen=True)
class CustomModel:
    """A model file that was found.

    Attributes:
        name: what it is called here and in links, "own/cats"; made of ASCII letters, digits, ".", "_" and "-".
        source: the file.
        sidecar: the file beside it, or None where there is none.
    """

    name: str
    source: CustomFile
    sidecar: Path | None

    def read_sidecar(self) -> Sidecar:
        """Read the file beside it; empty where there is none (ModelError: it cannot be understood)."""
        return read_sidecar(self.sidecar) if self.sidecar else Sidecar()

    @property
    def title(self) -> str:
        """Its name on screen: the sidecar's, or the file's without its ending.

        A sidecar that cannot be understood has no title here; loading the model says what is wrong with it.
        """
        try:
            return self.read_sidecar().title or self.source.path.stem
        except ModelError:
            return self.source.path.stem


def list_custom_models(folder: Path | None, extra: Sequence[Path] = ()) -> list[CustomModel]:
    """List the custom models of a folder, by name, and then those that were named one by one.

    In the folder, what counts is files that end in `.keras`, `.h5` or `.hdf5`, and zips of Teachable Machine. Hidden
    files, folders inside, and links to places outside are passed over, so that whoever may put files there cannot have
    others read. Files named one by one are taken as they are, also where they are missing: the error comes when one is
    loaded.

    Raises:
        ModelError: the folder cannot be read.
    """
    files = [path for path in _entries(folder) if path.is_file() and _may_open(path)] if folder is not None else []
    known = {path.resolve() for path in files}
    for path in extra:
        if path.resolve() not in known:
            files.append(path)
            known.add(path.resolve())
    return [CustomModel(name, CustomFile(path), _sidecar(path, folder)) for name, path in _named(files)]


def list_foreign(folder: Path | None) -> list[str]:
    """Say of each file of the folder that is a model of another kind than Keras' what to do with it."""
    entries = _entries(folder) if folder is not None else []
    foreign = {
        path.name: describe_foreign(path)
        for path in entries
        if path.suffix in FOREIGN or path.suffix in SUFFIXES or (path / "saved_model.pb").is_file()
    }
    return [f"{name} cannot be opened: {text}" for name, text in foreign.items() if text]


def describe_foreign(path: Path) -> str | None:
    """Say what a file or folder is that is no model of Keras, and what to do; None where it may be one."""
    if path.is_dir():
        return f"it is a folder, as a SavedModel is. Load that where it was made. {_AGAIN}"
    if path.suffix in FOREIGN:
        return FOREIGN[path.suffix]
    with path.open("rb") as file:
        start = file.read(64)
    return next((text for place, magic, text in _STARTS if start[place:].startswith(magic)), None)


def find_description(path: Path) -> Path | None:
    """The file beside weights that describes their model, as `model.to_json()` gives it; None where there is none."""
    for stem in (path.stem, path.stem.removesuffix(".weights")):
        beside = find_beside(path, f"{stem}.json")
        if beside and path.suffix in (".h5", ".hdf5"):
            with beside.open("rb") as file:
                if b'"class_name"' in file.read(200):
                    return beside
    return None


def find_beside(path: Path, name: str) -> Path | None:
    """A file of this name in the folder of a model, if it is there and no link to another folder."""
    beside = path.with_name(name)
    return beside if beside.is_file() and beside.resolve().parent == path.parent.resolve() else None


def _may_open(path: Path) -> bool:
    """True for what may be a model of Keras: by its ending, and for a zip by the list of its members, at its end."""
    if path.suffix != ".zip":
        return path.suffix in SUFFIXES
    with path.open("rb") as file:
        file.seek(-min(_LIST_BYTES, path.stat().st_size), os.SEEK_END)
        return KERAS_MODEL.encode() in file.read()


def _entries(folder: Path) -> list[Path]:
    """List what is in the folder, but hidden files and links to places outside."""
    if not folder.is_dir():
        kind = "a file" if folder.exists() else "not there"
        raise ModelError(
            f"CAM_MODELS must name a folder, and '{folder}' is {kind}. Create it or unset CAM_MODELS.",
        )
    try:
        entries = sorted(folder.iterdir(), key=lambda path: (path.name.casefold(), path.name))
    except OSError as error:
        raise ModelError(f"The folder of own models {folder} cannot be read: {error.strerror}.") from error
    inside = folder.resolve()
    return [
        path
        for path in entries
        if not path.name.startswith(".") and path.resolve().is_relative_to(inside) and path.exists()
    ]


def _sidecar(path: Path, folder: Path | None) -> Path | None:
    name = CustomFile(path).sidecar_name
    if folder is not None and path.parent == folder:
        return find_beside(path, name)
    return path.with_name(name) if path.with_name(name).is_file() else None


def _named(files: list[Path]) -> list[tuple[str, Path]]:
    """A name of its own for each: without the ending where that is enough, else with it, else with a number."""
    stems = Counter(_slug(path.stem) for path in files)
    taken: set[str] = set()
    named = []
    for path in files:
        wanted = _slug(path.stem) if stems[_slug(path.stem)] == 1 else _slug(path.name)
        name, number = wanted, 2
        while name in taken:
            name, number = f"{wanted}-{number}", number + 1
        taken.add(name)
        named.append((PREFIX + name, path))
    return named


def _slug(text: str) -> str:
    """A text as a part of a link; "@" and "/" have a meaning there."""
    return slugify(text, ascii_only=True) or "model"


def _size(size: int) -> str:
    return megabytes(size) if size >= 2**20 else f"{max(1, round(size / 2**10))} kB"
