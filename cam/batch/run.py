"""Run a plan: explain what is missing of it, and make its table."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from cam.batch.output_folder import OutputFolder, open_output
from cam.batch.pipeline import ExplainParts
from cam.batch.plan import Plan

# Takes how many photos are done, and how many are to be done in this run.
Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Summary:
    """The outcome of a run.

    Attributes:
        photos: rows of the table.
        failed: those with an error.
        done: photos that were explained now; the others were explained before.
        seconds: explaining them took these, without what `start` took.
        results: the table.
    """

    photos: int
    failed: int
    done: int
    seconds: float
    results: Path


def run(
    plan: Plan,
    start: Callable[[], ExplainParts],
    folder: Path,
    *,
    resume: bool = False,
    report: Report = lambda done, total: None,
) -> Summary:
    """Explain the photos of a plan and write the table to `folder`.

    Args:
        plan: the photos and how they are explained.
        start: loads the network, or connects to the machines that do the work; called only where photos are missing.
        folder: made where it is not there.
        resume: go on with the run where it is begun there already.
        report: called first with 0, then whenever photos are done.

    Raises:
        OutputError: the folder has another run in it, a run in it now, or cannot be written to.
    """
    with open_output(folder, plan, resume=resume) as output:
        missing = output.missing_parts()
        done, seconds = _explain_missing(missing, start, output, report) if missing else (0, 0.0)
        photos, failed = output.finish()
        return Summary(photos, failed, done, seconds, output.results)


def _explain_missing(
    missing: list[int], start: Callable[[], ExplainParts], output: OutputFolder, report: Report
) -> tuple[int, float]:
    """Explain the parts that are missing; how many photos these were, and the seconds they took."""
    plan = output.plan
    total, done = sum(len(plan.part(number)) for number in missing), 0
    explain = start()

    def count(more: int) -> None:
        nonlocal done
        done += more
        report(done, total)

    began = time.perf_counter()
    count(0)
    parts = ((number, plan.part(number)) for number in missing)
    # Closed here, and with it its threads, whatever ends this.
    with closing(explain(parts, plan.settings, write=output.save, report=count)) as finished:
        for number, table in finished:
            output.add_part(number, table)
    return total, time.perf_counter() - began
