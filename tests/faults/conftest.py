"""Faults on a server of its own, which a tab without a browser visits, and on the page as `tests/app` drives it."""

import pytest

SERVED = "tests/support/served_app.py"


@pytest.fixture
def fresh():
    """A server that has explained no photo yet, before and after."""
    import streamlit as st

    st.cache_resource.clear()
    yield
    st.cache_resource.clear()
