"""Only one run at a time writes to a folder: a lock of the operating system, which ends with its process."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

if os.name == "nt":
    import msvcrt

    def _take(file: BinaryIO) -> None:
        # A byte far behind what is written, because others cannot read what is locked there.
        file.seek(2**30)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        file.seek(0)
else:
    import fcntl

    def _take(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Locked(Exception):
    """Another process holds the lock; its text is that process's number, or empty where it is not known."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file, which stays behind, empty (Locked if another process holds it)."""
    with open(path, "a+b") as file:
        file.seek(0)
        owner = file.read(20).decode("ascii", "replace")
        try:
            _take(file)
        except OSError as error:
            raise Locked(owner) from error
        file.truncate(0)
        file.write(str(os.getpid()).encode())
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)
