"""A link shows what was seen when it was copied."""

import numpy as np
import pytest
from support.page_parts import (
    HEAT,
    PHOTO,
    choose_class,
    choose_option,
    expect,
    heat,
    opacity,
    ranked,
    redrawn,
    set_opacity,
    steps,
    wait_for_heat,
    wait_until_idle,
)

pytestmark = pytest.mark.browser


def test_a_link_opens_photo_class_colours_opacity_box_and_network(new_page):
    page = new_page()
    page.goto("/?photo=koala&class=wombat&colors=Viridis&opacity=30&box=true&network=efficientnet-lite0")
    wait_for_heat(page, "wombat")
    expect(page.locator(f"{PHOTO} .title")).to_have_text("Koala")
    assert steps(heat(page), "viridis").max() == 255
    assert opacity(page) == pytest.approx(0.3)
    assert page.locator(f"{HEAT} .box").count() >= 1
    for key, value in {"network": "EfficientNet-Lite0", "colors": "Viridis", "opacity": "30"}.items():
        expect(page.locator(f".st-key-{key} input")).to_have_value(value)
    expect(page.locator(".st-key-box input")).to_be_checked()
    expect(page.locator(".st-key-status")).to_contain_text("4.7 million parameters")
    expect(page.locator(".st-key-row [data-selected=true] p").first).to_have_text("wombat")


def test_the_address_of_one_visitor_shows_the_same_to_another(page, new_page):
    choose_class(page, "German shepherd")
    with redrawn(page):
        choose_option(page, "colors", "Cividis")
    page.wait_for_url("**/?*colors=Cividis*")
    set_opacity(page, 97)
    other = new_page(alone=True)
    other.goto(page.url)
    wait_for_heat(other, "German shepherd")
    assert np.array_equal(heat(other), heat(page))
    assert opacity(other) == opacity(page) == pytest.approx(0.97)


@pytest.mark.parametrize(
    "link",
    ["/?photo=unicorn&class=tabby", "/?network=unicorn&class=tabby"],
)
def test_what_a_link_names_wrongly_is_said_and_the_rest_is_shown(new_page, link):
    page = new_page()
    page.goto(link)
    wait_for_heat(page, "tabby")
    expect(page.get_by_role("alert")).to_contain_text("unicorn")


def test_the_network_of_a_link_goes_along_to_the_next_page(new_page):
    page = new_page()
    page.goto("/?network=efficientnet-lite0")
    wait_for_heat(page)
    page.get_by_role("link", name="Compare").click()
    page.locator(".st-key-one_scale").get_by_text("One scale for all maps").click()
    page.wait_for_url("**/compare?*one_scale=false*")
    wait_until_idle(page)
    expect(page.locator(".st-key-network input")).to_have_value("EfficientNet-Lite0")
    assert "network=efficientnet-lite0" in page.url


def test_the_way_back_is_the_way_that_was_come(new_page):
    page = new_page()
    page.goto("/?photo=koala&network=efficientnet-lite2")
    wait_for_heat(page)
    best, second, third = (row.splitlines()[0] for row in ranked(page)[:3])
    for label in (second, third):
        choose_class(page, label)
    page.locator(".st-key-sample").get_by_text("Giraffes").click()
    page.wait_for_url("**/?*photo=giraffes*")
    wait_until_idle(page)
    for label in (third, second, best):
        page.go_back()
        wait_for_heat(page, label)
        expect(page.locator(f"{PHOTO} .title")).to_have_text("Koala")
    page.go_forward()
    wait_for_heat(page, second)


def test_back_from_another_page_leads_to_the_first_one_and_then_further(new_page):
    page = new_page()
    page.goto("/?photo=koala&network=efficientnet-lite2")
    wait_for_heat(page)
    second = ranked(page)[1].splitlines()[0]
    choose_class(page, second)
    page.get_by_role("link", name="Compare").click()
    page.wait_for_url("**/compare?*photo=koala*")
    wait_until_idle(page)
    # From one page to another, Streamlit's own steps, without what the link names, come in between.
    back_until(page, lambda: "/compare" not in page.url)
    wait_for_heat(page, second)
    back_until(page, lambda: "class=" not in page.url)
    expect(page.locator(f"{PHOTO} .title")).to_have_text("Koala")


def back_until(page, there) -> None:
    """Go back once, or twice where that is not enough."""
    for _ in range(2):
        if not there():
            page.go_back()
            wait_until_idle(page)
            page.wait_for_timeout(500)
    assert there()
