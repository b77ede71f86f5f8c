"""The rows of `keras.applications` against Keras itself: what it would build, download and be given."""

import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import h5py
import keras
import numpy as np
import pytest
from keras.src.utils import file_utils

import cam
from cam.backends.classifier_head import find_head
from cam.errors import ModelError
from cam.images.open import resized
from cam.models import keras_applications, registry
from cam.models.preprocessing import PREPROCESSINGS
from cam.models.weights import KerasFile

ZOO = [spec for spec in registry.list_models() if isinstance(spec.source, KerasFile)]
# The smallest network of each family with a linear head.
EXACT = (
    "resnet50 resnet50v2 densenet121 mobilenetv2 efficientnetb0 efficientnetv2b0 inceptionv3 inceptionresnetv2 "
    "xception nasnetmobile"
).split()
GRADIENTS = (
    "vgg16 vgg19 mobilenet mobilenetv3small mobilenetv3large convnexttiny convnextsmall convnextbase convnextlarge "
    "convnextxlarge"
).split()
every_network = pytest.mark.parametrize("spec", ZOO, ids=lambda spec: spec.name)


def fill(network: keras.Model) -> None:
    """Numbers from a seed in every weight, scaled so that a photo still matters after hundreds of layers."""
    rng = np.random.default_rng(0)
    for weight in network.weights:
        shape = tuple(weight.shape)
        if len(shape) > 1:
            depthwise = len(shape) == 4 and shape[3] == 1
            inputs = np.prod(shape[:2] if depthwise else shape[:-1])
            weight.assign(rng.normal(0.0, 1.6 * inputs**-0.5, shape))
        elif weight.name in ("bias", "beta", "mean", "moving_mean"):
            weight.assign(rng.normal(0.0, 0.1, shape))
        else:
            weight.assign(rng.uniform(0.5, 1.0, shape))


class Asked(NamedTuple):
    """What Keras asks for when it is told to build a network with ImageNet's weights, and what it builds."""

    file: str
    url: str
    checksum: str | None
    parameters: int
    input_shape: tuple


def build_as_keras_does(architecture: str, get_file) -> keras.Model:
    """The network that Keras builds for its own weights, with another function to get the file."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        # Keras warns that MobileNetV3 is not told its input's size.
        warnings.simplefilter("ignore", UserWarning)
        patch.setattr(file_utils, "get_file", get_file)
        return getattr(keras.applications, architecture)(weights="imagenet", classifier_activation=None)


def ask(architecture: str) -> Asked:
    """Build a network without a value in its weights; 1.4 GB would be needed for the largest."""
    calls = []

    def get_file(fname, origin, cache_subdir, file_hash=None):
        assert cache_subdir == "models"
        calls.append((fname, origin, file_hash))
        return fname

    with pytest.MonkeyPatch.context() as patch, keras.StatelessScope(initialize_variables=False):
        patch.setattr(keras.Model, "load_weights", lambda self, path: None)
        network = build_as_keras_does(architecture, get_file)
    parameters = sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)
    (call,) = calls
    return Asked(*call, parameters, network.input_shape)


@pytest.fixture(scope="module")
def asked() -> dict[str, Asked]:
    """Name -> what Keras asks for. Keras keeps variables without values in lists of a thread, so this thread ends."""
    with ThreadPoolExecutor(max_workers=1) as alone:
        found = list(alone.map(ask, [spec.architecture for spec in ZOO]))
    return dict(zip([spec.name for spec in ZOO], found, strict=True))


def test_every_image_classifier_of_keras_is_a_row():
    """What `keras.applications` exports and is a constructor has a capital letter."""
    constructors = {name for name in vars(keras.applications) if name[0].isupper()}
    assert constructors == {spec.architecture for spec in ZOO}
    assert len(ZOO) == len({spec.name for spec in ZOO}) == 40


@every_network
def test_a_row_has_the_trained_parameters_and_the_input_size_of_its_architecture(spec, asked):
    assert spec.parameters == asked[spec.name].parameters
    assert asked[spec.name].input_shape in [(None, spec.size, spec.size, 3), (None, None, None, 3)]


@every_network
def test_the_file_its_place_and_its_checksum_are_those_that_keras_uses(spec, asked, monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    source, expected = spec.source, asked[spec.name]
    assert source.url == expected.url
    assert source.path == tmp_path / "models" / expected.file
    assert source.checksum == expected.checksum
    assert len(source.checksum or "") in (0, 32, 64)


def test_keras_publishes_no_checksum_for_two_networks_alone():
    unchecked = [spec.name for spec in ZOO if spec.source.checksum is None]
    assert unchecked == ["mobilenetv2", "mobilenet"]


@every_network
def test_the_size_of_the_file_is_about_four_bytes_a_number(spec):
    """Parameters leave out the running averages and the file's own tables: at most a tenth, but in small files."""
    assert 4 * spec.parameters - 2**19 <= spec.source.size <= 1.15 * 4 * spec.parameters + 8 * 2**20


@every_network
def test_preprocessing_is_that_of_keras(spec):
    module = sys.modules[getattr(keras.applications, spec.architecture).__module__]
    pixels = np.random.default_rng(0).integers(0, 256, (2, 9, 7, 3), np.uint8)
    preprocess = PREPROCESSINGS[spec.preprocessing].apply
    expected = np.asarray(module.preprocess_input(pixels.astype(np.float32)))
    np.testing.assert_allclose(preprocess(pixels), expected, rtol=1e-6, atol=1e-5)


def test_networks_without_a_linear_head_are_those_known():
    assert [spec.name for spec in registry.list_models() if not spec.exact] == GRADIENTS


@pytest.mark.parametrize("name", EXACT)
def test_the_mean_of_the_class_maps_plus_the_bias_is_the_score(name):
    """One network of each family, untrained, with numbers from a seed in its weights; a small photo is enough."""
    spec = registry.find_spec(name)
    network = getattr(keras.applications, spec.architecture)(
        weights=None, classifier_activation=None, input_shape=(128, 128, 3)
    )
    fill(network)
    head = find_head(network)
    preprocess = PREPROCESSINGS[spec.preprocessing].apply
    photo = np.random.default_rng(1).integers(0, 256, (1, 128, 128, 3), np.uint8)
    both = keras.Model(network.inputs[0], [head.features, network.outputs[0]])
    features, scores = (np.asarray(value, np.float64)[0] for value in both(preprocess(photo), training=False))
    maps = features @ head.weight.astype(np.float64)
    assert spec.exact and maps.ndim == 3 and maps.shape[:2] > (1, 1) and np.abs(scores).max() > 1e-3
    np.testing.assert_allclose(maps.mean(axis=(0, 1)) + head.bias, scores, rtol=0, atol=1e-5 * np.abs(scores).max())


@pytest.mark.parametrize("name", ["vgg16", "mobilenet", "mobilenetv3small", "convnexttiny"])
def test_a_network_that_is_not_exact_has_no_linear_head(name):
    def look(architecture: str) -> None:
        with keras.StatelessScope(initialize_variables=False):
            find_head(keras_applications.build(architecture, None))

    with ThreadPoolExecutor(max_workers=1) as alone, pytest.raises(ModelError):
        alone.submit(look, registry.find_spec(name).architecture).result()


def stand_in(architecture: str, path: Path) -> Path:
    """A weights file in the legacy layout of Keras, with numbers from a seed, of a network that has any."""
    network = getattr(keras.applications, architecture)(weights=None, classifier_activation=None)
    fill(network)
    path.parent.mkdir(exist_ok=True)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in network.layers]
        for layer in network.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{i}/{weight.name}:0" for i, weight in enumerate(layer.weights)]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, value in zip(names, layer.get_weights(), strict=True):
                group[name] = value
    return path


@pytest.mark.parametrize("name", ["efficientnetb0", "efficientnetv2b0", "mobilenetv3small"])
def test_a_network_gives_the_scores_of_keras_with_the_same_file(name, tmp_path):
    """Keras builds an EfficientNet otherwise for the weights that it downloads than for a file that it is given."""
    spec = registry.find_spec(name)
    path = stand_in(spec.architecture, tmp_path / spec.source.path.name)
    reference = build_as_keras_does(spec.architecture, lambda *args, **options: str(path))
    build, preprocess = spec.resolve(), PREPROCESSINGS[spec.preprocessing].apply
    noise = np.random.default_rng(2).integers(0, 256, (1, spec.size, spec.size, 3), np.uint8)
    photo, grey = preprocess(noise), preprocess(np.full_like(noise, 200))
    expected, other = (np.asarray(reference(pixels, training=False)) for pixels in (photo, grey))
    tolerance = 1e-5 * np.abs(expected).max()
    # With these numbers in its weights, a network still tells one photo from another.
    assert np.abs(other - expected).max() > 100 * tolerance
    np.testing.assert_allclose(np.asarray(build(path)(photo, training=False)), expected, rtol=0, atol=tolerance)


@pytest.fixture
def mobilenet_home(monkeypatch, tmp_path) -> Path:
    """A KERAS_HOME with stand-in weights for MobileNetV2, which has no checksum."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    stand_in("MobileNetV2", registry.find_spec("mobilenetv2").source.path)
    return tmp_path


def test_a_network_of_the_zoo_is_loaded_from_the_keras_cache(mobilenet_home, sample):
    path = registry.find_spec("mobilenetv2").source.path
    explanation = cam.load_model("mobilenetv2").explain(sample("espresso"), fit="squash")
    reference = build_as_keras_does("MobileNetV2", lambda *args, **options: str(path))
    photo = resized(sample("espresso"), (224, 224)).astype(np.float32)[np.newaxis] / 127.5 - 1.0
    expected = np.asarray(reference(photo, training=False))[0]
    assert explanation.features.shape == (7, 7, 1280) and expected.std() > 0.1
    np.testing.assert_allclose(explanation.scores, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_the_weights_of_another_network_are_refused(mobilenet_home):
    path = registry.find_spec("mobilenetv2").source.path
    path.rename(path.with_name("mobilenet_1_0_224_tf.h5"))
    source = registry.find_spec("mobilenet").source
    with pytest.raises(ModelError, match="does not fit MobileNet: Layer count mismatch.*Download it again"):
        keras_applications.build("MobileNet", source.require())


def test_a_file_that_is_damaged_inside_is_refused(mobilenet_home):
    path = registry.find_spec("mobilenetv2").source.path
    with h5py.File(path, "a") as file:
        del file["Conv1"]
    with pytest.raises(ModelError, match="does not fit MobileNetV2"):
        cam.load_model("mobilenetv2")
