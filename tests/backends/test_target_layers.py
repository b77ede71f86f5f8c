from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from keras import layers
from support.network_shapes import EXACT, GRADIENTS, base, fill, gap, photo

from cam.backends.classifier_head import find_head
from cam.backends.graph import any_size, inline_networks
from cam.backends.target_layers import cell_stride, map_tensors, offered_layers


def residual(size=(32, 32)) -> keras.Model:
    """Two sizes of map: "stem" and the end of a block with a gate at half the size, two blocks at a quarter."""
    inputs = keras.Input((*size, 3))
    x = layers.Rescaling(1 / 255, name="rescaling")(inputs)
    x = layers.Activation("relu", name="before")(x)
    x = layers.Conv2D(4, 3, 2, padding="same", activation="relu", name="stem")(x)
    y = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    gate = layers.Dense(4, "sigmoid", name="gate")(gap(keepdims=True, name="squeeze")(y))
    y = layers.Multiply(name="gated")([y, gate])
    x = layers.Add(name="add1")([x, y])
    x = layers.MaxPooling2D(2, name="pool")(x)
    y = layers.SeparableConv2D(4, 3, padding="same", name="separable")(x)
    x = layers.Add(name="add2")([x, layers.BatchNormalization(name="bn")(y)])
    x = layers.Activation("relu", name="out")(x)
    y = layers.Dropout(0.5, name="dropout")(layers.Conv2D(4, 1, name="conv")(x))
    x = layers.Concatenate(name="join")([x, y])
    x = layers.BatchNormalization(name="last")(x)
    return keras.Model(inputs, layers.Dense(3, name="scores")(gap(name="gap")(x)))


EVERY = ("stem", "depthwise", "gated", "add1", "separable", "add2", "out", "conv", "join", "last")


@pytest.mark.parametrize("size", [(32, 32), (None, None)])
def test_the_layers_with_maps_are_convolutions_and_ends_of_blocks_in_order(size):
    assert tuple(map_tensors(residual(size))) == EVERY


@pytest.mark.parametrize("size", [(32, 32), (None, None)])
def test_of_each_size_of_map_the_last_layer_that_everything_passes_through_is_offered(size):
    assert offered_layers(residual(size)) == ("add1", "last")


def test_the_last_layer_offered_is_the_one_that_a_linear_head_averages():
    for make in (residual, *(EXACT[shape] for shape in ("three deep", "one name twice", "mean operation"))):
        network = inline_networks(make())
        assert map_tensors(network)[offered_layers(network)[-1]] is find_head(network).features


def test_maps_of_one_cell_and_the_preparation_of_the_photo_are_left_out():
    network = inline_networks(EXACT["caffe operations"]())
    kinds = [type(tensor._keras_history.operation).__name__ for tensor in map_tensors(network).values()]
    assert kinds == ["Conv2D", "ReLU", "Conv2D", "Add"]


def test_a_network_without_places_offers_nothing():
    inputs = keras.Input((1, 1, 3))
    network = keras.Model(inputs, layers.Dense(3)(layers.Flatten()(layers.Conv2D(4, 1)(inputs))))
    assert (map_tensors(network), offered_layers(network)) == ({}, ())


def test_branches_that_meet_only_as_numbers_are_offered_where_they_part():
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(4, 3, 2, name="trunk")(inputs)
    left, right = layers.Conv2D(4, 3, 2, name="left")(x), layers.Conv2D(4, 3, 2, name="right")(x)
    network = keras.Model(inputs, layers.Dense(3)(layers.Concatenate()([gap()(left), gap()(right)])))
    assert set(map_tensors(network)) == {"trunk", "left", "right"}
    assert offered_layers(network) == ("trunk",)


def test_a_layer_used_twice_stands_where_it_is_used_last():
    conv, inputs = layers.Conv2D(3, 3, padding="same", name="shared"), keras.Input((8, 8, 3))
    x = layers.ReLU(name="relu")(conv(inputs))
    last = conv(x)
    network = keras.Model(inputs, layers.Dense(2)(gap()(last)))
    assert tuple(map_tensors(network)) == ("relu", "shared")
    assert map_tensors(network)["shared"] is last


def test_layers_of_a_flattened_network_give_tensors_of_its_own_graph():
    network = fill(keras.Sequential([base(), gap(), layers.Dense(3)]))
    flat = inline_networks(network)
    (name,) = [name for name in map_tensors(flat) if name.startswith("add")]
    maps = np.asarray(keras.Model(flat.inputs[0], map_tensors(flat)[name])(photo(), training=False))
    np.testing.assert_array_equal(maps, np.asarray(network.layers[0](photo(), training=False)))


def stride_of(network: keras.Model, name: str) -> tuple[float, float] | None:
    return cell_stride(network, map_tensors(network)[name])


def test_the_stride_of_a_layer_of_the_network():
    assert (stride_of(residual(), "add1"), stride_of(residual(), "last")) == ((2, 2), (4, 4))


# Layers on a photo, and pixels between the cells of what comes out of them (down, across).
STRIDES = {
    "stride 1": ([layers.Conv2D(2, 3)], (1, 1)),
    "stride 2, padded": ([layers.Conv2D(2, 3, 2, padding="same")], (2, 2)),
    "stride 2, not padded": ([layers.Conv2D(2, 5, 2)], (2, 2)),
    "other down than across": ([layers.Conv2D(2, 3, (3, 1)), layers.MaxPooling2D((1, 2))], (3, 2)),
    "3 * 2 * 2": (
        [layers.MaxPooling2D(3), layers.ZeroPadding2D(7), layers.Conv2D(2, 4, 2), layers.AveragePooling2D(2)],
        (12, 12),
    ),
    "32 in steps of 2": ([layers.Conv2D(2, 3, 2, padding="same") for _ in range(5)], (32, 32)),
    "enlarged": ([layers.Conv2D(2, 3, 4), layers.UpSampling2D(2)], (2, 2)),
    "finer than the photo": ([layers.Conv2DTranspose(2, 2, 2)], (0.5, 0.5)),
    "cropped by some": ([layers.Cropping2D(2), layers.Conv2D(2, 3, 2)], (2, 2)),
    "brought to one size": ([layers.Resizing(16, 16), layers.Conv2D(2, 3, 2)], None),
    "cropped to one size": ([layers.Conv2D(2, 3, 2), layers.CenterCrop(4, 4)], None),
    "averaged": ([gap(keepdims=True)], None),
    "numbers": ([gap()], None),
    "rows of a fixed number": ([layers.Reshape((16, 48, 3)), layers.Conv2D(2, 3)], None),
}


@pytest.mark.parametrize("case", STRIDES)
def test_the_stride_of_cells(case):
    steps, expected = STRIDES[case]
    inputs = x = keras.Input((32, 24, 3))
    for step in steps:
        x = type(step).from_config(step.get_config())(x)
    network = keras.Model(inputs, x)
    assert cell_stride(network, x) == expected
    free = any_size(network)
    if expected is None:
        assert free is None or cell_stride(free, free.outputs[0]) is None
    else:
        assert cell_stride(free, free.outputs[0]) == expected


def test_the_stride_is_known_where_only_the_scores_need_one_size():
    network = inline_networks(GRADIENTS["VGG"]())
    assert stride_of(network, offered_layers(network)[-1]) == (4, 4)


def test_sizes_that_are_the_same_for_all_photos_are_grouped_by_their_cells():
    inputs = keras.Input((50, 50, 3))
    x = layers.Resizing(32, 32)(inputs)
    for name in ("first", "second"):
        x = layers.Conv2D(2, 3, padding="same", name=f"{name}_a")(x)
        x = layers.Conv2D(2, 3, padding="same", name=f"{name}_b")(x)
        x = layers.MaxPooling2D(2)(x)
    network = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x)))
    assert offered_layers(network) == ("first_b", "second_b")


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("VGG16", {"block1_conv2": 1, "block2_conv2": 2, "block3_conv3": 4, "block4_conv3": 8, "block5_conv3": 16}),
        (
            "ResNet50",
            {
                "conv1_relu": 2,
                "conv2_block3_out": 4,
                "conv3_block4_out": 8,
                "conv4_block6_out": 16,
                "conv5_block3_out": 32,
            },
        ),
        ("DenseNet121", {"conv1_relu": 2, "pool2_conv": 4, "pool3_conv": 8, "pool4_conv": 16, "relu": 32}),
    ],
)
def test_real_networks_offer_the_ends_of_their_stages(name, offered):
    def read():
        # Without values for the weights: VGG-16 alone would take 550 MB.
        with keras.StatelessScope(initialize_variables=False):
            network = getattr(keras.applications, name)(weights=None)
            return {layer: stride_of(network, layer) for layer in offered_layers(network)}

    # Keras lists the variables that got no values, per thread, to give them some later; this thread ends before.
    with ThreadPoolExecutor(max_workers=1) as alone:
        assert alone.submit(read).result() == {layer: (stride, stride) for layer, stride in offered.items()}
