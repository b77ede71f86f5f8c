"""Fixtures of the page's tests: what the server holds for all sessions is put back before and after each test."""

import pytest
import streamlit as st

from cam.server import model_store


@pytest.fixture(autouse=True)
def server(monkeypatch, tmp_path):
    """A server without ResNet-50, without downloads; the embedded networks stay loaded once they are."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(model_store, "_downloads", {})
    model_store._models.pop("resnet50", None)
    yield
    # What a stand-in for ResNet-50 has said of a photo must not be found by the next test.
    if model_store._models.pop("resnet50", None):
        st.cache_resource.clear()


@pytest.fixture
def fresh():
    """A server that has explained no photo yet."""
    st.cache_resource.clear()


@pytest.fixture
def own(monkeypatch, tmp_path, server):
    """An empty folder of one's own models, which are read by a child that stays; all is forgotten in the end."""
    from support.custom_files import call_warm_child

    monkeypatch.setattr("cam.custom_models.load.call_in_child", call_warm_child)
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("CAM_MODELS", str(folder))
    monkeypatch.setattr(model_store, "_corrected", {})
    yield folder
    for name in [name for name in model_store._models if name.startswith("own/")]:
        del model_store._models[name]
    st.cache_resource.clear()
