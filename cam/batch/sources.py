"""Find photos in folders, patterns and lists, and read their bytes; on this machine or at an address (s3://, gs://).

A photo is known by its path as text, so that another machine can be told of it.
"""

import glob
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import BinaryIO

import fsspec
from fsspec.implementations.arrow import ArrowFSWrapper
from PIL import Image
from pyarrow import fs as arrow

from cam.errors import CamError, ImageError
from cam.images.formats import ENDINGS
from cam.images.open import open_image

# Takes the path of a photo; raises ImageError where it cannot be opened.
OpenPhoto = Callable[[str], Image.Image]


class SourceError(CamError):
    """A folder, pattern or list of photos that cannot be read or has no photo in it."""


def find_photos(sources: Iterable[str], *, recursive: bool = False) -> list[str]:
    """List the paths of all photos, each once, sorted as text.

    Args:
        sources: folders, of which every file is taken that has the name of a photo; patterns such as `2024/*.jpg` or
            `**/*.png`; or files, taken whatever their names are. An address (`s3://bucket/folder`) can stand for a
            folder or a pattern too.
        recursive: search the folders inside folders.

    Raises:
        SourceError: one of them is not there or cannot be read.
    """
    paths: set[str] = set()
    for source in sources:
        paths.update(_find_at_address(source, recursive) if is_address(source) else _find_here(source, recursive))
    return sorted(paths)


def parse_list(text: bytes) -> list[str]:
    """The paths in a list with one path a line, or with a zero byte after each as `find -print0` writes."""
    separator = b"\0" if b"\0" in text else b"\n"
    lines = (line.rstrip(b"\r") if separator == b"\n" else line for line in text.split(separator))
    return sorted({os.fsdecode(line) for line in lines if line})


def open_photo(path: str) -> Image.Image:
    """Open a photo at a path or an address by `open_image`."""
    return open_image(read_photo(path))


def read_photo(path: str, max_bytes: int | None = None) -> bytes:
    """Read a file: all its bytes, or one more than `max_bytes` where there are more.

    Raises:
        ImageError: it is not there, no file, or cannot be read.
    """
    try:
        with _open_file(path) as file:
            return file.read() if max_bytes is None else file.read(max_bytes + 1)
    # Each package that reads addresses has errors of its own, and a path with a zero byte is a ValueError.
    except Exception as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"The photo {printable(path)} cannot be read: {reason}.") from error


def _open_file(path: str) -> BinaryIO:
    if is_address(path):
        system, inside = _open_address(path)
        return system.open(inside)
    # Whoever opened a pipe would wait for ever.
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ValueError(f"it is {'a folder' if os.path.isdir(path) else 'no ordinary file'}")
    return open(path, "rb")


def printable(path: str) -> str:
    """The path as text that can be stored; bytes that are no text, as file names may have, are written as \\xNN."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def is_address(path: str) -> bool:
    """Tell an address such as s3://bucket/photo.jpg from a path on this machine."""
    return "://" in path


def _has_photo_name(path: str) -> bool:
    return path.lower().endswith(ENDINGS)


def _find_here(source: str, recursive: bool) -> Iterable[str]:
    # Not by fsspec, which gives absolute paths and takes "~", "::" and the like in names for more than letters.
    if os.path.isdir(source):
        return _walk(source, recursive)
    if os.path.lexists(source):
        return [source]
    if not glob.has_magic(source):
        raise SourceError(f"There is no folder or photo {printable(source)}.")
    # Folders that match are left out, except those with the name of a photo: these are worth an error of their own.
    return [path for path in glob.glob(source, recursive=True) if _has_photo_name(path) or not os.path.isdir(path)]


def _walk(folder: str, recursive: bool) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        raise SourceError(
            f"The folder {printable(error.filename or folder)} cannot be read: {error.strerror}."
        ) from error

    for here, folders, files in os.walk(folder, onerror=refuse):
        yield from (os.path.join(here, name) for name in (*folders, *files) if _has_photo_name(name))
        folders[:] = [name for name in folders if recursive and not _has_photo_name(name)]


def _open_address(address: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """The file system of an address, and the path in it.

    Raises:
        ValueError: nothing that is installed reads such an address.
    """
    try:
        return fsspec.url_to_fs(address)
    except ImportError as missing:
        scheme, _, rest = address.partition("://")
        place, _, inside = rest.partition("/")
        try:
            system, root = _arrow_system(scheme, place)
        except ValueError:
            raise ValueError(f"a package is missing that reads {scheme}:// ({missing})") from missing
        return system, f"{root.rstrip('/')}/{inside}"


@cache
def _arrow_system(scheme: str, place: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """A file system that Arrow brings along (s3, gs, abfs), and where in it the address's path begins."""
    system, root = arrow.FileSystem.from_uri(f"{scheme}://{place}/")
    return ArrowFSWrapper(system), root


def _find_at_address(source: str, recursive: bool) -> list[str]:
    """The addresses of the photos in a folder at an address, or of the files that fit a pattern."""
    try:
        system, inside = _open_address(source)
        if glob.has_magic(inside):
            found = [path for path, about in system.glob(inside, detail=True).items() if about["type"] == "file"]
        elif system.isfile(inside):
            return [source]
        else:
            # A folder that is not there would else be an empty one.
            system.info(inside)
            found = list(filter(_has_photo_name, system.find(inside, maxdepth=None if recursive else 1)))
    # Each package that reads addresses has errors of its own.
    except Exception as error:
        raise SourceError(f"{source} cannot be read: {error}") from error
    # The path in the file system ends as the address does, and may begin otherwise.
    source, inside = source.rstrip("/"), inside.rstrip("/")
    common = len(os.path.commonprefix([source[::-1], inside[::-1]]))
    return [source[: len(source) - common] + path[len(inside) - common :] for path in found]
