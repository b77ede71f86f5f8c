"""Own models of every usual shape, saved by Keras and opened again: they give the same scores."""

import json

import h5py
import keras
import numpy as np
import pytest
from keras import layers, ops
from support.custom_files import LIMIT, refuse, save

from cam.custom_models.load import open_custom_model

SHAPE = (16, 16, 3)


def trunk(name: str = "trunk", shape: tuple = SHAPE, **last) -> keras.Model:
    """A base as keras.applications has them: convolutions with batch normalisation, pooled where asked for."""
    photo = keras.Input(shape)
    x = layers.Conv2D(4, 3, padding="same", use_bias=False)(photo)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    x = layers.Add()([x, layers.DepthwiseConv2D(3, padding="same")(x)])
    if last.get("pooling") == "avg":
        x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(photo, x, name=name)


def plain():
    return keras.Sequential(
        [keras.Input(SHAPE), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Dense(3, "softmax")]
    )


def without_input_layer():
    model = keras.Sequential([layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Dense(3)])
    model.build((None, *SHAPE))
    return model


def any_size():
    return keras.Sequential(
        [keras.Input((None, None, 3)), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Dense(3)]
    )


def nested():
    parts = [trunk(), layers.GlobalAveragePooling2D(), layers.Dropout(0.2), layers.Dense(2)]
    return keras.Sequential([keras.Input(SHAPE), *parts])


def nested_twice():
    inner = keras.Sequential([trunk(pooling="avg")], name="inner")
    outer = keras.Sequential([keras.Input(SHAPE), inner], name="outer")
    return keras.Sequential([outer, layers.Dense(2), layers.Softmax()])


def called_frozen():
    base = trunk(pooling="avg")
    base.trainable = False
    photo = keras.Input(SHAPE)
    return keras.Model(photo, layers.Dense(1, activation="sigmoid")(base(photo, training=False)))


def augmented():
    parts = [layers.RandomFlip("horizontal", seed=1), layers.RandomRotation(0.1), layers.RandomZoom(0.1)]
    parts = [keras.Sequential(parts, name="augmentation"), layers.Rescaling(1 / 127.5, offset=-1), trunk(pooling="avg")]
    return keras.Sequential([keras.Input(SHAPE), *parts, layers.Dense(2)])


def normalized():
    known = layers.Normalization(mean=[100.0, 90.0, 80.0], variance=[4.0, 5.0, 6.0])
    learnt = layers.Normalization()
    learnt.adapt(np.random.default_rng(0).normal(5, 3, (4, *SHAPE)).astype(np.float32))
    parts = [known, learnt, layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Dense(2)]
    return keras.Sequential([keras.Input(SHAPE), *parts])


def computed():
    photo = keras.Input(SHAPE)
    x = (photo[..., ::-1] - np.array([103.9, 116.8, 123.7], np.float32)) / 255.0
    x = layers.Conv2D(4, 3, padding="same")(x)
    gate = ops.sigmoid(ops.mean(x, axis=(1, 2), keepdims=True))
    x = ops.relu(x * gate + x)
    x = ops.concatenate([x, ops.max(x, axis=-1, keepdims=True)], axis=-1)
    return keras.Model(photo, layers.Dense(2)(ops.mean(x, axis=(1, 2))))


def shared():
    convolution = layers.Conv2D(3, 3, padding="same")
    photo = keras.Input(SHAPE)
    x = layers.GlobalMaxPooling2D()(convolution(convolution(photo)))
    return keras.Model(photo, layers.Dense(2)(x))


def trained():
    model = nested()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.train_on_batch(np.ones((2, *SHAPE), np.float32), np.array([0, 1]))
    return model


def regularized():
    settings = {"kernel_regularizer": "l2", "kernel_constraint": "max_norm", "kernel_initializer": "he_normal"}
    convolution = layers.SpectralNormalization(layers.Conv2D(4, 3, activation=keras.activations.gelu, **settings))
    parts = [convolution, layers.LeakyReLU(0.1), layers.PReLU(), layers.Flatten(), layers.Dense(2, activation="tanh")]
    return keras.Sequential([keras.Input(SHAPE), *parts])


def half():
    parts = [layers.Conv2D(4, 3, dtype="mixed_float16"), layers.GlobalAveragePooling2D(), layers.Dense(2)]
    return keras.Sequential([keras.Input(SHAPE), *parts])


def brain_float():
    parts = [layers.Conv2D(4, 3, dtype="bfloat16"), layers.GlobalAveragePooling2D(), layers.Dense(2)]
    return keras.Sequential([keras.Input(SHAPE), *parts])


MODELS = (
    *(plain, without_input_layer, any_size, nested, nested_twice, called_frozen, augmented, normalized),
    *(computed, shared, trained, regularized, half),
)


def scores(network) -> np.ndarray:
    photos = np.random.default_rng(7).uniform(0, 255, (2, *SHAPE)).astype(np.float32)
    return np.asarray(network(photos, training=False))


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("suffix", [".keras", ".h5", ".hdf5"])
def test_a_model_gives_the_same_scores_after_it_is_opened(tmp_path, make, suffix):
    keras.utils.set_random_seed(3)
    model = make()
    opened = open_custom_model(save(model, tmp_path / f"model{suffix}"), limit_bytes=LIMIT)
    np.testing.assert_array_equal(scores(opened), scores(model))
    assert not opened.compiled


def test_weights_in_bfloat16_open_from_the_format_that_has_them(tmp_path):
    keras.utils.set_random_seed(3)
    model = brain_float()
    np.testing.assert_array_equal(
        scores(open_custom_model(save(model, tmp_path / "model.keras"), limit_bytes=LIMIT)), scores(model)
    )


def mobilenet_v3():
    base = keras.applications.MobileNetV3Small(weights=None, include_top=False, input_shape=(32, 32, 3), pooling="avg")
    return keras.Sequential([base, layers.Dense(2)])


def layer_scale():
    from keras.src.applications.convnext import LayerScale

    parts = [layers.Conv2D(4, 3), LayerScale(0.5, 4), layers.GlobalAveragePooling2D(), layers.Dense(2)]
    return keras.Sequential([keras.Input((32, 32, 3)), *parts])


@pytest.mark.parametrize("make", [mobilenet_v3, layer_scale], ids=lambda make: make.__name__)
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_what_keras_applications_are_made_of_opens_in_both_formats(tmp_path, make, suffix):
    """Keras itself cannot read these from HDF5, because their operations and layers have no module there."""
    keras.utils.set_random_seed(3)
    model = make()
    photo = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)
    opened = open_custom_model(save(model, tmp_path / f"model{suffix}"), limit_bytes=LIMIT)
    np.testing.assert_array_equal(opened(photo), model(photo))


def as_keras_2(config: object) -> object:
    """An architecture of today as TensorFlow 2.4 to 2.15 wrote it into HDF5, with what is not read any more."""
    if isinstance(config, list):
        return [as_keras_2(item) for item in config]
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "DTypePolicy":
        return config["config"]["name"]
    config = {key: as_keras_2(value) for key, value in config.items()}
    if "batch_shape" in config:
        config |= {"batch_input_shape": config.pop("batch_shape")}
        config.pop("optional")
    if config.get("class_name") == "DepthwiseConv2D":
        config["config"]["groups"] = 1
    if "inbound_nodes" in config:
        config["inbound_nodes"] = [legacy_node(node) for node in config["inbound_nodes"]]
    return config


def legacy_node(node: dict) -> list:
    tensors = node["args"][0] if isinstance(node["args"][0], list) else node["args"]
    return [[*each["config"]["keras_history"], {}] for each in tensors]


def test_a_model_in_the_format_of_tensorflow_2_opens(tmp_path):
    """Such as Teachable Machine gives: networks inside networks, and a depthwise convolution with `groups`."""
    keras.utils.set_random_seed(3)
    model = nested_twice()
    path = save(model, tmp_path / "keras_model.h5")
    with h5py.File(path, "r+") as file:
        old = as_keras_2(json.loads(file.attrs["model_config"]))
        file.attrs["model_config"] = json.dumps(old).encode()
        assert '"batch_input_shape"' in json.dumps(old) and '"groups"' in json.dumps(old)
    np.testing.assert_array_equal(scores(open_custom_model(path, limit_bytes=LIMIT)), scores(model))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: keras.Sequential([layers.Conv2D(4, 3), layers.GlobalAveragePooling2D()]), "before it had an input"),
        (lambda: keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(2)]), "(None, 8, 8, 1)"),
        (lambda: keras.Sequential([keras.Input((12,)), layers.Dense(2)]), "its input is (None, 12)"),
        (lambda: keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(2, 1)]), "its output is (None, 8, 8, 2)"),
        (
            lambda: keras.Sequential([keras.Input((8, 8, 3), batch_size=4), layers.Flatten(), layers.Dense(2)]),
            "(4, 8, 8, 3)",
        ),
    ],
    ids=["unbuilt", "grey", "no photo", "no classes", "four photos"],
)
def test_a_network_of_another_form_is_refused(tmp_path, make, text):
    assert text in refuse(save(make(), tmp_path / "model.keras"))


def test_a_network_with_two_outputs_is_refused(tmp_path):
    photo = keras.Input(SHAPE)
    x = layers.GlobalAveragePooling2D()(photo)
    model = keras.Model(photo, [layers.Dense(2)(x), layers.Dense(3)(x)])
    assert "1 inputs and 2 outputs" in refuse(save(model, tmp_path / "two.keras"))
