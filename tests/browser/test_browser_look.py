"""What everyone can read: alternative texts, contrast in both schemes, and a narrow phone."""

import re
import tomllib

import numpy as np
import pytest
from support.page_parts import HEAT, PHOTO, expect, picture, upload, wait_for_heat, wait_until_idle
from support.page_server import ROOT

pytestmark = pytest.mark.browser

# WCAG 2.2, success criterion 1.4.3, for text of this size.
CONTRAST = 4.5
TEXTS = {
    "title of the page": ".st-key-title p",
    "status": ".st-key-status p",
    "class": ".st-key-row [data-testid=stRadioOption] p",
    "probability": ".st-key-row [data-testid=stRadioCaption] p",
    "title of the heat": f"{HEAT} .title",
    "credit of the photo": f"{PHOTO} .below",
    "end of the bar": f"{HEAT} .below span",
    "value of a slider": "[data-testid=stSliderThumbValue]",
    "label of a widget": ".st-key-opacity label p",
}

# What is as wide as all that the page holds.
WIDE = "() => ['html', 'body', '[data-testid=stMain]'].map(part => document.querySelector(part).scrollWidth)"
LONG_NAMES = ("PXL_20240713_153012345.PORTRAIT-01.COVER.of.our.cats.jpg", "a holiday photo of two cats in the sun " * 4)


def luminance(pixels: np.ndarray) -> np.ndarray:
    """The relative luminance of WCAG, 0..1, of uint8 RGB pixels (..., 3)."""
    shares = pixels / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(pixels: np.ndarray) -> float:
    """Between the background, which is most of the pixels, and the text: what differs most from it."""
    colours, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)
    ground = luminance(colours[counts.argmax()])
    ratios = (luminance(colours) + 0.05) / (ground + 0.05)
    return float(np.maximum(ratios, 1 / ratios).max())


def crop(screen: np.ndarray, part) -> np.ndarray:
    """The pixels of a part of the page, which must be on the screen."""
    box = {side: round(length) for side, length in part.bounding_box().items()}
    assert box["y"] + box["height"] <= len(screen)
    return screen[box["y"] :, box["x"] :][: box["height"], : box["width"]]


def open_by_link(new_page, name: str, sign: str):
    """A page of the app, with `sign` on it, reached by the navigation."""
    page = new_page()
    page.goto("/")
    wait_for_heat(page)
    page.get_by_role("link", name=name).click()
    expect(page.locator(sign)).to_be_visible()
    wait_until_idle(page)
    return page


@pytest.mark.parametrize(("grey", "ratio"), [(0x77, 4.48), (0, 21)])
def test_contrast_is_that_of_wcag(grey, ratio):
    picture = np.full((4, 4, 3), 255, np.uint8)
    picture[0, 0] = grey
    assert contrast(picture) == pytest.approx(ratio, abs=0.005)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_colour_of_buttons_can_be_seen_and_white_can_be_read_on_it(scheme):
    theme = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"][scheme]
    names = ("primaryColor", "backgroundColor", "secondaryBackgroundColor")
    primary, *grounds = (np.array([*bytes.fromhex(theme[name][1:])], np.uint8) for name in names)
    assert contrast(np.array([primary, primary, [255, 255, 255]], np.uint8)) >= CONTRAST
    # WCAG 2.2, success criterion 1.4.11: what is no text.
    assert all(contrast(np.array([ground, ground, primary])) >= 3 for ground in grounds)


@pytest.mark.parametrize(("scheme", "darkest", "brightest"), [("light", 0.8, 1), ("dark", 0, 0.05)])
def test_texts_stand_out_from_the_background_of_the_scheme(new_page, scheme, darkest, brightest):
    page = new_page(color_scheme=scheme)
    page.goto("/")
    wait_for_heat(page)
    screen = picture(page.screenshot())
    assert darkest <= np.median(luminance(screen)) <= brightest
    ratios = {name: contrast(crop(screen, page.locator(part).first)) for name, part in TEXTS.items()}
    assert {name: round(ratio, 2) for name, ratio in ratios.items() if ratio < CONTRAST} == {}


def test_every_picture_and_every_field_has_a_name(page):
    images = "images => images.map(image => [image.className, image.getAttribute('alt')])"
    alts = page.locator("img").evaluate_all(images)
    assert ["photo", "Photo: Dog and cat"] in alts
    assert all(alt is not None for _, alt in alts)
    # The photo under the heat is decoration: the heat's text tells what there is to see.
    assert [name for name, alt in alts if alt == ""] == ["photo"]
    (heat,) = (alt for name, alt in alts if name == "heat")
    assert "strongest evidence for Egyptian cat is at the middle right" in heat
    bar = page.locator(f"{HEAT} .bar")
    expect(bar).to_have_role("img")
    expect(bar).to_have_accessible_name(re.compile(r"^Colour scale of the evidence, from 0(\.0)? to 34\.9 "))
    for role in ("combobox", "slider", "radiogroup", "switch"):
        names = page.get_by_role(role).evaluate_all("fields => fields.map(field => field.getAttribute('aria-label'))")
        assert names
        assert all(names)


def test_on_a_phone_the_pictures_are_below_each_other_and_nothing_is_wider_than_the_screen(new_page):
    page = new_page(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    page.goto("/")
    wait_for_heat(page)
    assert max(page.evaluate(WIDE)) <= 390
    photo, heat = (page.locator(f"{part} .frame").bounding_box() for part in (PHOTO, HEAT))
    assert min(photo["width"], heat["width"]) >= 300
    assert heat["y"] >= photo["y"] + photo["height"]
    assert abs(heat["x"] - photo["x"]) <= 1


def test_on_the_first_screen_of_a_phone_are_the_photo_and_most_of_its_heat(new_page):
    page = new_page(viewport={"width": 375, "height": 812})
    page.goto("/")
    wait_for_heat(page)
    heat = page.locator(f"{HEAT} .frame").bounding_box()
    assert heat["y"] + 0.6 * heat["height"] <= 812
    upload, camera = (
        page.locator(f".st-key-own {part}").bounding_box()
        for part in ("[data-testid=stFileUploaderDropzone]", ".stPopover button")
    )
    assert (upload["y"], upload["height"]) == pytest.approx((camera["y"], camera["height"]), abs=1)
    # What is known of the network is not lost: it is at the end.
    assert page.locator(".st-key-status").bounding_box()["y"] > heat["y"] + heat["height"]
    pages = page.locator("[data-testid=stExpandSidebarButton]")
    assert pages.evaluate("button => getComputedStyle(button, '::after').content") == '"Pages"'


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1600, 900)])
def test_the_gallery_is_two_full_rows_of_names_that_are_not_cut(new_page, width, height):
    page = new_page(viewport={"width": width, "height": height})
    page.goto("/")
    wait_for_heat(page)
    tops = [box.bounding_box()["y"] for box in page.locator(".st-key-sample [data-testid=stRadioOption]").all()]
    assert [tops.count(top) for top in sorted(set(tops))] == [8, 8]
    cut = "names => names.filter(name => name.scrollWidth > name.clientWidth).map(name => name.textContent)"
    assert page.locator(".st-key-sample [data-testid=stRadioOption] p").evaluate_all(cut) == []
    assert page.locator(".st-key-row [data-testid=stRadioOption]").first.bounding_box()["y"] < height - 36


@pytest.mark.parametrize("name", LONG_NAMES)
def test_a_long_name_of_a_photo_takes_one_line_and_moves_nothing(new_page, sample, tmp_path, name):
    path = tmp_path / f"{name}.jpg"
    sample("koala").save(path)
    page = new_page(viewport={"width": 1280, "height": 800})
    page.goto("/")
    wait_for_heat(page)
    upload(page, path)
    wait_for_heat(page, "koala")
    title = page.locator(f"{PHOTO} .title")
    expect(title).to_have_attribute("title", path.name)
    photo, heat = (page.locator(f"{part} .frame").bounding_box() for part in (PHOTO, HEAT))
    assert photo["y"] == heat["y"]
    page.get_by_role("link", name="Compare").click()
    expect(page.locator(".st-key-picture_compare_0 img.heat")).to_be_visible()
    wait_until_idle(page)
    assert max(page.evaluate(WIDE)) <= 1280
    assert title.bounding_box()["height"] < 40


# Where the ends of the scale would stand over the next map, where CAM's own number made its legend higher, and a phone.
@pytest.mark.parametrize("width", [1280, 768, 375])
def test_the_legends_of_four_methods_stay_below_their_maps_and_are_equally_high(new_page, width):
    page = open_by_link(new_page, "Compare", ".st-key-picture_compare_0 img.heat")
    page.get_by_role("radio", name="Methods").click()
    maps = page.locator("[class*=st-key-picture_method_]")
    expect(maps).to_have_count(4)
    wait_until_idle(page)
    page.set_viewport_size({"width": width, "height": 1024})
    assert max(page.evaluate(WIDE)) <= width
    field = page.locator(".st-key-methods [role=group]").first.bounding_box()
    for tag in page.locator(".st-key-methods [data-tag]").all():
        box = tag.bounding_box()
        assert field["x"] <= box["x"] < box["x"] + box["width"] <= field["x"] + field["width"]
        assert field["y"] <= box["y"] < box["y"] + box["height"] <= field["y"] + field["height"]
    for one in maps.all():
        figure = one.locator("figure").bounding_box()
        for text in one.locator(".below span").all():
            assert text.bounding_box()["x"] + text.bounding_box()["width"] <= figure["x"] + figure["width"] + 1
    assert len({round(below.bounding_box()["height"]) for below in maps.locator(".below").all()}) == 1
