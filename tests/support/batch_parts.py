"""What tests of runs share: a run in this process, its table and its files."""

from functools import partial
from pathlib import Path

from pyarrow import parquet

from cam.batch.pipeline import explain_parts
from cam.batch.plan import Plan
from cam.batch.run import Summary, run


def run_here(plan: Plan, model, folder: Path, **options) -> Summary:
    """Run a plan in this process with a network that is loaded."""
    return run(plan, lambda: partial(explain_parts, model), folder, **options)


def read_rows(results: Path) -> list[dict]:
    """The rows of a table without what differs between any two runs."""
    return parquet.read_table(results).drop_columns("seconds").to_pylist()


def list_files(folder: Path) -> set[str]:
    """All files in a folder, by their paths in it."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
