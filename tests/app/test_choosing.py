"""Choose a class: what changes, what stays, and that it costs no forward pass."""

import numpy as np
import pytest
from support.app_page import (
    DOG,
    LITE0,
    LITE2,
    NAMES,
    class_of,
    engine,
    gallery,
    heat_pixels,
    open_page,
    passes,
    picture,
    works,
)

from cam.app.widgets.sample_gallery import DEFAULT
from cam.formatting import format_percent
from cam.render import heat_layer

VIEW = {
    "opacity": lambda at: at.slider(key="opacity").set_value(15),
    "colours": lambda at: at.selectbox(key="colors").set_value("viridis"),
    "box": lambda at: at.toggle(key="box").set_value(False),
    "threshold": lambda at: at.slider(key="threshold").set_value(80),
    "number of classes": lambda at: at.selectbox(key="classes").set_value(20),
}
CLASS = {
    "class": lambda at: at.radio(key="row").set_value(DOG),
    "search": lambda at: at.selectbox(key="search").set_value(7),
}
INPUT = {
    "fit": lambda at: at.selectbox(key="fit").set_value("squash"),
    "network": lambda at: at.selectbox(key="network").set_value(LITE0),
}


def all_passes() -> int:
    return passes(LITE0) + passes(LITE2)


def seen(at) -> tuple:
    return picture(at, "heat"), at.radio(key="row").options


def far_class(explanation) -> int:
    """A class that is in no list of the best twenty."""
    return explanation.top(60)[-1].index


def test_another_class_changes_title_probability_and_heat():
    at = open_page()
    before = heat_pixels(at)
    at.radio(key="row").set_value(DOG).run()
    heat = picture(at, "heat")
    assert works(at) and class_of(at) == DOG
    assert heat["title"] == f"Evidence for {NAMES[DOG]}"
    assert heat["value"] == format_percent(engine(DEFAULT).prediction(DOG).probability)
    assert np.abs(heat_pixels(at).astype(int) - before).mean() > 5


def test_the_heat_is_the_engines_map_of_the_class_pixel_by_pixel():
    at = open_page()
    at.radio(key="row").set_value(DOG).run()
    pixels, photo = heat_pixels(at), picture(at, "photo")
    height, width, _ = pixels.shape
    assert abs(width * photo["height"] - height * photo["width"]) <= photo["width"]
    expected = heat_layer(engine(DEFAULT).heatmap(DOG, size=(width, height)))
    np.testing.assert_array_equal(pixels, np.asarray(expected.convert("RGB")))


@pytest.mark.parametrize("change", [*VIEW.values(), *CLASS.values()], ids=[*VIEW, *CLASS])
def test_class_and_view_change_the_page_without_a_forward_pass(change):
    at = open_page(box="true")
    before, passed = seen(at), all_passes()
    change(at).run()
    assert works(at)
    assert seen(at) != before
    assert all_passes() == passed


@pytest.mark.parametrize(
    "change",
    [*INPUT.values(), lambda at: gallery(at).set_value("crab")],
    ids=[*INPUT, "photo"],
)
def test_a_new_input_costs_one_pass_and_going_back_none(change, fresh):
    at = open_page()
    start = at.selectbox(key="fit").value, at.selectbox(key="network").value, gallery(at).value
    before, passed = picture(at, "heat"), all_passes()
    change(at).run()
    assert works(at)
    assert all_passes() == passed + 1
    assert picture(at, "heat") != before
    for widget, value in zip((at.selectbox(key="fit"), at.selectbox(key="network"), gallery(at)), start, strict=True):
        widget.set_value(value)
    at.run()
    assert all_passes() == passed + 1
    assert picture(at, "heat") == before


def test_the_first_page_costs_one_pass_and_the_next_session_none(fresh):
    before = all_passes()
    open_page()
    assert all_passes() == before + 1
    open_page()
    assert all_passes() == before + 1


@pytest.mark.parametrize("change", [*VIEW.values(), *INPUT.values()], ids=[*VIEW, *INPUT])
def test_the_class_survives_every_other_choice(change):
    at = open_page(box="true")
    at.radio(key="row").set_value(DOG).run()
    before = seen(at)
    change(at).run()
    assert works(at) and seen(at) != before
    assert class_of(at) == DOG
    assert at.query_params["class"] == NAMES[DOG]


def test_the_class_that_is_chosen_stays_when_the_next_one_is_chosen_and_left_again():
    at = open_page()
    for index in (DOG, 285, DOG):
        at.radio(key="row").set_value(index).run()
        assert class_of(at) == index


def test_a_new_photo_starts_with_its_own_top_class():
    at = open_page()
    at.radio(key="row").set_value(DOG).run()
    gallery(at).set_value("espresso").run()
    assert class_of(at) == engine("espresso").top(1)[0].index
    assert "class" not in at.query_params


def test_without_a_choice_another_network_shows_its_own_top_class():
    at = open_page(photo="two_jaguars")
    at.selectbox(key="network").set_value(LITE0).run()
    assert class_of(at) == engine("two_jaguars", LITE0).top(1)[0].index


def test_a_class_outside_the_list_gets_a_row_of_its_own_with_its_place():
    explanation = engine(DEFAULT)
    far = far_class(explanation)
    at = open_page()
    at.selectbox(key="search").set_value(far).run()
    row = at.radio(key="row")
    assert works(at) and class_of(at) == far
    assert row.options == [*(p.label for p in explanation.top(5)), NAMES[far]]
    assert row.proto.captions[-1] == f"rank 60 · {format_percent(explanation.prediction(far).probability)}"
    assert not any("rank" in caption for caption in row.proto.captions[:-1])


def test_the_row_of_its_own_stays_when_the_list_grows_and_shrinks():
    far = far_class(engine(DEFAULT))
    at = open_page()
    at.selectbox(key="search").set_value(far).run()
    for count in (20, 10, 5):
        at.selectbox(key="classes").set_value(count).run()
        assert len(at.radio(key="row").options) == count + 1
        assert class_of(at) == far


def test_a_class_that_the_longer_list_holds_is_not_repeated():
    tenth = engine(DEFAULT).top(10)[-1].index
    at = open_page()
    at.selectbox(key="search").set_value(tenth).run()
    assert at.radio(key="row").proto.captions[-1].startswith("rank 10 ")
    at.selectbox(key="classes").set_value(20).run()
    row = at.radio(key="row")
    assert row.options == [prediction.label for prediction in engine(DEFAULT).top(20)]
    assert not any("rank" in caption for caption in row.proto.captions)
    assert class_of(at) == tenth


def test_the_row_of_its_own_goes_when_a_class_of_the_list_is_chosen():
    at = open_page()
    at.selectbox(key="search").set_value(far_class(engine(DEFAULT))).run()
    at.radio(key="row").set_value(DOG).run()
    assert class_of(at) == DOG
    assert len(at.radio(key="row").options) == 5


def test_the_search_field_empties_itself_and_finds_again():
    at = open_page()
    for index in (7, 8, 7):
        at.selectbox(key="search").set_value(index).run()
        assert at.selectbox(key="search").value is None
        assert class_of(at) == index
