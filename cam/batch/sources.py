"""Which photos a run is about, and their bytes: folders, patterns, lists; on this machine or at an address (s3://, gs://).

A photo is known by its path as a text, so that it can be told to another machine.
"""

import fnmatch
import glob
import os
import stat
from collections.abc import Iterable
from functools import cache

import pyarrow as pa
from pyarrow import fs

from cam.errors import CamError, ImageError
from cam.settings import read_settings

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".heif")


class SourceError(CamError):
    """A folder, pattern or list of photos that cannot be read or has no photo in it."""


def find_photos(sources: Iterable[str], *, recursive: bool = False) -> list[str]:
    """The paths of all photos, each once, sorted as texts.

    Args:
        sources: folders, of which every file is taken that is called as a photo is; patterns such as `2024/*.jpg` or
            `**/*.png`; or files, taken whatever they are called. An address (`s3://bucket/folder`) stands for a folder
            or a pattern too.
        recursive: look into the folders inside folders.

    Raises:
        SourceError: one of them is not there or cannot be read.
    """
    paths: set[str] = set()
    for source in sources:
        paths.update(_remote(source, recursive) if is_address(source) else _local(source, recursive))
    return sorted(paths)


def listed_paths(text: bytes) -> list[str]:
    """The paths in a list with one path a line, or with a zero byte after each as `find -print0` writes."""
    separator = b"\0" if b"\0" in text else b"\n"
    lines = (line.rstrip(b"\r") if separator == b"\n" else line for line in text.split(separator))
    return sorted({os.fsdecode(line) for line in lines if line})


def read_photo(path: str) -> bytes:
    """The bytes of a file: all of them, or one more than a photo may have (`CAM_PHOTO_MB`) where there are more.

    Raises:
        ImageError: it is not there, no file, or cannot be read.
    """
    try:
        if is_address(path):
            system, inside = _located(path)
            with system.open_input_stream(inside) as file:
                return file.read(read_settings().photo_bytes + 1)
        # Whoever opened a pipe would wait for ever.
        if not stat.S_ISREG(os.stat(path).st_mode):
            kind = "a folder" if os.path.isdir(path) else "no ordinary file"
            raise ImageError(f"The photo {printable(path)} cannot be read: it is {kind}.")
        with open(path, "rb") as file:
            return file.read(read_settings().photo_bytes + 1)
    # A path with a zero byte is a ValueError.
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"The photo {printable(path)} cannot be read: {reason}.") from error


def printable(path: str) -> str:
    """The path as text that can be stored; bytes that are no text, as names of files may have, are written as \\xNN."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def is_address(path: str) -> bool:
    return "://" in path


def _is_called_photo(path: str) -> bool:
    return path.lower().endswith(ENDINGS)


def _local(source: str, recursive: bool) -> list[str]:
    if os.path.isdir(source):
        return _in_folder(source, recursive)
    if os.path.lexists(source):
        return [source]
    if not glob.has_magic(source):
        raise SourceError(f"There is no folder or photo {printable(source)}.")
    # Folders that match are left out, except those that are called like a photo: that is worth an error of their own.
    return [path for path in glob.glob(source, recursive=True) if _is_called_photo(path) or not os.path.isdir(path)]


def _in_folder(folder: str, recursive: bool) -> list[str]:
    found, waiting = [], [folder]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(here) as entries:
                for entry in entries:
                    if _is_called_photo(entry.name):
                        found.append(entry.path)
                    elif recursive and entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError as error:
            raise SourceError(f"The folder {printable(here)} cannot be read: {error.strerror}.") from error
    return found


@cache
def _system(scheme: str, place: str) -> tuple[fs.FileSystem, str]:
    """The file system of an address, and the path in it where the address's own path begins; made once.

    Arrow has some of its own (file, s3, gs, hdfs, abfs); for all others fsspec is asked, where it is installed.
    """
    uri = f"{scheme}://{place}/"
    try:
        system, root = fs.FileSystem.from_uri(uri)
    except pa.ArrowInvalid:
        try:
            import fsspec  # noqa: F401  Arrow itself does not say that it is missing.

            system, root = fs.FileSystem.from_uri(f"fsspec+{uri}")
        except ImportError as error:
            raise ValueError(f"a package is missing that reads {scheme}:// ({error})") from error
    return system, root.rstrip("/")


def _located(address: str) -> tuple[fs.FileSystem, str]:
    scheme, _, rest = address.partition("://")
    place, _, inside = rest.partition("/")
    system, root = _system(scheme, place)
    return system, f"{root}/{inside}"


def _remote(source: str, recursive: bool) -> list[str]:
    """The addresses of the photos in a folder at an address, or of the files that fit a pattern."""
    folder, pattern = _split(source)
    try:
        system, inside = _located(folder)
        if pattern is None and system.get_file_info(inside).type == fs.FileType.File:
            return [source]
        deep = recursive if pattern is None else pattern.count("/") > folder.count("/")
        found = system.get_file_info(fs.FileSelector(inside.rstrip("/"), recursive=deep))
    except (OSError, ValueError) as error:
        raise SourceError(f"{source} cannot be read: {error}") from error
    start = folder.removesuffix(inside)
    addresses = [start + info.path for info in found if info.type == fs.FileType.File]
    return [
        address for address in addresses if (_is_called_photo(address) if pattern is None else _fits(address, pattern))
    ]


def _split(source: str) -> tuple[str, str | None]:
    """The folder that an address or a pattern begins with, and the pattern; None where it is none."""
    magic = min((source.find(sign) for sign in "*?[" if sign in source), default=None)
    return (source, None) if magic is None else (source[: source.rindex("/", 0, magic) + 1], source)


def _fits(address: str, pattern: str) -> bool:
    """Whether an address fits a pattern, in which only ** stands for folders of any depth."""
    same_depth = address.count("/") == pattern.count("/")
    return ("**" in pattern or same_depth) and fnmatch.fnmatchcase(address, pattern.replace("**/", "*"))
