"""The tests of custom models share one warm child, which has the limits of a new one."""

import pytest
from support.custom_files import call_warm_child

from cam.custom_models import load


@pytest.fixture(autouse=True)
def warm_child(monkeypatch):
    monkeypatch.setattr(load, "call_in_child", call_warm_child)
