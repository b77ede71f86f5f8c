"""Faults on a server of its own, which a tab without a browser visits, and on the page as `tests/app` drives it."""

import sys
from pathlib import Path

import pytest

_APP = Path(__file__).parents[1] / "app"
sys.path.append(str(_APP))

SERVED = "tests/faults/served_app.py"


@pytest.fixture
def fresh():
    """A server that has explained no photo yet, before and after."""
    import streamlit as st

    st.cache_resource.clear()
    yield
    st.cache_resource.clear()
