"""Descriptions that Keras 1 and 2 wrote, in the words of Keras 3; files of that kind give the scores of today's."""

import json
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras import layers
from support.custom_files import LIMIT, refuse, save

from cam.custom_models.keras2 import upgrade_config
from cam.custom_models.load import open_custom_model

INPUT = {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 8, 8, 3], "sparse": False, "name": "photo"}}
UPGRADED_INPUT = {"class_name": "InputLayer", "config": {"batch_shape": [None, 8, 8, 3], "name": "photo"}}
RENAMED = {
    "input": (INPUT, UPGRADED_INPUT),
    "axis": (
        {"class_name": "BatchNormalization", "config": {"axis": [3]}},
        {"class_name": "BatchNormalization", "config": {"axis": 3}},
    ),
    "random": (
        {"class_name": "RandomFlip", "config": {"rng_type": "stateful", "mode": "horizontal"}},
        {"class_name": "RandomFlip", "config": {"mode": "horizontal"}},
    ),
    "separable": (
        {"class_name": "SeparableConv2D", "config": {"filters": 2, "groups": 1, "kernel_initializer": {}}},
        {"class_name": "SeparableConv2D", "config": {"filters": 2}},
    ),
    "Keras 1": (
        {
            "class_name": "Convolution2D",
            "config": {
                "nb_filter": 4,
                "nb_row": 3,
                "nb_col": 5,
                "border_mode": "same",
                "dim_ordering": "tf",
                "bias": True,
            },
        },
        {
            "class_name": "Conv2D",
            "config": {
                "filters": 4,
                "padding": "same",
                "use_bias": True,
                "kernel_size": [3, 5],
                "data_format": "channels_last",
            },
        },
    ),
}


@pytest.mark.parametrize("case", RENAMED)
def test_settings_get_the_names_of_today(case):
    old, new = RENAMED[case]
    assert upgrade_config(old) == new
    assert upgrade_config(new) == new


def test_a_sequential_model_gets_the_input_that_its_first_layer_kept():
    dense = {"class_name": "Dense", "config": {"units": 2}}
    first = {"class_name": "Flatten", "config": {"batch_input_shape": [None, 8, 8, 3]}}
    inner = {"class_name": "Sequential", "config": {"name": "inner", "layers": [first, dense]}}
    upgraded = upgrade_config({"class_name": "Sequential", "config": [inner]})["config"]
    assert upgraded["layers"][0]["config"] == {
        "batch_shape": [None, 8, 8, 3],
        "dtype": "float32",
        "name": "sequential_input",
    }
    assert [layer["class_name"] for layer in upgraded["layers"][1]["config"]["layers"]] == [
        "InputLayer",
        "Flatten",
        "Dense",
    ]


@pytest.mark.parametrize("value", [[], {}, {"class_name": []}, {"class_name": "Model", "config": {"layers": [{}]}}])
def test_what_is_no_description_stays(value):
    assert upgrade_config(value) == value


SHAPE = (16, 16, 3)


def base(*, arithmetic: bool) -> keras.Model:
    """A functional base inside a functional model; the photo is scaled by a layer or by arithmetic."""
    given = keras.Input(SHAPE)
    x = layers.Conv2D(4, 3, padding="same", name="conv")(given)
    x = layers.BatchNormalization()(x)
    inner = keras.Model(given, layers.Add()([x, layers.SeparableConv2D(4, 3, padding="same")(x)]), name="base")
    photo = keras.Input(SHAPE)
    x = photo
    for scale, offset, name in ((1 / 127.5, 0.0, "truediv"), (1.0, -1.0, "subtract")) if arithmetic else ():
        x = layers.Rescaling(scale, offset, name=name)(x)
    return keras.Model(photo, layers.Dense(2)(layers.GlobalAveragePooling2D()(inner(x))))


def teachable_machine() -> keras.Model:
    """As Teachable Machine exports it: one half makes a row of numbers of a photo, the other has two dense layers."""
    given = keras.Input(SHAPE)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(layers.Conv2D(4, 3, use_bias=False)(given)))
    first = keras.Sequential([keras.Input(SHAPE), keras.Model(given, x), layers.GlobalAveragePooling2D()])
    end = [layers.Dense(8, activation="relu"), layers.Dense(2, activation="softmax", use_bias=False)]
    return keras.Sequential([keras.Input(SHAPE), first, keras.Sequential([keras.Input((4,)), *end])])


def plain() -> keras.Model:
    parts = [layers.RandomFlip("horizontal"), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Dense(3)]
    return keras.Sequential([keras.Input(SHAPE), *parts])


def as_keras_2(value: object) -> object:
    """A description by Keras 3 as TensorFlow 2.4 to 2.15 wrote it."""
    if isinstance(value, list):
        return [as_keras_2(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "DTypePolicy":
        return value["config"]["name"]
    value = {key: as_keras_2(item) for key, item in value.items() if key not in ("module", "registered_name")}
    name, config = value.get("class_name"), value.get("config")
    if name == "InputLayer":
        config["batch_input_shape"] = config.pop("batch_shape")
    elif name == "BatchNormalization":
        config["axis"] = [3]
    elif name == "RandomFlip":
        config["rng_type"] = "stateful"
    elif name in ("DepthwiseConv2D", "SeparableConv2D"):
        config |= {"groups": 1, "kernel_initializer": {"class_name": "GlorotUniform", "config": {"seed": None}}}
    if name == "Functional":
        inside = {layer["name"] for layer in config["layers"] if layer["class_name"] in ("Functional", "Sequential")}
        for each in config["layers"]:
            each["inbound_nodes"] = [old_node(node, inside) for node in each["inbound_nodes"]]
            if each["class_name"] == "Rescaling":
                as_function(each)
        for end in ("input_layers", "output_layers"):
            config[end] = [config[end]] if isinstance(config[end][0], str) else config[end]
    return value


def old_node(node: dict, inside: set[str]) -> list:
    tensors = node["args"][0] if isinstance(node["args"][0], list) else node["args"]
    sources = [tensor["config"]["keras_history"] for tensor in tensors]
    # Calls of a model inside were counted from one.
    return [[name, call + (name in inside), output, {}] for name, call, output in sources]


def as_function(layer: dict) -> None:
    function, y = ("math.truediv", 127.5) if layer["name"] == "truediv" else ("math.subtract", 1.0)
    layer["inbound_nodes"] = [[*layer["inbound_nodes"][0][0][:3], {"y": y, "name": None}]]
    layer |= {"class_name": "TFOpLambda", "config": {"name": layer["name"], "function": function, "trainable": True}}


def without_inputs(value: object) -> object:
    """A Sequential model as TensorFlow 1 and 2.0 wrote it: its first layer keeps the shape of the photo."""
    if isinstance(value, list):
        return [without_inputs(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "Sequential":
        first, second, *rest = value["config"]["layers"]
        second["config"]["batch_input_shape"] = first["config"]["batch_input_shape"]
        return value | {"config": value["config"] | {"layers": [without_inputs(each) for each in (second, *rest)]}}
    return {key: without_inputs(item) for key, item in value.items()}


def write_old(model: keras.Model, path: Path, change=lambda config: config) -> Path:
    """Save a model with a description as Keras 2 wrote it; the weights are the same in both."""
    save(model, path)
    if path.suffix == ".h5":
        with h5py.File(path, "r+") as file:
            file.attrs["model_config"] = json.dumps(change(as_keras_2(json.loads(file.attrs["model_config"]))))
            file.attrs["keras_version"] = "2.4.0"
        return path
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["config.json"] = json.dumps(change(as_keras_2(json.loads(members["config.json"])))).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


MODELS = {
    "Teachable Machine": (teachable_machine, lambda config: config),
    "Teachable Machine of 2020": (teachable_machine, without_inputs),
    "no input": (plain, without_inputs),
    "list": (plain, lambda config: config | {"config": config["config"]["layers"]}),
    "functional base": (lambda: base(arithmetic=False), lambda config: config),
    "preprocess_input inside": (lambda: base(arithmetic=True), lambda config: config),
}


def scores(network: keras.Model) -> np.ndarray:
    photos = np.random.default_rng(7).uniform(0, 255, (2, *SHAPE)).astype(np.float32)
    return np.asarray(network(photos, training=False))


@pytest.mark.parametrize("case", MODELS)
@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_a_model_by_keras_2_gives_the_same_scores(tmp_path, case, suffix):
    keras.utils.set_random_seed(3)
    make, change = MODELS[case]
    model = make()
    path = write_old(model, tmp_path / f"model{suffix}", change)
    np.testing.assert_allclose(scores(open_custom_model(path, limit_bytes=LIMIT)), scores(model), rtol=1e-5)


def test_a_zip_of_teachable_machine_opens(tmp_path):
    model = teachable_machine()
    old = write_old(model, tmp_path / "keras_model.h5")
    path = tmp_path / "converted_keras.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(old, "keras_model.h5")
        archive.writestr("labels.txt", "0 Cat\n1 Dog\n")
    np.testing.assert_array_equal(scores(open_custom_model(path, limit_bytes=LIMIT)), scores(model))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of NumPy 2 about Keras
@pytest.mark.parametrize("name", ["model.h5", "model.weights.h5"])
def test_weights_open_with_the_description_beside_them(tmp_path, name):
    model = plain()
    (tmp_path / "model.json").write_text(model.to_json())
    model.save_weights(tmp_path / "model.weights.h5")
    if name == "model.h5":
        save(model, tmp_path / name)
        with h5py.File(tmp_path / name, "r+") as file:
            del file.attrs["model_config"]
    np.testing.assert_array_equal(scores(open_custom_model(tmp_path / name, limit_bytes=LIMIT)), scores(model))


def test_what_cannot_be_opened_names_the_version_and_the_layer(tmp_path):
    def change(config):
        config["config"]["layers"][-1]["config"]["units"] = "many"
        return config

    text = refuse(write_old(plain(), tmp_path / "model.h5", change))
    assert "cannot open its layer 'dense" in text and "It was saved by Keras 2.4.0." in text and "damaged" not in text
