"""The page "Compare" with any link and any photo: what was chosen is in the link, and nothing breaks the page."""

from decimal import Decimal

import pytest
from PIL import Image
from support.app_page import DOG, LITE0, LITE2, NAMES, engine, file_of, picture
from support.compare_parts import RANDOM, TABBY, TEAPOT, VIEWS, open_compare, pixels, sum_on_screen, titles, view, words

from cam.app.widgets.sample_gallery import DEFAULT
from cam.models.registry import find_spec


def test_a_link_opens_view_and_classes_and_the_session_writes_the_same_one():
    link = {"photo": "two_jaguars", "class": "leopard", "compare": "Difference", "vs": ["cheetah", "jaguar"]}
    at = open_compare(**link)
    assert picture(at, "compare_difference")["title"] == "leopard rather than cheetah"
    assert titles(view(at, "Classes")) == ["leopard", "cheetah", "jaguar"]
    at.toggle(key="one_scale").set_value(False).run()
    # The browser writes the values of widgets into the address.
    other = open_compare(**{**at.query_params, "compare": "Classes", "one_scale": "false"})
    assert [picture(other, f"compare_{i}") for i in range(3)] == [picture(at, f"compare_{i}") for i in range(3)]
    assert not other.toggle(key="one_scale").value


def test_what_was_not_chosen_is_not_in_the_link():
    assert open_compare().query_params == {"photo": DEFAULT, "network": LITE2}


@pytest.mark.parametrize("name", ["unicorn", "crane"])
def test_an_unknown_class_in_a_link_is_said_once_and_the_best_are_compared(name):
    at = open_compare(vs=["tabby", name])
    assert name in at.error[0].value and not at.exception
    assert titles(at) == ["Egyptian cat", "German shepherd", "tabby"]
    assert "vs" not in at.query_params and not at.run().error


@pytest.mark.parametrize("wrong", [{"compare": "unicorns"}, {"compare": ""}, {"vs": ""}, {"one_scale": "perhaps"}])
def test_a_link_with_nonsense_opens_the_page_as_it_is(wrong):
    at = open_compare(**wrong)
    assert not at.exception and titles(at)[0] == "Egyptian cat"


def test_a_link_to_the_networks_with_nonsense_opens_the_first_other_one():
    assert titles(open_compare(compare="Networks", second="LeNet")) == [find_spec(n).title for n in (LITE2, LITE0)]
    assert titles(open_compare(compare="Networks", second=find_spec(LITE2).title))[1] == find_spec(LITE0).title


def test_more_classes_than_there_is_room_for_in_a_link_are_left_out():
    at = open_compare(vs=["tabby", "tabby", "teapot", "lynx", "leopard"])
    assert not at.exception and 2 <= len(titles(at)) <= 4


HOSTILE = {
    "one colour": Image.new("RGB", (300, 200), (90, 140, 60)),
    "tiny": Image.linear_gradient("L").resize((32, 32)).convert("RGB"),
    "panorama": Image.linear_gradient("L").resize((2000, 200)).convert("RGB"),
    "tower": Image.linear_gradient("L").resize((200, 2000)).convert("RGB"),
}


@pytest.mark.parametrize("network", [LITE2, RANDOM])
@pytest.mark.parametrize("name", HOSTILE)
def test_any_photo_of_ones_own_is_compared_in_every_way_and_is_in_no_link(name, network):
    at = open_compare(file_of(HOSTILE[name], "PNG"), network=network)
    at.multiselect(key="compare_picked").set_value([TEAPOT, TABBY, DOG]).run()
    for each in VIEWS:
        view(at, each)
        assert not at.exception and not at.error, (each, at.exception)
        assert titles(at) and picture(at, "photo")["id"] == at.session_state.photo.digest
        if each == "Difference":
            mean, bias, total = map(Decimal, sum_on_screen(at))
            assert mean + bias == total
    assert not {"vs", "class"} & set(at.query_params) and at.query_params["photo"] == "own"


def test_a_class_without_any_evidence_is_black_and_says_so():
    # Of 1,000 classes some have nothing above zero anywhere in a photo of a cup.
    explanation = engine("espresso")
    index = next(i for i in range(1000) if explanation.class_map(i).max() <= 0)
    at = open_compare(vs=NAMES[index], photo="espresso")
    assert not pixels(at, "compare_1")[..., 0].max() > 3
    assert picture(at, "compare_1")["alt"].startswith(f"Nothing in the photo is evidence for {NAMES[index]}.")
    assert "· no evidence" in words(at)
    at.toggle(key="one_scale").set_value(False).run()
    assert not at.exception and picture(at, "compare_1")["bar"]["high"] == "none here"
