"""docs/architecture.md and CONTRIBUTING.md name files and folders that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLACES = r"`((?:cam|tests|docs|benchmarks|sample_images)/[\w./-]*)`"


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_the_places_that_are_named_are_there(page):
    text = (ROOT / page).read_text("utf-8")
    links = [target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target]
    places = [ROOT / place for place in re.findall(PLACES, text)]
    places += [(ROOT / page).parent / target for target in links]
    places += [ROOT / path for path in re.findall(r"pytest (tests/[\w/.]+)", text)]
    assert len(places) > 5
    assert [str(place) for place in places if not place.exists()] == []


def test_every_package_is_in_the_table():
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    packages = {path.parent.name for path in (ROOT / "cam").glob("*/__init__.py")}
    assert set(re.findall(r"^\| `cam/(\w+)/` \|", text, re.MULTILINE)) == packages
