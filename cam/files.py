"""Files that readers find whole or not at all, and text that no spreadsheet takes for a formula."""

import os
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Where a spreadsheet may begin a cell: at the start of a line and after a separator, quotes and spaces aside.
_CELL_START = re.compile(r"(^|[,;\t|])([\s\"]*)(?=[=+\-@＝＋－＠])")
# What may end a line or a cell in one spreadsheet or another.
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")


@contextmanager
def replace_file(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Yield a path beside `path` to write to, and move that file to `path` at the end; where that fails, it is deleted.

    Args:
        path: destination; a file there is replaced.
        durable: wait until file and name are on the disk, so that they survive a power cut.
    """
    part = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        yield part
        if durable:
            _flush(part)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    # Windows cannot open folders, and need not.
    if durable and os.name != "nt":
        _flush(path.parent)


def write_file(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Write a file by `replace_file`."""
    with replace_file(path, durable=durable) as part:
        part.write_bytes(content)


def remove_abandoned(folder: Path, seconds: float) -> None:
    """Remove from a folder the parts that `replace_file` left in killed programs: unchanged for so many seconds."""
    for part in folder.glob(".*.part"):
        # Its program, or another one that removes it, may have done so at this moment.
        with suppress(FileNotFoundError):
            if time.time() - part.stat().st_mtime > seconds:
                part.unlink()


def escape_formulas(text: str) -> str:
    """Text for a CSV file, on one line, in which an apostrophe stands before all that could begin a formula (= + - @).

    Text of others may hold separators, so each piece that a spreadsheet could make a cell of is escaped. Numbers must
    not pass through here: -1 would become text. See OWASP, "CSV Injection".
    """
    return _CELL_START.sub(r"\1\2'", _CONTROL.sub(" ", text))


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
