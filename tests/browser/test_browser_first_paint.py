"""The page before the network is there: its import of TensorFlow is held back until the test lets it go."""

import re

import pytest
from support.page_parts import HEAT, PHOTO, expect, wait_for_heat
from support.page_server import running_server

pytestmark = pytest.mark.browser

WAITING = ".st-key-picture_waiting"
KEYS = ("network", "sample", "picture_photo", "ranked", "opacity")


@pytest.fixture
def loading(new_page, tmp_path):
    """(page, let_go): the page of a server of its own whose network loads until `let_go()` is called."""
    gate = tmp_path / "gate"
    # Without a converted network, which would need no TensorFlow.
    with running_server(tmp_path, TENSORFLOW_GATE=str(gate), CAM_CACHE=str(tmp_path / "cache")) as server:
        page = new_page(server=server)
        page.goto("/")
        expect(page.locator(f"{WAITING} .wait")).to_be_visible()
        yield page, gate.touch
        # Before the server stops, which the page would report.
        page.close()
        gate.touch()


def places(page, right: str) -> dict[str, list[float]]:
    """Left, top, width and height of what must not jump; `right` is the picture beside the photo."""
    parts = {key: f".st-key-{key}" for key in KEYS}
    parts |= {"right": right, "left frame": f"{PHOTO} .frame", "right frame": f"{right} .frame"}
    found = {name: page.locator(part).bounding_box() for name, part in parts.items()}
    return {name: [box[side] for side in ("x", "y", "width", "height")] for name, box in found.items()}


def test_the_page_is_there_before_tensorflow_and_does_not_jump_when_it_comes(loading):
    page, let_go = loading
    expect(page.get_by_role("heading", name="ClassCam", level=1)).to_be_visible()
    expect(page.locator(".st-key-status")).to_have_text(re.compile("Loading EfficientNet-Lite2"))
    photo = page.locator(f"{PHOTO} img.photo")
    assert photo.evaluate("img => [img.naturalWidth, img.naturalHeight]") == [1024, 439]
    expect(page.locator(".st-key-sample [data-testid=stRadioOption]")).to_have_count(16)
    before = places(page, WAITING)

    let_go()
    wait_for_heat(page)
    expect(page.locator(".st-key-status")).to_have_text(re.compile("million parameters"))
    expect(page.locator(WAITING)).to_have_count(0)
    after = places(page, HEAT)
    jumped = [name for name in before if before[name] != pytest.approx(after[name], abs=2)]
    assert {name: (before[name], after[name]) for name in jumped} == {}
