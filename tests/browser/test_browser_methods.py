"""The view "Methods" in a browser: maps side by side, and one of many passes that is begun and stopped."""

import re

import numpy as np
import pytest
from support.page_parts import expect, pixels, steps, wait_until_idle

pytestmark = pytest.mark.browser


def heat(page, method: str):
    """The heat of a method's map."""
    return page.locator(f"[class~='st-key-picture_method_{method}'] img.heat")


def titles(page):
    return page.locator("[data-testid=stColumn] [class*=st-key-picture_] .title")


@pytest.fixture
def methods(page):
    """The view, reached as a visitor does."""
    page.get_by_role("link", name="Compare").click()
    page.get_by_role("radio", name="Methods").click()
    expect(heat(page, "eigen-cam")).to_be_visible()
    wait_until_idle(page)
    return page


def choose(page, *names: str) -> None:
    """These methods and no others."""
    page.locator(".st-key-methods").get_by_role("button", name="Clear all").click()
    for name in names:
        # Typed, so that the list need not scroll: while it does, which Playwright does not wait for, it takes no click.
        page.locator(".st-key-methods input").fill(name)
        page.get_by_role("option", name=name, exact=True).click()
    page.keyboard.press("Escape")
    page.wait_for_url("**" + "&".join(f"methods={name}" for name in names) + "*")


def test_grad_cam_is_painted_as_cam_is_and_eigen_cam_is_not(methods):
    painted = {name: steps(pixels(heat(methods, name)), "inferno") for name in ("cam", "grad-cam", "eigen-cam")}
    assert painted["cam"].max() > 240 > 10 > painted["cam"].min()
    assert np.abs(painted["cam"] - painted["grad-cam"]).max() <= 1
    assert np.abs(painted["cam"] - painted["eigen-cam"]).mean() > 20
    frames = methods.locator("[class*=st-key-picture_method_] .frame")
    assert len({round(frame.bounding_box()["y"]) for frame in frames.all()}) == 1


def test_a_method_and_a_layer_are_chosen_by_hand(methods):
    choose(methods, "CAM", "LayerCAM")
    expect(heat(methods, "layercam")).to_be_visible()
    expect(heat(methods, "grad-cam")).to_have_count(0)
    before = heat(methods, "layercam").get_attribute("src"), heat(methods, "cam").get_attribute("src")
    methods.locator(".st-key-layer input").click()
    methods.get_by_role("option", name=re.compile(r"\(end of a stage\)$")).nth(1).click()
    expect(heat(methods, "layercam")).not_to_have_attribute("src", before[0])
    assert heat(methods, "cam").get_attribute("src") == before[1]


def test_a_method_of_many_passes_works_only_when_told_and_until_it_is_stopped(methods):
    page = methods
    choose(page, "CAM", "Score-CAM", "Eigen-CAM")
    begin = page.get_by_role("button", name="Begin: 1,280 forward passes")
    expect(begin).to_be_visible()
    begin.click()
    expect(page.get_by_text(re.compile(r"^[1-9]\d* of 1,280 forward passes$"))).to_be_visible()
    # What needs no long work is there meanwhile, and nothing can be begun twice.
    expect(heat(page, "eigen-cam")).to_be_visible()
    expect(page.get_by_text("How to read it.")).to_be_visible()
    expect(begin).not_to_be_visible()
    page.locator(".st-key-stop_score-cam").get_by_role("button").click()
    expect(begin).to_be_visible()
    wait_until_idle(page)
    expect(page.get_by_text(re.compile("of 1,280 forward passes$"))).to_have_count(0)
    expect(page.locator("[data-testid=stException]")).to_have_count(0)
    expect(titles(page)).to_contain_text(["CAM", "Score-CAM", "Eigen-CAM"])
