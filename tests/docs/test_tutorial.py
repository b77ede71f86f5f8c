"""The notebook runs from its first cell to its last, and what is committed with it is what it says today.

Run as a program, this file writes the notebook's outputs anew: python tests/docs/test_tutorial.py
"""

import base64
import io
import os
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "tutorial.ipynb"
_TIME = re.compile(r"[\d.]+ (?:s|ms|times)\b")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
# What TensorFlow writes when it starts, however quiet it is asked to be.
_STARTUP = re.compile(r"(?:WARNING: All log messages before absl|[IWE]\d{4} ).*\n?")


def executed() -> NotebookNode:
    """A copy of the notebook, run in the root of the repository (CellExecutionError where a cell fails)."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    place = {"metadata": {"path": str(ROOT)}}
    # Where Streamlit was imported, it has chosen a backend of matplotlib that draws nothing in a notebook.
    environ = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    quiet = environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    client = NotebookClient(notebook, timeout=120, record_timing=False, coalesce_streams=True, resources=place)
    client.execute(env=quiet)
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if output.output_type == "stream" and output.name == "stderr":
                output.text = _STARTUP.sub("", output.text)
        cell.outputs = [output for output in cell.outputs if output.get("text") != ""]
    return notebook


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def printed(cell: NotebookNode) -> str:
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def pictures(cell: NotebookNode) -> Iterator[Image.Image]:
    for output in cell.outputs:
        if output.output_type == "display_data":
            yield Image.open(io.BytesIO(base64.b64decode(output.data["image/jpeg"])))


def alike(first: str, second: str) -> bool:
    """Whether two texts have the same words, and numbers that differ by one in the last decimal at most; not times."""
    first, second = _TIME.sub("(time)", first), _TIME.sub("(time)", second)
    if _NUMBER.split(first) != _NUMBER.split(second):
        return False
    pairs = zip(_NUMBER.findall(first), _NUMBER.findall(second), strict=True)
    return all(abs(Decimal(a) - Decimal(b)) <= Decimal(1).scaleb(Decimal(a).as_tuple().exponent) for a, b in pairs)


@pytest.fixture(scope="module")
def committed() -> NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.fixture(scope="module")
def fresh() -> NotebookNode:
    return executed()


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("49.9%  German shepherd", "50.0%  German shepherd", True),
        ("49.9%  German shepherd", "50.1%  German shepherd", False),
        ("49.9%  German shepherd", "49.9%  Malinois", False),
        ("slow way: 1.20 s, 30 times as fast", "slow way: 9 s, 4 times as fast", True),
        ("score 4.11", "score -4.11", False),
        ("1 pass", "1 pass, 2 passes", False),
    ],
)
def test_texts_are_alike_up_to_the_last_decimal_and_times(first, second, same):
    assert alike(first, second) is same


def test_the_committed_notebook_was_run_from_top_to_bottom_and_is_small(committed):
    assert [cell.execution_count for cell in code_cells(committed)] == [*range(1, len(code_cells(committed)) + 1)]
    assert NOTEBOOK.stat().st_size < 1.5e6
    nbformat.validate(committed)


def test_the_notebook_prints_what_is_committed(committed, fresh):
    for before, now in zip(code_cells(committed), code_cells(fresh), strict=True):
        assert alike(printed(before), printed(now)), f"{before.id}: {printed(before)!r} became {printed(now)!r}"
        assert {output.get("name") for output in now.outputs} <= {"stdout", None}, f"{now.id} writes to stderr"


def test_the_notebook_draws_what_is_committed(committed, fresh):
    count = 0
    for before, now in zip(code_cells(committed), code_cells(fresh), strict=True):
        for old, new in zip(pictures(before), pictures(now), strict=True):
            old, new = (np.asarray(one.convert("RGB").resize((24, 16)), np.float64) for one in (old, new))
            assert np.abs(old - new).mean() < 4, before.id
            count += 1
    assert count == 7


def test_what_the_notebook_shows_is_true(fresh):
    said = {cell.id: printed(cell) for cell in code_cells(fresh)}
    assert "forward passes so far: 1\n" in said["explain"]
    assert "mean 4.65 + bias 0.01 = score 4.66\n" in said["class-map"]
    assert said["all-classes-code"] == "largest difference over all 1000 classes: 0.0000\n"
    assert "largest difference: 0.0000, where the maps reach 35.1\n" in said["fast-code"]
    assert "own score: 4.66, by hand: 4.66\nlargest difference over all classes: 0.0000\n" in said["own-score"]
    assert " ms, 0 passes\n" in said["another-code"]


if __name__ == "__main__":
    nbformat.write(executed(), NOTEBOOK)
