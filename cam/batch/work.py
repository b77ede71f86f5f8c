"""The work itself: parts of a list of photos in, tables out. Reading, the network and the rest overlap.

Threads read the photos of the next part. The caller's thread runs the network on those of this one, the ones that it
sees at one size together. Other threads enlarge the heat, find its boxes and save the pictures.

The batches depend on nothing but the photos of a part, so a run that is gone on with, or that several machines share,
gives the same numbers.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from cam.batch.finishing import finished_row, heat_of
from cam.batch.plan import Settings
from cam.batch.reading import Loaded, Unreadable, load_photo
from cam.batch.table import failed_row, table_of
from cam.grouping import batches

if TYPE_CHECKING:
    from cam.engine import Model

# A part's number, and its photos: the number of the row, and the path.
Part = tuple[int, list[tuple[int, str]]]
_THREADS = max(2, min(8, os.cpu_count() or 2))


class _Open(NamedTuple):
    """A part whose photos have all been through the network: its rows, made or being made, by their numbers."""

    number: int
    rows: dict[int, dict[str, object] | Future]


def explained_parts(
    model: "Model",
    parts: Iterable[Part],
    settings: Settings,
    *,
    write: Callable[[str, bytes], None],
    report: Callable[[int], None] = lambda count: None,
) -> Iterator[tuple[int, pa.Table]]:
    """The number of each part and its table, in order.

    No more than three parts are held: one is read, one is explained, one is finished.

    Args:
        model: the network.
        parts: what to do.
        settings: how.
        write: called by other threads with the name and the content of each picture that is to be saved; what it raises
            ends the work.
        report: called with how many more photos the network is done with, or could not be read.
    """
    with _pool("read") as readers, _pool("finish") as finishers:
        finish = partial(finishers.submit, finished_row, save=settings.save, write=write)
        before: _Open | None = None
        for number, reading in _ahead(readers, parts, partial(model.input_size, fit=settings.fit)):
            rows = _explained(model, (future.result() for future in reading), settings.top, finish, report)
            if before is not None:
                yield _closed(before)
            before = _Open(number, rows)
        if before is not None:
            yield _closed(before)


@contextmanager
def _pool(task: str) -> Iterator[ThreadPoolExecutor]:
    """Threads; what they have not begun when this is left early is dropped."""
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix=f"batch-{task}")
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _ahead(readers: ThreadPoolExecutor, parts: Iterable[Part], input_size) -> Iterator[tuple[int, list[Future]]]:
    """Each part with its photos being read, when those of the next are being read too."""
    before = None
    for number, photos in parts:
        reading = [readers.submit(load_photo, row, path, input_size) for row, path in photos]
        if before is not None:
            yield before
        before = number, reading
    if before is not None:
        yield before


def _explained(
    model: "Model",
    photos: Iterable[Loaded | Unreadable],
    top: int,
    finish: Callable[..., Future],
    report: Callable[[int], None],
) -> dict[int, dict[str, object] | Future]:
    """The rows of a part by their numbers, those of photos that could be read still being made."""
    rows: dict[int, dict[str, object] | Future] = {}

    def readable() -> Iterator[Loaded]:
        for photo in photos:
            if isinstance(photo, Loaded):
                yield photo
                continue
            rows[photo.number] = failed_row(photo.path, photo.error, photo.seconds)
            report(1)

    for batch in batches(readable(), lambda photo: photo.pixels.size):
        start = time.perf_counter()
        explanations = model.explain_many([photo.pixels for photo in batch], fit="given")
        heats = [heat_of(explanation, top) for explanation in explanations]
        seconds = (time.perf_counter() - start) / len(batch)
        for photo, heat in zip(batch, heats, strict=True):
            rows[photo.number] = finish(photo, heat, seconds)
        report(len(batch))
    return rows


def _closed(part: _Open) -> tuple[int, pa.Table]:
    rows = [part.rows[number] for number in sorted(part.rows)]
    return part.number, table_of([row.result() if isinstance(row, Future) else row for row in rows])
