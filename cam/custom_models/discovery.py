"""A class's own model files: where they are and what they are called. They are not read here, nor is Keras imported."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cam.custom_models.sidecar import Sidecar, read_sidecar
from cam.errors import ModelError
from cam.formatting import slugify
from cam.models.weights import megabytes

SUFFIXES = (".keras", ".h5", ".hdf5")
PREFIX = "own/"


@dataclass(frozen=True)
class OwnFile:
    """A model file of one's own; the interface is that of the other sources of weights."""

    path: Path
    here: ClassVar[str] = "your own"

    @property
    def size(self) -> int | None:
        """Of the file in bytes, None where it is missing."""
        return self.path.stat().st_size if self.find() else None

    def is_whole(self) -> bool:
        """Whether there is such a file; what is in it is checked when it is loaded."""
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
            raise ModelError(
                f"{self.path} is a folder, as a SavedModel is, and not a model file. Save the whole model again with "
                "model.save('name.keras')."
            )
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
        """What the file beside it is called that may say what the model's file does not: cats.json for cats.keras."""
        return f"{self.path.stem}.json"


@dataclass(frozen=True)
class OwnModel:
    """A model file that was found.

    Attributes:
        name: what it is called here and in links, "own/cats"; made of ASCII letters, digits, ".", "_" and "-".
        source: the file.
        sidecar: the file beside it, or None where there is none.
    """

    name: str
    source: OwnFile
    sidecar: Path | None

    def read_sidecar(self) -> Sidecar:
        """What the file beside it says; nothing where there is none (ModelError: it cannot be understood)."""
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


def list_own(folder: Path | None, extra: Sequence[Path] = ()) -> list[OwnModel]:
    """The own models of a folder, by name, and then those that were named one by one.

    In the folder, what counts is files that end in `.keras`, `.h5` or `.hdf5`. Hidden files, folders inside, and links
    to places outside are passed over, so that whoever may put files there cannot have others read. Files named one by
    one are taken as they are, also where they are missing: the error comes when one is loaded.

    Raises:
        ModelError: the folder cannot be read.
    """
    files = _files(folder) if folder is not None else []
    known = {path.resolve() for path in files}
    for path in extra:
        if path.resolve() not in known:
            files.append(path)
            known.add(path.resolve())
    return [OwnModel(name, OwnFile(path), _sidecar(path, folder)) for name, path in _named(files)]


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        kind = "a file" if folder.exists() else "not there"
        raise ModelError(
            f"CAM_MODELS must name a folder, and '{folder}' is {kind}. Create it or unset CAM_MODELS.",
        )
    try:
        entries = sorted(folder.iterdir(), key=lambda path: (path.name.casefold(), path.name))
    except OSError as error:
        raise ModelError(f"The folder of own models {folder} cannot be read: {error.strerror}.") from error
    return [path for path in entries if path.suffix in SUFFIXES and _counts(path, folder)]


def _counts(path: Path, folder: Path) -> bool:
    return not path.name.startswith(".") and path.is_file() and path.resolve().is_relative_to(folder.resolve())


def _sidecar(path: Path, folder: Path | None) -> Path | None:
    sidecar = path.with_name(OwnFile(path).sidecar_name)
    from_folder = folder is not None and path.parent == folder
    return sidecar if (_counts(sidecar, folder) if from_folder else sidecar.is_file()) else None


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
