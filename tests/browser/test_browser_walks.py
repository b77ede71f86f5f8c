"""A page reached by clicking shows what the same page shows that is opened by its link; and it does not grow."""

import pytest
from page_parts import choose_option, eventually, expect, wait_until_idle

pytestmark = pytest.mark.browser

# What the last picture of a page is drawn in.
_PICTURES = "[class*=st-key-picture_] figure"
_IDS = """() => [...document.querySelectorAll("[class*=st-key-picture_], .st-key-grid, [class*=st-key-draw_]")]
  .flatMap(place => [...place.querySelectorAll("*")].map(node => node.shadowRoot).filter(Boolean))
  .flatMap(root => [...root.querySelectorAll("img[data-id]")].map(img => img.dataset.id))"""
_TITLE = "[class*=st-key-picture_] .title"


@pytest.mark.parametrize("name", ["inside", "cover"])
def test_another_photo_is_that_of_all_pictures(new_page, name):
    page = new_page()
    page.goto(f"/{name}?photo=dog_and_cat")
    expect(page.locator(_PICTURES).first).to_be_visible()
    wait_until_idle(page)
    for title in ("Koala", "Crab", "Koala"):
        choose_option(page, "lesson_photo", title)
        page.wait_for_url(f"**photo={title.lower()}*")
        wait_until_idle(page)
        photos = eventually(page, lambda: len(set(page.evaluate(_IDS))), 1)
        assert photos == 1
        label = page.locator(".st-key-lesson_class input").input_value()
        if name == "cover":
            assert page.locator(".st-key-picture_heat .title").inner_text() == f"Evidence for {label}"
