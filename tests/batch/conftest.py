"""Photos in folders, and runs over them with the tiny network, in parts of four."""

from pathlib import Path

import pytest
from support.batch_parts import read_rows, run_here

import cam.batch.plan
from cam.batch.plan import Plan, Settings
from cam.batch.sources import find_photos


@pytest.fixture
def parts_of_four(monkeypatch):
    monkeypatch.setattr(cam.batch.plan, "PART", 4)


@pytest.fixture
def photos(tmp_path, noise_photo) -> Path:
    """A folder of 11 photos of three shapes and one file that is none, p00 to p11."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(12):
        size = [(60, 40), (40, 60), (52, 52)][i % 3]
        noise_photo(*size, seed=i).save(folder / f"p{i:02d}.png")
    (folder / "p07.png").write_text("no photo")
    return folder


@pytest.fixture
def plan(photos, parts_of_four) -> Plan:
    return Plan(find_photos([str(photos)]), Settings("tiny", top=2))


@pytest.fixture
def expected(plan, tiny_model, tmp_path) -> list[dict]:
    """The rows of a run that nothing disturbed."""
    return read_rows(run_here(plan, tiny_model, tmp_path / "undisturbed").results)
