"""The page "Why this network can do it": its numbers against the engine, and no forward pass of its own."""

import dataclasses
import html
import json
import re
from functools import partial

import numpy as np
import pyarrow
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest
from support.app_page import LITE0, LITE2, NAMES, decoded, engine, file_of, open_lesson, passes, picture

from cam.analysis.convolution_equivalence import compare_maps
from cam.app.pages.architecture import draw_networks
from cam.app.widgets.sample_gallery import list_samples
from cam.formatting import format_scientific
from cam.models.architectures import load_anatomies
from cam.render import signed_layer

SAMPLE, BEAR, FOX = "polar_bear", 296, 279
RANDOM = "efficientnet-lite2-random"


open_why = partial(open_lesson, "why", network=LITE2)


def words(at: AppTest) -> str:
    """All texts of the page as they are read, without tags."""
    bodies = [element.proto.body for element in at.get("html")]
    plain = [html.unescape(re.sub("<[^>]+>", " ", body)) for body in bodies]
    return " ".join(" ".join([*plain, *(text.value for text in at.markdown)]).split())


def works(at: AppTest) -> bool:
    """Nothing was raised, and both maps are over the photo."""
    ids = {picture(at, name)["id"] for name in ("photo", "why_dense", "why_convolution")}
    return not at.exception and not at.error and len(ids) == 1


@pytest.fixture(scope="module")
def why() -> AppTest:
    return open_why()


def test_the_shares_of_the_dense_layers_are_said_in_percent_and_millions(why):
    said = words(why)
    assert "VGG-16**: 89.4 % of its 138.4 million parameters are in dense layers." in said
    assert "ResNet-50**: 8.0 % of its 25.6 million parameters are in dense layers." in said
    # 1,281,000 of 6,092,072
    assert "EfficientNet-Lite2**: 21.0 % of its 6.1 million parameters are in dense layers." in said


def test_the_boxes_have_their_shapes_and_parameters(why):
    said = words(why)
    for box in (
        "2 convolutions 224 × 224 × 64 38,720 parameters",
        "Pooling 7 × 7 × 512 no parameters",
        "Flatten 25,088 numbers no parameters",
        "Dense layer fc1 4,096 numbers 102,764,544 parameters",
        "1 convolution 112 × 112 × 64 9,600 parameters",
        "Global average pooling 2,048 numbers no parameters",
        "Dense layer 1,000 numbers 1,281,000 parameters",
    ):
        assert box in said


def test_the_bars_of_a_network_are_the_shares_of_its_boxes_and_fill_one_box_together(why):
    body = next(element.proto.body for element in why.get("html") if "networks" in element.proto.body)
    for column in re.findall("<section>.*?</section>", body):
        shares = [float(share) for share in re.findall(r"--share: ([\d.]+)%", column)]
        counts = [int(count.replace(",", "")) for count in re.findall(r'count">([\d,]+) parameters', column)]
        assert sum(shares) == pytest.approx(100, abs=0.1)
        filled = [share for share in shares if share]
        assert filled == pytest.approx([100 * count / sum(counts) for count in counts], abs=0.005)


def test_places_are_lost_after_the_last_map_of_each_network(why):
    body = next(element.proto.body for element in why.get("html") if "networks" in element.proto.body)
    kept = [part.count("<li") for part in re.findall('<div class="keeps">.*?</div>', body)]
    lost = [part.count("<li") for part in re.findall('<div class="lost">.*?</div>', body)]
    assert (kept, lost) == ([6, 5, 5], [4, 2, 2])


def test_what_is_said_of_a_network_follows_from_the_engines_check_of_it(why):
    said = words(why)
    assert (
        "It has no exact map: 3 dense layers mix all places before the scores. "
        "ClassCam can only estimate one, by gradients."
    ) in said
    assert said.count("It has no exact map") == 1
    assert said.count("ClassCam can explain it exactly") == 2
    assert "refuse" not in said


def test_a_network_that_is_refused_for_another_reason_is_not_said_to_have_many_dense_layers(why):
    lite = load_anatomies()[-1]
    said = draw_networks((dataclasses.replace(lite, refusal="A reason."),))
    assert "what follows the last maps mixes all places" in said and "exactly" not in said and "A reason." not in said


def test_the_chart_has_the_millions_of_both_places(why):
    data = why.get("vega_lite_chart")[0].proto.datasets[0].data.data
    table = pyarrow.ipc.open_stream(data).read_all().to_pydict()
    drawn = dict(zip(zip(table["network"], table["place"], strict=True), table["millions"], strict=True))
    assert drawn == pytest.approx(
        {
            ("VGG-16", "convolutions"): 14.714688,
            ("VGG-16", "dense layers"): 123.642856,
            ("ResNet-50", "convolutions"): 23.534592,
            ("ResNet-50", "dense layers"): 2.049,
            ("EfficientNet-Lite2", "convolutions"): 4.811072,
            ("EfficientNet-Lite2", "dense layers"): 1.281,
        }
    )


def test_the_chart_is_one_that_vega_does_not_warn_of(why):
    """Bars have an order, and a height that can be fitted into its place."""
    spec = json.loads(why.get("vega_lite_chart")[0].proto.spec)
    assert spec["encoding"]["order"]["type"] == "ordinal" and isinstance(spec["height"], int)


@pytest.mark.parametrize("network", [LITE2, LITE0, RANDOM])
def test_all_maps_at_once_agree_with_those_of_the_engine_and_the_page_says_how_far(network):
    from cam.analysis.convolution_equivalence import compute_class_maps

    at = open_why(network=network)
    explanation = engine(SAMPLE, network)
    maps = np.tensordot(explanation.features.astype(float), explanation.weight.astype(float), 1)
    result = compare_maps(explanation, compute_class_maps(explanation))
    # Some units in the last of the about seven digits of the largest number that is added.
    assert result.map_difference < 1e-5 * np.abs(maps).max()
    assert result.score_difference < 1e-5 * np.abs(maps).max()
    rows, columns, count = explanation.features.shape
    low, high = (f"{value:+.1f}".replace("-", "−") for value in (maps.min(), maps.max()))
    said = words(at)
    assert f"Class maps at once 1,000 of {columns} × {rows} cells, from {low} to {high}" in said
    assert f"Largest difference of the maps {format_scientific(result.map_difference)} from" in said
    assert f"Largest difference of the scores {format_scientific(result.score_difference)} average + bias" in said
    assert f"class maps {columns} × {rows} × 1,000" in said
    assert f"feature maps {columns} × {rows} × {count:,} average numbers {count:,} dense layer scores 1,000" in said


def test_both_pictures_are_the_signed_map_of_the_chosen_class_on_one_scale():
    at = open_why(**{"class": NAMES[FOX]})
    dense, convolution = picture(at, "why_dense"), picture(at, "why_convolution")
    drawn = decoded(dense["heat"])
    heatmap = engine(SAMPLE).heatmap(FOX, size=drawn.size)
    np.testing.assert_array_equal(np.asarray(drawn), np.asarray(signed_layer(heatmap)))
    steps = [np.asarray(decoded(data["heat"])).astype(int) for data in (dense, convolution)]
    # A value at the border of two colours may fall on either side.
    assert np.abs(steps[0] - steps[1]).max() <= 1
    assert dense["bar"] == convolution["bar"]
    assert NAMES[FOX] in dense["alt"] and NAMES[FOX] in convolution["alt"]
    assert f"**{NAMES[FOX]}**" in words(at)


def test_the_page_costs_one_forward_pass_and_another_class_none(fresh):
    open_why()
    before = passes()
    open_why()
    at = open_why(**{"class": NAMES[FOX]})
    at.selectbox(key="lesson_class").set_value(BEAR).run()
    assert works(at) and passes() == before
    assert NAMES[BEAR] in picture(at, "why_convolution")["alt"]


def test_a_photo_that_is_new_costs_one_pass(noise_photo):
    before = passes()
    assert works(open_why(file_of(noise_photo(310, 200, seed=7))))
    assert passes() == before + 1


@pytest.mark.parametrize("network", [LITE2, RANDOM])
@pytest.mark.parametrize(
    "photo",
    [Image.new("RGB", (300, 200), (90, 90, 90)), Image.new("RGB", (1600, 160), "white"), Image.new("L", (64, 640))],
    ids=["one colour", "panorama", "upright panorama"],
)
def test_odd_photos_are_explained_alike(photo, network):
    at = open_why(file_of(photo), network=network)
    assert works(at)
    rows, columns = engine(file_of(photo), network).features.shape[:2]
    assert f"of {columns} × {rows} cells" in words(at)


def test_a_class_without_any_evidence_is_drawn(fresh):
    photo = list_samples()[SAMPLE].path.read_bytes()
    maxima = (engine(photo).features @ engine(photo).weight).max(axis=(0, 1))
    assert maxima.min() < 0
    at = open_why(**{"class": NAMES[int(maxima.argmin())]})
    assert works(at)
    # Below the middle of the scale everywhere: all against.
    assert np.asarray(decoded(picture(at, "why_dense")["heat"])).max() <= 127
