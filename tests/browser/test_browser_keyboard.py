"""Everything can be reached and used by the keyboard alone, and it can be seen where the keyboard is."""

import pytest
from support.page_parts import HEAT, PHOTO, expect, ranked, wait_for_heat

pytestmark = pytest.mark.browser

FOCUSED_KEY = """() => [...document.activeElement.closest("[class*=st-key-]")?.classList ?? []]
  .find(name => name.startsWith("st-key-"))"""
OPTION = """(key) => {
  const option = document.querySelector(`.st-key-${key} [data-testid=stRadioGroup] > div[data-selected=true]`);
  const style = getComputedStyle(option);
  return {inside: option.contains(document.activeElement), style: style.outlineStyle,
          width: parseFloat(style.outlineWidth), colour: style.outlineColor};
}"""
# More than the page has places to stop at.
MANY = 40


def tab_to(page, key: str) -> list[str]:
    """Press Tab until the widget of that key has the focus; returns the keys on the way."""
    passed = []
    for _ in range(MANY):
        page.keyboard.press("Tab")
        passed.append(page.evaluate(FOCUSED_KEY))
        if passed[-1] == f"st-key-{key}":
            return passed
    raise AssertionError(f"Tab does not reach {key}: {passed}")


def test_tab_reaches_everything_in_the_order_in_which_it_is_read(page):
    passed = tab_to(page, "box")
    places = ["network", "upload_0", "sample_0", "row", "search", "classes", "opacity", "colors", "fit", "box"]
    expected = [f"st-key-{place}" for place in places]
    assert [key for key in dict.fromkeys(passed) if key in expected] == expected


def test_the_option_that_has_the_focus_has_an_outline_of_its_own(page):
    for key in ("sample_0", "row"):
        before = page.evaluate(OPTION, key)
        tab_to(page, key)
        after = page.evaluate(OPTION, key)
        assert (before["inside"], after["inside"]) == (False, True)
        assert after["style"] == "solid"
        assert after["width"] > before["width"]
        assert after["colour"] != before["colour"]


def test_arrow_keys_in_the_list_choose_one_class_after_the_other_however_fast(page):
    names = ranked(page)
    tab_to(page, "row")
    page.keyboard.press("ArrowDown")
    wait_for_heat(page, names[1])
    assert page.evaluate(FOCUSED_KEY) == "st-key-row"
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    wait_for_heat(page, names[4])
    expect(page.locator(".st-key-row [data-selected=true] p").first).to_have_text(names[4])


def test_a_word_and_enter_in_the_search_choose_a_class(page):
    tab_to(page, "search")
    page.keyboard.type("teapot")
    expect(page.get_by_role("option").first).to_have_text("teapot")
    page.keyboard.press("Enter")
    wait_for_heat(page, "teapot")
    assert ranked(page)[-1] == "teapot"
    expect(page.locator(".st-key-row [data-selected=true] p").first).to_have_text("teapot")
    expect(page.locator(".st-key-search input")).to_have_value("")


def test_arrow_keys_in_the_gallery_choose_photos(page):
    tab_to(page, "sample_0")
    page.keyboard.press("ArrowRight")
    expect(page.locator(f"{PHOTO} .title")).to_have_text("German shepherd")
    wait_for_heat(page, "German shepherd")
    assert page.evaluate(FOCUSED_KEY) == "st-key-sample_0"
    expect(page.locator(f"{HEAT} img.heat")).to_have_count(1)
