"""Architectures that ask for code, files or names that are not Keras' own: each is refused before Keras sees it."""

import json
from pkgutil import resolve_name

import keras
import numpy as np
import pytest
from support.custom_files import (
    ending,
    functional,
    layer,
    refuse,
    save,
    sequential,
    tensor,
    write_h5,
    write_keras,
)

from cam.custom_models import load, network
from cam.custom_models.config import check_config


@pytest.fixture(autouse=True)
def nothing_is_built(monkeypatch):
    """What is refused here must not have reached Keras."""

    def build(config, *rest, **more):
        raise AssertionError(f"Keras was to build {json.dumps(config)}")

    def call(function, *arguments, **limits):
        return resolve_name(function)(*arguments)

    monkeypatch.setattr(network, "try_network", build)
    monkeypatch.setattr(load, "call_in_child", call)


CODE = {"class_name": "__lambda__", "config": {"code": "4wEAAAA=", "defaults": None, "closure": None}}
LAMBDA = layer("Lambda", "evil", function=CODE)
GADGET = {"module": "keras.utils", "class_name": "function", "config": "get_file", "registered_name": "get_file"}
UNSAFE = {**GADGET, "module": "keras.config", "config": "enable_unsafe_deserialization", "registered_name": None}

LAYERS = {
    "Lambda": (LAMBDA, "'evil' (Lambda)"),
    "Lambda in a model inside": (sequential(LAMBDA) | {"name": "model"}, "'evil' (Lambda), in 'model',"),
    "Lambda in a wrapper": (layer("SpectralNormalization", "wrapper", layer=LAMBDA), "'evil' (Lambda), in 'wrapper',"),
    "Lambda in TimeDistributed": (layer("TimeDistributed", "each", layer=LAMBDA), "'each' (TimeDistributed)"),
    "Lambda in a pipeline": (layer("Pipeline", "pipe", layers=[LAMBDA]), "'evil' (Lambda), in 'pipe',"),
    "Lambda as activation": (layer("Dense", "dense", units=2, activation=LAMBDA), "'evil' (Lambda), in 'dense',"),
    "code as activation": (layer("Dense", "dense", units=2, activation=CODE), "(__lambda__), in 'dense',"),
    "Lambda deep in settings": (layer("Dense", "dense", units={"a": [[{"b": LAMBDA}]]}), "'evil' (Lambda)"),
    "Lambda of earlier versions": (layer("Lambda", "evil", function=["4wEAAAA=", None, None]), "'evil' (Lambda)"),
    "TFSMLayer": (layer("TFSMLayer", "saved", filepath="/srv/saved"), "'saved' (TFSMLayer)"),
    "TorchModuleWrapper": (layer("TorchModuleWrapper", "torch", module="gASV"), "'torch' (TorchModuleWrapper)"),
    "JaxLayer": (layer("JaxLayer", "jax", call_fn=CODE), "'jax' (JaxLayer)"),
    "StringLookup": (layer("StringLookup", "words", vocabulary="/etc/passwd"), "'words' (StringLookup)"),
    "IntegerLookup": (layer("IntegerLookup", "n", vocabulary="http://127.0.0.1/"), "'n' (IntegerLookup)"),
    "TextVectorization": (layer("TextVectorization", "text", vocabulary="/etc/passwd"), "(TextVectorization)"),
    "Embedding": (layer("Embedding", "table", input_dim=10**9, output_dim=10**9), "'table' (Embedding)"),
    "recurrent": (layer("LSTM", "loop", units=4, unroll=True), "'loop' (LSTM)"),
    "custom": (layer("MyLayer", "mine", "my_code") | {"registered_name": "MyPackage>MyLayer"}, "MyPackage>MyLayer"),
    "custom under a name of Keras": (
        layer("Dense", "mine", units=2) | {"registered_name": "MyPackage>Dense"},
        "'mine' (Dense), in 'model', is custom code",
    ),
    "other module": (layer("Dense", "dense", "os", units=2), "comes from 'os', not from Keras"),
    "module like Keras": (layer("Dense", "dense", "keras_cv.layers", units=2), "comes from 'keras_cv.layers'"),
    "class of the saving code": (layer("KerasFileEditor", "edit", "keras.saving", filepath="x"), "(KerasFileEditor)"),
    "function as layer": (GADGET, "'get_file' of 'keras.utils'"),
    "function as activation": (layer("Activation", "act", activation=GADGET), "'act' uses the function 'get_file'"),
    "switch of safe mode": (layer("Activation", "act", activation=UNSAFE), "'enable_unsafe_deserialization'"),
    "activation under another name": (
        layer("Activation", "act", activation=GADGET | {"config": "relu"}),
        "'act' uses the function 'relu' of 'keras.utils'",
    ),
    "unknown activation": (layer("Activation", "act", activation="my_activation"), "the function 'my_activation'"),
    "bytes": (layer("Dense", "dense", units={"class_name": "__bytes__", "config": {"value": "x"}}), "(__bytes__)"),
    "type specification": (
        layer("Dense", "dense", units={"class_name": "__typespec__", "spec_name": "X", "config": [], "module": "os"}),
        "(__typespec__)",
    ),
    "class without a name": (layer("Dense", "dense", units={"class_name": ["Lambda"], "config": {}}), "is not one of"),
    "layer without settings": ({"module": "keras.layers", "class_name": "Dense", "config": "x"}, "has no settings"),
    "quantised": (layer("Dense", "dense", units=2, quantization_config={"x": 1}), "'dense' is quantised"),
    "quantised policy": (layer("Dense", "dense", units=2, dtype="int8_from_float32"), "'int8_from_float32'"),
    "channels first": (layer("Conv2D", "conv", data_format="channels_first"), "'conv' has its channels first"),
    "dilation": (layer("Conv2D", "conv", dilation_rate=[20_000, 1]), "'conv' has dilation '20000'"),
}


@pytest.mark.parametrize("case", LAYERS)
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_layer_is_refused_by_its_name(tmp_path, case, suffix):
    bad, text = LAYERS[case]
    write = write_keras if suffix == ".keras" else write_h5
    assert text in refuse(write(tmp_path / f"model{suffix}", sequential(bad, *ending())))


@pytest.mark.parametrize("case", ["Lambda", "StringLookup", "TFSMLayer", "custom", "Lambda in a model inside"])
def test_a_layer_is_refused_in_the_format_without_modules(tmp_path, case):
    def without(value):
        if isinstance(value, list):
            return [without(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {key: without(item) for key, item in value.items() if key not in ("module", "registered_name")}

    bad, text = LAYERS[case]
    text = "'mine' (MyLayer)" if case == "custom" else text
    assert text in refuse(write_h5(tmp_path / "model.h5", without(sequential(bad, *ending()))))


def test_a_lambda_that_keras_saved_is_refused(tmp_path):
    parts = [keras.layers.Lambda(keras.activations.relu, name="evil"), keras.layers.GlobalAveragePooling2D()]
    model = keras.Sequential([keras.Input((8, 8, 3)), *parts, keras.layers.Dense(2)])
    for name in ("model.keras", "model.h5"):
        text = refuse(save(model, tmp_path / name))
        assert "the layer 'evil' (Lambda), in 'sequential" in text
        assert text.endswith("Rebuild the model with Keras' own layers and save it again.")


ARGUMENTS = {
    "Lambda": (LAMBDA, "'evil' (Lambda)"),
    "function": (GADGET, "'get_file'"),
    "array as wide as it says": (
        {"class_name": "__numpy__", "config": {"value": [0], "dtype": "V2000000000"}},
        "'add'",
    ),
    "array of objects": ({"class_name": "__numpy__", "config": {"value": [{}], "dtype": "object"}}, "'add'"),
    "class in an array": ({"class_name": "__numpy__", "config": {"value": [LAMBDA], "dtype": "float32"}}, "'add'"),
    "class in a slice": ({"class_name": "__slice__", "config": {"start": LAMBDA}}, "'add'"),
    "class in a tuple": ({"class_name": "__tuple__", "items": [LAMBDA]}, "'evil' (Lambda)"),
}


@pytest.mark.parametrize("case", ARGUMENTS)
def test_what_a_layer_is_called_with_is_checked_too(tmp_path, case):
    bad, text = ARGUMENTS[case]
    call = layer("Add", "add", "keras.src.ops.numpy") | {"registered_name": "Add", "args": [bad]}
    assert text in refuse(write_keras(tmp_path / "model.keras", functional(call, *ending())))


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ([], "its architecture is 'list'"),
        ("Sequential", "its architecture is 'str'"),
        ({}, "its architecture is 'None'"),
        (LAMBDA, "its architecture is 'Lambda'"),
        (layer("MyModel", "m", "my_code"), "its architecture is 'MyModel', not a Sequential or functional model"),
        (layer("Dense", "dense", units=2), "its architecture is 'Dense'"),
        (sequential() | {"registered_name": "MyPackage>MyModel"}, "registered as 'MyPackage>MyModel'"),
        (sequential() | {"config": None}, "has no settings"),
    ],
    ids=["list", "text", "nothing", "lambda", "subclass", "layer", "registered", "no settings"],
)
def test_an_architecture_that_is_no_network_is_refused(tmp_path, config, text):
    assert text in refuse(write_keras(tmp_path / "model.keras", config))


def test_one_that_is_nested_too_deep_is_refused(tmp_path):
    for brackets in (b"[" * 100_000, b'{"a":' * 100_000):
        assert "is no JSON" in refuse(write_keras(tmp_path / "model.keras", {}, config_json=brackets))
    deep = b"[" * 900 + b"]" * 900
    text = json.dumps(sequential(layer("Dense", "dense", units="DEEP"))).encode().replace(b'"DEEP"', deep)
    assert "nested too deep" in refuse(write_keras(tmp_path / "model.keras", {}, config_json=text))


def test_one_with_too_many_layers_is_refused(tmp_path):
    many = [layer("Activation", f"a{i}", activation="relu") for i in range(20_001)]
    text = refuse(write_keras(tmp_path / "model.keras", functional(*many, *ending())))
    assert "more calls of layers than the 20,000" in text
    few = [layer("Activation", f"a{i}", activation="relu") for i in range(301)]
    assert "more calls" in refuse(write_keras(tmp_path / "model.keras", sequential(*few, *ending())))


def test_models_inside_models_that_multiply_are_refused(tmp_path):
    """30 models, each of which calls the one inside twice, would be called 2**30 times; the file has 30 kB."""
    inner = functional(layer("ReLU", "relu"))
    for i in range(30):
        inner["config"]["name"] = f"m{i}"
        inner = functional(inner)
        inner["config"]["layers"][1]["inbound_nodes"] *= 2
    path = write_keras(tmp_path / "model.keras", inner)
    assert path.stat().st_size < 40_000
    assert "more calls of layers than the 20,000 that are made at most" in refuse(path)


def test_what_is_built_holds_nothing_of_the_file_but_plain_values_and_layers_of_keras():
    """Initial values, regularizers, constraints, losses and module names of a file are never looked up."""
    custom = {"module": "os", "class_name": "system", "config": {"x": 1}, "registered_name": "a>b"}
    dense = layer("Dense", "dense", "keras.src.whatever", units=2, kernel_initializer=custom, bias_regularizer=custom)
    dense["config"] |= {"kernel_constraint": custom, "seed": custom, "activation": {**GADGET, "config": "relu"}}
    dense["config"]["activation"]["registered_name"] = "relu"
    dense |= {"build_config": custom, "compile_config": custom, "shared_object_id": 7, "other": custom}
    model = sequential(dense) | {"compile_config": custom, "build_config": custom}
    checked = check_config(model)["config"]["layers"][1]
    settings = {"name": "dense", "units": 2, "kernel_initializer": "zeros", "bias_regularizer": None}
    settings |= {"kernel_constraint": None, "seed": None, "activation": "relu"}
    assert checked == {"class_name": "Dense", "module": "keras.layers", "registered_name": None, "config": settings}


def test_what_a_layer_is_called_with_is_kept():
    numbers = {"class_name": "__numpy__", "config": {"value": [1.5], "dtype": "float32"}}
    part = {"class_name": "__slice__", "config": {"start": None, "stop": None, "step": -1}}
    call = layer("Add", "add", "keras.src.ops.numpy") | {"registered_name": "Add", "args": [numbers, part]}
    checked = check_config(functional(call))["config"]["layers"][1]
    assert checked["inbound_nodes"] == [{"args": [tensor("photo"), numbers, part], "kwargs": {}}]
    assert checked["module"] == "keras.src.ops.numpy"


def test_the_checked_copy_shares_nothing_with_what_was_read():
    config = sequential(*ending())
    before = json.dumps(config)
    checked = check_config(config)
    checked["config"]["layers"][2]["config"]["units"] = 99
    assert json.dumps(config) == before
    assert np.shape(checked["config"]["layers"]) == (3,)
