"""The folder that a run writes to. Each file in it is whole or not there.

run.json            the run: network, settings, photos
parts/              the rows that are finished, one Parquet file for each part of the photos
results.parquet     all rows; once it is there, the parts are deleted
overlays/ ...       pictures, where asked for
run.lock            locked by the process that writes
"""

import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow as pa
from filelock import FileLock, Timeout
from pyarrow import parquet

from cam.batch.artifacts import ARTIFACTS
from cam.batch.plan import Plan
from cam.batch.rows import count_failed, count_rows, join_tables
from cam.errors import CamError
from cam.files import replace_file, write_file
from cam.formatting import shorten

RESULTS = "results.parquet"
_RECORD, _PARTS, _LOCK = "run.json", "parts", "run.lock"
_OWN = (_RECORD, RESULTS, _PARTS, *(folder for folder, _ in ARTIFACTS.values()))


class OutputError(CamError):
    """A folder that a run cannot write to: full, not writable, or with another run in it."""


class OutputFolder:
    """The folder of one run, locked by this process (see `open_output`)."""

    def __init__(self, folder: Path, plan: Plan):
        self.folder, self.plan = folder, plan
        self.results = folder / RESULTS

    def missing_parts(self) -> list[int]:
        """The numbers of the parts whose rows are not finished, in order."""
        if self.results.exists():
            return []
        return [n for n in self.plan.parts if count_rows(self._part(n)) != len(self.plan.part(n))]

    def add_part(self, number: int, table: pa.Table) -> None:
        """Write the rows of a part; they survive a power cut."""
        with replace_file(self._part(number), durable=True) as part:
            parquet.write_table(table, part)

    def save(self, name: str, content: bytes) -> None:
        """Write a picture; `name` is its path in the folder."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        # Not durable: pictures that a power cut takes can be made again.
        write_file(path, content)

    def finish(self) -> tuple[int, int]:
        """Make one table of all parts; count its rows, and those of them with an error."""
        if not self.results.exists():
            # Durable, because the parts are deleted next.
            with replace_file(self.results, durable=True) as part:
                join_tables([self._part(n) for n in self.plan.parts], part, {"classcam": json.dumps(self.plan.record)})
        shutil.rmtree(self.folder / _PARTS, ignore_errors=True)
        return count_failed(self.results)

    def _part(self, number: int) -> Path:
        return self.folder / _PARTS / f"{number:08d}.parquet"


@contextmanager
def open_output(folder: Path, plan: Plan, *, resume: bool) -> Iterator[OutputFolder]:
    """Make or open the folder, begin or resume the run in it, and keep others from it inside the block.

    Raises:
        OutputError: another run is in it, is writing to it, or the operating system refuses; also for what it refuses
            inside the block. The text says what to do.
    """
    lock_file = folder / _LOCK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The operating system frees the lock when the process ends, however it does.
        with FileLock(lock_file).acquire(timeout=0):
            # For the sentence that others get; Windows does not let them read it.
            with suppress(PermissionError):
                lock_file.write_text(str(os.getpid()))
            _claim(folder, plan.record, resume)
            # What a run that was killed had begun to write.
            for left in folder.glob("**/.*.part"):
                left.unlink()
            (folder / _PARTS).mkdir(exist_ok=True)
            yield OutputFolder(folder, plan)
    except Timeout:
        raise OutputError(
            f"Another run{_describe_owner(lock_file)} is writing to {folder}. Wait for its end, or use another folder."
        ) from None
    except OSError as error:
        raise OutputError(_explain_refusal(error, folder)) from error


def _describe_owner(lock_file: Path) -> str:
    """The process that holds a lock, in brackets, where it can be read."""
    try:
        return f" (process {int(lock_file.read_text())})"
    except (OSError, ValueError):
        return ""


def _explain_refusal(error: OSError, folder: Path) -> str:
    where = error.filename or folder
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"The disk is full: {where} cannot be written. What is finished is kept. Make room, and go on by the same "
            "command with --resume."
        )
    return f"{where} cannot be written: {error.strerror or error}. Choose another folder, or make this one writable."


def _claim(folder: Path, record: Mapping[str, object], resume: bool) -> None:
    """Begin this run in the folder, or check that it is the run that was begun there."""
    try:
        known = dict(json.loads((folder / _RECORD).read_text(encoding="utf-8")))
    except FileNotFoundError:
        if foreign := [name for name in _OWN if (folder / name).exists()]:
            raise OutputError(
                f"{folder} has {foreign[0]} in it, which is of no run that can be gone on with. Use another folder."
            ) from None
        write_file(folder / _RECORD, json.dumps(record, indent=1).encode(), durable=True)
        return
    except (TypeError, ValueError):
        raise OutputError(
            f"{folder / _RECORD} is not the record of a run. Use another folder, or delete this one."
        ) from None
    if differences := [name for name in record if record[name] != known.get(name)]:
        pairs = [f"{name}: {_quote(known.get(name))} there, {_quote(record[name])} now" for name in differences]
        raise OutputError(f"{folder} holds another run ({'; '.join(pairs)}). Use another folder, or delete this one.")
    if not resume:
        raise OutputError(
            f"{folder} holds this run already, finished or not. Go on with it by --resume, use another folder, or "
            "delete this one."
        )


def _quote(value: object) -> str:
    return shorten(value if isinstance(value, str) else json.dumps(value), 24)
