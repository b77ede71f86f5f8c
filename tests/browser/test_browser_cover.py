"""The page "Cover it up" in a browser: a box drawn by hand covers that part of the photo, and the numbers follow."""

import pytest
from support.page_parts import expect, pixels, wait_until_idle

pytestmark = pytest.mark.browser

NUMBERS = ".cover-bars b"
LAYER = ".st-key-picture_covered img.heat"


@pytest.fixture
def cover(page):
    page.get_by_role("link", name="Cover it up").click()
    expect(page.locator(NUMBERS)).to_have_count(3)
    wait_until_idle(page)
    return page


def test_a_box_drawn_by_hand_is_covered_and_asked_about(cover):
    cover.get_by_text("A box by hand").click()
    expect(cover.locator(NUMBERS)).to_have_count(1)
    frame = cover.locator("[class*=st-key-draw_cover] .frame").bounding_box()
    x, y, width, height = (frame[name] for name in ("x", "y", "width", "height"))
    cover.mouse.move(x + 0.25 * width, y + 0.25 * height)
    cover.mouse.down()
    cover.mouse.move(x + 0.5 * width, y + 0.75 * height, steps=5)
    cover.mouse.up()
    expect(cover.locator(NUMBERS)).to_have_count(3)
    wait_until_idle(cover)
    # A canvas gives black where the layer is transparent, and grey where it covers.
    hidden = pixels(cover.locator(LAYER))[..., 0] == 127
    rows, columns = hidden.any(axis=1).nonzero()[0], hidden.any(axis=0).nonzero()[0]
    assert rows[[0, -1]] / hidden.shape[0] == pytest.approx([0.25, 0.75], abs=0.02)
    assert columns[[0, -1]] / hidden.shape[1] == pytest.approx([0.25, 0.5], abs=0.02)
    assert hidden.mean() == pytest.approx(0.125, abs=0.01)


def test_a_choice_that_comes_while_curves_are_drawn_stops_them_and_is_obeyed(cover):
    cover.get_by_role("button", name="Draw the curves").click()
    expect(cover.get_by_text("of 84")).to_be_visible()
    cover.get_by_text("Keep only", exact=True).click()
    expect(cover.locator(".cover-bars")).to_contain_text("Only the hottest 20 %")
    wait_until_idle(cover)
    expect(cover.locator("[data-testid=stVegaLiteChart]")).to_have_count(0)
    cover.get_by_role("button", name="Draw the curves").click()
    expect(cover.locator("[data-testid=stVegaLiteChart]")).to_have_count(2)
    expect(cover.locator(".cover-bars")).to_contain_text("Only the hottest 20 %")
