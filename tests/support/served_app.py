"""The app as it is served, which also says how many passes there were, and is slow where a test wants it to be.

FAULT_SLOW: a file; while it is there, looks at a photo last as long as in code that nothing interrupts.
FAULT_CALLBACK: a file; while it is there, a click on a class is thought about for a second, and another file with
"begun" after its name says so.
FAULT_URL: where the weights of ResNet-50 come from.
"""

import ctypes
import dataclasses
import os
import time
from pathlib import Path

import streamlit as st

import streamlit_app  # noqa: F401, its guards have uploads read in memory
from cam.app.navigation import run_page
from cam.app.widgets import class_picker
from cam.models import registry
from cam.server import model_store

if url := os.environ.get("FAULT_URL"):
    rows = [row for row in registry._SPECS if row.name == "resnet50"]
    registry._SPECS = tuple(
        dataclasses.replace(row, source=dataclasses.replace(row.source, url=url)) if row in rows else row
        for row in registry._SPECS
    )


def slow(explain):
    def explained(*arguments, **options):
        if Path(os.environ["FAULT_SLOW"]).exists():
            ctypes.CDLL(None).sleep(60)
        return explain(*arguments, **options)

    return explained


def thoughtful(choose):
    def chosen(index):
        if (fault := Path(os.environ["FAULT_CALLBACK"])).exists():
            fault.with_name(f"{fault.name}begun").touch()
            time.sleep(1)
        choose(index)

    return chosen


if "FAULT_CALLBACK" in os.environ and class_picker.keep_class.__name__ != "chosen":
    class_picker.keep_class = thoughtful(class_picker.keep_class)
run_page()
model = model_store.loaded_model(registry.default_model().name)
if "FAULT_SLOW" in os.environ and "explain_with" not in vars(model):
    model.explain_with = slow(model.explain_with)
st.text(f"passes {model.passes}")
