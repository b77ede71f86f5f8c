"""The page "Compare": classes on one scale and their difference, every number and picture against the engine."""

import re
from decimal import Decimal

import numpy as np
import pytest
from PIL import Image
from support.app_page import DOG, NAMES, engine, file_of, picture
from support.compare_parts import (
    CAT,
    TABBY,
    TEAPOT,
    open_compare,
    percent_text,
    pixels,
    size_of,
    sum_on_screen,
    titles,
    view,
    words,
)

from cam.analysis.contrast import difference_map
from cam.app.widgets.sample_gallery import DEFAULT
from cam.render import heat_layer, signed_layer


def test_the_page_opens_with_the_best_three_classes_on_one_scale():
    at = open_compare()
    explanation = engine(DEFAULT)
    best = explanation.top(3)
    assert not at.exception and titles(at) == [row.label for row in best] == [
        "Egyptian cat",
        "German shepherd",
        "tabby",
    ]
    size = size_of(at, "compare_0")
    heatmaps = [explanation.heatmap(row.index, size=size) for row in best]
    maximum = max(float(heatmap.max()) for heatmap in heatmaps)
    for place, (row, heatmap) in enumerate(zip(best, heatmaps, strict=True)):
        data = picture(at, f"compare_{place}")
        assert data["value"] == percent_text(row.probability)
        assert data["bar"]["high"] == f"most evidence ({maximum:.1f})"
        expected = heat_layer(heatmap, maximum=maximum).convert("RGB")
        np.testing.assert_array_equal(pixels(at, f"compare_{place}"), np.asarray(expected))
        assert f"Score {row.score:.2f} · strongest place {heatmap.max():.1f}" in words(at)
        assert row.label in data["alt"] and f"{heatmap.max():.1f}" in data["alt"]


def test_a_scale_for_each_map_makes_every_one_reach_its_top_and_the_page_says_what_that_hides():
    at = open_compare()
    assert "Equally bright means equally strong." in words(at)
    before = pixels(at, "compare_2")
    at.toggle(key="one_scale").set_value(False).run()
    explanation = engine(DEFAULT)
    heatmap = explanation.heatmap(TABBY, size=size_of(at, "compare_2"))
    np.testing.assert_array_equal(pixels(at, "compare_2"), np.asarray(heat_layer(heatmap).convert("RGB")))
    assert (pixels(at, "compare_2") != before).any()
    assert picture(at, "compare_2")["bar"]["high"] == f"most evidence ({heatmap.max():.1f})"
    assert "you cannot see which class is stronger" in words(at)


def test_two_to_four_classes_are_shown_and_a_fifth_is_not_taken():
    at = open_compare()
    others = at.multiselect(key="compare_picked")
    assert others.value == [DOG, TABBY] and others.proto.max_selections == 3
    assert not any("%" in option for option in others.options) and len(others.options) == 999
    others.set_value([TEAPOT]).run()
    assert titles(at) == ["Egyptian cat", "teapot"]
    at.multiselect(key="compare_picked").set_value([TEAPOT, TABBY, DOG]).run()
    assert titles(at) == ["Egyptian cat", "teapot", "tabby", "German shepherd"]
    at.multiselect(key="compare_picked").set_value([]).run()
    assert titles(at) == ["Egyptian cat"] and "at least one class" in at.info[0].value
    assert "Equally bright" not in words(at) and at.toggle(key="one_scale").disabled
    assert not at.exception


def test_the_class_above_changes_what_is_compared_and_never_stands_there_twice():
    at = open_compare()
    at.multiselect(key="compare_picked").set_value([DOG, TEAPOT]).run()
    at.selectbox(key="lesson_class").set_value(DOG).run()
    assert titles(at) == ["German shepherd", "teapot"]
    assert DOG not in at.multiselect(key="compare_picked").value
    at.selectbox(key="lesson_class").set_value(TEAPOT).run()
    assert titles(at) == ["teapot", "German shepherd"]
    at = open_compare(vs="German shepherd")
    at.selectbox(key="lesson_class").set_value(DOG).run()
    assert titles(at) == ["German shepherd", "Egyptian cat", "tabby"]


def test_another_photo_is_compared_by_its_own_best_classes():
    at = open_compare()
    at.multiselect(key="compare_picked").set_value([TEAPOT]).run()
    at.selectbox(key="lesson_photo").set_value("crab").run()
    assert titles(at) == [row.label for row in engine("crab").top(3)]
    assert "vs" not in at.query_params


def test_the_difference_is_the_engines_and_its_numbers_add_up_as_they_are_printed():
    at = open_compare(compare="Difference", vs="tabby")
    explanation = engine(DEFAULT)
    data = picture(at, "compare_difference")
    assert data["title"] == "Egyptian cat rather than tabby" and data["title"] in data["alt"]
    heatmap = difference_map(explanation, CAT, TABBY, size_of(at, "compare_difference"))
    np.testing.assert_array_equal(pixels(at, "compare_difference"), np.asarray(signed_layer(heatmap).convert("RGB")))
    mean, bias, total = (Decimal(text) for text in sum_on_screen(at))
    assert mean + bias == total
    step = 0.5 * 10 ** total.as_tuple().exponent + 1e-5
    cells = explanation.class_map(CAT).astype(np.float64) - explanation.class_map(TABBY)
    assert float(mean) == pytest.approx(cells.mean(), abs=step)
    assert float(bias) == pytest.approx(float(explanation.bias[CAT] - explanation.bias[TABBY]), abs=step)
    assert float(total) == pytest.approx(float(explanation.scores[CAT] - explanation.scores[TABBY]), abs=step)
    ratio = explanation.probabilities[CAT] / explanation.probabilities[TABBY]
    assert f"Egyptian cat to be {ratio:.1f} times as probable as tabby" in words(at)
    assert f"{np.exp(float(total)):.1f}" == f"{ratio:.1f}"


def test_the_difference_turned_round_has_the_opposite_numbers_and_the_same_odds():
    there = open_compare(compare="Difference", vs="tabby")
    back = open_compare(compare="Difference", vs="Egyptian cat", **{"class": "tabby"})
    assert [-Decimal(text) for text in sum_on_screen(there)] == [Decimal(text) for text in sum_on_screen(back)]
    odds = re.search("The network holds .*", words(there))[0]
    assert odds in words(back)
    assert "tabby rather than Egyptian cat" in picture(back, "compare_difference")["alt"]


def test_a_rival_that_is_chosen_comes_first_among_the_classes_too():
    at = open_compare(compare="Difference")
    assert at.selectbox(key="compare_rival").value == DOG
    at.selectbox(key="compare_rival").set_value(TEAPOT).run()
    assert picture(at, "compare_difference")["title"] == "Egyptian cat rather than teapot"
    assert titles(view(at, "Classes")) == ["Egyptian cat", "teapot", "tabby"]


def test_many_times_as_probable_has_no_false_digits():
    at = open_compare(compare="Difference", vs="teapot", photo="chelsea_cat")
    total = Decimal(sum_on_screen(at)[2])
    times = re.search(r"to be (\S+|more than a million) times", words(at))[1]
    assert total > 5
    digits = times.replace(",", "")
    assert times == "more than a million" or float(digits) == float(f"{np.exp(float(total)):.1e}")


def test_the_words_for_the_difference_name_no_place_that_is_not_there():
    data = file_of(Image.new("RGB", (300, 200), (90, 140, 60)), "PNG")
    explanation = engine(data)
    best = explanation.class_map(explanation.top(1)[0].index)
    beaten = next(index for index in range(1000) if (best > explanation.class_map(index)).all())
    alt = picture(open_compare(data, compare="Difference", vs=NAMES[beaten]), "compare_difference")["alt"]
    assert NAMES[beaten] in alt and "strongest at the" in alt and alt.endswith("Evidence against: nowhere.")


def test_a_class_in_a_link_brings_no_markdown_into_the_page():
    at = open_compare(vs="![x](https://example.com/x.png)")
    assert "![x](" not in at.error[0].value and not at.exception
