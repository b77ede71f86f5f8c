"""The heat follows the class, the colours and the box."""

import re

import numpy as np
import pytest
from support.page_parts import (
    HEAT,
    PHOTO,
    choose_class,
    choose_option,
    eventually,
    expect,
    heat,
    redrawn,
    steps,
    wait_for_heat,
)

import cam
from cam.render import palette

pytestmark = pytest.mark.browser

BOXES = """frame => {
  const outer = frame.getBoundingClientRect();
  return [...frame.querySelectorAll(".box")].map(node => {
    const box = node.getBoundingClientRect();
    return [(box.left - outer.left) / outer.width, (box.top - outer.top) / outer.height,
            (box.right - outer.left) / outer.width, (box.bottom - outer.top) / outer.height];
  });
}"""
HOLD_DECODING = """() => {
  window.held = [];
  HTMLImageElement.prototype.decode = () => new Promise(done => window.held.push(done));
}"""


def left_share(picture: np.ndarray) -> float:
    """How much of a picture's brightness is in its left half."""
    brightness = picture.sum(axis=(0, 2), dtype=np.int64)
    return brightness[: len(brightness) // 2].sum() / brightness.sum()


def test_the_heat_and_the_address_follow_the_class_that_is_clicked(page):
    choose_class(page, "German shepherd")
    assert left_share(heat(page)) > 0.7
    page.wait_for_url("**/?*class=German+shepherd*")
    choose_class(page, "Egyptian cat")
    assert left_share(heat(page)) < 0.3
    page.wait_for_url("**/?*class=Egyptian+cat*")


def test_a_sample_that_is_clicked_is_explained_with_its_own_top_class(page):
    choose_class(page, "German shepherd")
    page.locator(".st-key-sample [data-testid=stRadioOption]").get_by_text("Espresso").click()
    wait_for_heat(page, "espresso")
    page.wait_for_url("**/?*photo=espresso*")
    assert "class=" not in page.url


def test_a_heat_that_is_late_does_not_replace_a_newer_one(page):
    page.evaluate(HOLD_DECODING)
    rows = page.locator(".st-key-row [data-testid=stRadioOption]")
    for count, name in enumerate(("tabby", "German shepherd"), 1):
        rows.get_by_text(name, exact=True).click()
        page.wait_for_function(f"window.held.length === {count}")
    page.evaluate("held.reverse().forEach(done => done())")
    expect(page.locator(f"{HEAT} img.heat")).to_have_attribute("alt", re.compile("German shepherd"))
    expect(page.locator(f"{HEAT} img.heat")).to_have_count(1)


def test_a_picture_keeps_its_title_and_its_heat_until_the_next_one_can_be_shown(page):
    page.evaluate(HOLD_DECODING)
    page.locator(".st-key-sample [data-testid=stRadioOption]").get_by_text("Crab").click()
    page.wait_for_url("**/?*photo=crab*")
    # The photo, and the photo and the heat beside it.
    page.wait_for_function("window.held.length === 3")
    titles = [page.locator(f"{part} .title") for part in (PHOTO, HEAT)]
    assert [title.inner_text() for title in titles] == ["Dog and cat", "Evidence for Egyptian cat"]
    expect(page.locator(f"{PHOTO} img")).to_have_attribute("alt", "Photo: Dog and cat")
    expect(page.locator(f"{HEAT} img.heat")).to_have_attribute("alt", re.compile("Egyptian cat"))
    shapes = [page.locator(f"{part} .frame").evaluate("frame => frame.style.aspectRatio") for part in (PHOTO, HEAT)]
    assert shapes == ["1024 / 439"] * 2
    page.evaluate("held.forEach(done => done())")
    for title, text in zip(titles, ("Crab", "Evidence for rock crab"), strict=True):
        expect(title).to_have_text(text)


@pytest.mark.parametrize(("colormap", "title"), [("viridis", "Viridis"), ("jet", "Jet (as in papers)")])
def test_the_heat_and_its_bar_have_the_colours_that_are_chosen(page, colormap, title):
    before = steps(heat(page), "inferno")
    with redrawn(page):
        choose_option(page, "colors", title)
    # Inferno has one colour for some neighbouring steps, so the colours may be those of a neighbour.
    assert np.abs(heat(page) - palette(colormap)[before].astype(int)).max() <= 4
    bar = page.locator(f"{HEAT} .bar").evaluate("bar => bar.style.background")
    colours = np.array(re.findall(r"rgb\((\d+), (\d+), (\d+)\)", bar), int)
    ends = palette(colormap)[[0, -1]].astype(int)
    assert len(colours) >= 20
    assert np.abs(colours[[0, -1]] - ends).max() <= 24
    assert set(map(tuple, colours)) <= set(map(tuple, palette(colormap).tolist()))


def drawn_boxes(page) -> list[list[float]]:
    """Left, top, right and bottom of each box, as shares of the frame."""
    return page.locator(f"{HEAT} .frame").evaluate(BOXES)


def expected_boxes(page, threshold: float) -> list[list[float]]:
    """The same of the boxes that the engine finds in the heat as it is drawn."""
    heatmap = steps(heat(page), "inferno").astype(np.float32)
    height, width = heatmap.shape
    found = cam.boxes(heatmap, threshold=threshold)
    return [[box.left / width, box.top / height, box.right / width, box.bottom / height] for box in found]


def test_boxes_are_drawn_where_the_heat_reaches_the_threshold_until_they_are_switched_off(page):
    slider = page.locator(".st-key-threshold input")
    expect(slider).to_be_disabled()
    toggle = page.locator(".st-key-box").get_by_text("Box around the evidence")
    toggle.click()
    expect(slider).to_be_enabled()
    for key, percent in ((None, 20), ("Home", 5), ("End", 95)):
        if key:
            slider.press(key)
        expected = pytest.approx(np.array(expected_boxes(page, percent / 100)), abs=0.01)
        drawn = eventually(page, lambda: np.array(drawn_boxes(page)), expected)
        assert drawn == expected
        assert drawn.min() > -0.001
        assert drawn.max() < 1.001
    toggle.click()
    expect(page.locator(f"{HEAT} .box")).to_have_count(0)
