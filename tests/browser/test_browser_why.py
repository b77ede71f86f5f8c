"""The page "Why it can": three networks side by side, and one map drawn in both orders."""

import re

import numpy as np
import pytest
from support.page_parts import expect, pixels, wait_for_heat, wait_until_idle

pytestmark = pytest.mark.browser

NETWORKS = ".st-key-why_networks .networks"
MAPS = (".st-key-picture_why_dense img.heat", ".st-key-picture_why_convolution img.heat")


def open_why(page):
    """By the navigation, as a class gets there."""
    page.goto("/?photo=polar_bear")
    wait_for_heat(page, "polar bear")
    page.get_by_role("link", name="Why it can").click()
    expect(page.locator(f"{NETWORKS} section")).to_have_count(3)
    expect(page.locator(MAPS[1])).to_be_visible()
    wait_until_idle(page)
    return page


def boxes(page, selector: str) -> list[dict]:
    """Where the parts of the page are, from the left or the top."""
    return [part.bounding_box() for part in page.locator(selector).all()]


def test_the_networks_stand_side_by_side_and_lose_places_at_one_height(new_page):
    page = open_why(new_page())
    columns, lost = boxes(page, f"{NETWORKS} section"), boxes(page, f"{NETWORKS} .lost")
    assert columns[0]["x"] < columns[1]["x"] < columns[2]["x"]
    assert len({round(box["y"]) for box in columns}) == len({round(box["y"]) for box in lost}) == 1


def test_the_bar_of_a_box_is_as_long_as_its_share(new_page):
    page = open_why(new_page())
    box = page.locator(f"{NETWORKS} li").filter(has_text="Dense layer fc1")
    size = box.evaluate("box => getComputedStyle(box).backgroundSize")
    assert float(re.match(r"([\d.]+)%", size)[1]) == pytest.approx(100 * 102_764_544 / 138_357_544, abs=0.01)


def test_both_maps_follow_the_class_and_look_the_same(new_page):
    page = open_why(new_page())
    before = pixels(page.locator(MAPS[0]))
    page.locator(".st-key-lesson_class input").fill("Arctic fox")
    page.get_by_role("option", name="Arctic fox", exact=True).click()
    for selector in MAPS:
        expect(page.locator(selector)).to_have_attribute("alt", re.compile("Arctic fox"))
    wait_until_idle(page)
    dense, convolution = (pixels(page.locator(selector)).astype(int) for selector in MAPS)
    assert np.abs(dense - before).max() > 50
    # A value at the border of two of the 256 colours may fall on either side.
    assert np.abs(dense - convolution).max() <= 8


def test_on_a_phone_the_networks_are_stacked_and_nothing_is_wider_than_the_screen(new_page):
    page = open_why(new_page())
    page.set_viewport_size({"width": 390, "height": 800})
    page.wait_for_function("document.documentElement.scrollWidth <= 390")
    columns = boxes(page, f"{NETWORKS} section")
    assert len({round(box["x"]) for box in columns}) == 1
    assert columns[0]["y"] + columns[0]["height"] <= columns[1]["y"]
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes(page, f"{NETWORKS} li"))
    # The steps are below each other, each as wide as the page.
    steps = boxes(page, ".st-key-why_same .flow:first-child span")
    assert len(steps) == 5
    assert all(upper["y"] + upper["height"] <= lower["y"] for upper, lower in zip(steps, steps[1:], strict=False))
    assert len({round(step["width"]) for step in steps}) == 1
