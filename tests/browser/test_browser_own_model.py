"""One's own network in a browser: chosen, corrected for this visitor alone, and its names read as they are written."""

import json

import pytest
from support.custom_networks import save_gap
from support.page_parts import choose_option, expect, ranked, wait_for_heat, wait_until_idle

pytestmark = pytest.mark.browser

HOSTILE = "<b>x</b> ![a](http://192.0.2.1/y.png) $x$"


@pytest.fixture
def models(own_models):
    """The folder with two networks: one of which nothing is said, and one with hostile names."""
    save_gap(own_models, "plain")
    save_gap(own_models, "hostile", classes=2, title=HOSTILE, labels=[HOSTILE, "# heading"], size=64)
    yield own_models
    for path in own_models.iterdir():
        path.unlink()


def open_custom_model(new_page, name: str, **options):
    page = new_page(**options)
    page.goto(f"/?network=own/{name}")
    wait_for_heat(page)
    return page


def form(page):
    """What can be corrected, opened to its end: while it unfolds it scrolls, which closes a list that is open in it."""
    opened = page.locator("[data-testid=stExpander]")
    opened.locator("summary").click()
    expect(page.get_by_role("button", name="Use these")).to_be_visible()
    opened.evaluate("form => Promise.all(form.getAnimations({subtree: true}).map(animation => animation.finished))")
    return opened


def test_a_correction_is_seen_by_who_made_it_and_by_nobody_else(models, new_page):
    page, other = open_custom_model(new_page, "plain"), open_custom_model(new_page, "plain", alone=True)
    opened = form(page)
    choose_option(page, "own_preprocessing_own-plain", "−1 to 1")
    opened.locator("textarea").fill("red\ngreen")
    opened.get_by_role("button", name="Use these").click()
    expect(page.get_by_text("The network has 3 classes, but there are 2 names. Give one a line.")).to_be_visible()
    expect(opened.locator("textarea")).to_have_value("red\ngreen")
    opened.locator("textarea").fill("red\ngreen\nblue")
    opened.get_by_role("button", name="Use these").click()
    expect(page.locator("[data-testid=stExpander]")).to_contain_text("What is known of it")
    wait_until_idle(page)
    assert sorted(ranked(page)) == ["blue", "green", "red"]
    other.get_by_text("Crab").click()
    wait_for_heat(other)
    wait_until_idle(other)
    assert sorted(ranked(other)) == ["class 0", "class 1", "class 2"]


def test_the_file_that_is_saved_holds_what_the_page_uses(models, new_page):
    page = open_custom_model(new_page, "plain")
    with page.expect_download() as download:
        form(page).get_by_role("button", name="Save plain.json").click()
    assert download.value.suggested_filename == "plain.json"
    assert json.loads(download.value.path().read_bytes()) == {
        "title": "plain",
        "labels": ["class 0", "class 1", "class 2"],
        "preprocessing": "0..1",
        "size": 224,
    }


def test_names_from_a_file_are_read_as_they_are_written_and_fetch_nothing(models, new_page):
    page = open_custom_model(new_page, "hostile")
    assert sorted(ranked(page)) == ["# heading", HOSTILE]
    expect(page.locator("[data-testid=stExpander] summary")).to_contain_text(f"{HOSTILE}. Guessed")
    page.get_by_role("link", name="Compare").click()
    expect(page.locator(".st-key-picture_compare_1 .title")).to_be_visible()
    page.get_by_role("radio", name="Difference").click()
    expect(page.locator(".st-key-picture_compare_difference .title")).to_contain_text(HOSTILE)
    wait_until_idle(page)
    expect(page.get_by_text("speaks more for")).to_contain_text(f"{HOSTILE}")
    assert page.locator("img[src*='192.0.2.1'], b:text-is('x'), .katex").count() == 0
