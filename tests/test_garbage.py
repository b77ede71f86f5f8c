"""What stays is kept from Python's search for garbage, wherever Keras was imported first."""

import gc
import subprocess
import sys
from pathlib import Path

from cam.garbage import no_collecting

ROOT = Path(__file__).parent.parent


def test_objects_are_frozen_and_collecting_goes_on_after_the_outermost_block():
    before = gc.get_freeze_count()
    try:
        with no_collecting():
            with no_collecting():
                made = [[] for _ in range(1000)]
            assert not gc.isenabled()
        assert gc.isenabled()
        assert gc.get_freeze_count() >= before + len(made)
    finally:
        gc.unfreeze()


def test_collecting_that_was_off_stays_off():
    gc.disable()
    try:
        with no_collecting():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
        gc.unfreeze()


def test_a_page_that_is_the_first_to_need_keras_makes_later_collections_no_slower():
    """Counted in objects that a collection has to look at."""
    code = """
import gc
import cam.explanation, cam.models.fast
from cam.models.keras_import import import_keras
gc.collect()
before = len(gc.get_objects())
import_keras()
import keras
print(before, len(gc.get_objects()), gc.get_freeze_count())
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    before, after, frozen = map(int, done.stdout.split()[-3:])
    assert frozen > 100_000 and after < before + frozen / 20
