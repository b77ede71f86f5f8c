"""Networks other than the built-in ones on the page: somebody's own, broken ones, and those without an exact map."""

import json
import warnings

import keras
import numpy as np
import pytest
from app_page import LITE2, decoded, engine, open_page, picture, works
from compare_parts import open_compare, titles, words
from keras import layers

from cam import cached, loading
from cam.ui import compare_methods


def save(folder, name, *, flat=False, classes=3):
    """A tiny network: global average pooling and one dense layer, or two dense layers on a flattened map."""
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(4, 3, 2, padding="same", activation="relu")(layers.Rescaling(1 / 255)(inputs))
    x = layers.Conv2D(6, 3, 2, padding="same", activation="relu")(x)
    x = layers.Dense(5, "relu")(layers.Flatten()(x)) if flat else layers.GlobalAveragePooling2D()(x)
    network = keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))
    rng = np.random.default_rng(0)
    network.set_weights([rng.normal(0, 0.5, value.shape) for value in network.get_weights()])
    with warnings.catch_warnings():
        # Keras hands its variables to NumPy in a way that NumPy 2 warns of.
        warnings.simplefilter("ignore", DeprecationWarning)
        network.save(folder / f"{name}.keras")


@pytest.fixture
def models(tmp_path, monkeypatch, server):
    """A folder with three models: exact, without an exact map, and broken."""
    folder = tmp_path / "models"
    folder.mkdir()
    save(folder, "gap")
    save(folder, "flat", flat=True)
    (folder / "gap.json").write_text(json.dumps({"labels": ["<b>red</b>", "tabby", "blue"], "title": "Mine # 1"}))
    (folder / "broken.keras").write_bytes(b"nothing")
    monkeypatch.setenv("CAM_MODELS", str(folder))
    yield folder
    for name in [name for name in loading._models if name.startswith("own/")]:
        del loading._models[name]
    cached.st.cache_resource.clear()


def heat_title(at) -> str:
    return picture(at, "heat")["title"]


def test_ones_own_network_is_offered_explained_and_its_guesses_are_named(models):
    at = open_page(network="own/gap")
    assert works(at) and not at.warning
    assert "Mine # 1" in at.selectbox(key="network").options
    options = at.radio(key="row").options
    assert len(options) == 3 and any("tabby" in option for option in options)
    assert "Guessed: what its numbers stand for" in at.expander[0].label
    assert "the names of its classes" not in at.expander[0].label


def test_a_class_stays_chosen_by_its_name_where_the_other_network_knows_it(models):
    at = open_page(network=LITE2, **{"class": "tabby"})
    at.selectbox(key="network").set_value("own/gap").run()
    assert at.radio(key="row").value == 1 and heat_title(at) == "Evidence for tabby"
    at.selectbox(key="network").set_value(LITE2).run()
    assert heat_title(at) == "Evidence for tabby"
    at.selectbox(key="network").set_value("own/flat").run()
    assert works(at) and heat_title(at).startswith("Evidence for class ")


def test_a_correction_is_used_and_is_for_this_visitor_alone(models):
    at, other = open_page(network="own/gap"), open_page(network="own/gap")
    before = at.session_state.class_names
    at.text_area[0].set_value("one\ntwo\nthree")
    at.selectbox(key="own_preprocessing_own/gap").set_value("0..1")
    at.button(key="FormSubmitter:own_model-Use these").click().run()
    assert works(at) and at.session_state.class_names == ("one", "two", "three")
    assert "Guessed" not in at.expander[0].label
    assert other.run().session_state.class_names == before


def test_a_wrong_number_of_classes_is_said_and_nothing_is_lost(models):
    at = open_page(network="own/gap")
    at.text_area[0].set_value("one\ntwo")
    at.button(key="FormSubmitter:own_model-Use these").click().run()
    assert [error.value for error in at.error] == ["The network has 3 classes, but there are 2 names. Give one a line."]
    assert works(at) and "tabby" in at.session_state.class_names


def test_a_broken_model_says_why_and_the_others_work(models):
    at = open_page(network="own/broken")
    assert works(at) and len(at.warning) == 1
    assert "broken.keras cannot be opened" in at.warning[0].value
    assert at.warning[0].value.endswith("You still see EfficientNet-Lite2.")
    at.selectbox(key="network").set_value("own/gap").run()
    assert works(at) and not at.warning


def test_a_folder_that_is_none_is_said_and_the_page_opens(monkeypatch, tmp_path):
    monkeypatch.setenv("CAM_MODELS", str(tmp_path / "nothing"))
    at = open_page()
    assert works(at) and "CAM_MODELS must name a folder" in at.warning[0].value


def test_a_network_without_an_exact_map_gets_one_by_gradients_and_the_page_says_so(models):
    at = open_page(network="own/flat")
    text = " ".join(element.value for element in at.markdown)
    assert works(at) and "by Grad-CAM" in text
    assert "has no exact map, so Grad-CAM estimates one from gradients" in text


def test_finer_maps_cost_six_passes_once_and_change_the_grid():
    at = open_page(photo="crab")
    before = loading.request_model(LITE2).result().passes
    at.toggle(key="detail").set_value(True).run()
    assert works(at) and loading.request_model(LITE2).result().passes == before + 6
    assert any("in 6 views" in text.value for text in at.markdown)
    at.run()
    assert loading.request_model(LITE2).result().passes == before + 6


def test_methods_stand_side_by_side_and_grad_cam_is_cam_on_a_linear_head():
    at = open_compare(compare="Methods")
    assert not at.exception
    assert titles(at) == ["CAM", "Grad-CAM", "Grad-CAM++", "Eigen-CAM"]
    exact, by_gradients = (
        np.asarray(decoded(picture(at, f"method_{name}")["heat"]).convert("RGB")).astype(int)
        for name in ("cam", "grad-cam")
    )
    assert np.ptp(exact) > 100
    # A step of the colour scale where rounding falls the other way.
    assert np.abs(exact - by_gradients).max() <= 8
    best = engine("dog_and_cat").top(1)[0].label
    assert best in words(at)


def test_a_method_of_many_passes_says_how_many_and_begins_when_told(models, monkeypatch):
    monkeypatch.setattr(compare_methods, "_FEW", 1)
    at = open_compare(network="own/gap", compare="Methods", methods=["CAM", "Ablation-CAM"])
    model = loading.request_model("own/gap").result()
    assert [button.label for button in at.button] == ["Begin: 6 passes"]
    assert picture(at, "ablation-cam")["wait"] == "Needs 6 passes."
    before = model.passes
    at.button(key="begin_ablation-cam").click().run()
    assert model.passes == before + 6
    assert not at.exception and titles(at) == ["CAM", "Ablation-CAM"] and not at.button
    at.run()
    assert model.passes == before + 6


def test_the_methods_of_a_network_without_a_linear_head_leave_out_cam(models):
    at = open_compare(network="own/flat", compare="Methods")
    assert not at.exception
    assert titles(at) == ["Grad-CAM", "Grad-CAM++", "Eigen-CAM", "LayerCAM"]
    assert "CAM" not in at.multiselect[0].options


def test_the_difference_of_two_classes_needs_a_linear_head(models):
    at = open_compare(network="own/flat", compare="Difference")
    assert not at.exception
    assert "exact only where the head is linear" in at.info[0].value
