"""Who chooses again before the first answer is there keeps the last choice, and all on the page fits it."""

import pytest
from support.late_answers import LateAnswers
from support.page_parts import HEAT, choose_option, expect, wait_for_heat, wait_until_idle

from cam.app.pages.guess.cases import CASES
from cam.app.pages.guess.page import _DOUBLE_CLICK_SECONDS

pytestmark = pytest.mark.browser
# What shows that nothing was changed by an answer that has come: it is there long before.
_MOMENT = 500
# What a view of Compare has and the others have not.
_FIELDS = {"Methods": "methods", "Difference": "compare_rival"}
# What is there when a page is, where that is no choice of the class.
_LAST = {"Guess first": ".st-key-guess_go button"}


@pytest.fixture
def open_late(new_page):
    """A function that opens a page of the app, and a view of it, whose answers can come late: (page, answers)."""

    def open_at(name: str = "See", view: str | None = None):
        page = new_page()
        answers = LateAnswers(page)
        page.goto("/")
        wait_for_heat(page)
        if name != "See":
            page.get_by_role("link", name=name).click()
            expect(page.locator(_LAST.get(name, ".st-key-lesson_class input"))).to_be_visible()
        wait_until_idle(page)
        if view is not None:
            page.get_by_role("radio", name=view).click()
            # The address is another one before the view is there.
            expect(page.locator(f".st-key-{_FIELDS[view]} input")).to_be_visible()
            wait_until_idle(page)
        return page, answers

    return open_at


def settle(page, answers: LateAnswers) -> None:
    answers.all_come()
    wait_until_idle(page)
    page.wait_for_timeout(_MOMENT)
    wait_until_idle(page)


def tags(page, key: str) -> list[str]:
    return page.locator(f".st-key-{key} [data-tag]").all_inner_texts()


def add(page, key: str, name: str) -> None:
    """Choose an option that is typed, because a list that scrolls takes no click."""
    page.locator(f".st-key-{key} input").fill(name)
    page.get_by_role("option", name=name, exact=True).click()
    page.keyboard.press("Escape")


def find(page, word: str) -> None:
    """Type in the search of the first page, and take what it finds first."""
    page.locator(".st-key-search input").click()
    page.keyboard.type(word)
    expect(page.get_by_role("option").first).to_contain_text(word)
    page.keyboard.press("Enter")


def selected(page, key: str):
    return page.locator(f".st-key-{key} [data-selected=true] p").first


def pick(page, key: str, text: str) -> None:
    """Click an option of a radio group."""
    page.locator(f".st-key-{key} [data-testid=stRadioOption]").get_by_text(text, exact=True).click()


@pytest.mark.parametrize(
    ("view", "key", "added", "removed"),
    [("Methods", "methods", "LayerCAM", "Grad-CAM"), (None, "compare_picked", "teapot", "tabby")],
)
def test_each_of_three_quick_choices_stays(open_late, view, key, added, removed):
    page, answers = open_late("Compare", view)
    expect(page.locator(f".st-key-{key} [data-tag]").first).to_be_visible()
    before = tags(page, key)
    after = [*(name for name in before if name not in (removed, before[0])), added]

    def remove(name: str) -> None:
        page.locator(f".st-key-{key}").get_by_role("button", name=f"Remove {name}", exact=True).click()

    answers.after(lambda: remove(before[0]), lambda: add(page, key, added))
    answers.come()
    page.wait_for_timeout(_MOMENT)
    answers.after(lambda: remove(removed))
    assert tags(page, key) == after
    settle(page, answers)
    assert tags(page, key) == after
    assert set(after) <= set(page.locator("[class*=st-key-picture_] .title").all_inner_texts())


@pytest.mark.parametrize(
    ("place", "key", "names"),
    [
        ((), "network", ("EfficientNet-Lite0", "Random weights")),
        ((), "colors", ("Viridis", "Cividis")),
        (("Compare",), "lesson_photo", ("Crab", "Koala")),
        (("Compare",), "lesson_class", ("tabby", "lynx")),
        (("Compare", "Difference"), "compare_rival", ("tabby", "lynx")),
    ],
)
def test_the_second_of_two_quick_choices_stays(open_late, place, key, names):
    page, answers = open_late(*place)
    field = page.locator(f".st-key-{key} input")

    def choose(name: str) -> None:
        field.fill(name)
        page.get_by_role("option", name=name, exact=True).click()

    answers.after(*(lambda name=name: choose(name) for name in names))
    answers.come()
    page.wait_for_timeout(_MOMENT)
    expect(field).to_have_value(names[1])
    settle(page, answers)
    expect(field).to_have_value(names[1])


@pytest.mark.parametrize(("key", "names"), [("row", ("German shepherd", "tabby")), ("sample", ("Crab", "Koala"))])
def test_the_second_of_two_quick_clicks_in_a_list_stays(open_late, key, names):
    page, answers = open_late()
    answers.after(*(lambda name=name: pick(page, key, name) for name in names))
    answers.come()
    page.wait_for_timeout(_MOMENT)
    expect(selected(page, key)).to_have_text(names[1])
    settle(page, answers)
    expect(selected(page, key)).to_have_text(names[1])


def test_after_next_another_case_is_chosen(open_late):
    page, answers = open_late("Guess first")
    page.locator("[class*=st-key-draw_guess] .frame").click()
    wait_until_idle(page)
    page.get_by_role("button", name="Reveal").click()
    expect(page.get_by_role("button", name="Next")).to_be_visible()
    wait_until_idle(page)
    # What comes sooner after Reveal is taken for the second click of a double click.
    page.wait_for_timeout(1000 * _DOUBLE_CLICK_SECONDS)
    answers.after(
        lambda: page.get_by_role("button", name="Next").click(), lambda: pick(page, "case", "No class for it")
    )
    settle(page, answers)
    expect(selected(page, "case")).to_have_text("No class for it")
    expect(page.locator(".st-key-guess_question")).to_contain_text(CASES[3].question)


def test_a_class_found_and_another_one_clicked_is_that_one(open_late):
    page, answers = open_late()
    answers.after(lambda: find(page, "teapot"), lambda: pick(page, "row", "tabby"))
    settle(page, answers)
    expect(selected(page, "row")).to_have_text("tabby")
    expect(page.locator(f"{HEAT} .title")).to_have_text("Evidence for tabby")


def test_the_class_of_the_last_photo_is_not_that_of_the_next(open_late):
    """With each click a browser sends all that it shows; until the answer is there, that is of the last photo."""
    page, answers = open_late()
    pick(page, "row", "German shepherd")
    wait_until_idle(page)
    box = page.locator(".st-key-box label").first
    answers.after(lambda: pick(page, "sample", "Crab"), box.click, box.click)
    settle(page, answers)
    expect(selected(page, "row")).to_have_text("rock crab")
    expect(page.locator(f"{HEAT} .title")).to_have_text("Evidence for rock crab")


def test_the_classes_compared_are_those_of_the_photo_shown(open_late):
    page, answers = open_late("Compare")
    scale = page.locator(".st-key-one_scale label").first
    answers.after(lambda: choose_option(page, "lesson_photo", "Crab"), scale.click, scale.click)
    settle(page, answers)
    expect(page.locator(".st-key-lesson_class input")).to_have_value("rock crab")
    assert tags(page, "compare_picked") == ["fiddler crab", "red king crab"]


def test_another_class_twice_leaves_nothing_of_the_first(open_late):
    """The first is one of those that the class is compared with, and not offered there any more."""
    page, answers = open_late("Compare")
    page.get_by_role("button", name="Remove German shepherd").click()
    page.wait_for_url("**vs=tabby*")
    wait_until_idle(page)
    answers.after(*(lambda name=name: choose_option(page, "lesson_class", name) for name in ("tabby", "tiger cat")))
    settle(page, answers)
    expect(page.locator("[class*=st-key-picture_compare_] .title")).to_have_text(["tiger cat", "tabby"])
