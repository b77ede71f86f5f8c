"""A network without a linear head on every page: what is estimated is called so, what needs an exact map says that."""

import io
from functools import partial
from html import escape

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from support import app_page
from support.app_page import heat_pixels, open_page, picture, run_with_open, works
from support.compare_parts import open_compare, titles
from support.custom_networks import save_flat

import cam
from cam.app.pages.guess.tally import Guess, Subject
from cam.app.pages.occlusion.page import format_short
from cam.app.widgets import download_menu
from cam.app.widgets.sample_gallery import DEFAULT, list_samples
from cam.methods import METHODS
from cam.render import heat_layer
from cam.settings import library_options

open_lesson = partial(app_page.open_lesson, photo=DEFAULT)


@pytest.fixture
def flat(own) -> str:
    """The name of a network with dense layers on a flattened map."""
    save_flat(own, "flat")
    return "own/flat"


@pytest.fixture
def explanation(flat):
    """What the engine says about the sample that the page opens with."""
    return cam.load_model(flat, options=library_options()).explain(cam.open_image(list_samples()[DEFAULT].path))


def words(at: AppTest) -> str:
    return " ".join([*(text.value for text in at.markdown), *(part.proto.body for part in at.get("html"))])


def test_the_heat_is_grad_cam_as_the_engine_makes_it_without_numbers_that_would_mean_nothing(flat, explanation):
    at = open_page(network=flat)
    best, heat = explanation.top(1)[0], picture(at, "heat")
    height, width, _ = heat_pixels(at).shape
    expected = heat_layer(explanation.heatmap(best.index, size=(width, height))).convert("RGB")
    assert works(at) and explanation.method is METHODS["grad-cam"] and np.ptp(heat_pixels(at)) > 100
    np.testing.assert_array_equal(heat_pixels(at), np.asarray(expected))
    assert heat["bar"]["high"] == "most evidence" and "score" not in heat["bar"]["alt"]


def test_the_page_says_that_the_map_is_an_estimate_and_does_not_add_up(flat):
    text = words(open_page(network=flat))
    assert "sees 32 × 32 pixels · maps 16 × 16 cells by Grad-CAM" in text
    assert "no exact map, so Grad-CAM estimates one" in text and "do not add up to the score" in text
    assert "raised the score" not in text


@pytest.mark.parametrize("page", ["inside", "why"])
def test_a_page_that_takes_the_exact_map_apart_says_why_it_shows_another_network(flat, page):
    at = open_lesson(page, network=flat)
    assert not at.exception and [warning.value for warning in at.warning] == [
        "flat has no exact class activation map, because its head is not linear, and this page takes one apart. See, "
        "Compare, Cover it up and Guess first can show it. You still see EfficientNet-Lite2."
    ]
    assert "Egyptian cat" in words(at)
    assert at.selectbox(key="network").value == flat


def test_the_methods_that_are_offered_leave_out_cam(flat):
    at = open_compare(network=flat, compare="Methods")
    assert not at.exception
    assert titles(at) == ["Grad-CAM", "Grad-CAM++", "Eigen-CAM", "LayerCAM"]
    assert "CAM" not in at.multiselect[0].options


def test_the_difference_of_two_classes_needs_a_linear_head(flat):
    at = open_compare(network=flat, compare="Difference")
    assert not at.exception
    assert "exact only where the head is linear" in at.info[0].value


def test_cover_it_up_hides_the_hottest_of_the_estimate_and_asks_the_network_again(flat, explanation):
    at = open_lesson("cover", network=flat)
    assert not [*at.exception, *at.error, *at.warning]
    text, label = words(at), explanation.top(1)[0].label
    assert f"Probability of {label}" in text and "Without the hottest" in text
    assert picture(at, "covered")["heat"]
    assert f"<b>{escape(format_short(explanation.top(1)[0].probability))}</b><span>Whole photo" in text


def test_a_guess_is_compared_with_the_estimate(flat, explanation):
    at = open_lesson("guess", network=flat, case="This photo")
    assert not [*at.exception, *at.error, *at.warning] and at.radio(key="case").value == "own"
    state = at.session_state
    index = explanation.top(1)[0].index
    subject = Subject("own", state.photo.digest, flat, "whole", index)
    state.guesses = {subject: Guess("Any", explanation.top(1)[0].label, (0.0, 0.0, 1.0, 1.0), 1.0, 1.0)}
    at.run()
    assert not at.exception and picture(at, "guess")["heat"]
    assert picture(at, "guess")["bar"]["high"] == "most evidence"
    assert f"{explanation.labels.names[index]} ranks 1st of 2" in words(at)


def test_what_is_saved_names_the_method_and_claims_no_sum(flat, explanation, monkeypatch):
    made, button = {}, download_menu._button
    monkeypatch.setattr(
        download_menu, "_button", lambda row, label, *rest: (made.update({label: rest[-1]}), button(row, label, *rest))
    )
    at = run_with_open(open_page(network=flat), "Save")
    assert works(at) and "its mean plus the bias" not in " ".join(text.value for text in at.caption)
    text = made["Map, CSV"]()
    assert text.startswith(b"# map by Grad-CAM: ") and b"Selvaraju" in text and b"bias" not in text
    cells = np.loadtxt(io.BytesIO(text), delimiter=",")
    np.testing.assert_allclose(cells, explanation.class_map(explanation.top(1)[0].index), rtol=1e-4, atol=1e-9)
    assert made["Overlay, PNG"]().startswith(b"\x89PNG") and made["Figure, PDF"]().startswith(b"%PDF-")
