"""The folder that a run writes to. Everything in it is whole: a file is written beside its place and then moved there.

run.json            what the run is: network, settings, which photos
parts/              the rows that are finished, one Parquet file for each part of the photos
results.parquet     all rows; the parts go when it is there
overlays/ ...       pictures, where asked
run.lock            held by the process that writes
"""

import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from cam.batch.artifacts import PICTURES
from cam.batch.lock import Locked, locked
from cam.batch.plan import Plan
from cam.batch.rows import count_failed, parquet_bytes, row_count, write_together
from cam.errors import CamError

RESULTS = "results.parquet"
_RECORD, _PARTS, _LOCK = "run.json", "parts", "run.lock"
_OWN = (_RECORD, RESULTS, _PARTS, *(picture.folder for picture in PICTURES.values()))


class OutputError(CamError):
    """A folder that a run cannot write to: full, not writable, or with another run in it."""


class Output:
    """The folder of one run, held by this process from `opened` on."""

    def __init__(self, folder: Path, plan: Plan):
        self.folder, self.plan = folder, plan
        self.results = folder / RESULTS

    def missing(self) -> list[int]:
        """The numbers of the parts whose rows are not finished, in order."""
        if self.results.exists():
            return []
        return [n for n in self.plan.parts if row_count(self._part(n)) != len(self.plan.part(n))]

    def add(self, number: int, table: pa.Table) -> None:
        """Keep the rows of a part."""
        write_whole(self._part(number), parquet_bytes(table))

    def save(self, name: str, content: bytes) -> None:
        """Write a picture; `name` is its path in the folder."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        # Not waited for until it is on the disk: what a broken machine loses of pictures can be made again.
        write_whole(path, content, sync=False)

    def finish(self) -> tuple[int, int]:
        """Make one table of all parts; how many rows it has, and in how many there is an error."""
        if not self.results.exists():
            parts = map(self._part, self.plan.parts)
            with _moved_into(self.results) as file:
                write_together(parts, file, {"classcam": json.dumps(self.plan.record)})
        shutil.rmtree(self.folder / _PARTS, ignore_errors=True)
        return count_failed(self.results)

    def _part(self, number: int) -> Path:
        return self.folder / _PARTS / f"{number:08d}.parquet"


@contextmanager
def opened(folder: Path, plan: Plan, *, resume: bool) -> Iterator[Output]:
    """The folder, made where it is not there, with this run begun or gone on with in it; nobody else can use it.

    Raises:
        OutputError: another run is in it, runs now, or it cannot be written to; the text says what to do. What the
            operating system says while the folder is in use becomes one too.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / _LOCK):
            _claim(folder, plan.record, resume)
            (folder / _PARTS).mkdir(exist_ok=True)
            yield Output(folder, plan)
    except Locked as error:
        owner = f" (process {error})" if str(error) else ""
        raise OutputError(
            f"Another run{owner} is writing to {folder}. Wait for its end, or use another folder."
        ) from None
    except OSError as error:
        raise OutputError(_text(error, folder)) from error


def _text(error: OSError, folder: Path) -> str:
    where = error.filename or folder
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"The disk is full: {where} cannot be written. What is finished is kept. Make room, and go on by the same "
            "command with --resume."
        )
    return f"{where} cannot be written: {error.strerror or error}. Choose another folder, or make this one writable."


def _claim(folder: Path, record: Mapping[str, object], resume: bool) -> None:
    """Begin this run in the folder, or see that it is the run that was begun there."""
    known = _read_record(folder)
    if known is None:
        if foreign := [name for name in _OWN if (folder / name).exists()]:
            raise OutputError(
                f"{folder} has {foreign[0]} in it, which is of no run that can be gone on with. Use another folder."
            )
        write_whole(folder / _RECORD, json.dumps(record, indent=1).encode())
        return
    if differences := [name for name in record if record[name] != known.get(name)]:
        listed = "; ".join(
            f"{name}: {_short(known.get(name))} there, {_short(record[name])} now" for name in differences
        )
        raise OutputError(f"{folder} holds another run ({listed}). Use another folder, or delete this one.")
    if not resume:
        raise OutputError(
            f"{folder} holds this run already, finished or not. Go on with it by --resume, use another folder, or "
            "delete this one."
        )


def _read_record(folder: Path) -> dict[str, object] | None:
    try:
        text = (folder / _RECORD).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        known = json.loads(text)
    except ValueError:
        known = None
    if not isinstance(known, dict):
        raise OutputError(f"{folder / _RECORD} is not the record of a run. Use another folder, or delete this one.")
    return known


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 24 else f"{text[:12]}..."


def write_whole(path: Path, content: bytes, *, sync: bool = True) -> None:
    """Write a file so that it is there in whole or not at all; `sync` waits until it would outlast a power cut."""
    with _moved_into(path, sync=sync) as file:
        file.write(content)


@contextmanager
def _moved_into(path: Path, *, sync: bool = True) -> Iterator[BinaryIO]:
    """A file to write to, moved to its place when it is closed; gone where that fails."""
    waiting = path.with_name(f".{path.name}.new")
    try:
        with open(waiting, "wb") as file:
            yield file
            file.flush()
            if sync:
                os.fsync(file.fileno())
        os.replace(waiting, path)
    except BaseException:
        waiting.unlink(missing_ok=True)
        raise
    if sync:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Have the moving itself on the disk; Windows cannot and need not."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
