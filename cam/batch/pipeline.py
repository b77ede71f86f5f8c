"""Turn parts of a list of photos into tables. Reading, the network and the rest overlap.

Some threads read the photos of the next part. Some run the network on those of this one, those of one size together
where that is faster. Some enlarge the heat, find its boxes and save the pictures.

The batches depend on nothing but the photos of a part, so a run that is resumed, or that several machines share, gives
the same numbers.
"""

import os
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

import pyarrow as pa
from PIL import Image

from cam.batch.plan import Settings
from cam.batch.rows import Heat, LoadedPhoto, Row, Write, extract_heat, make_failed_row, make_row, make_table
from cam.batch.sources import OpenPhoto, open_photo
from cam.errors import ImageError
from cam.images.open import resized
from cam.model import group_batches

if TYPE_CHECKING:
    from cam.model import Model

# A part's number, and its photos: the number of the row, and the path.
Part = tuple[int, list[tuple[int, str]]]
# A part's number, and its table.
FinishedPart = tuple[int, pa.Table]
# (width, height) of a photo -> (width, height) of the network's input.
InputSize = Callable[[tuple[int, int]], tuple[int, int]]
# For each of the three tasks; each pass takes memory, and one Python has not much more to give.
_MOST_THREADS = 16


class ExplainParts(Protocol):
    """Explains parts of the photos, on this machine or on many."""

    def __call__(
        self, parts: Iterable[Part], settings: Settings, *, write: Write, report: Callable[[int], None]
    ) -> Generator[FinishedPart, None, None]:
        """Yield each part when its table is finished.

        Args:
            parts: the photos.
            settings: how they are explained.
            write: called for each picture that is to be saved, perhaps by other threads; its exceptions end the work.
            report: called, by one thread at a time, with how many more photos the network has explained, or could not
                be read.
        """


# Photos being read, and rows being made, by the numbers of the rows.
_Reading = dict[int, Future[LoadedPhoto | Row]]
_Rows = dict[int, Future[Row]]


class _BegunPart(NamedTuple):
    """A part whose photos are all on their way through the network.

    Attributes:
        number: the part's.
        batches: each gives its rows when the network has explained it.
        failed: the rows of photos that could not be read, by their numbers.
    """

    number: int
    batches: list[Future[_Rows]]
    failed: dict[int, Row]


def explain_parts(
    model: "Model",
    parts: Iterable[Part],
    settings: Settings,
    *,
    write: Write,
    report: Callable[[int], None] = lambda count: None,
    open_photo: OpenPhoto = open_photo,
    cores: int | None = None,
) -> Generator[FinishedPart, None, None]:
    """Explain parts in this process, and yield them in order; bound to a network, this is an `ExplainParts`.

    No more than three parts are held: one is read, one is explained, one is finished.

    Args:
        model: the network.
        parts: as in `ExplainParts`, and so are settings, write and report.
        open_photo: called by several threads.
        cores: how many this work may keep busy; None: all of the machine.
    """
    threads = max(2, min(_MOST_THREADS, cores or os.cpu_count() or 1))
    lock = threading.Lock()

    def count(more: int) -> None:
        with lock:
            report(more)

    with _pool("read", threads) as readers, _pool("finish", threads) as finishers, _pool("explain", threads) as passes:

        def finish(photo: LoadedPhoto, heat: Heat, seconds: float) -> Future[Row]:
            return finishers.submit(make_row, photo, heat, seconds, settings.save, write, open_photo)

        def explain(batch: list[LoadedPhoto]) -> Future[_Rows]:
            return passes.submit(_explain_batch, model, batch, settings.top, finish, count)

        before: _BegunPart | None = None
        load = partial(load_photo, partial(model.input_size, fit=settings.fit), open_photo)
        for number, reading in _read_ahead(partial(readers.submit, load), parts):
            begun = _begin(number, reading, explain, model.batch_size, count)
            if before is not None:
                yield _finish(before)
            before = begun
        if before is not None:
            yield _finish(before)


@contextmanager
def _pool(task: str, threads: int) -> Iterator[ThreadPoolExecutor]:
    """A pool of threads; what they have not begun when the block ends early is dropped."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix=f"batch-{task}")
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _read_ahead(
    load: Callable[[int, str], Future[LoadedPhoto | Row]], parts: Iterable[Part]
) -> Iterator[tuple[int, _Reading]]:
    """Yield each part with its photos being read, when those of the next are being read too."""
    before = None
    for number, photos in parts:
        reading = {row: load(row, path) for row, path in photos}
        if before is not None:
            yield before
        before = number, reading
    if before is not None:
        yield before


def load_photo(input_size: InputSize, open_photo: OpenPhoto, number: int, path: str) -> LoadedPhoto | Row:
    """Read and decode a photo and resize it for the network; where it cannot be read, make its row."""
    start = time.perf_counter()
    try:
        image = open_photo(path)
    except ImageError as error:
        return make_failed_row(path, str(error), time.perf_counter() - start)
    pixels = Image.fromarray(resized(image, input_size(image.size)))
    return LoadedPhoto(number, path, image.info["stored_size"], image.size, pixels, time.perf_counter() - start)


def _begin(
    number: int,
    reading: _Reading,
    explain: Callable[[list[LoadedPhoto]], Future[_Rows]],
    batch_size: int,
    report: Callable[[int], None],
) -> _BegunPart:
    """Hand all batches of a part to the network, each as soon as its photos are read."""
    failed: dict[int, Row] = {}

    def readable() -> Iterator[LoadedPhoto]:
        for row, future in reading.items():
            photo = future.result()
            if isinstance(photo, LoadedPhoto):
                yield photo
            else:
                failed[row] = photo
                report(1)

    same_size = group_batches(readable(), lambda photo: photo.pixels.size, batch_size)
    return _BegunPart(number, [explain(batch) for batch in same_size], failed)


def _explain_batch(
    model: "Model",
    batch: list[LoadedPhoto],
    top: int,
    finish: Callable[[LoadedPhoto, Heat, float], Future[Row]],
    report: Callable[[int], None],
) -> _Rows:
    """Run the network on photos of one size; their rows, being made."""
    start = time.perf_counter()
    explanations = model.explain_many([photo.pixels for photo in batch], fit="given")
    heats = [extract_heat(explanation, top) for explanation in explanations]
    seconds = (time.perf_counter() - start) / len(batch)
    rows = {photo.number: finish(photo, heat, seconds) for photo, heat in zip(batch, heats, strict=True)}
    report(len(batch))
    return rows


def _finish(part: _BegunPart) -> FinishedPart:
    """Wait for the rows of a part and make its table."""
    rows = dict(part.failed)
    for batch in part.batches:
        rows |= {number: row.result() for number, row in batch.result().items()}
    return part.number, make_table([rows[number] for number in sorted(rows)])
