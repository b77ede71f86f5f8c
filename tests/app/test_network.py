"""Choose the network: what is said of each, and what happens where its weights are missing or damaged."""

import pytest
import streamlit as st
from support.app_page import (
    DOG,
    LITE0,
    LITE2,
    RESNET50,
    class_of,
    engine,
    gallery,
    heat_pixels,
    open_page,
    picture,
    upload,
    works,
)

from cam.app.widgets.sample_gallery import DEFAULT
from cam.errors import ModelError
from cam.models import weights
from cam.models.registry import default_model, find_spec, list_models
from cam.server import model_store

SOURCE = find_spec(RESNET50).source


@pytest.fixture
def damaged(server):
    """A file under the name of ResNet-50's weights that is not one."""
    SOURCE.path.parent.mkdir(parents=True)
    SOURCE.path.write_bytes(b"half of a download")


def status(at) -> str:
    """The line that says which network is shown and how it sees the photo."""
    return next(text.value for text in at.markdown if "pixels · maps" in text.value)


def test_all_networks_are_offered_those_without_weights_too():
    at = open_page()
    assert at.selectbox(key="network").options == [spec.title for spec in list_models()]
    assert not find_spec(RESNET50).available


@pytest.mark.parametrize("name", [LITE0, LITE2])
def test_the_status_names_the_network_that_is_shown(name):
    at = open_page()
    at.selectbox(key="network").set_value(name).run()
    spec, explanation = find_spec(name), engine(DEFAULT, name)
    assert spec.title in status(at) and f"{spec.parameters / 1e6:.1f} million" in status(at)
    assert "{} × {} pixels".format(*explanation.input_size) in status(at)
    assert class_of(at) == explanation.top(1)[0].index


@pytest.mark.parametrize(
    ("downloads", "remedy"),
    [("yes", "“Get ResNet-50” on the page See downloads it."), ("no", "Ask who runs this server for it.")],
)
def test_a_network_without_weights_says_what_is_missing_who_brings_it_and_what_is_shown(downloads, remedy, monkeypatch):
    monkeypatch.setenv("CAM_DOWNLOADS", downloads)
    at = open_page()
    before = heat_pixels(at)
    at.selectbox(key="network").set_value(RESNET50).run()
    assert works(at) and len(at.warning) == 1
    assert at.warning[0].value == (
        f"ResNet-50 is not on this computer yet (98 MB). {remedy} You still see {find_spec(LITE2).title}."
    )
    assert (heat_pixels(at) == before).all()
    assert find_spec(LITE2).title in status(at)


@pytest.mark.parametrize("name", [LITE0, LITE2])
def test_a_network_without_weights_leaves_the_one_that_was_shown_last(name):
    at = open_page(network=name)
    at.selectbox(key="network").set_value(RESNET50).run()
    assert find_spec(name).title in at.warning[0].value
    assert class_of(at) == engine(DEFAULT, name).top(1)[0].index


def test_photos_and_classes_can_be_chosen_while_a_network_without_weights_is():
    at = open_page()
    at.selectbox(key="network").set_value(RESNET50).run()
    gallery(at).set_value("crab").run()
    assert works(at) and class_of(at) == engine("crab").top(1)[0].index
    at.selectbox(key="search").set_value(DOG).run()
    assert works(at) and class_of(at) == DOG
    assert upload(at, b"not a photo").error and works(at)


def test_of_random_weights_it_is_said_that_they_know_nothing_and_of_others_not():
    said = "Its weights were not learned: it knows nothing, and its maps mean nothing."
    at = open_page()
    assert said not in status(at)
    at.selectbox(key="network").set_value("efficientnet-lite2-random").run()
    assert status(at).endswith(said)
    assert "**Random weights**: 6.1 million parameters, not trained" in at.selectbox(key="network").proto.help


def test_the_help_of_the_picker_tells_visitors_no_folder_of_the_server(damaged):
    at = open_page(network=LITE2)
    said = at.selectbox(key="network").proto.help
    assert "**ResNet-50**" in said and "weights of 98 MB" in said
    assert str(SOURCE.path.parent) not in said


def test_another_network_ends_the_warning():
    at = open_page(network=RESNET50)
    assert at.warning
    at.selectbox(key="network").set_value(LITE0).run()
    assert works(at) and not at.warning
    assert class_of(at) == engine(DEFAULT, LITE0).top(1)[0].index


def test_the_page_opens_with_the_first_network_that_has_weights(damaged):
    assert default_model().name == RESNET50
    assert open_page().selectbox(key="network").value == RESNET50


def test_the_page_opens_although_the_file_of_its_first_network_is_damaged(damaged):
    at = open_page()
    assert works(at)
    assert len(at.warning) == 1 and "damaged" in at.warning[0].value
    assert class_of(at) == engine(DEFAULT).top(1)[0].index


def test_a_damaged_file_leaves_what_was_shown_and_offers_the_download(damaged):
    at = open_page(network=LITE0)
    before = picture(at, "heat")
    at.selectbox(key="network").set_value(RESNET50).run()
    assert works(at) and picture(at, "heat") == before
    said = at.warning[0].value
    assert SOURCE.path.name in said.replace("\\", "") and str(SOURCE.path.parent) not in said
    assert "damaged or cut off. “Get ResNet-50” on the page See downloads it." in said
    assert len(at.button) == 1


def test_a_damaged_file_is_read_once_and_again_only_when_it_changed(damaged, monkeypatch):
    read = []
    monkeypatch.setattr(weights, "_checksum", lambda path, algorithm: read.append(path) or "wrong")
    at = open_page(network=RESNET50).run()
    at.run()
    assert len(read) == 1
    SOURCE.path.unlink()
    SOURCE.path.write_bytes(b"another half of a download")
    assert works(at.run()) and len(read) == 2


def test_when_the_network_shown_instead_fails_too_the_next_one_is_shown(monkeypatch):
    load = model_store.loaded_model

    def fail(name):
        if name == LITE2:
            raise ModelError("Lite2 is damaged.")
        return load(name)

    monkeypatch.setattr(model_store, "loaded_model", fail)
    st.cache_resource.clear()
    at = open_page(network="resnet50")
    assert works(at)
    assert len(at.warning) == 2 and all("You still see EfficientNet-Lite0" in warning.value for warning in at.warning)


def test_when_no_network_can_be_loaded_the_page_says_why_and_shows_none_that_learned_nothing(monkeypatch):
    load = model_store.loaded_model

    def fail(name):
        if find_spec(name).trained:
            raise ModelError("Nothing can be loaded.")
        return load(name)

    monkeypatch.setattr(model_store, "loaded_model", fail)
    st.cache_resource.clear()
    at = open_page()
    assert not at.exception and "Nothing can be loaded." in [error.value for error in at.error]
    assert not at.warning and "picture_heat" not in [element.key for element in at.get("bidi_component")]
