"""The page "Inside the map": every number on it against the engine, and controls that cost no forward pass."""

import json
import re
from concurrent.futures import Future
from decimal import Decimal
from functools import partial

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest
from support.app_page import LITE0, LITE2, NAMES, decoded, engine, file_of, open_lesson, passes, picture

from cam.analysis.contributions import split_score
from cam.app.widgets.sample_gallery import list_samples
from cam.images.open import open_image
from cam.render import signed_layer, signed_palette
from cam.server import model_store

RANDOM, RESNET50 = "efficientnet-lite2-random", "resnet50"
SAMPLE = "dog_and_cat"
TABBY = 281


open_inside = partial(open_lesson, "inside")


def html(at: AppTest, name: str) -> str:
    """The piece of HTML whose class is `name`."""
    return next(element.proto.body for element in at.get("html") if f"class={name}>" in element.proto.body)


def value(text: str) -> Decimal:
    return Decimal(text.replace("−", "-").replace(",", ""))


def equation(at: AppTest) -> dict[str, str]:
    """The numbers of the equation by their names."""
    pairs = re.findall(r"<b>([^<]*)</b><small>([^<]+)</small>", html(at, "inside-equation"))
    return {name: text for text, name in pairs}


def feature_maps(at: AppTest) -> list[dict]:
    """The pictures of single feature maps, in their order."""
    pictures = [element for element in at.get("bidi_component") if element.key.startswith("picture_feature_")]
    return [json.loads(element.proto.json)[0] for element in pictures]


def grid(at: AppTest) -> dict:
    return next(json.loads(element.proto.json) for element in at.get("bidi_component") if element.key == "grid")


def said(at: AppTest) -> str:
    return "\n".join(text.value for text in at.markdown)


def pixels(data: dict) -> np.ndarray:
    return np.asarray(decoded(data["heat"]).convert("RGB"))


@pytest.fixture(scope="module")
def opened() -> AppTest:
    """The page as it opens, for tests that only read it."""
    return open_inside()


@pytest.fixture(scope="module")
def explained():
    return engine(SAMPLE)


def test_the_cards_show_the_real_shapes_and_the_score(opened, explained):
    cards = re.findall(r"<h3>([^<]*)</h3><b>([^<]*)</b><p>([^<]*)</p>", html(opened, "inside-steps"))
    (width, height), (rows, columns, maps) = explained.input_size, explained.features.shape
    best = explained.top(1)[0]
    assert [name for name, _, _ in cards] == ["Photo", "Feature maps", "Averages", "Score"]
    *sizes, score = [size for _, size, _ in cards]
    assert sizes == [f"{width} × {height} × 3", f"{columns} × {rows} × {maps:,}", f"{maps:,} numbers"]
    # Three decimals, or more where it takes them for the sum below to be true as written.
    assert score == f"{best.score:.{max(3, len(score.partition('.')[2]))}f}"
    total, sign, bias = re.search(r": ([\d.]+) \(weights × means\) ([−+])\s([\d.]+) \(bias\)", cards[3][2]).groups()
    assert value(total) + value(sign + bias) == value(cards[3][1])
    assert float(value(sign + bias)) == pytest.approx(float(explained.bias[best.index]), abs=0.0005)


def test_the_three_strongest_for_and_against_are_drawn_with_their_products(opened, explained):
    best = explained.top(1)[0]
    products = explained.features.mean(axis=(0, 1)) * explained.weight[:, best.index]
    order = np.argsort(products)
    expected = [*order[::-1][:3], *order[:3]]
    drawn = feature_maps(opened)
    assert [data["title"] for data in drawn] == [f"Map {k}" for k in expected]
    assert [data["value"] for data in drawn] == ["for"] * 3 + ["against"] * 3
    for data, k in zip(drawn, expected, strict=True):
        weight, mean, product = map(value, re.split(" [×=] ", data["below"]))
        assert float(weight) == pytest.approx(explained.weight[k, best.index], abs=0.0005001)
        assert float(mean) == pytest.approx(explained.features[:, :, k].mean(), abs=0.0005001)
        assert float(product) == pytest.approx(products[k], abs=0.0005001)
        assert round(weight * mean, 3) == product
        assert f"Feature map {k} " in data["alt"] and best.label in data["alt"]


def test_feature_maps_are_drawn_on_one_signed_scale(opened, explained):
    drawn = feature_maps(opened)
    weights = explained.weight[:, explained.top(1)[0].index]
    maps = [explained.features[:, :, k] * weights[k] for k in (int(data["title"].split()[1]) for data in drawn)]
    limit = max(np.abs(cells).max() for cells in maps)
    for data, cells in zip(drawn, maps, strict=True):
        shown = pixels(data)
        height, width, _ = shown.shape
        large = np.asarray(Image.fromarray(cells).resize((width, height), Image.Resampling.BILINEAR))
        np.testing.assert_array_equal(shown, np.asarray(signed_layer(large, limit).convert("RGB")))


def test_for_against_and_neither_are_counted(opened, explained):
    products = split_score(explained, explained.top(1)[0].index).products
    counts = [int((products > 0).sum()), int((products < 0).sum()), int((products == 0).sum())]
    sentence = next(text.value for text in opened.markdown if "neither" in text.value)
    assert list(map(int, re.findall(r"\b(\d+) (?:feature maps add|take|do)", sentence))) == counts
    assert sum(counts) == explained.features.shape[2]


@pytest.mark.parametrize("name", list_samples())
def test_all_feature_maps_make_the_networks_own_score_digit_for_digit(name):
    at = open_inside(photo=name, inside_maps="1280")
    explanation = engine(name)
    numbers = equation(at)
    decimals = len(numbers["score"].partition(".")[2])
    assert not at.exception
    assert list(numbers) == ["mean of the map", "bias", "score", "the network's own score"]
    assert decimals >= 3
    assert numbers["score"] == numbers["the network's own score"] == f"{explanation.scores.max():.{decimals}f}"
    assert value(numbers["mean of the map"]) + value(numbers["bias"]) == value(numbers["score"])
    index = int(explanation.scores.argmax())
    assert float(value(numbers["mean of the map"])) == pytest.approx(explanation.class_map(index).mean(), abs=0.0006)


def test_the_partial_map_is_the_full_one_when_all_are_added(opened):
    at = open_inside(inside_maps="1280")
    partial, whole = pixels(picture(at, "partial")).astype(int), pixels(picture(at, "whole")).astype(int)
    # Sums of other order and precision may fall on the next of the 256 colours.
    assert np.abs(partial - whole).max() <= np.abs(np.diff(signed_palette().astype(int), axis=0)).max()
    before = pixels(picture(opened, "partial")).astype(int)
    assert np.abs(before - whole).mean() > 5
    assert picture(at, "partial")["bar"] == picture(at, "whole")["bar"]


@pytest.mark.parametrize("count", [0, 1, 7])
def test_the_slider_shows_the_sum_of_so_many(count, explained):
    at = open_inside()
    passed = passes()
    at.slider(key="inside_maps").set_value(count).run()
    index = explained.top(1)[0].index
    products = explained.features.mean(axis=(0, 1), dtype=float) * explained.weight[:, index]
    added = products[np.argsort(-np.abs(products))[:count]].sum()
    numbers = equation(at)
    assert float(value(numbers["mean of the map so far"])) == pytest.approx(added, abs=0.0005001)
    assert float(value(numbers["score so far"])) == pytest.approx(added + explained.bias[index], abs=0.0005001)
    assert numbers["the network's own score"] == f"{explained.scores[index]:.3f}"
    assert picture(at, "partial")["value"] == f"{count} of 1,280"
    assert passes() == passed


def test_the_buttons_add_and_take_one_by_one_and_stop_at_the_ends():
    at = open_inside(inside_maps="2")
    counts = []
    for button in ("One more", "One fewer", "One fewer", "None", "One fewer", "All", "One more"):
        next(found for found in at.button if found.label == button).click().run()
        counts.append(at.slider(key="inside_maps").value)
    assert counts == [3, 2, 1, 0, 0, 1280, 1280]


def test_the_chart_says_where_the_score_starts_stands_and_ends(opened, explained):
    index = explained.top(1)[0].index
    chart = opened.get("vega_lite_chart")[0].proto
    numbers = re.findall(r"−?\d+\.\d+", chart.alt)
    assert numbers[0] == f"{explained.bias[index]:.3f}".replace("-", "−")
    assert float(numbers[1]) == pytest.approx(float(value(equation(opened)["score so far"])), abs=0.0005001)
    assert numbers[2] == f"{explained.scores[index]:.3f}"


def test_the_grid_has_each_cells_value_colour_and_strongest_feature_maps(opened, explained):
    index = explained.top(1)[0].index
    cells, data = explained.class_map(index), grid(opened)
    colours = np.asarray(signed_layer(cells).convert("RGB")).reshape(-1, 3)
    rows, columns = cells.shape
    assert (data["columns"], len(data["cells"])) == (columns, rows * columns)
    assert [float(value(cell["value"])) for cell in data["cells"]] == pytest.approx(cells.ravel(), abs=0.005001)
    assert [cell["color"] for cell in data["cells"]] == [f"rgb({r} {g} {b})" for r, g, b in colours]
    assert data["start"] == np.abs(cells).argmax()
    added = explained.features[1, 2] * explained.weight[:, index]
    shown = data["cells"][columns + 2]["parts"]
    assert [k for k, _, _ in shown] == np.argsort(-np.abs(added), kind="stable")[:5].tolist()
    assert [float(value(text)) for _, text, _ in shown] == pytest.approx(
        np.sort(np.abs(added))[::-1][:5] * np.sign(added[[k for k, _, _ in shown]]), abs=0.005001
    )
    assert max(abs(share) for cell in data["cells"] for _, _, share in cell["parts"]) == 1


def test_both_orders_of_sum_and_enlarging_are_counted_and_compared(opened, explained):
    (rows, columns, maps), photo = explained.features.shape, picture(opened, "photo")
    area = photo["width"] * photo["height"]
    first, second = rows * columns * maps + 4 * area, 5 * maps * area
    table = next(text.value for text in opened.markdown if "Multiplications |" in text.value)
    assert f"| {first:,} |" in table and f"| {second:,} |" in table
    assert f"{round(second / first):,} times less work" in said(opened)
    measured = re.search(r"at (\d+) × (\d+) pixels: the results differ by (\d\.\d) × 10⁻([⁵⁶⁷⁸]) at most", said(opened))
    assert measured.groups()[:2] == (str(8 * columns), str(8 * rows))
    assert float(measured[3]) >= 1


def test_another_class_changes_everything_without_a_forward_pass(explained):
    at = open_inside()
    before, passed = (equation(at), grid(at), feature_maps(at)), passes()
    at.selectbox(key="lesson_class").set_value(TABBY).run()
    after = (equation(at), grid(at), feature_maps(at))
    assert not at.exception
    assert all(new != old for new, old in zip(after, before, strict=True))
    assert equation(at)["the network's own score"] == f"{explained.scores[TABBY]:.3f}".replace("-", "−")
    assert NAMES[TABBY] in picture(at, "whole")["alt"]
    assert passes() == passed


def test_opening_costs_one_pass_and_opening_again_none(fresh):
    passed = passes()
    open_inside()
    assert passes() == passed + 1
    open_inside()
    assert passes() == passed + 1


@pytest.mark.parametrize("count", ["-1", "1281", "many"])
def test_a_link_with_a_number_that_is_none_opens_as_without(count, opened):
    at = open_inside(inside_maps=count)
    assert not at.exception
    assert at.slider(key="inside_maps").value == opened.slider(key="inside_maps").value


def test_a_link_brings_every_number_zero_too():
    at = open_inside(inside_maps="0")
    assert at.slider(key="inside_maps").value == 0
    assert at.query_params["inside_maps"] == "0"


PHOTOS = {
    "one colour": Image.new("RGB", (300, 200), (120, 120, 120)),
    "panorama": Image.fromarray(np.random.default_rng(1).integers(0, 255, (100, 1000, 3), np.uint8)),
    "upright": Image.fromarray(np.random.default_rng(2).integers(0, 255, (1000, 100, 3), np.uint8)),
    "small": Image.new("RGB", (17, 16), (250, 10, 10)),
}


@pytest.mark.parametrize("network", [LITE0, LITE2, RANDOM])
@pytest.mark.parametrize("photo", PHOTOS.values(), ids=PHOTOS)
def test_photos_of_ones_own_are_taken_apart_too(photo, network):
    data = file_of(photo, "PNG")
    at = open_inside(data, network=network)
    best = engine(data, network).top(1)[0]
    assert not at.exception and not at.error
    at.slider(key="inside_maps").set_value(1280).run()
    assert not at.exception
    numbers = equation(at)
    assert numbers["score"] == numbers["the network's own score"]
    assert float(value(numbers["score"])) == pytest.approx(best.score, abs=0.0006)


def test_a_class_without_any_evidence_for_it_is_drawn_against():
    explanation = engine("espresso")
    cells = explanation.class_map("seat belt")
    assert cells.max() < 0
    at = open_inside(**{"photo": "espresso", "class": "seat belt"})
    assert not at.exception
    assert all(value(cell["value"]) < 0 for cell in grid(at)["cells"])
    strongest = re.search(r"strongest cell is (\S+)\.", said(at))[1]
    assert float(value(strongest)) == pytest.approx(cells.min(), abs=0.05001)


def test_a_network_with_more_feature_maps_and_back(resnet50, server):
    loaded = Future()
    loaded.set_result(resnet50)
    model_store._models[RESNET50] = (None, loaded)
    at = open_inside(network=RESNET50)
    assert not at.exception and not at.warning
    slider = at.slider(key="inside_maps")
    assert slider.max == 2048
    slider.set_value(2048).run()
    numbers = equation(at)
    own = resnet50.explain(open_image(list_samples()[SAMPLE].path)).scores.max()
    assert float(value(numbers["the network's own score"])) == pytest.approx(own, abs=0.0006)
    assert numbers["score"] == numbers["the network's own score"]
    at.selectbox(key="network").set_value(LITE2).run()
    assert not at.exception
    assert at.slider(key="inside_maps").max == 1280
    assert at.slider(key="inside_maps").value <= 1280
