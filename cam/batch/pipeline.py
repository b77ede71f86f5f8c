"""The work itself: parts of a list of photos in, tables out. Reading, the network and the rest overlap.

Some threads read the photos of the next part. Some run the network on those of this one, those of one size together
where that is faster. Some enlarge the heat, find its boxes and save the pictures.

The batches depend on nothing but the photos of a part, so a run that is gone on with, or that several machines share,
gives the same numbers.
"""

import os
import threading
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
from cam.batch.rows import failed_row, table_of
from cam.model import group_batches

if TYPE_CHECKING:
    from cam.model import Model

# A part's number, and its photos: the number of the row, and the path.
Part = tuple[int, list[tuple[int, str]]]
# For each of the three tasks; each pass takes memory, and one Python has not much more to give.
_MOST_THREADS = 16


class _Open(NamedTuple):
    """A part whose photos are all on their way through the network.

    Attributes:
        number: of the part.
        failed: the rows of photos that could not be read, by the rows' numbers.
        explained: of each batch, when the network is done: its rows being made, by their numbers.
    """

    number: int
    failed: dict[int, dict[str, object]]
    explained: list[Future[dict[int, Future]]]


def explained_parts(
    model: "Model",
    parts: Iterable[Part],
    settings: Settings,
    *,
    write: Callable[[str, bytes], None],
    report: Callable[[int], None] = lambda count: None,
    cores: int | None = None,
) -> Iterator[tuple[int, pa.Table]]:
    """The number of each part and its table, in order.

    No more than three parts are held: one is read, one is explained, one is finished.

    Args:
        model: the network.
        parts: what to do.
        settings: how.
        write: called by other threads with the name and the content of each picture that is to be saved; what it raises
            ends the work.
        report: called, by one thread at a time, with how many more photos the network is done with, or could not be
            read.
        cores: how many this work may keep busy; None: all of the machine.
    """
    threads = max(2, min(_MOST_THREADS, cores or os.cpu_count() or 1))
    lock = threading.Lock()

    def count(more: int) -> None:
        with lock:
            report(more)

    pool = partial(_pool, threads)
    with pool("read") as readers, pool("finish") as finishers, pool("explain") as explainers:
        finish = partial(finishers.submit, finished_row, save=settings.save, write=write)
        explain = partial(explainers.submit, _explained, model, top=settings.top, finish=finish, report=count)
        before: _Open | None = None
        for number, reading in _ahead(readers, parts, partial(model.input_size, fit=settings.fit)):
            begun = _begun(number, (future.result() for future in reading), explain, model.batch_size, count)
            if before is not None:
                yield _closed(before)
            before = begun
        if before is not None:
            yield _closed(before)


@contextmanager
def _pool(threads: int, task: str) -> Iterator[ThreadPoolExecutor]:
    """Threads; what they have not begun when this is left early is dropped."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix=f"batch-{task}")
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


def _begun(
    number: int,
    photos: Iterable[Loaded | Unreadable],
    explain: Callable[[list[Loaded]], Future],
    together: int,
    report: Callable[[int], None],
) -> _Open:
    """A part with all its batches handed to the network, each as soon as its photos are read."""
    failed = {}

    def readable() -> Iterator[Loaded]:
        for photo in photos:
            if isinstance(photo, Loaded):
                yield photo
                continue
            failed[photo.number] = failed_row(photo.path, photo.error, photo.seconds)
            report(1)

    explained = [explain(batch) for batch in group_batches(readable(), lambda photo: photo.pixels.size, together)]
    return _Open(number, failed, explained)


def _explained(
    model: "Model", batch: list[Loaded], *, top: int, finish: Callable[..., Future], report: Callable[[int], None]
) -> dict[int, Future]:
    """Run the network on photos of one size; their rows being made, by their numbers."""
    start = time.perf_counter()
    explanations = model.explain_many([photo.pixels for photo in batch], fit="given")
    heats = [heat_of(explanation, top) for explanation in explanations]
    seconds = (time.perf_counter() - start) / len(batch)
    rows = {photo.number: finish(photo, heat, seconds) for photo, heat in zip(batch, heats, strict=True)}
    report(len(batch))
    return rows


def _closed(part: _Open) -> tuple[int, pa.Table]:
    """The number of a part and its table, waited for."""
    rows = dict(part.failed)
    for batch in part.explained:
        rows |= {number: row.result() for number, row in batch.result().items()}
    return part.number, table_of([rows[number] for number in sorted(rows)])
