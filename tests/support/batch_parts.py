"""What tests of runs share: their tables, and good and bad photos."""

from pathlib import Path

from pyarrow import parquet


def rows(results: Path) -> list[dict]:
    """The rows of a table without what differs between any two runs."""
    return parquet.read_table(results).drop_columns("seconds").to_pylist()


def files(folder: Path) -> set[str]:
    """All files in a folder, by their paths in it."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
