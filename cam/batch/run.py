"""Run a plan: explain what is missing of it, and make its table."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from cam.batch.output_folder import OutputFolder, open_output
from cam.batch.pipeline import ExplainParts
from cam.batch.plan import Plan
from cam.methods.probe import Report, no_report


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

    @property
    def rate(self) -> float:
        """Photos explained in a second, now."""
        return self.done / self.seconds if self.seconds else 0.0


def run(
    plan: Plan,
    start: Callable[[], ExplainParts],
    folder: Path,
    *,
    resume: bool = False,
    report: Report = no_report,
) -> Summary:
    """Explain the photos of a plan and write the table to `folder`.

    Args:
        plan: the photos and how they are explained.
        start: loads the network, or connects to the machines that do the work; called only where photos are missing.
        folder: made where it is not there.
        resume: go on with the run where it is begun there already.
        report: called with how many photos are done and how many are to be done now, first with 0.

    Raises:
        OutputError: the folder has another run in it, a run in it now, or cannot be written to.
    """
    with open_output(folder, plan, resume=resume) as output:
        done, seconds = _explain_missing(output, start, report)
        photos, failed = output.finish()
        return Summary(photos, failed, done, seconds, output.results)


def _explain_missing(output: OutputFolder, start: Callable[[], ExplainParts], report: Report) -> tuple[int, float]:
    """Explain the parts that are missing; how many photos these were, and the seconds they took."""
    parts = [(number, output.plan.part(number)) for number in output.missing_parts()]
    if not parts:
        return 0, 0.0
    total, done = sum(len(photos) for _, photos in parts), 0
    explain = start()

    def count(more: int) -> None:
        nonlocal done
        done += more
        report(done, total)

    began = time.perf_counter()
    count(0)
    # Closed here, and with it its threads, whatever ends this.
    with closing(explain(parts, output.plan.settings, write=output.save, report=count)) as finished:
        for number, table in finished:
            output.add_part(number, table)
    return total, time.perf_counter() - began
