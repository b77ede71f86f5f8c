"""A box drawn with the mouse, the finger or the keyboard, and the map after it."""

import pytest
from support.late_answers import LateAnswers
from support.page_parts import expect, wait_for_heat, wait_until_idle

from cam.app.pages.guess.page import _DOUBLE_CLICK_SECONDS

pytestmark = pytest.mark.browser

FRAME = "[class*=st-key-draw_guess] .frame"
BOX = f"{FRAME} .box"
MAP = ".st-key-picture_guess"
SHARES = """box => {
  const inner = box.getBoundingClientRect(), outer = box.parentNode.getBoundingClientRect();
  return [(inner.left - outer.left) / outer.width, (inner.top - outer.top) / outer.height,
          (inner.right - outer.left) / outer.width, (inner.bottom - outer.top) / outer.height];
}"""


@pytest.fixture
def guess(page):
    """The page "Guess first" with its first case, come to from the first page."""
    return open_guess(page)


def open_guess(page):
    page.get_by_role("link", name="Guess first").click()
    page.locator(".st-key-case").get_by_text("Two animals").click()
    expect(page.locator(".st-key-guess_question")).to_contain_text("One photo, two animals")
    wait_until_idle(page)
    expect(page.locator(FRAME)).to_have_attribute("role", "application")
    return page


def drag(page, start, end) -> None:
    """Press, move and release the mouse; the places are shares of the photo."""
    page.locator(FRAME).scroll_into_view_if_needed()
    area = page.locator(FRAME).bounding_box()
    places = [(area["x"] + x * area["width"], area["y"] + y * area["height"]) for x, y in (start, end)]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=4)
    page.mouse.up()


def shares(page) -> list[float]:
    """The box that is drawn, in shares of the photo."""
    expect(page.locator(BOX)).to_be_visible()
    return page.locator(BOX).evaluate(SHARES)


def reveal(page) -> dict[str, str]:
    """Reveal the map; returns the numbers on the page."""
    page.get_by_role("button", name="Reveal").click()
    expect(page.locator(f"{MAP} img.heat")).to_be_visible()
    wait_until_idle(page)
    names, numbers = ("Evidence caught", "Photo marked", "Points"), page.locator("[data-testid=stMetricValue]")
    expect(numbers).to_have_count(len(names))
    return {name: number.strip() for name, number in zip(names, numbers.all_inner_texts(), strict=True)}


def test_from_another_page_it_opens_with_the_first_case_and_the_last_has_that_pages_photo_and_class(page):
    page.locator(".st-key-row").get_by_text("German shepherd", exact=True).click()
    wait_for_heat(page, "German shepherd")
    page.get_by_role("link", name="Guess first").click()
    expect(page.locator(".st-key-case label[data-selected=true]")).to_have_text("Two animals")
    page.locator(".st-key-case").get_by_text("This photo").click()
    expect(page.locator(".st-key-case label[data-selected=true]")).to_have_text("This photo")
    expect(page.locator("[class*=st-key-draw_guess] figcaption")).to_have_text(
        "Where does the network look for German shepherd?"
    )


def test_a_drag_marks_a_box_and_the_reveal_shows_the_map_with_it(guess):
    drag(guess, (0.1, 0.2), (0.5, 0.7))
    assert shares(guess) == pytest.approx([0.1, 0.2, 0.5, 0.7], abs=0.01)
    assert guess.locator("img.heat").count() == 0
    numbers = reveal(guess)
    assert numbers["Photo marked"] == "20 %"
    assert int(numbers["Points"]) == int(numbers["Evidence caught"].split()[0]) - 20
    assert guess.locator(f"{MAP} .box").evaluate(SHARES) == pytest.approx([0.1, 0.2, 0.5, 0.7], abs=0.02)
    expect(guess.locator(".st-key-guess_tally tbody tr")).to_have_text(
        f"Two animalsGerman shepherd{numbers['Evidence caught']}20 %{numbers['Points']}"
    )


def test_after_the_reveal_the_box_stays_as_it_is(guess):
    drag(guess, (0.1, 0.2), (0.5, 0.7))
    reveal(guess)
    before = shares(guess)
    drag(guess, (0.6, 0.1), (0.9, 0.9))
    assert shares(guess) == before
    assert guess.locator(FRAME).get_attribute("tabindex") is None


def test_a_drag_that_ends_outside_is_cut_at_the_edge_and_works_backwards(guess):
    drag(guess, (0.5, 0.6), (-0.1, -0.3))
    assert shares(guess) == pytest.approx([0, 0, 0.5, 0.6], abs=0.01)
    assert reveal(guess)["Photo marked"] == "30 %"


def test_a_click_marks_a_square_of_a_sixth_of_the_shorter_side(guess):
    drag(guess, (0.3, 0.4), (0.3, 0.4))
    area = guess.locator(FRAME).bounding_box()
    side = min(area["width"], area["height"]) / 6
    left, top, right, bottom = shares(guess)
    assert (right - left) * area["width"] == pytest.approx(side, abs=1)
    assert (bottom - top) * area["height"] == pytest.approx(side, abs=1)
    assert [(left + right) / 2, (top + bottom) / 2] == pytest.approx([0.3, 0.4], abs=0.01)


def test_arrow_keys_make_move_and_resize_the_box(guess):
    frame = guess.locator(FRAME)
    frame.press("ArrowLeft")
    left, top, right, bottom = shares(guess)
    assert [(left + right) / 2, (top + bottom) / 2] == pytest.approx([0.5, 0.5], abs=0.01)
    for _ in range(5):
        frame.press("ArrowLeft")
    assert shares(guess) == pytest.approx([left - 0.1, top, right - 0.1, bottom], abs=0.01)
    for _ in range(5):
        frame.press("Shift+ArrowDown")
    assert shares(guess) == pytest.approx([left - 0.1, top, right - 0.1, bottom + 0.1], abs=0.01)
    width, height = right - left, bottom - top + 0.1
    assert reveal(guess)["Photo marked"] == f"{round(100 * width * height)} %"


def test_a_finger_draws_and_the_page_does_not_scroll_under_it(guess):
    guess.set_viewport_size({"width": 1366, "height": 500})
    guess.locator(FRAME).scroll_into_view_if_needed()
    area = guess.locator(FRAME).bounding_box()
    touch = guess.context.new_cdp_session(guess)
    x, y = area["x"] + 0.2 * area["width"], area["y"] + 0.8 * area["height"]
    for step in range(6):
        place = {"x": x + step * 0.06 * area["width"], "y": y - step * 0.1 * area["height"]}
        kind = "touchMove" if step else "touchStart"
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [place]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert shares(guess) == pytest.approx([0.2, 0.3, 0.5, 0.8], abs=0.02)
    assert guess.locator(FRAME).bounding_box() == area
    assert reveal(guess)["Photo marked"] == "15 %"


def test_the_photo_stays_where_it_is_while_the_answer_to_a_box_arrives(new_page):
    """Whoever draws again at once draws where the photo is seen."""
    page = new_page()
    answers = LateAnswers(page)
    page.goto("/")
    wait_for_heat(page)
    open_guess(page)
    before = page.locator(FRAME).bounding_box()
    answers.after(lambda: drag(page, (0.1, 0.2), (0.5, 0.7)))
    places = [page.locator(FRAME).bounding_box() for _ in answers.come_one_by_one()]
    assert len(places) > 10 and all(place == before for place in places)
    answers.all_come()
    assert reveal(page)["Photo marked"] == "20 %"


def test_the_keyboard_alone_leads_from_case_to_case(guess):
    guess.locator(FRAME).press("ArrowLeft")
    guess.keyboard.press("Tab")
    focused = guess.locator(":focus")
    for text in ("Reveal", "Next", "Reveal"):
        expect(focused).to_have_text(text)
        guess.wait_for_timeout(1000 * _DOUBLE_CLICK_SECONDS)
        guess.keyboard.press("Enter")
    expect(guess.locator(".st-key-guess_numbers")).to_contain_text("Mark the photo first.")
    expect(focused).to_have_text("Reveal")
    guess.keyboard.press("Shift+Tab")
    expect(guess.locator(FRAME)).to_be_focused()


def test_a_phone_shows_what_comes_next(new_page):
    """The button below the photo, the map where the button was, and after Next the question of the next case."""
    page = new_page(has_touch=True, is_mobile=True)
    page.goto("/")
    wait_for_heat(page)
    open_guess(page)
    page.set_viewport_size({"width": 375, "height": 812})
    expect(page.locator(f"{FRAME} .hint")).to_have_text("Drag a box, or tap")
    page.locator(FRAME).tap()
    expect(page.get_by_role("button", name="Reveal")).to_be_in_viewport(ratio=1)
    reveal(page)
    expect(page.locator(MAP)).to_be_in_viewport()
    page.wait_for_timeout(1000 * _DOUBLE_CLICK_SECONDS)
    page.get_by_role("button", name="Next").tap()
    expect(page.locator(".st-key-guess_question")).to_contain_text("Four hens")
    wait_until_idle(page)
    for place in (".st-key-guess_question p", FRAME):
        expect(page.locator(place)).to_be_in_viewport(ratio=1)
