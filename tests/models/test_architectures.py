import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import pytest
from keras import layers
from support.architecture_reading import FILE, architectures_json, read_anatomies, read_blocks

from cam.models.architectures import (
    AVERAGE,
    CONVOLUTION,
    DENSE,
    FLATTEN,
    POOLING,
    Block,
    load_anatomies,
)
from cam.models.registry import find_spec


@pytest.fixture(scope="module")
def networks():
    """The three networks by title."""
    return {row.title: row for row in load_anatomies()}


def convolutions(*channels: int) -> int:
    """The parameters of 3 x 3 convolutions with biases, one after the other: channels in, then channels out of each."""
    return sum(9 * given * made + made for given, made in zip(channels, channels[1:], strict=False))


def test_vgg_16_has_the_blocks_and_parameters_of_its_paper(networks):
    vgg = networks["VGG-16"]
    expected = [
        (CONVOLUTION, 2, (224, 224, 64), convolutions(3, 64, 64)),
        (CONVOLUTION, 2, (112, 112, 128), convolutions(64, 128, 128)),
        (CONVOLUTION, 3, (56, 56, 256), convolutions(128, 256, 256, 256)),
        (CONVOLUTION, 3, (28, 28, 512), convolutions(256, 512, 512, 512)),
        (CONVOLUTION, 3, (14, 14, 512), convolutions(512, 512, 512, 512)),
        (POOLING, 1, (7, 7, 512), 0),
        (FLATTEN, 1, (7 * 7 * 512,), 0),
        (DENSE, 1, (4096,), 25088 * 4096 + 4096),
        (DENSE, 1, (4096,), 4096 * 4096 + 4096),
        (DENSE, 1, (1000,), 4096 * 1000 + 1000),
    ]
    assert [(b.kind, len(b.layers), b.shape, b.parameters) for b in vgg.blocks] == expected
    assert [block.keeps_where for block in vgg.blocks] == [True] * 6 + [False] * 4
    assert (vgg.parameters, vgg.dense_parameters) == (138_357_544, 123_642_856)
    assert round(100 * vgg.dense_share, 1) == 89.4


def test_resnet_50_has_53_convolutions_and_8_percent_of_its_parameters_in_its_dense_layer(networks):
    resnet = networks["ResNet-50"]
    assert [block.kind for block in resnet.blocks] == [CONVOLUTION] * 5 + [AVERAGE, DENSE]
    # Of each stage: three convolutions a block, and one beside the first block.
    assert [len(block.layers) for block in resnet.blocks[:4]] == [1, 3 * 3 + 1, 4 * 3 + 1, 6 * 3 + 1]
    assert sum(len(block.layers) for block in resnet.blocks[:5]) == 53
    shapes = [(112, 112, 64), (56, 56, 256), (28, 28, 512), (14, 14, 1024), (7, 7, 2048), (2048,), (1000,)]
    assert [block.shape for block in resnet.blocks] == shapes
    # Its first convolution has a bias and a scale and a shift for each channel.
    assert resnet.blocks[0].parameters == 7 * 7 * 3 * 64 + 64 + 2 * 64
    assert resnet.parameters == find_spec("resnet50").parameters
    assert resnet.dense_parameters == 2048 * 1000 + 1000
    assert round(100 * resnet.dense_share, 1) == 8.0


def test_the_embedded_network_is_read_at_its_own_size(networks):
    spec = find_spec("efficientnet-lite2")
    lite = networks[spec.title]
    assert (lite.size, lite.parameters) == (spec.size, spec.parameters)
    assert [block.shape[0] for block in lite.blocks] == [130, 65, 33, 17, 9, 1280, 1000]
    assert lite.dense_parameters == 1280 * 1000 + 1000
    assert [block.keeps_where for block in lite.blocks] == [True] * 5 + [False] * 2


def test_the_networks_have_as_many_trained_parameters_as_keras_counts():
    resnet = keras.applications.ResNet50(weights=None)
    counted = sum(block.parameters for block in read_blocks(resnet, 224))
    assert counted == resnet.count_params() - sum(weight.numpy().size for weight in resnet.non_trainable_weights)


def test_only_vgg_16_is_refused_and_the_sentence_names_the_layer_in_the_way(networks):
    refusals = {title: row.refusal for title, row in networks.items()}
    assert [title for title, refusal in refusals.items() if refusal] == ["VGG-16"]
    assert "before the dense layer 'predictions' stands 'fc2' (Dense)" in refusals["VGG-16"]


def test_the_blocks_of_a_tiny_network_that_takes_any_size(tiny_network, tiny_spec):
    blocks = read_blocks(tiny_network, 32)
    assert [(block.kind, block.shape, block.parameters) for block in blocks] == [
        (CONVOLUTION, (16, 16, 4), 3 * 9 * 4 + 4),
        (CONVOLUTION, (8, 8, 5), 4 * 9 * 5 + 5),
        (AVERAGE, (5,), 0),
        (DENSE, (3,), 5 * 3 + 3),
    ]
    assert sum(block.parameters for block in blocks) == tiny_spec.parameters


def test_padding_and_odd_sizes_start_no_block_and_normalisation_counts_without_running_averages():
    inputs = keras.Input((26, 26, 3))
    x = layers.Conv2D(4, 3, 2, name="first")(layers.ZeroPadding2D(1)(inputs))
    x = layers.BatchNormalization()(x)
    x = layers.Conv2D(4, 3, padding="same", use_bias=False, name="second")(layers.ZeroPadding2D(1)(x))
    x = layers.Conv2D(2, 1, name="third")(layers.MaxPooling2D(2)(x))
    blocks = read_blocks(keras.Model(inputs, layers.Flatten(name="row")(x)), 26)
    assert blocks == (
        Block(CONVOLUTION, ("first", "second"), (15, 15, 4), 9 * 3 * 4 + 4 + 2 * 4 + 9 * 4 * 4),
        Block(CONVOLUTION, ("third",), (7, 7, 2), 4 * 2 + 2),
        Block(FLATTEN, ("row",), (98,), 0),
    )


def test_no_weight_is_given_a_value_neither_then_nor_later(monkeypatch):
    asked = []

    def initializer(shape, dtype=None):
        asked.append(shape)
        return keras.ops.zeros(shape, dtype)

    def build(weights=None):
        inputs = keras.Input((8, 8, 3))
        return keras.Model(inputs, layers.Conv2D(4, 3, kernel_initializer=initializer, name="only")(inputs))

    monkeypatch.setattr(keras.applications, "VGG16", build)
    with ThreadPoolExecutor(1) as alone:
        vgg, *_ = alone.submit(read_anatomies).result()
    assert vgg.parameters == 9 * 3 * 4 + 4
    with keras.StatelessScope():
        pass
    assert asked == []


def test_the_file_is_what_keras_reads_now():
    with ThreadPoolExecutor(1) as alone:
        assert FILE.read_text("utf-8") == alone.submit(architectures_json).result()


def test_they_are_loaded_without_keras():
    code = "import sys; from cam.models.architectures import *; print(len(load_anatomies()), 'keras' in sys.modules)"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "3 False\n"
