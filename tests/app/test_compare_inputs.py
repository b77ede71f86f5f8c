"""The page "Compare": two networks, whole and squashed, and the forward passes that all of it costs."""

from concurrent.futures import Future

import numpy as np
from support.app_page import DOG, LITE0, LITE2, RESNET50, engine, passes, picture
from support.compare_parts import (
    CAT,
    TABBY,
    TEAPOT,
    VIEWS,
    open_compare,
    percent_text,
    pixels,
    size_of,
    titles,
    view,
    words,
)

from cam.app.widgets.sample_gallery import DEFAULT
from cam.models.registry import find_spec, list_models
from cam.render import heat_layer
from cam.server import model_store


def test_two_networks_side_by_side_each_with_its_own_numbers_and_scale():
    at = open_compare(compare="Networks", **{"class": "tabby"})
    assert titles(at) == [find_spec(LITE2).title, find_spec(LITE0).title]
    assert "each map has its own scale" in words(at)
    for place, network in enumerate((LITE2, LITE0)):
        explanation, data = engine(DEFAULT, network), picture(at, f"compare_{place}")
        heatmap = explanation.heatmap(TABBY, size=size_of(at, f"compare_{place}"))
        np.testing.assert_array_equal(pixels(at, f"compare_{place}"), np.asarray(heat_layer(heatmap).convert("RGB")))
        one, best = explanation.prediction(TABBY), explanation.top(1)[0]
        rows, columns, _ = explanation.features.shape
        assert data["value"] == percent_text(one.probability)
        assert f"Score {one.score:.2f} · rank {explanation.rank(TABBY)} of 1,000" in words(at)
        assert "Sees {} × {} pixels · map of {} × {} cells".format(*explanation.input_size, columns, rows) in words(at)
        assert f"Most probable: {best.label}, {percent_text(best.probability)}" in words(at)


def test_every_other_network_can_be_the_second_one():
    at = open_compare(compare="Networks")
    names = [spec.title for spec in list_models() if spec.name != LITE2]
    assert at.selectbox(key="second").options == names
    at.selectbox(key="network").set_value(LITE0).run()
    assert titles(at) == [find_spec(LITE0).title, find_spec(LITE2).title]


def test_a_second_network_without_weights_is_said_and_nothing_is_downloaded(monkeypatch):
    def download(*_):
        raise AssertionError("a download was started")

    monkeypatch.setattr(model_store, "start_download", download)
    at = open_compare(compare="Networks", second="ResNet-50")
    assert titles(at) == [find_spec(LITE2).title] and not at.exception
    assert len(at.warning) == 1
    said = at.warning[0].value
    assert said == (
        "ResNet-50 is not on this computer yet (98 MB). "
        "“Get ResNet-50” on the page See downloads it, once it is chosen there."
    )
    at.selectbox(key="second").set_value(LITE0).run()
    assert len(titles(at)) == 2 and not at.warning


def test_a_resnet_with_stand_in_weights_is_the_second_network(resnet50):
    future = Future()
    future.set_result(resnet50)
    model_store._models[RESNET50] = (None, future)
    at = open_compare(compare="Networks", second="ResNet-50")
    assert titles(at) == [find_spec(LITE2).title, "ResNet-50"] and not at.exception
    assert f"Score {engine(DEFAULT, RESNET50).prediction(CAT).score:.2f}".replace("-", "−") in words(at)


def test_whole_and_squashed_have_one_scale_and_their_own_numbers():
    at = open_compare(compare="Whole and squashed", **{"class": "German shepherd"})
    assert titles(at) == ["Whole photo", "Squashed to a square"]
    found = [engine(DEFAULT, fit=fit) for fit in ("whole", "squash")]
    heatmaps = [e.heatmap(DOG, size=size_of(at, f"compare_{i}")) for i, e in enumerate(found)]
    maximum = max(float(heatmap.max()) for heatmap in heatmaps)
    for place, (explanation, heatmap) in enumerate(zip(found, heatmaps, strict=True)):
        expected = heat_layer(heatmap, maximum=maximum).convert("RGB")
        np.testing.assert_array_equal(pixels(at, f"compare_{place}"), np.asarray(expected))
        one = explanation.prediction(DOG)
        assert picture(at, f"compare_{place}")["value"] == percent_text(one.probability)
        assert f"Score {one.score:.2f} · rank {explanation.rank(DOG)} of" in words(at)
    assert "Sees 480 × 224 pixels · map of 15 × 7 cells" in words(at)
    assert "Sees 260 × 260 pixels · map of 9 × 9 cells" in words(at)


def test_the_squashed_photo_is_drawn_as_a_square_or_like_the_photo():
    at = open_compare(compare="Whole and squashed")
    square, whole = picture(at, "compare_1"), picture(at, "photo")
    assert (square["width"], square["height"]) == (260, 260)
    at.toggle(key="as_given").set_value(False).run()
    drawn = picture(at, "compare_1")
    assert (drawn["width"], drawn["height"]) == (whole["width"], whole["height"]) == (1024, 439)


def test_only_a_second_network_and_the_squashed_photo_cost_a_forward_pass(fresh):
    before = passes(LITE2), passes(LITE0)

    def spent() -> tuple[int, int]:
        return passes(LITE2) - before[0], passes(LITE0) - before[1]

    at = open_compare()
    assert spent() == (1, 0)
    at.multiselect(key="compare_picked").set_value([TEAPOT]).run()
    at.toggle(key="one_scale").set_value(False).run()
    at.selectbox(key="lesson_class").set_value(DOG).run()
    view(at, "Difference").selectbox(key="compare_rival").set_value(TABBY).run()
    assert spent() == (1, 0)
    view(at, "Networks")
    assert spent() == (1, 1)
    view(at, "Whole and squashed")
    assert spent() == (2, 1)
    at.toggle(key="as_given").set_value(False).run()
    at.selectbox(key="lesson_class").set_value(CAT).run()
    for name in VIEWS:
        view(at, name)
    open_compare(compare="Networks")
    assert spent() == (2, 1)
