"""The view "Methods" of the page "Compare": maps side by side, at any layer, and those that take many passes."""

import dataclasses

import numpy as np
import pytest
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData
from support.app_page import LITE2, engine, passes, picture
from support.compare_parts import CAT, TEAPOT, open_compare, pixels, size_of, titles, view, words
from support.custom_networks import SHORT_CUT, save_gap

from cam.app.pages.compare import methods
from cam.app.widgets.sample_gallery import DEFAULT
from cam.methods import METHODS
from cam.render import heat_layer
from cam.server import model_store

FIRST = ["CAM", "Grad-CAM", "Grad-CAM++", "Eigen-CAM"]
# Of the tiny network: each of its feature maps is a pass.
MANY = 6


def open_methods(*methods: str, **link: str):
    return open_compare(compare="Methods", **({"methods": list(methods)} if methods else {}), **link)


@pytest.fixture
def tiny(own, monkeypatch):
    """The name of a network of one's own for which a method of six passes is one of many."""
    save_gap(own, "tiny")
    monkeypatch.setattr(methods, "_FEW", 1)
    return "own/tiny"


def model(name: str):
    return model_store.request_model(name).result()


def test_cam_is_what_the_engine_says_and_the_others_say_how_much_they_are_like_it():
    at = open_methods()
    assert titles(at) == FIRST and not at.exception
    heatmap = engine(DEFAULT).heatmap(CAT, size=size_of(at, "method_cam"))
    np.testing.assert_array_equal(pixels(at, "method_cam"), np.asarray(heat_layer(heatmap).convert("RGB")))
    text = words(at)
    assert "Zhou et al., 2016 · 15 × 7 cells" in text
    assert "Selvaraju et al., 2017 · 15 × 7 cells Like CAM: 100 %" in text
    assert text.count("Like CAM") == 3


def test_only_the_numbers_of_cam_are_shown_because_only_they_are_in_units_of_the_score():
    at = open_methods()
    maximum = engine(DEFAULT).class_map(CAT).max()
    bars = [picture(at, f"method_{name}")["bar"] for name in ("cam", "grad-cam", "grad-cam++", "eigen-cam")]
    assert float(bars[0]["high"].removeprefix("most evidence (")[:-1]) == pytest.approx(maximum, rel=0.1)
    assert [bar["high"] for bar in bars[1:]] == ["most evidence"] * 3
    assert ["units of the score" in bar["alt"] for bar in bars] == [True, False, False, False]


def test_the_map_of_the_network_itself_costs_no_second_pass(fresh):
    before = passes(LITE2)
    at = open_methods("CAM")
    assert titles(at) == ["CAM"] and passes(LITE2) == before + 1


def test_another_class_changes_the_maps_but_not_that_of_eigen_cam_which_knows_none():
    at = open_methods()
    before = [pixels(at, f"method_{name}") for name in ("cam", "grad-cam", "grad-cam++", "eigen-cam")]
    at.selectbox(key="lesson_class").set_value(TEAPOT).run()
    after = [pixels(at, f"method_{name}") for name in ("cam", "grad-cam", "grad-cam++", "eigen-cam")]
    changed = [bool((one != other).any()) for one, other in zip(before, after, strict=True)]
    assert changed == [True, True, True, False]


def test_an_earlier_layer_has_a_finer_map_and_cam_stays_at_the_last_one(tiny):
    at = open_methods("CAM", "Grad-CAM", network=tiny)
    rows, columns = model(tiny).explain(opened()).class_map(0).shape
    assert words(at).count(f"· {columns} × {rows} cells") == 2
    at.selectbox(key="layer").set_value("early").run()
    assert not at.exception and titles(at) == ["CAM", "Grad-CAM"]
    assert f"Zhou et al., 2016 · {columns} × {rows} cells" in words(at)
    assert f"Selvaraju et al., 2017 · {2 * columns} × {2 * rows} cells" in words(at)


def opened():
    import cam
    from cam.app.widgets.sample_gallery import list_samples

    return cam.open_image(list_samples()[DEFAULT].path)


def test_a_method_that_cannot_be_used_at_a_layer_says_why_in_its_place_and_the_others_stay(tiny, monkeypatch):
    monkeypatch.setattr(methods, "_FEW", MANY)
    at = open_methods("CAM", "Ablation-CAM", "Grad-CAM", network=tiny)
    at.selectbox(key="layer").set_value(SHORT_CUT).run()
    assert not at.exception and titles(at) == ["CAM", "Ablation-CAM", "Grad-CAM"]
    assert picture(at, "ablation-cam")["wait"] == "No map"
    assert [warning.value for warning in at.warning] == [
        f"A shortcut leads past the layer '{SHORT_CUT}', so the scores cannot be computed from its maps alone. "
        "Choose the last layer, or one at the end of a block."
    ]
    assert picture(at, "method_grad-cam")["heat"] and "Like CAM" in words(at)


def test_a_method_of_many_passes_that_cannot_be_used_says_so_when_it_is_begun(tiny):
    at = open_methods("Ablation-CAM", "CAM", network=tiny)
    at.selectbox(key="layer").set_value(SHORT_CUT).run()
    at.button(key="begin_ablation-cam").click().run()
    assert not at.exception and titles(at) == ["Ablation-CAM", "CAM"]
    assert picture(at, "ablation-cam")["wait"] == "No map"
    assert len(at.warning) == 1 and "A shortcut leads past" in at.warning[0].value
    assert not at.progress and not at.button


def test_a_method_of_many_passes_is_not_begun_by_itself(tiny):
    at = open_methods("Score-CAM", "Ablation-CAM", "CAM", network=tiny)
    before = model(tiny).passes
    at.run()
    view(view(at, "Classes"), "Methods")
    assert model(tiny).passes == before
    assert [button.label for button in at.button] == [f"Begin: {MANY} forward passes"] * 2
    assert [picture(at, name)["wait"] for name in ("score-cam", "ablation-cam")] == [
        f"Needs {MANY} forward passes."
    ] * 2
    assert picture(at, "method_cam")["heat"]


def test_a_method_that_is_begun_shows_its_progress_then_its_map_and_costs_nothing_again(tiny, monkeypatch):
    seen = []
    make = methods._make

    def watched(made, subject, bar):
        move = bar.progress
        monkeypatch.setattr(bar, "progress", lambda share, text: (seen.append((share, text)), move(share, text)))
        make(made, subject, bar)

    monkeypatch.setattr(methods, "_make", watched)
    at = open_methods("CAM", "Score-CAM", network=tiny)
    before = model(tiny).passes
    at.button(key="begin_score-cam").click().run()
    assert seen == [(1.0, f"{MANY} of {MANY} forward passes")]
    assert titles(at) == ["CAM", "Score-CAM"] and not [*at.button, *at.progress, *at.exception]
    assert picture(at, "method_score-cam")["heat"] and "Like CAM" in words(at)
    assert model(tiny).passes == before + MANY
    view(view(at, "Classes"), "Methods")
    other = open_methods("Score-CAM", network=tiny)
    assert picture(other, "method_score-cam")["heat"] and not other.button
    assert model(tiny).passes == before + MANY


@pytest.fixture
def stopped(monkeypatch):
    """Score-CAM is stopped by a click after its first pass; the passes that it reported."""
    row, reported = METHODS["score-cam"], []

    def compute(probe, index, report):
        for done in (1, 2):
            report(done, MANY)
            reported.append(done)
            context = get_script_run_ctx()
            context.script_requests.request_rerun(
                RerunData(page_script_hash=context.page_script_hash, query_string=context.query_string)
            )
        raise AssertionError("it was not stopped")

    with monkeypatch.context() as patch:
        patch.setitem(METHODS, "score-cam", dataclasses.replace(row, compute=compute))
        yield reported
    assert METHODS["score-cam"] is row


def test_a_click_stops_a_method_that_works_and_leaves_nothing_broken(tiny, stopped, monkeypatch):
    at = open_methods("CAM", "Score-CAM", network=tiny)
    at.button(key="begin_score-cam").click().run()
    assert stopped == [1]
    assert not at.exception and not at.progress
    assert titles(at) == ["CAM", "Score-CAM"] and picture(at, "score-cam")["wait"] == f"Needs {MANY} forward passes."
    at.run()
    assert stopped == [1] and [button.label for button in at.button] == [f"Begin: {MANY} forward passes"]


def test_a_method_that_was_stopped_can_be_begun_again(tiny, stopped):
    at = open_methods("CAM", "Score-CAM", network=tiny)
    at.button(key="begin_score-cam").click().run()
    made = methods.cache.explain(at.session_state.photo, tiny, methods.ExplainOptions(method="score-cam"))
    object.__setattr__(made, "method", dataclasses.replace(made.method, compute=lambda probe, index, report: np.eye(3)))
    at.button(key="begin_score-cam").click().run()
    assert picture(at, "method_score-cam")["heat"] and not [*at.button, *at.exception]


@pytest.mark.parametrize("methods", [["LIME"], [""], ["CAM", "CAM", "LIME"], list(FIRST) + ["LayerCAM", "HiResCAM"]])
def test_a_link_with_nonsense_or_too_many_methods_opens_the_view(methods):
    at = open_methods(*methods, layer="no_such_layer")
    assert not at.exception and not at.error
    assert len(titles(at)) <= 4
    at.multiselect(key="methods").set_value(["eigen-cam"]).run()
    assert titles(at) == ["Eigen-CAM"] and not at.exception


def test_a_link_names_the_methods_in_its_order():
    assert titles(open_methods("Eigen-CAM", "CAM")) == ["Eigen-CAM", "CAM"]


def test_without_a_method_the_view_asks_for_one():
    at = open_methods()
    at.multiselect(key="methods").set_value([]).run()
    assert not at.exception and titles(at) == []
    assert "Choose at least one method." in at.info[0].value


def test_a_layer_that_the_next_network_does_not_have_is_forgotten(tiny):
    at = open_methods("Grad-CAM", network=tiny)
    at.selectbox(key="layer").set_value("early").run()
    at.selectbox(key="network").set_value(LITE2).run()
    assert not at.exception and at.selectbox(key="layer").value == "the last one"
    assert titles(at) == ["Grad-CAM"] and "15 × 7 cells" in words(at)
