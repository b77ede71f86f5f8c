"""The opacity follows the slider within the browser: the server is neither asked nor left behind."""

import re
from functools import partial

import pytest
from support.page_parts import HEAT, choose_class, eventually, expect, opacity, set_opacity, wait_for_heat

pytestmark = pytest.mark.browser


@pytest.fixture
def counted(new_page):
    """(page, frames): the open page, and the frames that it has sent to the server since it was idle."""
    page, frames = new_page(), []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: frames.append(frame)))
    page.goto("/")
    wait_for_heat(page)
    page.wait_for_url("**/?*photo=dog_and_cat*")
    assert frames, "the first run of the script is asked for by a frame"
    frames.clear()
    return page, frames


def drag(page, share: float) -> None:
    """Drag the slider's thumb to a share of the track, in steps, and hold it there."""
    slider = page.locator(".st-key-opacity")
    track = slider.get_by_role("group").bounding_box()
    thumb = slider.locator("[data-rac][style*=translate]").bounding_box()
    middle = thumb["y"] + thumb["height"] / 2
    page.mouse.move(thumb["x"] + thumb["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(track["x"] + share * track["width"], middle, steps=8)


def test_a_drag_moves_the_opacity_at_once_and_sends_nothing(counted):
    page, frames = counted
    drag(page, 0.25)
    during = opacity(page)
    assert during == pytest.approx(int(page.locator(".st-key-opacity input").input_value()) / 100)
    assert during == pytest.approx(0.25, abs=0.03)
    page.mouse.up()
    page.wait_for_url(f"**/?*opacity={100 * during:.0f}*")
    assert opacity(page) == during
    assert frames == []


def test_arrow_keys_move_the_opacity_and_send_nothing(counted):
    page, frames = counted
    slider = page.locator(".st-key-opacity input")
    for percent in (59, 58, 57):
        slider.press("ArrowLeft")
        expect(slider).to_have_value(str(percent))
        assert opacity(page) == pytest.approx(percent / 100)
    page.wait_for_url(re.compile(r"[?&]opacity=57\b"))
    assert frames == []


def test_the_next_class_has_the_opacity_of_the_slider(counted):
    page, frames = counted
    set_opacity(page, 2)
    assert frames == []
    choose_class(page, "German shepherd")
    assert frames, "a class is asked of the server, which now knows the opacity"
    assert opacity(page) == pytest.approx(0.02)
    expect(page.locator(".st-key-opacity input")).to_have_value("2")


def test_an_opacity_that_is_chosen_while_an_answer_is_on_its_way_outlasts_it(new_page):
    page, held, late = new_page(), [], [False]

    def connect(browser) -> None:
        server = browser.connect_to_server()
        server.on_message(
            lambda message: held.append(partial(browser.send, message)) if late[0] else browser.send(message)
        )

    page.route_web_socket("**/_stcore/stream", connect)
    page.goto("/")
    wait_for_heat(page)
    late[0] = True
    page.locator(".st-key-row [data-testid=stRadioOption]").get_by_text("German shepherd").click()
    set_opacity(page, 4)
    assert opacity(page) == pytest.approx(0.04)
    eventually(page, lambda: len(held) > 0, True)
    late[0] = False
    for send in held:
        send()
    wait_for_heat(page, "German shepherd")
    expect(page.locator(".st-key-opacity input")).to_have_value("4")
    assert opacity(page) == pytest.approx(0.04)


def test_another_slider_leaves_the_opacity_alone(page):
    page.locator(".st-key-box").get_by_text("Box around the evidence").click()
    expect(page.locator(f"{HEAT} .box").first).to_be_visible()
    for key in ("Home", "End"):
        page.locator(".st-key-threshold input").press(key)
        assert opacity(page) == pytest.approx(0.6)
