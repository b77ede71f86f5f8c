"""Shared fixtures. TensorFlow is imported inside those that need it, so tests of plain NumPy start at once."""

import os
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

_IS_WORKER = "PYTEST_XDIST_WORKER" in os.environ
# What tests set for themselves; all other settings of the person who runs them are hidden.
_KEPT = {"CAM_FUZZ_EXAMPLES"}
_HIDDEN = ("CAM_", "STREAMLIT_", "KERAS_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
_FIRST = ("tests/browser/", "tests/cli/test_batch_ray.py", "tests/faults/", "tests/docs/", "tests/cli/", "tests/app/")
# Bytes of memory for a worker: TensorFlow, the networks and what the tests keep.
_WORKER_BYTES = 3 * 2**30


def _hide_the_person() -> Path:
    """Give this process and its children an empty home, no settings, no weights and no models of one's own."""
    home = Path(tempfile.mkdtemp(prefix="classcam-tests-"))
    for name in [name for name in os.environ if name.startswith(_HIDDEN) and name not in _KEPT]:
        del os.environ[name]
    os.environ["HOME"] = os.environ["USERPROFILE"] = str(home)
    os.environ["KERAS_HOME"] = str(home / "keras")
    # Where OpenVINO is installed, one conversion serves all tests of a run.
    os.environ["CAM_CACHE"] = str(home / "converted")
    # An empty folder, because without the variable the folder `models` of the checkout is read.
    os.environ["CAM_MODELS"] = str(home / "models")
    (home / "models").mkdir()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    return home


# Workers of pytest-xdist inherit the environment, so that they share one home and one conversion of each network.
_HOME = None if _IS_WORKER else _hide_the_person()

SAMPLES = Path(__file__).parent.parent / "sample_images"


def pytest_unconfigure() -> None:
    if _HOME:
        shutil.rmtree(_HOME, ignore_errors=True)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Run named files in this process, which starts in a second, and folders in several, as memory allows.

    There is one more than cores, because tests of a browser and of servers mostly wait.
    """
    if all(Path(argument.partition("::")[0]).is_file() for argument in config.args):
        return 0
    return max(1, min((os.cpu_count() or 1) + 1, 4, psutil.virtual_memory().available // _WORKER_BYTES))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return _ByFile(config, log)


class _ByFile(LoadScopeScheduling):
    """Give each worker whole files, and the browser in two halves, each of which shares one server and one Chromium."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if not file.startswith("tests/browser/"):
            return file
        return f"browser, {'first' if file < 'tests/browser/test_browser_l' else 'second'} half"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest and mostly waits, so that no worker is left alone with it in the end."""
    items.sort(key=lambda item: next((n for n, part in enumerate(_FIRST) if item.nodeid.startswith(part)), len(_FIRST)))


@pytest.fixture(scope="session")
def sample() -> Callable[[str], Image.Image]:
    """The name of a sample photo, without .jpg -> the photo, opened once."""
    import cam

    return cache(lambda name: cam.open_image(SAMPLES / f"{name}.jpg"))


@pytest.fixture(scope="session")
def lite0():
    """The embedded EfficientNet-Lite0, loaded once."""
    import cam
    from cam.settings import library_options

    return cam.load_model("efficientnet-lite0", options=library_options())


@pytest.fixture(scope="session")
def by_keras():
    """The same network run by TensorFlow, whatever is installed."""
    from cam.backends.keras import KerasBackend
    from cam.model import Model
    from cam.models.registry import find_spec

    spec = find_spec("efficientnet-lite0")
    return Model(spec, KerasBackend(spec.resolve()(spec.source.require())))


@pytest.fixture(scope="session")
def lite2():
    """The embedded EfficientNet-Lite2, loaded once."""
    import cam
    from cam.settings import library_options

    return cam.load_model("efficientnet-lite2", options=library_options())


@pytest.fixture(scope="session")
def shuffled():
    """The network with random weights, loaded once."""
    import cam
    from cam.settings import library_options

    return cam.load_model("efficientnet-lite2-random", options=library_options())


def tiny_preprocess(pixels: np.ndarray) -> np.ndarray:
    """RGB 0..255 -> float32 -1..1."""
    return pixels.astype(np.float32) / 127.5 - 1.0


def fill_network(network, *, seed: int = 0) -> None:
    """Give every weight numbers drawn from a seed, scaled so that activations neither vanish nor explode."""
    rng = np.random.default_rng(seed)
    for weight in network.weights:
        shape = tuple(weight.shape)
        if len(shape) == 1:
            weight.assign(rng.uniform(0.5, 1.0, shape) if "bias" not in weight.path else rng.normal(0, 0.3, shape))
        else:
            weight.assign(rng.normal(0, np.prod(shape[:-1]) ** -0.5, shape))


@pytest.fixture(scope="session")
def tiny_network():
    """Two convolutions of stride 2, global average pooling, dropout and 3 logits; weights from a fixed seed."""
    import keras
    from keras import layers

    inputs = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 3, 2, padding="same", activation="relu")(inputs)
    x = layers.Conv2D(5, 3, 2, padding="same", activation="relu")(x)
    x = layers.Dropout(0.5)(layers.GlobalAveragePooling2D()(x))
    network = keras.Model(inputs, layers.Dense(3)(x))
    fill_network(network)
    return network


@pytest.fixture(scope="session")
def tiny_spec():
    """The registry row of the tiny network, which is in no registry."""
    from cam.models.registry import ModelSpec
    from cam.models.weights import Wheel

    return ModelSpec(
        name="tiny",
        title="Tiny",
        source=Wheel(package="no_such_package", path="tiny.pth", project="no-such-project"),
        builder="no_such_module:tiny",
        preprocessing="no_such_module:preprocess",
        size=32,
        whole_size=32,
        stride=4,
        parameters=315,
        licence="Apache-2.0",
    )


@pytest.fixture(scope="session")
def tiny_labels():
    from cam.labels import Labels

    return Labels(names=("red", "green", "blue"), synonyms=(("crimson",), (), ()))


@pytest.fixture(scope="session")
def make_tiny(tiny_spec, tiny_network, tiny_labels):
    """A function that wraps the tiny network in a fresh `cam.model.Model`; arguments replace its parts."""

    def make(*, spec=tiny_spec, network=tiny_network, preprocess=tiny_preprocess, labels=tiny_labels):
        from cam.backends.keras import KerasBackend
        from cam.model import Model

        return Model(spec, KerasBackend(network, linear=spec.exact), preprocess, labels)

    return make


@pytest.fixture(scope="session")
def tiny_model(make_tiny):
    """A `cam.model.Model` around the tiny network, classes red, green and blue."""
    return make_tiny()


@pytest.fixture(scope="session")
def noise_photo() -> Callable[..., Image.Image]:
    """(width, height, seed) -> an RGB photo of random blobs, the same for the same numbers."""

    def make(width: int, height: int, seed: int = 0) -> Image.Image:
        blobs = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
        return Image.fromarray(blobs).resize((width, height), Image.Resampling.BICUBIC)

    return make


@pytest.fixture(scope="session")
def keras_resnet50():
    """ResNet-50 as keras.applications builds it, giving logits, with stand-in weights from a fixed seed."""
    import keras

    network = keras.applications.ResNet50(weights=None, classifier_activation=None)
    fill_network(network)
    return network


@pytest.fixture(scope="session")
def resnet50_home(keras_resnet50, tmp_path_factory) -> Path:
    """A KERAS_HOME with the stand-in weights under the real file's name, in the legacy layout of Keras."""
    import h5py

    home = tmp_path_factory.mktemp("keras_home")
    (home / "models").mkdir()
    with h5py.File(home / "models" / "resnet50_weights_tf_dim_ordering_tf_kernels.h5", "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in keras_resnet50.layers]
        for layer in keras_resnet50.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{weight.name}:0" for weight in layer.weights]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, value in zip(names, layer.get_weights(), strict=True):
                group[name] = value
    return home


@pytest.fixture(scope="session")
def resnet50(resnet50_home):
    """`cam.load_model("resnet50")` on the stand-in weights; only the checksum of the registry's row is another."""
    import dataclasses
    import hashlib

    import cam
    from cam.models import registry
    from cam.settings import library_options

    spec = registry.find_spec("resnet50")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_HOME", str(resnet50_home))
        md5 = hashlib.md5(spec.source.path.read_bytes()).hexdigest()
        patched = dataclasses.replace(spec, source=dataclasses.replace(spec.source, checksum=md5))
        patch.setattr(registry, "_SPECS", tuple(patched if row is spec else row for row in registry._SPECS))
        return cam.load_model("resnet50", options=library_options())
