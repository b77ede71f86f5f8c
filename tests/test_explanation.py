"""One tiny explanation with numbers that a person can check, and the identities that hold for any."""

import pickle
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cam import explanation as explanations
from cam.errors import LabelError, ModelError
from cam.explanation import Explanation, Prediction
from cam.labels import Labels, imagenet_labels

NAMES = ("cat", "dog", "owl")


def explanation(features, weight, bias, image_size=(4, 4)) -> Explanation:
    classes = len(bias)
    names = NAMES if classes == 3 else tuple(f"class {i}" for i in range(classes))
    return Explanation(
        features=np.array(features, np.float32),
        weight=np.array(weight, np.float32),
        bias=np.array(bias, np.float32),
        labels=Labels(names=names, synonyms=(("kitty",), *[()] * (classes - 1))),
        image_size=image_size,
        input_size=(64, 64),
    )


def tiny() -> Explanation:
    """Feature maps [[1, 0], [0, 3]] and [[0, 2], [0, 2]], each of mean 1."""
    features = [[[1, 0], [0, 2]], [[0, 0], [3, 2]]]
    return explanation(features, weight=[[1, 0, -1], [0, 2, 1]], bias=[0.5, -1, 0])


def with_scores(scores) -> Explanation:
    return explanation(np.zeros((2, 2, 2)), np.zeros((2, len(scores))), scores)


def larger() -> Explanation:
    rng = np.random.default_rng(7)
    return explanation(rng.normal(size=(3, 4, 5)), rng.normal(size=(5, 6)), rng.normal(size=6), image_size=(37, 23))


def test_scores_are_the_mean_features_times_the_weights_plus_the_bias():
    # 1*1 + 1*0 + 0.5, 1*0 + 1*2 - 1, -1*1 + 1*1 + 0.
    assert tiny().scores.tolist() == [1.5, 1.0, 0.0]
    assert tiny().scores.dtype == np.float32


def test_probabilities_are_the_softmax_of_the_scores():
    # e^1.5 = 4.4817, e^1 = 2.7183, e^0 = 1, together 8.2.
    np.testing.assert_allclose(tiny().probabilities, [0.54655, 0.33150, 0.12195], atol=5e-6)
    np.testing.assert_allclose(with_scores(np.log([6, 3, 1])).probabilities, [0.6, 0.3, 0.1], rtol=1e-6)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [([1000, 1000, -1000], [0.5, 0.5, 0]), ([-1000, -1000, -1000], [1 / 3] * 3)],
)
def test_probabilities_of_extreme_scores_are_finite(scores, expected):
    np.testing.assert_allclose(with_scores(scores).probabilities, expected, rtol=1e-6)


def test_probabilities_sum_to_one():
    assert larger().probabilities.sum() == pytest.approx(1, abs=1e-6)


def test_the_top_is_in_falling_order_of_score():
    e = with_scores([1, 3, 2])
    assert [(p.index, p.label, p.score) for p in e.top(3)] == [(1, "dog", 3.0), (2, "owl", 2.0), (0, "cat", 1.0)]


def test_equal_scores_stay_in_the_order_of_the_classes():
    assert [p.index for p in with_scores([5, 7, 7]).top()] == [1, 2, 0]
    odd_and_even = with_scores([0, 1] * 20).top(40)
    assert [p.index for p in odd_and_even] == [*range(1, 40, 2), *range(0, 40, 2)]


@pytest.mark.parametrize(("k", "indices"), [(0, []), (1, [0]), (2, [0, 1]), (99, [0, 1, 2]), (-1, [])])
def test_the_top_has_k_classes_or_as_many_as_there_are(k, indices):
    assert [p.index for p in tiny().top(k)] == indices


@pytest.mark.parametrize("wanted", [1, "dog", " DOG ", np.int64(1)])
def test_a_prediction_holds_index_label_probability_and_score(wanted):
    assert tiny().prediction(wanted) == Prediction(1, "dog", pytest.approx(0.33150, abs=5e-6), 1.0)


@pytest.mark.parametrize(("wanted", "place"), [("cat", 1), ("dog", 2), ("owl", 3), (2, 3)])
def test_the_rank_of_the_highest_score_is_one(wanted, place):
    assert tiny().rank(wanted) == place


def test_equal_scores_share_a_rank():
    assert [with_scores([5, 7, 7]).rank(i) for i in range(3)] == [3, 1, 1]


@pytest.mark.parametrize(
    ("index", "label", "expected"),
    [(0, "kitty", [[1, 0], [0, 3]]), (1, "dog", [[0, 4], [0, 4]]), (2, "Owl", [[-1, 2], [0, -1]])],
)
def test_a_class_map_is_the_weighted_sum_of_the_feature_maps(index, label, expected):
    e = tiny()
    assert e.class_map(index).tolist() == expected
    assert e.class_map(label).tolist() == expected
    assert e.class_map(index).dtype == np.float32


@pytest.mark.parametrize("make", [tiny, larger])
def test_the_mean_of_a_class_map_plus_the_bias_is_the_score_of_every_class(make):
    e = make()
    means = [e.class_map(index).mean() + e.bias[index] for index in range(len(e.labels))]
    np.testing.assert_allclose(means, e.scores, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("ask", "most"), [(lambda e: e.class_map(235), 2**16), (lambda e: e.scores, 2**19)], ids=["class map", "scores"]
)
def test_another_class_of_a_resnet_copies_neither_the_maps_nor_the_weights(ask, most):
    """So it reads what it needs, once; the weights take 8 MB, the maps 0.4 MB."""
    rng = np.random.default_rng(0)
    large = explanation(rng.random((7, 7, 2048)), rng.normal(size=(2048, 1000)), np.zeros(1000))
    ask(large)
    vars(large).pop("scores", None)
    tracemalloc.start()
    try:
        ask(large)
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


def test_a_heatmap_is_the_class_map_enlarged_bilinearly_with_half_pixel_centres():
    # Pixels of 4 lie at -0.25, 0.25, 0.75, 1.25 of 2 cells: all of one, three quarters of it, a quarter, none.
    expected = [[1, 0.75, 0.25, 0], [0.75, 0.75, 0.75, 0.75], [0.25, 0.75, 1.75, 2.25], [0, 0.75, 2.25, 3]]
    heatmap = tiny().heatmap("cat")
    np.testing.assert_allclose(heatmap, expected, atol=1e-6)
    assert heatmap.dtype == np.float32


def test_a_heatmap_keeps_the_sign():
    expected_corners = [[-1, 2], [0, -1]]
    heatmap = tiny().heatmap("owl")
    np.testing.assert_allclose(heatmap[::3, ::3], expected_corners, atol=1e-6)
    np.testing.assert_allclose(heatmap[0], [-1, -0.25, 1.25, 2], atol=1e-6)


def test_a_heatmap_can_be_given_another_size():
    # 6 columns lie at -1/3, 0, 1/3, 2/3, 1, 4/3 of 2 cells; the rows stay.
    expected = [[1, 1, 2 / 3, 1 / 3, 0, 0], [0, 0, 1, 2, 3, 3]]
    np.testing.assert_allclose(tiny().heatmap("cat", size=(6, 2)), expected, atol=1e-6)


def test_a_heatmap_has_the_height_and_width_of_the_photo_and_agrees_with_interpolation_by_axis():
    e = larger()
    x = (np.arange(37) + 0.5) / 37 * 4 - 0.5
    y = (np.arange(23) + 0.5) / 23 * 3 - 0.5
    rows = np.array([np.interp(x, range(4), row) for row in e.class_map(2)])
    expected = np.array([np.interp(y, range(3), column) for column in rows.T]).T
    np.testing.assert_allclose(e.heatmap(2), expected, atol=1e-5)


def test_enlarging_the_sum_is_summing_the_enlarged():
    e = larger()
    enlarged = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(e.features[..., k])).resize((37, 23), Image.Resampling.BILINEAR)
        )
        for k in range(5)
    ]
    for index in range(6):
        summed = sum(e.weight[k, index] * enlarged[k] for k in range(5))
        np.testing.assert_allclose(e.heatmap(index), summed, atol=1e-5)


@pytest.mark.parametrize("name", ["features", "weight", "bias", "scores", "probabilities"])
def test_the_arrays_of_an_explanation_cannot_be_written_to(name):
    with pytest.raises(ValueError, match="read-only"):
        getattr(tiny(), name)[...] = 0


def test_drawing_on_a_heatmap_does_not_change_the_next_one():
    e = tiny()
    e.heatmap("cat")[:] = 99
    e.class_map("cat")[:] = 99
    assert e.heatmap("cat").max() == 3
    assert e.class_map("cat").max() == 3


@pytest.mark.parametrize("method", ["prediction", "rank", "class_map", "heatmap"])
@pytest.mark.parametrize("wanted", ["unicorn", 3, -1, None])
def test_a_class_that_does_not_exist_is_a_label_error(method, wanted):
    with pytest.raises(LabelError):
        getattr(tiny(), method)(wanted)


@pytest.mark.parametrize("ask", ["prediction", "rank", "class_map", "heatmap"])
def test_a_prediction_can_be_given_for_its_class(ask):
    e = tiny()
    np.testing.assert_array_equal(getattr(e, ask)(e.prediction("dog")), getattr(e, ask)("dog"))


def test_a_prediction_of_another_network_is_refused():
    with pytest.raises(LabelError, match="no class 5"):
        tiny().class_map(Prediction(5, "cow", 1.0, 9.0))


def test_the_repr_is_one_line_with_the_best_classes():
    assert repr(tiny()) == "<Explanation by CAM of a photo of 4 x 4: cat 55 %, dog 33 %>"


def test_in_a_notebook_it_shows_the_overlay_and_the_best_classes():
    page = tiny()._repr_html_()
    assert page.count('<img src="data:image/png;base64,') == 1
    assert "<td>cat<td>55 %<td>1.50" in page and page.index("cat") < page.index("<td>dog") < page.index("<td>owl")
    with_photo = Explanation(**fields(tiny()), image=Image.new("RGB", (4, 4), "white"))
    assert with_photo._repr_html_() != page
    odd = Explanation(**fields(tiny()) | {"labels": Labels(("<b>", "&", "c"), ((), (), ()))})
    assert "<b>" not in odd._repr_html_()


def fields(e: Explanation) -> dict:
    names = ("features", "weight", "bias", "labels", "image_size", "input_size")
    return {name: getattr(e, name) for name in names}


def test_without_a_network_to_load_the_weights_are_pickled_too():
    e = tiny()
    again = pickle.loads(pickle.dumps(e))
    for name in ("features", "weight", "bias", "scores", "probabilities"):
        np.testing.assert_array_equal(getattr(again, name), getattr(e, name))
        assert not getattr(again, name).flags.writeable
    assert again.labels == e.labels and again.top() == e.top()


@pytest.fixture
def known(lite0, sample):
    """An explanation by a network that can be loaded by its name, and its pickle."""
    found = Explanation(**fields(lite0.explain(sample("koala"))), network="efficientnet-lite0")
    return found, pickle.dumps(found)


def test_a_pickle_is_small_and_gives_every_map_in_another_process(known, tmp_path):
    found, content = known
    assert len(content) < found.features.nbytes + 20_000 < 500_000
    path, maps = tmp_path / "explanation.pickle", tmp_path / "maps.npy"
    path.write_bytes(content)
    code = f"""
import pickle, sys
import numpy as np
found = pickle.load(open({str(path)!r}, "rb"))
assert found.top(1)[0].label == "koala" and "weight" not in vars(found)
assert "tensorflow" not in sys.modules and "openvino" not in sys.modules
np.save({str(maps)!r}, [found.class_map(name) for name in ("koala", "wombat")])
"""
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[1], check=True, timeout=300)
    expected = [found.class_map(name) for name in ("koala", "wombat")]
    np.testing.assert_allclose(np.load(maps), expected, atol=1e-5)


def test_imagenets_labels_are_shared_after_unpickling(known):
    found, content = known
    assert pickle.loads(content).labels is imagenet_labels() is found.labels


def test_other_weights_under_the_same_name_are_noticed(known, monkeypatch):
    found, content = known
    monkeypatch.setattr(explanations, "_load_weight", lambda network: -found.weight)
    with pytest.raises(ModelError, match="efficientnet-lite0 with other weights .* Explain the photo again"):
        pickle.loads(content).class_map("koala")


def test_a_network_that_is_not_here_is_said_when_a_map_is_asked_for(known):
    found, _ = known
    lost = pickle.loads(pickle.dumps(Explanation(**fields(found), network="no-such-network")))
    assert lost.top(1)[0].label == "koala"
    with pytest.raises(ModelError, match="need its network no-such-network. There is no network"):
        lost.class_map("koala")


def test_an_attribute_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'Explanation' object has no attribute 'wieght'"):
        tiny().wieght  # noqa: B018
