"""A whole run: what is missing of it is done, and its table is made."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from cam.batch.output_folder import Output, opened
from cam.batch.pipeline import explained_parts
from cam.batch.plan import Plan


@dataclass(frozen=True)
class Summary:
    """What came of a run.

    Attributes:
        photos: rows of the table.
        failed: those with an error.
        done: photos that were done now; the others were done before.
        seconds: that those took, without loading the network where that is done here.
        results: the table.
    """

    photos: int
    failed: int
    done: int
    seconds: float
    results: Path


def run(
    plan: Plan,
    load: Callable[[], object],
    folder: Path,
    *,
    work: Callable[..., Iterator[tuple[int, pa.Table]]] = explained_parts,
    resume: bool = False,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Summary:
    """Explain the photos of a plan and write the table to `folder`.

    Args:
        plan: the photos and how they are explained.
        load: gives what `work` takes first: the network. Called only where photos are missing.
        work: does it, as `explained_parts` does.
        folder: made where it is not there.
        resume: go on with the run where it is begun there already.
        report: called with the photos that are done, and all that are to be done now.

    Raises:
        OutputError: the folder has another run in it, a run in it now, or cannot be written to.
    """
    with opened(folder, plan, resume=resume) as output:
        missing = output.missing()
        done, seconds = _work(plan, missing, load, work, output, report) if missing else (0, 0.0)
        photos, failed = output.finish()
        return Summary(photos, failed, done, seconds, output.results)


def _work(
    plan: Plan,
    missing: list[int],
    load: Callable[[], object],
    work: Callable[..., Iterator[tuple[int, pa.Table]]],
    output: Output,
    report: Callable[[int, int], None],
) -> tuple[int, float]:
    """Do the parts that are missing; how many photos these were, and the seconds they took."""
    total, done = sum(len(plan.part(number)) for number in missing), 0
    loaded = load()

    def count(more: int) -> None:
        nonlocal done
        done += more
        report(done, total)

    start = time.perf_counter()
    count(0)
    parts = ((number, plan.part(number)) for number in missing)
    # Closed here, and with it its threads, whatever ends this.
    with closing(work(loaded, parts, plan.settings, write=output.save, report=count)) as tables:
        for number, table in tables:
            output.add(number, table)
    return total, time.perf_counter() - start
