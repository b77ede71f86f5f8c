"""What the first page needs is imported, and nothing besides: each library costs the start a part of a second."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# The page as a visitor sees it while the network loads: a network that never comes ends the run at its first heat.
SCRIPT = """
import json, sys
import streamlit as st
from concurrent.futures import Future
from streamlit.testing.v1 import AppTest
from cam.app import navigation
from cam.server import model_store

model_store.request_model = lambda name: Future()
navigation.import_first_page()
from cam.app.widgets import network_picker
network_picker.explain = lambda *arguments, **options: st.stop()
page = AppTest.from_file("streamlit_app.py", default_timeout=60).run()
assert not page.exception and any("Loading" in text.value for text in page.markdown)
print(json.dumps(sorted(sys.modules)))
"""


@pytest.fixture(scope="module")
def modules() -> set[str]:
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_page_is_there_before_any_library_that_only_maps_and_charts_need(modules):
    heavy = {"tensorflow", "keras", "openvino", "pandas", "pyarrow", "altair", "matplotlib", "scipy.special"}
    assert "cam.app.pages.see" in modules
    assert modules & {*heavy, "scipy.ndimage", "scipy.linalg"} == set()


def test_other_pages_are_not_imported_before_they_are_opened(modules):
    assert [name for name in modules if name.startswith("cam.app.pages.")] == ["cam.app.pages.see"]


def test_before_the_server_answers_neither_a_page_nor_what_maps_need_is_imported():
    code = "import json, sys, cam.server.model_store, cam.app.navigation; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"cam.app.pages.see", "pandas", "matplotlib", "scipy.special"} & set(json.loads(done.stdout))
