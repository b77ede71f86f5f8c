"""Photos of one's own: shown upright, explained, refused with a sentence, and nobody else's."""

import numpy as np
import pytest
from PIL import Image
from support.page_parts import HEAT, PHOTO, choose_class, expect, heat, pixels, ranked, redrawn, upload, wait_for_heat

pytestmark = pytest.mark.browser

EVERYTHING = """() => {
  const inside = root => [...root.querySelectorAll("*")].map(node => node.shadowRoot).filter(Boolean);
  const html = root => [root.innerHTML, ...inside(root).map(html)].join("\\n");
  return [html(document.documentElement), JSON.stringify([...window.classcamPhotos]), location.href].join("\\n");
}"""


@pytest.fixture
def sideways_koala(sample, tmp_path):
    """A JPEG that lies on its side, with the EXIF orientation 6 that says how to turn it upright."""
    path = tmp_path / "my sideways koala.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = sample("koala").transpose(Image.Transpose.ROTATE_90)
    assert lying.size == (1024, 768)
    lying.save(path, exif=exif, quality=90)
    return path


@pytest.fixture
def text_named_jpg(tmp_path):
    path = tmp_path / "bad.jpg"
    path.write_text("not a photo at all")
    return path


def take(page, path) -> None:
    """Upload the koala and wait until it is explained."""
    upload(page, path)
    expect(page.locator(f"{PHOTO} .title")).to_have_text(path.name)
    wait_for_heat(page, "koala")


def test_an_upload_is_shown_upright_under_its_name_and_explained(page, sample, sideways_koala):
    before = ranked(page)
    take(page, sideways_koala)
    left, right = (page.locator(f"{part} img.photo") for part in (PHOTO, HEAT))
    expect(right).to_have_attribute("src", left.get_attribute("src"))
    shown = pixels(left)
    assert shown.shape == (1024, 768, 3)
    assert np.abs(shown.astype(int) - np.asarray(sample("koala"))).mean() < 5
    assert heat(page).shape == (640, 480, 3)
    assert "koala" not in before
    assert ranked(page)[0] == "koala"
    # No link can name a photo that only this session has, but who loads the page anew is told why it is gone.
    page.wait_for_url("**/?*photo=own*")
    assert "class=" not in page.url
    page.reload()
    wait_for_heat(page)
    expect(page.get_by_role("alert")).to_contain_text("Upload it again")


def test_a_refused_photo_leaves_a_sentence_and_the_heat_until_the_next_is_taken(page, text_named_jpg, sideways_koala):
    before, alert = heat(page), page.get_by_role("alert")
    upload(page, text_named_jpg)
    expect(alert).to_be_visible()
    expect(alert).to_contain_text("photo")
    wait_for_heat(page, "Egyptian cat")
    assert np.array_equal(heat(page), before)
    expect(page.locator(f"{PHOTO} .title")).to_have_text("Dog and cat")
    take(page, sideways_koala)
    expect(alert).to_have_count(0)


def test_a_sentence_that_comes_and_goes_does_not_rebuild_the_pictures(page, text_named_jpg):
    figures = [page.locator(f"{part} figure") for part in (PHOTO, HEAT)]
    for figure in figures:
        figure.evaluate("figure => { figure.isTheFirst = true; }")
    upload(page, text_named_jpg)
    expect(page.get_by_role("alert")).to_be_visible()
    choose_class(page, "German shepherd")
    expect(page.get_by_role("alert")).to_have_count(0)
    assert [figure.evaluate("figure => figure.isTheFirst") for figure in figures] == [True, True]


def test_another_visitor_never_gets_the_upload(page, new_page, sideways_koala):
    one, other = new_page(alone=True), page
    one.goto("/")
    wait_for_heat(one, "Egyptian cat")
    take(one, sideways_koala)
    source = one.locator(f"{PHOTO} img.photo").get_attribute("src")
    assert source in one.evaluate(EVERYTHING)
    assert sideways_koala.name in one.evaluate(EVERYTHING)

    with redrawn(other):
        other.locator(".st-key-sample [data-testid=stRadioOption]").get_by_text("Espresso").click()
    wait_for_heat(other, "espresso")
    seen = other.evaluate(EVERYTHING)
    assert "Espresso" in seen
    assert source not in seen
    assert sideways_koala.name not in seen
