"""The QR code as a phone in the back row sees it, read by a program that knows nothing of how it was made."""

import io

import pytest
from PIL import Image
from support.page_parts import expect
from support.page_server import running_server

zxingcpp = pytest.importorskip("zxingcpp", reason="needs zxing-cpp: pip install zxing-cpp")
pytestmark = pytest.mark.browser

ADDRESS = "http://192.168.1.17:8501"
CODE = ".qr-code img"


@pytest.fixture(scope="module")
def shared_server(browser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shared")
    # The heat is not the point, and TensorFlow takes long.
    with running_server(folder, CAM_ADDRESS=ADDRESS, TENSORFLOW_GATE=str(folder / "never")) as server:
        yield server


@pytest.fixture
def opened(new_page, shared_server):
    """A function that gives a page with the dialog open, in a window of this size and with these colours."""

    def make(size: tuple[int, int], colors: str):
        viewport = {"width": size[0], "height": size[1]}
        page = new_page(server=shared_server, viewport=viewport, color_scheme=colors)
        page.goto("/")
        expect(page.locator("h1")).to_have_text("ClassCam")
        page.locator(".st-key-show_address button").click()
        expect(page.locator(CODE)).to_be_visible()
        return page

    return make


def read(page, share: float = 1.0) -> str:
    """What the QR code says on a picture of the window, made smaller by this share."""
    image = Image.open(io.BytesIO(page.screenshot(animations="disabled")))
    image = image.resize((round(image.width * share), round(image.height * share)))
    found = [code.text for code in zxingcpp.read_barcodes(image)]
    assert len(found) == 1, f"{len(found)} codes were read"
    return found[0]


@pytest.mark.parametrize(("size", "colors"), [((1366, 768), "light"), ((390, 844), "dark")])
def test_the_code_is_the_address_and_fills_the_window(opened, size, colors):
    page = opened(size, colors)
    assert read(page) == ADDRESS
    expect(page.locator(".qr-code .address")).to_have_text(ADDRESS)
    box = page.locator(CODE).bounding_box()
    assert box["width"] == pytest.approx(box["height"])
    assert box["width"] > 0.6 * min(size)
    assert box["y"] + box["height"] < size[1]


def test_the_code_is_read_from_the_back_row(opened):
    # A projector's picture as it is in a photo from so far away that it is 240 pixels wide.
    page = opened((1366, 768), "dark")
    expect(page.locator(CODE)).to_have_js_property("complete", True)
    assert read(page, 240 / 1366) == ADDRESS


def test_a_server_for_this_computer_alone_has_no_button(page):
    expect(page.locator(".st-key-show_address")).to_have_count(0)
