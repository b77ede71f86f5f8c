"""What the cases of "Guess first" claim is what the embedded networks say."""

from functools import cache

import numpy as np
import pytest

from cam.analysis.box_overlap import area_fraction, heat_fraction
from cam.app.pages.guess.cases import CASES, OWN
from cam.app.widgets.sample_gallery import list_samples

BY_NAME = {case.name: case for case in CASES}
# Where things are in the photos, in shares of them.
DOG_HALF = (0.0, 0.0, 0.5, 1.0)
HENS = [(0.03, 0.08, 0.21, 0.75), (0.35, 0.15, 0.54, 0.75), (0.57, 0.17, 0.71, 0.85), (0.71, 0.08, 0.97, 0.87)]
SHUTTLE = (0.6, 0.0, 1.0, 0.62)
HELMET = (0.5, 0.58, 1.0, 1.0)


@pytest.fixture(scope="module")
def model():
    import cam

    return cache(cam.load_model)


@pytest.fixture(scope="module")
def explain(model, sample):
    """The name of a case, and a fit to replace its own -> the explanation."""

    @cache
    def explained(name: str, fit: str | None = None):
        case = BY_NAME[name]
        return model(case.network).explain(sample(case.sample), fit=fit or case.fit)

    return explained


def share(explanation, label: str, box) -> float:
    return heat_fraction(explanation.heatmap(label), box)


def test_every_case_has_a_sample_and_a_class_but_the_last():
    assert [case.name for case in CASES if not case.sample] == [OWN] == [CASES[-1].name]
    assert {case.sample for case in CASES[:-1]} <= set(list_samples())
    assert all(case.sample in list_samples() for case in CASES[:-1])


def test_two_animals_each_have_their_evidence_in_their_half(explain):
    explanation = explain("two")
    assert share(explanation, "German shepherd", DOG_HALF) > 0.95
    assert share(explanation, "Egyptian cat", DOG_HALF) < 0.5
    assert {row.label for row in explanation.top(2)} == {"German shepherd", "Egyptian cat"}


@pytest.mark.parametrize("hen", HENS)
def test_every_hen_adds_more_evidence_than_its_share_of_the_photo(explain, hen):
    assert share(explain("many"), "hen", hen) > 1.2 * area_fraction(hen)


def test_the_space_shuttle_is_far_down_but_its_evidence_lies_around_the_model(explain):
    explanation = explain("place")
    assert explanation.rank("space shuttle") > 10
    assert share(explanation, "space shuttle", SHUTTLE) > 0.75 > 3 * area_fraction(SHUTTLE)


def test_the_astronaut_is_no_class_and_the_helmet_comes_first(explain):
    explanation = explain("none")
    assert not any("astronaut" in name for name in explanation.labels.names)
    best = explanation.top(1)[0]
    assert best.label == BY_NAME["none"].label
    assert best.probability < 0.1
    assert share(explanation, best.label, HELMET) > 0.7 > 3 * area_fraction(HELMET)


def test_squashing_changes_the_first_class_as_the_question_says(explain):
    whole, squashed = explain("squashed", "whole").top(1)[0], explain("squashed").top(1)[0]
    assert (whole.label, squashed.label) == ("rock crab", "fiddler crab")
    assert squashed.label == BY_NAME["squashed"].label
    assert "says rock crab" in BY_NAME["squashed"].question


def test_the_shuffled_network_knows_nothing_but_its_map_has_bright_and_dark_places(explain, model, sample):
    case = BY_NAME["random"]
    explanation = explain("random")
    heat = np.maximum(explanation.heatmap(case.label), 0)
    assert explanation.rank(case.label) > 100
    assert ((heat > heat.max() / 2).mean() > 0.02) and ((heat == 0).mean() > 0.2)
    trained = model("efficientnet-lite2").explain(sample(case.sample))
    assert trained.rank(case.label) == 1
