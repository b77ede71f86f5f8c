"""Turn parts of a list of photos into tables. Reading and the rest overlap.

Some threads read photos. Others run the network on those that are read, those of one size together where that is
faster, enlarge the heat, find its boxes and save the pictures.

The batches depend on nothing but the photos of a part, so a run that is resumed, or that several machines share, gives
the same numbers.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa
from PIL import Image

from cam.batch.plan import Settings
from cam.batch.rows import SCHEMA, LoadedPhoto, Row, Write, make_failed_row, make_row
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
# For each of the two tasks; each pass takes memory, and one Python has not much more to give.
_MOST_THREADS = 16
# Parts that are held, so that there is always one to read and one to explain.
_HELD = 3


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

    Args:
        model: the network.
        parts: as in `ExplainParts`, and so are settings, write and report.
        open_photo: called by several threads.
        cores: how many this work may keep busy; None: all of the machine.
    """
    threads = max(2, min(_MOST_THREADS, cores or os.cpu_count() or 1))
    lock = threading.Lock()
    load = partial(load_photo, partial(model.input_size, fit=settings.fit), open_photo)

    def count(more: int) -> None:
        with lock:
            report(more)

    def explain(batch: list[LoadedPhoto]) -> dict[int, Row]:
        start = time.perf_counter()
        explanations = model.explain_many([photo.pixels for photo in batch], fit="given")
        seconds = (time.perf_counter() - start) / len(batch)
        rows = {
            photo.number: make_row(photo, explanation, seconds, settings, write, open_photo)
            for photo, explanation in zip(batch, explanations, strict=True)
        }
        count(len(batch))
        return rows

    def explain_part(part: Part) -> FinishedPart:
        rows: dict[int, Row] = {}

        def read() -> Iterator[LoadedPhoto]:
            reading = {row: readers.submit(load, row, path) for row, path in part[1]}
            for row, future in reading.items():
                photo = future.result()
                if isinstance(photo, LoadedPhoto):
                    yield photo
                else:
                    rows[row] = photo
                    count(1)

        same_size = group_batches(read(), lambda photo: photo.pixels.size, model.batch_size)
        for batch in [explainers.submit(explain, photos) for photos in same_size]:
            rows |= batch.result()
        return part[0], pa.Table.from_pylist([rows[row] for row in sorted(rows)], SCHEMA)

    # The threads that wait for the others come first, so that they are ended last.
    with (
        _pool("part", _HELD) as workers,
        _pool("read", threads) as readers,
        _pool("explain", threads) as explainers,
    ):
        held: deque[Future[FinishedPart]] = deque()
        for part in parts:
            held.append(workers.submit(explain_part, part))
            if len(held) == _HELD:
                yield held.popleft().result()
        while held:
            yield held.popleft().result()


@contextmanager
def _pool(task: str, threads: int) -> Iterator[ThreadPoolExecutor]:
    """A pool of threads; what they have not begun when the block ends early is dropped."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix=f"batch-{task}")
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def load_photo(input_size: InputSize, open_photo: OpenPhoto, number: int, path: str) -> LoadedPhoto | Row:
    """Read and decode a photo and resize it for the network; where it cannot be read, make its row."""
    start = time.perf_counter()
    try:
        image = open_photo(path)
    except ImageError as error:
        return make_failed_row(path, str(error), time.perf_counter() - start)
    pixels = Image.fromarray(resized(image, input_size(image.size)))
    return LoadedPhoto(number, path, image.info["stored_size"], image.size, pixels, time.perf_counter() - start)
