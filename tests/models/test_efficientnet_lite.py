import re
from pathlib import Path

import keras
import numpy as np
import pytest

import cam
from cam.errors import ModelError
from cam.models.efficientnet_lite import build_network, lite2_shuffled, set_weights
from cam.models.efficientnet_lite import lite2 as build_lite2
from cam.models.preprocessing import PREPROCESSINGS
from cam.models.registry import find_spec
from cam.models.torch_checkpoint import read_checkpoint

GOLDEN = Path(__file__).parent.parent / "golden"
PHOTOS = sorted(path.stem for path in (Path(__file__).parent.parent.parent / "sample_images").glob("*.jpg"))
TOLERANCE = 1e-3


@pytest.fixture(scope="module")
def golden():
    """Numbers of the original implementation in PyTorch: name of the network -> photo.logits, .top3, .cams."""
    return {name: np.load(GOLDEN / f"efficientnet_{name}.npz") for name in ("lite0", "lite2")}


@pytest.fixture(scope="module")
def network():
    """A fresh Lite0, which tests fill with right and wrong weights."""
    return build_network(width=1.0, depth=1.0)


@pytest.fixture(scope="module")
def lite0_tensors():
    return read_checkpoint(find_spec("efficientnet-lite0").source.require())


def test_the_golden_numbers_cover_all_sample_photos(golden):
    assert len(PHOTOS) == 16
    for numbers in golden.values():
        assert sorted(key.removesuffix(".logits") for key in numbers if key.endswith(".logits")) == PHOTOS


@pytest.mark.parametrize("photo", PHOTOS)
@pytest.mark.parametrize("name", ["lite0", "lite2"])
def test_scores_and_class_maps_equal_the_original_network(request, golden, sample, name, photo):
    explanation = request.getfixturevalue(name).explain(sample(photo), fit="squash")
    top3 = golden[name][f"{photo}.top3"]
    assert [prediction.index for prediction in explanation.top(3)] == top3.tolist()
    np.testing.assert_allclose(explanation.scores, golden[name][f"{photo}.logits"], rtol=0, atol=TOLERANCE)
    maps = [explanation.class_map(int(index)) for index in top3]
    np.testing.assert_allclose(maps, golden[name][f"{photo}.cams"], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("name", ["efficientnet-lite0", "efficientnet-lite2", "efficientnet-lite2-random"])
def test_preprocessing_centres_127_and_divides_by_128(name):
    preprocess = PREPROCESSINGS[find_spec(name).preprocessing].apply
    pixels = np.array([[[0, 127, 255]]], np.uint8)
    got = preprocess(pixels)
    assert got.dtype == np.float32
    assert got.tolist() == [[[-127 / 128, 0.0, 1.0]]]
    assert pixels.tolist() == [[[0, 127, 255]]]


def blocks(network: keras.Model) -> list[tuple[int, int]]:
    """(filters, number of blocks) of each stage: neighbouring blocks of as many filters."""
    filters = [layer.filters for layer in network.layers if layer.name.endswith("._project_conv")]
    starts = [i for i, n in enumerate(filters) if i == 0 or n != filters[i - 1]]
    return [(filters[a], b - a) for a, b in zip(starts, [*starts[1:], len(filters)], strict=True)]


@pytest.mark.parametrize(
    ("width", "depth", "stages"),
    [
        (1.0, 1.0, [(16, 1), (24, 2), (40, 2), (80, 3), (112, 3), (192, 4), (320, 1)]),  # EfficientNet-B0, Table 1
        (1.1, 1.2, [(16, 1), (24, 3), (48, 3), (88, 4), (120, 4), (208, 5), (352, 1)]),
    ],
    ids=["lite0", "lite2"],
)
def test_stages_scale_but_stem_and_head_keep_their_width(width, depth, stages):
    network = build_network(width=width, depth=depth)
    assert blocks(network) == stages
    assert network.get_layer("_conv_stem").filters == 32
    assert network.get_layer("_conv_head").filters == 1280
    assert network.get_layer("_fc").units == 1000


def test_kernels_and_strides_of_the_first_blocks_are_those_of_the_stages(network):
    depthwise = [layer for layer in network.layers if layer.name.endswith("._depthwise_conv")]
    first = [0, 1, 3, 5, 8, 11, 15]
    assert [depthwise[i].kernel_size[0] for i in first] == [3, 3, 5, 3, 5, 5, 3]
    assert [depthwise[i].strides[0] for i in first] == [1, 2, 2, 2, 1, 2, 1]
    assert {layer.strides for i, layer in enumerate(depthwise) if i not in first} == {(1, 1)}


def test_a_block_adds_its_input_just_where_the_filters_stay(network):
    added = [int(match[1]) for layer in network.layers if (match := re.fullmatch(r"_blocks\.(\d+)\._add", layer.name))]
    assert added == [2, 4, 6, 7, 9, 10, 12, 13, 14]


def test_right_weights_are_taken_and_change_the_numbers(network, lite0_tensors):
    set_weights(network, lite0_tensors)
    kernel = network.get_layer("_blocks.3._depthwise_conv").kernel.numpy()
    assert kernel.shape == (5, 5, 144, 1)
    assert kernel[1, 2, 7, 0] == lite0_tensors["_blocks.3._depthwise_conv.weight"][7, 0, 1, 2]
    dense = network.get_layer("_fc").kernel.numpy()
    assert dense[3, 235] == lite0_tensors["_fc.weight"][235, 3]


@pytest.mark.parametrize("entry", ["_conv_stem.weight", "_blocks.15._bn2.running_var", "_fc.bias"])
def test_a_missing_entry_is_named(network, lite0_tensors, entry):
    tensors = {name: value for name, value in lite0_tensors.items() if name != entry}
    with pytest.raises(ModelError, match=f"no entry '{re.escape(entry)}'"):
        set_weights(network, tensors)


def test_a_left_over_entry_is_named(network, lite0_tensors):
    with pytest.raises(ModelError, match="such as '_blocks.16._bn0.weight'"):
        set_weights(network, lite0_tensors | {"_blocks.16._bn0.weight": np.ones(3, np.float32)})


def test_a_wrong_shape_is_refused_with_the_name_of_the_layer(network, lite0_tensors):
    with pytest.raises(ModelError, match=r"'_fc.weight' .* \(999, 1280\) instead of \(1000, 1280\)"):
        set_weights(network, lite0_tensors | {"_fc.weight": np.zeros((999, 1280), np.float32)})


@pytest.mark.parametrize("shape", [(1000,), (1000, 1280, 1), ()])
def test_a_wrong_number_of_axes_is_refused(network, lite0_tensors, shape):
    with pytest.raises(ModelError, match=f"'_fc.weight' .* {re.escape(str(shape))} instead of"):
        set_weights(network, lite0_tensors | {"_fc.weight": np.zeros(shape, np.float32)})


def test_the_weights_of_another_variant_are_refused(network):
    with pytest.raises(ModelError, match="they belong to another network"):
        set_weights(network, read_checkpoint(find_spec("efficientnet-lite2").source.require()))


def test_random_weights_are_the_trained_numbers_of_each_layer_in_other_places():
    weights = find_spec("efficientnet-lite2").source.require()
    for trained, shuffled in zip(build_lite2(weights).layers, lite2_shuffled(weights).layers, strict=True):
        for before, after in zip(trained.get_weights(), shuffled.get_weights(), strict=True):
            np.testing.assert_array_equal(np.sort(after, axis=None), np.sort(before, axis=None))
            if "conv" in trained.name:
                assert not np.array_equal(after, before)


def test_random_weights_are_the_same_each_time_and_know_nothing(shuffled, lite2, sample):
    explanation = shuffled.explain(sample("espresso"))
    assert np.array_equal(cam.load_model(shuffled.spec.name).explain(sample("espresso")).scores, explanation.scores)
    assert lite2.explain(sample("espresso")).top(1)[0].label == "espresso"
    assert explanation.rank("espresso") > 10
    assert np.isfinite(explanation.features).all() and explanation.class_map("espresso").std() > 0
