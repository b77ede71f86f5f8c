"""Fixtures of the page's tests: what the server holds for all sessions is put back before and after each test."""

import pytest
import streamlit as st

from cam import loading


@pytest.fixture(autouse=True)
def server(monkeypatch, tmp_path):
    """A server without ResNet-50, without downloads; the embedded networks stay loaded once they are."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(loading, "_downloads", {})
    loading._models.pop("resnet50", None)
    yield
    # What a stand-in for ResNet-50 has said of a photo must not be found by the next test.
    if loading._models.pop("resnet50", None):
        st.cache_resource.clear()


@pytest.fixture
def fresh():
    """A server that has explained no photo yet."""
    st.cache_resource.clear()
