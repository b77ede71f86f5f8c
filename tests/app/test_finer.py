"""The toggle "Finer map": several forward passes for one photo, their cost, and their effect."""

import numpy as np
from support.app_page import DOG, LITE2, class_of, heat_pixels, open_page, passes, picture, works
from support.custom_networks import save_flat

import cam
from cam.app.widgets.sample_gallery import DEFAULT, list_samples
from cam.formatting import format_percent
from cam.render import heat_layer
from cam.server import model_store

VIEWS = 6


def finer(network: str = LITE2):
    """What the engine says in several views about the sample that the page opens with."""
    model = model_store.request_model(network).result()
    return model.explain(cam.open_image(list_samples()[DEFAULT].path), detail=True)


def status(at) -> str:
    return next(text.value for text in at.markdown if "pixels" in text.value and "cells" in text.value)


def toggled(at, on: bool = True):
    return at.toggle(key="detail").set_value(on).run()


def test_the_heat_and_the_scores_are_those_of_all_views():
    at = open_page()
    before = picture(at, "heat")
    toggled(at)
    explanation, heat = finer(), picture(at, "heat")
    best = explanation.top(1)[0]
    assert works(at) and class_of(at) == best.index
    assert heat["value"] == format_percent(best.probability) != before["value"]
    height, width, _ = heat_pixels(at).shape
    expected = heat_layer(explanation.heatmap(best.index, size=(width, height))).convert("RGB")
    np.testing.assert_array_equal(heat_pixels(at), np.asarray(expected))
    rows, columns, _ = explanation.features.shape
    assert (rows, columns) == (13, 31)
    assert f"in {VIEWS} views · maps {columns} × {rows} cells" in status(at)


def test_it_costs_its_passes_once_and_another_class_none(fresh):
    at = open_page()
    before = passes()
    toggled(at)
    assert passes() == before + VIEWS
    at.radio(key="row").set_value(DOG).run()
    toggled(toggled(at, False))
    open_page(detail="true")
    assert passes() == before + VIEWS


def test_switched_off_the_page_is_as_it_was():
    at = open_page()
    before = picture(at, "heat"), status(at)
    toggled(toggled(at), False)
    assert (picture(at, "heat"), status(at)) == before


def test_a_link_opens_it_and_nonsense_does_not():
    at = open_page(detail="true")
    assert at.toggle(key="detail").value and f"in {VIEWS} views" in status(at)
    at = open_page(detail="perhaps")
    assert works(at) and not at.toggle(key="detail").value and "views" not in status(at)


def test_the_chosen_class_stays():
    at = open_page()
    at.radio(key="row").set_value(DOG).run()
    assert class_of(toggled(at)) == DOG


def test_a_network_that_takes_one_size_gets_the_photo_and_its_mirror_image(own):
    save_flat(own, "flat")
    at = open_page(network="own/flat", detail="true")
    assert works(at) and not at.warning
    assert "sees 32 × 32 pixels in 2 views · maps 16 × 16 cells by Grad-CAM" in status(at)
    best = finer("own/flat").top(1)[0]
    assert picture(at, "heat")["value"] == format_percent(best.probability)
