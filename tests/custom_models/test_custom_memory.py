"""What an own model asks for: numbers that can be counted by hand, and nothing allocated to find them out."""

import resource
import sys
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from support.custom_files import (
    LIMIT,
    call_warm_child,
    dense_weights,
    ending,
    functional,
    layer,
    refuse,
    sequential,
    write_keras,
)

from cam.custom_models import load, network
from cam.custom_models.config import check_config
from cam.custom_models.network import build
from cam.custom_models.read import read_network


def measure(config: dict) -> tuple[int, int, str]:
    """Bytes of the weights, bytes of the largest output, and the name of its layer."""
    # In a thread of its own, as there.
    with ThreadPoolExecutor(1) as alone:
        weight_bytes, (largest_bytes, name) = alone.submit(network._measure, check_config(config)).result()
    return weight_bytes, largest_bytes, name


WIDE = layer("Conv2D", "conv", filters=100, kernel_size=[3, 3], strides=[2, 2], padding="same")
INNER = sequential(layer("Conv2D", "conv", filters=7, kernel_size=[1, 1]), shape=(None, None, 3)) | {"name": "inner"}
INNER["config"]["name"] = "inner"
FIVE = layer("Conv2D", "conv", filters=5, kernel_size=[3, 3], padding="same")
HALF = layer("Conv2D", "conv", filters=5, kernel_size=[3, 3], padding="same", dtype="bfloat16")
DEMANDS = {
    "plain": (sequential(FIVE, *ending()), 4 * (3 * 3 * 3 * 5 + 5 + 5 * 2 + 2), 4 * 8 * 8 * 5, "conv"),
    "any size, at 224": (
        sequential(WIDE, *ending(), shape=(None, None, 3)),
        4 * (3 * 3 * 3 * 100 + 100 + 100 * 2 + 2),
        4 * 112 * 112 * 100,
        "conv",
    ),
    "a model inside, at the size that it is given": (
        functional(layer("UpSampling2D", "up", size=[10, 10]), INNER, *ending()),
        4 * (3 * 7 + 7 + 7 * 2 + 2),
        4 * 80 * 80 * 7,
        "conv",
    ),
    # The convolution puts out 2 * 8 * 8 * 5.
    "half precision": (
        sequential(HALF, *ending()),
        2 * (3 * 3 * 3 * 5 + 5) + 4 * (5 * 2 + 2),
        4 * 8 * 8 * 3,
        "photo",
    ),
}


@pytest.mark.parametrize("case", DEMANDS)
def test_weights_and_the_largest_output_are_counted(case):
    config, *expected = DEMANDS[case]
    assert measure(config) == tuple(expected)


def test_measuring_leaves_nothing_in_what_is_built_later():
    """And no time goes into what weights would have begun as."""
    conv = layer("Conv2D", "conv", filters=5, kernel_size=[3, 3], kernel_initializer="orthogonal")
    config = sequential(conv, *ending())
    assert measure(config) == measure(config)
    weights = build(check_config(config)).weights
    assert [tuple(weight.shape) for weight in weights] == [(3, 3, 3, 5), (5,), (5, 2), (2,)]
    assert float(keras.ops.max(keras.ops.abs(weights[0]))) == 0


GAP = layer("GlobalAveragePooling2D", "gap")
HUGE = {
    "weights": ([layer("Flatten", "flat"), layer("Dense", "huge", units=13_000)], (400, 400, 3)),
    "photo": ([GAP], (100_000, 100_000, 3)),
    "upsampling": ([layer("UpSampling2D", "up", size=[1000, 1000]), GAP], (224, 224, 3)),
    "bilinear": ([layer("UpSampling2D", "up", size=[1000, 1000], interpolation="bilinear"), GAP], (224, 224, 3)),
    "padding": ([layer("ZeroPadding2D", "pad", padding=[10**6, 10**6]), GAP], (8, 8, 3)),
    "resizing": ([layer("Resizing", "big", height=10**6, width=10**6), GAP], (8, 8, 3)),
    "crop": ([layer("CenterCrop", "big", height=10**6, width=10**6), GAP], (8, 8, 3)),
    "filters": ([layer("Conv2D", "conv", filters=10**6, kernel_size=[99, 99], padding="same"), GAP], (224, 224, 3)),
    "depth": ([layer("DepthwiseConv2D", "conv", kernel_size=[3, 3], depth_multiplier=10**8), GAP], (8, 8, 3)),
    "transposed": ([layer("Conv2DTranspose", "conv", filters=10**5, kernel_size=[99, 99]), GAP], (224, 224, 3)),
    "low rank": ([layer("Flatten", "flat"), layer("Dense", "low", units=2, lora_rank=10**9)], (8, 8, 3)),
    "mean of each pixel": ([layer("Normalization", "mean", axis=[1, 2, 3]), GAP], (100_000, 100_000, 3)),
    "one mean spread": (
        [layer("Normalization", "mean", axis=[1, 2, 3], mean=0.0, variance=1.0), GAP],
        (100_000, 100_000, 3),
    ),
    "normalized after": (
        [layer("UpSampling2D", "up", size=[999, 999]), layer("Flatten", "flat"), layer("Normalization", "mean")],
        (224, 224, 3),
    ),
    "layer normalization": ([layer("LayerNormalization", "ln", axis=[1, 2, 3]), GAP], (100_000, 100_000, 3)),
    "slopes": ([layer("PReLU", "slopes"), GAP], (100_000, 100_000, 3)),
    "wrapped": (
        [
            layer("SpectralNormalization", "sn", layer=layer("Conv2D", "conv", filters=10**7, kernel_size=[99, 99])),
            GAP,
        ],
        (224, 224, 3),
    ),
    "operation": ([layer("Resize", "big", "keras.src.ops.image", size=[10**6, 10**6]), GAP], (8, 8, 3)),
}


@pytest.mark.parametrize("case", HUGE)
def test_a_small_file_that_asks_for_much_is_refused_and_takes_no_memory(tmp_path, case):
    """Each is about 2 kB and asks for 7 GB or far more; the process grows by less than 100 MB."""
    parts, shape = HUGE[case]
    model = functional(*parts, layer("Dense", "scores", units=2), shape=shape)
    path = write_keras(tmp_path / "model.keras", model)
    assert path.stat().st_size < 4_000
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    text = refuse(path, limit_bytes=2**30)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 100 * 2**10
    assert "it asks for" in text
    assert text.endswith("the limit is 1,024 MB. The setting CAM_MODEL_MB raises it.")


def test_the_sentence_says_how_much_and_of_what(tmp_path):
    """480,000 x 13,000 weights and 13,000 biases, then 13,000 x 2 and 2."""
    parts, shape = HUGE["weights"]
    model = functional(*parts, layer("Dense", "scores", units=2), shape=shape)
    weight_bytes = 4 * (480_000 * 13_000 + 13_000 + 13_000 * 2 + 2)
    text = refuse(write_keras(tmp_path / "model.keras", model))
    assert f"{weight_bytes / 2**20:,.0f} MB for its weights and 2 MB for what its layer 'photo' puts out" in text
    assert "the limit is 128 MB" in text


def test_the_limit_decides(tmp_path):
    """The photo takes 4 * 1000 * 1000 * 3 bytes and the weights 4 * 8: one byte less is refused."""
    path = write_keras(tmp_path / "model.keras", sequential(*ending(), shape=(1000, 1000, 3)))
    assert "it asks for 11 MB" in refuse(path, limit_bytes=12_000_031)
    assert "it asks for" not in refuse(path, limit_bytes=12_000_032)
    assert LIMIT > 12_000_032


@pytest.mark.skipif(sys.platform != "linux", reason="no limit on memory")
@pytest.mark.parametrize("is_measured", [True, False])
def test_a_layer_that_makes_a_small_photo_huge_is_ended_by_the_limit_on_memory(tmp_path, monkeypatch, is_measured):
    """The pass asks for 23 GB; the child ends within its limit also if it was not seen before."""
    if not is_measured:
        monkeypatch.setattr(load, "call_in_child", call_unmeasured)
    up = layer("UpSampling2D", "up", size=[200, 200])
    data = dense_weights(np.zeros((3, 2), np.float32), np.zeros(2, np.float32))
    path = write_keras(tmp_path / "model.keras", sequential(up, *ending(), shape=(224, 224, 3)), data)
    text = refuse(path)
    assert ("it asks for 22,969 MB of memory" in text) == is_measured
    assert "the limit is 128 MB. The setting CAM_MODEL_MB raises it." in text


def call_unmeasured(function, *arguments, limits, empty_environment):
    """The child's work without the look at shapes."""
    return call_warm_child(
        f"{__name__}:read_unmeasured", *arguments, limits=limits, empty_environment=empty_environment
    )


def read_unmeasured(*arguments):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "_check_memory", lambda config, limit_bytes: None)
        return read_network(*arguments)
