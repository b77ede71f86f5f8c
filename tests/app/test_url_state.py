"""The link in the address bar: it reproduces what was seen, and a wrong one still opens the page."""

import numpy as np
import pytest
from PIL import Image
from support.app_page import (
    DOG,
    LITE0,
    LITE2,
    NAMES,
    RESNET50,
    class_of,
    engine,
    file_of,
    gallery,
    heat_pixels,
    open_page,
    picture,
    upload,
    works,
)

from cam.app.widgets.sample_gallery import DEFAULT, list_samples
from cam.errors import CamError
from cam.labels import imagenet_labels
from cam.models.registry import find_spec
from cam.render import heat_layer

FULL = {
    "photo": "two_jaguars",
    "class": NAMES[DOG],
    "network": LITE0,
    "colors": "Jet (as in papers)",
    "opacity": "35",
    "box": "true",
    "threshold": "40",
    "fit": "Squashed to a square",
    "classes": "10 classes",
}


def problem(wrong) -> str:
    with pytest.raises(CamError) as caught:
        wrong()
    return caught.value.on_page


def test_a_link_sets_every_choice():
    at = open_page(**FULL)
    state = {key: at.session_state[key] for key in ("network", "colors", "opacity", "box", "threshold", "fit")}
    assert works(at) and not at.error
    assert state == {
        "network": LITE0,
        "colors": "jet",
        "opacity": 35,
        "box": True,
        "threshold": 40,
        "fit": "squash",
    }
    assert gallery(at).value == "two_jaguars"
    assert len(at.radio(key="row").options) == 10 + 1
    assert at.query_params == FULL


def test_the_first_page_of_a_link_is_already_drawn_as_the_link_says():
    at = open_page(**FULL)
    explanation = engine("two_jaguars", LITE0, "squash")
    height, width, _ = heat_pixels(at).shape
    expected = heat_layer(explanation.heatmap(DOG, size=(width, height)), "jet")
    assert explanation.input_size == (224, 224)
    np.testing.assert_array_equal(heat_pixels(at), np.asarray(expected.convert("RGB")))
    assert any("224 × 224" in text.value for text in at.markdown)
    assert (class_of(at), picture(at, "heat")["opacity"]) == (DOG, 35)
    assert picture(at, "heat")["boxes"]


def test_the_link_that_a_session_ends_with_shows_the_same_in_another_session():
    at = open_page(box="true", colors="Viridis", fit="Squashed to a square")
    gallery(at).set_value("giraffes").run()
    at.selectbox(key="search").set_value(340).run()
    other = open_page(**at.query_params)
    assert picture(other, "heat") == picture(at, "heat")
    assert picture(other, "photo") == picture(at, "photo")


def test_photo_network_and_class_come_into_the_link_when_they_are_chosen():
    at = open_page()
    assert at.query_params == {"photo": DEFAULT, "network": LITE2}
    at.radio(key="row").set_value(DOG).run()
    assert at.query_params == {"photo": DEFAULT, "network": LITE2, "class": NAMES[DOG]}
    at.selectbox(key="network").set_value(LITE0).run()
    assert at.query_params == {"photo": DEFAULT, "network": LITE0, "class": NAMES[DOG]}
    gallery(at).set_value("crab").run()
    assert at.query_params == {"photo": "crab", "network": LITE0}


@pytest.mark.parametrize("index", [7, 134, 285, 517])
def test_each_class_is_found_again_by_its_name_in_a_link(index):
    assert class_of(open_page(**{"class": NAMES[index]})) == index


def test_a_class_is_found_by_a_synonym_and_in_any_case():
    at = open_page(**{"class": "ALSATIAN"})
    assert class_of(at) == DOG
    assert at.query_params["class"] == NAMES[DOG]


@pytest.mark.parametrize("name", ["unicorn", "../cam/app/icon", "crab.jpg", "Crab"])
def test_an_unknown_photo_is_said_and_the_default_opens(name):
    at = open_page(photo=name, box="true")
    assert works(at)
    assert len(at.error) == 1 and repr(name) in at.error[0].value
    assert picture(at, "photo")["title"] == list_samples()[DEFAULT].title
    assert at.query_params["photo"] == DEFAULT
    assert not at.run().error


@pytest.mark.parametrize("name", ["unicorn", "crane", "235"])
def test_an_unknown_or_ambiguous_class_is_said_and_the_top_class_opens(name):
    at = open_page(photo="crab", **{"class": name})
    assert works(at)
    assert [error.value for error in at.error] == [problem(lambda: imagenet_labels().index(name))]
    assert class_of(at) == engine("crab").top(1)[0].index
    assert "class" not in at.query_params
    assert not at.run().error


def test_an_unknown_network_is_said_and_the_default_opens():
    at = open_page(network="lenet-5")
    assert works(at) and not at.warning
    assert [error.value for error in at.error] == [problem(lambda: find_spec("lenet-5"))]
    assert (at.selectbox(key="network").value, at.query_params["network"]) == (LITE2, LITE2)
    assert not at.run().error


@pytest.mark.parametrize("wrong", ["photo", "network"])
def test_one_wrong_part_of_a_link_leaves_the_others_as_they_are(wrong):
    link = {"photo": "crab", "network": LITE0, "class": NAMES[DOG], "colors": "Viridis"}
    at = open_page(**{**link, wrong: "unicorn"})
    usual = {"photo": DEFAULT, "network": LITE2}
    assert works(at) and len(at.error) == 1
    assert at.query_params == {**link, wrong: usual[wrong]}


@pytest.mark.parametrize(
    ("key", "wrong", "usual"),
    [
        ("colors", "Rainbow", "inferno"),
        ("fit", "Cropped", "whole"),
        ("classes", "1000 classes", 5),
        ("opacity", "much", 60),
        ("opacity", "250", 60),
        ("threshold", "-20", 20),
        ("box", "perhaps", False),
    ],
)
def test_a_wrong_choice_in_a_link_opens_the_page_as_usual(key, wrong, usual):
    at = open_page(**{key: wrong})
    assert works(at) and not at.warning
    assert at.session_state[key] == usual


def test_a_link_to_a_network_whose_weights_are_missing_shows_another_one_and_says_so():
    at = open_page(network=RESNET50, photo="crab")
    assert works(at)
    assert len(at.warning) == 1 and "EfficientNet-Lite2" in at.warning[0].value
    assert class_of(at) == engine("crab").top(1)[0].index


@pytest.fixture
def back(monkeypatch):
    """To a link, as by the browser's own button."""

    def go_back(at, **params):
        with monkeypatch.context() as patch:
            patch.setattr("cam.app.url_state._is_gone_back", lambda: True)
            return at_link(at, **params).run()

    return go_back


def at_link(at, **params):
    """The page, with this as the address from which the browser asks next."""
    at.query_params.clear()
    at.query_params.update(params)
    return at


def test_going_back_shows_what_the_link_there_names(back):
    at = open_page(photo="koala")
    links = [dict(at.query_params)]
    for index in (340, DOG):
        at.selectbox(key="search").set_value(index).run()
        links.append(dict(at.query_params))
    gallery(at).set_value("crab").run()
    at.selectbox(key="network").set_value(LITE0).run()
    assert at.query_params["photo"] == "crab" and "class" not in at.query_params
    best = None
    for link, index in zip(reversed(links), (DOG, 340, None), strict=True):
        back(at, **link)
        best = at.session_state.chosen
        assert works(at) and not at.error and best == index
        assert gallery(at).value == "koala" and at.session_state.network == LITE2
        assert dict(at.query_params) == link


def test_who_goes_back_to_a_link_that_names_nothing_stays_where_they_are(back):
    at = open_page(photo="koala")
    at.selectbox(key="search").set_value(DOG).run()
    back(at)
    assert works(at) and (gallery(at).value, at.session_state.chosen) == ("koala", DOG)
    assert at.query_params == {"photo": "koala", "network": LITE2, "class": NAMES[DOG]}


@pytest.mark.parametrize("link", [{"photo": "koala", "network": LITE0, "class": NAMES[DOG]}, {}])
def test_a_photo_of_ones_own_is_not_given_up_for_an_address(back, link):
    at = upload(open_page(photo="koala"), file_of(Image.new("RGB", (64, 48), "red")))
    own, before = at.session_state.photo, dict(at.query_params)
    assert own.sample is None and before == {"photo": "own", "network": LITE2}
    back(at, **link)
    assert at.session_state.photo is own and at.session_state.network == LITE2
    assert dict(at.query_params) == before


def test_a_photo_of_ones_own_stays_for_who_goes_back_to_another_network(back):
    at = upload(open_page(photo="koala"), file_of(Image.new("RGB", (64, 48), "red")))
    own = at.session_state.photo
    back(at, photo="own", network=LITE0)
    assert not at.error
    assert at.session_state.photo is own and at.session_state.network == LITE0


def test_who_goes_back_to_a_photo_of_their_own_is_told_that_it_is_gone(back):
    at = upload(open_page(), file_of(Image.new("RGB", (64, 48), "red")))
    before = dict(at.query_params)
    gallery(at).set_value("crab").run()
    back(at, **before)
    assert works(at) and len(at.error) == 1 and "Upload it again" in at.error[0].value
    assert gallery(at).value == at.query_params["photo"] == "crab"


def test_who_opens_the_address_of_somebodys_own_photo_is_told_that_it_is_not_in_it():
    at = open_page(photo="own", network=LITE0)
    assert works(at) and [error.value for error in at.error] == [
        "The photo here was somebody's own, which is in no link. Upload it again, or choose a sample."
    ]
    assert (gallery(at).value, at.session_state.network) == (DEFAULT, LITE0)
    assert at.query_params == {"photo": DEFAULT, "network": LITE0}
    assert not at.run().error


def test_an_address_that_the_browser_has_not_brought_up_to_date_is_no_step_back():
    at = open_page(photo="koala")
    before = dict(at.query_params)
    gallery(at).set_value("crab").run()
    at_link(at, **before).run()
    assert gallery(at).value == "crab" and at.query_params["photo"] == "crab"


def test_a_choice_counts_more_than_the_address_it_is_made_at():
    at = open_page(photo="koala")
    before = dict(at.query_params)
    at.selectbox(key="search").set_value(DOG).run()
    gallery(at_link(at, **before)).set_value("crab").run()
    assert gallery(at).value == "crab" and at.query_params["photo"] == "crab"
