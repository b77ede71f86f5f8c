"""What stays is kept from Python's search for garbage, wherever a large library was imported first."""

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from cam.backends.imports import pause_collection

ROOT = Path(__file__).parents[2]


def test_objects_are_frozen_and_collecting_goes_on_after_the_outermost_block():
    before = gc.get_freeze_count()
    try:
        with pause_collection():
            with pause_collection():
                made = [[] for _ in range(1000)]
            assert not gc.isenabled()
        assert gc.isenabled()
        assert gc.get_freeze_count() >= before + len(made)
    finally:
        gc.unfreeze()


def test_collecting_that_was_off_stays_off():
    gc.disable()
    try:
        with pause_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
        gc.unfreeze()


# Prints how many objects a collection looks at before and after something is imported, and how many it never does.
COUNT = """
import gc
{before}
gc.collect()
before = len(gc.get_objects())
{imports}
print(before, len(gc.get_objects()), gc.get_freeze_count())
"""
KERAS = (
    "import cam.explanation, cam.backends.openvino\nfrom cam.backends.imports import import_keras",
    "import_keras()\nimport keras",
)
PANDAS = (
    "from cam.app.navigation import list_pages, _import_page\nlist_pages()",
    "_import_page('inside')\nimport pandas, altair",
)


@pytest.mark.parametrize(("before", "imports"), [KERAS, PANDAS], ids=["keras", "pandas"])
def test_a_page_that_is_the_first_to_need_a_large_library_makes_later_collections_no_slower(before, imports):
    code = COUNT.format(before=before, imports=imports)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    before, after, frozen = map(int, done.stdout.split()[-3:])
    assert frozen > 60_000 and after < before + frozen / 20
