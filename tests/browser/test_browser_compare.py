"""The page "Compare" in a browser: classes on one scale and each on its own, the difference, and the squashed photo."""

import re
from decimal import Decimal

import numpy as np
import pytest
from support.page_parts import choose_option, eventually, expect, pixels, steps, wait_for_heat, wait_until_idle

pytestmark = pytest.mark.browser


@pytest.fixture
def compare(page):
    """The page, reached by its name in the navigation."""
    page.get_by_role("link", name="Compare").click()
    expect(heat(page, 2)).to_be_visible()
    wait_until_idle(page)
    return page


def heat(page, place: int):
    """The heat of the map at this place, from the left."""
    return page.locator(f".st-key-picture_compare_{place} img.heat")


def titles(page):
    return page.locator("[class*=st-key-picture_compare_] .title")


def show(page, view: str) -> None:
    page.get_by_role("radio", name=view).click()


def brightest(page, place: int) -> int:
    """The highest step 0..255 of the colour scale that the map reaches."""
    return int(steps(pixels(heat(page, place))[::8, ::8], "inferno").max())


def aspect(page, name: str) -> float:
    box = page.locator(f".st-key-picture_{name} .frame").bounding_box()
    return box["width"] / box["height"]


def test_a_scale_of_its_own_makes_the_weaker_class_as_bright_as_the_stronger(compare):
    expect(titles(compare)).to_have_text(["Egyptian cat", "German shepherd", "tabby"])
    assert brightest(compare, 0) > 240 > 200 > brightest(compare, 2)
    before = heat(compare, 2).get_attribute("src")
    compare.locator(".st-key-one_scale").get_by_text("One scale for all maps").click()
    expect(heat(compare, 2)).not_to_have_attribute("src", before)
    compare.wait_for_url("**one_scale=false*")
    assert brightest(compare, 2) > 240
    assert len(set(compare.locator("[class*=st-key-picture_compare_] .below").all_inner_texts())) == 3


def test_a_class_that_is_typed_stands_beside_the_others_in_one_row_and_in_the_link(compare):
    field = compare.locator(".st-key-compare_picked input")
    field.fill("teapot")
    compare.get_by_role("option", name="teapot", exact=True).click()
    expect(titles(compare)).to_have_text(["Egyptian cat", "German shepherd", "tabby", "teapot"])
    compare.wait_for_url("**vs=German+shepherd&vs=tabby&vs=teapot*")
    wait_until_idle(compare)
    frames = [compare.locator(f".st-key-picture_compare_{place} .frame").bounding_box() for place in range(4)]
    assert len({round(frame["y"]) for frame in frames}) == 1
    assert np.diff([frame["x"] for frame in frames]).min() > frames[0]["width"]
    photos = compare.locator("[class*=st-key-picture_compare_] img.photo")
    assert photos.evaluate_all("all => all.every(img => img.complete && img.naturalWidth > 0)")


def test_the_difference_shows_a_sum_that_a_pupil_can_check(compare):
    show(compare, "Difference")
    compare.wait_for_url("**compare=Difference*")
    choose_option(compare, "compare_rival", "tabby")
    difference = compare.locator(".st-key-picture_compare_difference")
    expect(difference.locator(".title")).to_have_text("Egyptian cat rather than tabby")
    expect(difference.locator("img.heat")).to_have_attribute("alt", re.compile("Egyptian cat rather than tabby"))
    expect(compare.locator(".compare-equation")).to_contain_text("score of Egyptian cat − score of tabby")
    numbers = compare.locator(".compare-equation b").all_inner_texts()
    mean, bias, total = (Decimal(text.strip("()").replace("−", "-")) for text in numbers)
    assert mean + bias == total > 0


def test_the_squashed_photo_is_a_square_beside_the_whole_one_and_equally_high(compare):
    show(compare, "Whole and squashed")
    expect(titles(compare)).to_have_text(["Whole photo", "Squashed to a square"])
    wait_until_idle(compare)
    assert aspect(compare, "compare_0") == pytest.approx(1024 / 439, rel=0.01)
    assert aspect(compare, "compare_1") == pytest.approx(1, rel=0.01)
    heights = [compare.locator(f".st-key-picture_compare_{i} .frame").bounding_box()["height"] for i in range(2)]
    assert heights[0] == pytest.approx(heights[1], abs=1)
    compare.locator(".st-key-as_given").get_by_text("Show the squashed photo as a square").click()
    compare.wait_for_url("**as_given=false*")
    # The address follows before the picture does.
    eventually(compare, lambda: aspect(compare, "compare_1") > 2, True)
    assert aspect(compare, "compare_1") == pytest.approx(1024 / 439, rel=0.01)


def test_the_views_are_changed_by_the_keyboard(compare):
    compare.get_by_role("radio", name="Classes").focus()
    compare.keyboard.press("ArrowRight")
    compare.keyboard.press("ArrowRight")
    compare.keyboard.press("Enter")
    expect(titles(compare)).to_have_text(["EfficientNet-Lite2", "EfficientNet-Lite0"])


def test_classes_are_still_there_after_a_look_at_another_page(compare):
    compare.locator(".st-key-compare_picked input").fill("teapot")
    compare.get_by_role("option", name="teapot", exact=True).click()
    expect(titles(compare)).to_have_count(4)
    # The list of classes stays open for the next one.
    compare.keyboard.press("Escape")
    compare.get_by_role("link", name="See").click()
    wait_for_heat(compare)
    assert "vs=" not in compare.url
    compare.get_by_role("link", name="Compare").click()
    expect(titles(compare)).to_have_text(["Egyptian cat", "German shepherd", "tabby", "teapot"])
    compare.wait_for_url("**vs=German+shepherd&vs=tabby&vs=teapot*")
