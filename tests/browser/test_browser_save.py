"""The Save menu gives what is seen."""

import io
import re

import numpy as np
import pytest
from PIL import Image
from support.page_parts import choose_class, expect, heat, picture, set_opacity

pytestmark = pytest.mark.browser

NAME = "dog_and_cat-Egyptian-cat-efficientnet-lite2"


def save(page, label: str) -> tuple[str, bytes]:
    """The name and the bytes of one download; opens the menu where it is closed."""
    button = page.get_by_role("button", name=label)
    if not button.is_visible():
        page.get_by_role("button", name="Save").click()
    with page.expect_download() as download:
        button.click()
    return download.value.suggested_filename, download.value.path().read_bytes()


def close_menu(page) -> None:
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Overlay, PNG")).to_have_count(0)


def test_the_overlay_has_the_photos_size_and_the_opacity_that_only_the_browser_knew(page, sample):
    photo = sample("dog_and_cat")
    set_opacity(page, 0)
    name, data = save(page, "Overlay, PNG")
    assert name == f"{NAME}.png"
    plain = picture(data)
    assert plain.shape == (439, 1024, 3)
    assert np.abs(plain - np.asarray(photo).astype(int)).mean() < 3

    close_menu(page)
    set_opacity(page, 100)
    _, data = save(page, "Overlay, PNG")
    layer = heat(page)
    full = Image.fromarray(picture(data)).resize(layer.shape[1::-1])
    assert np.abs(np.asarray(full) - layer.astype(int)).mean() < 3


def test_the_map_is_saved_as_text_and_as_an_array_of_the_same_numbers(page):
    choose_class(page, "German shepherd")
    text_name, text = save(page, "Map, CSV")
    array_name, array = save(page, "Map, NPY")
    assert text_name == "dog_and_cat-German-shepherd-efficientnet-lite2.csv"
    assert array_name == "dog_and_cat-German-shepherd-efficientnet-lite2.npy"
    cells = np.load(io.BytesIO(array))
    assert cells.shape == (7, 15)
    assert np.loadtxt(io.BytesIO(text), delimiter=",") == pytest.approx(cells, rel=1e-4, abs=1e-4)
    bias, score = map(float, re.search(rb"bias (\S+) = score (\S+)", text).groups())
    assert cells.mean() + bias == pytest.approx(score, abs=1e-4)
    assert np.unravel_index(cells.argmax(), cells.shape)[1] < 7


def test_the_figure_is_saved_as_a_picture_and_as_a_document(page):
    name, data = save(page, "Figure, PNG")
    assert name == f"{NAME}-figure.png"
    assert data.startswith(b"\x89PNG\r\n")
    assert picture(data).shape[1] == 1800
    name, data = save(page, "Figure, PDF")
    assert name == f"{NAME}-figure.pdf"
    assert data.startswith(b"%PDF-1.")
    assert len(data) > 20_000


def test_the_menu_follows_the_class_that_is_chosen_after_it_was_used(page):
    save(page, "Map, CSV")
    close_menu(page)
    choose_class(page, "German shepherd")
    name, text = save(page, "Map, CSV")
    assert name.startswith("dog_and_cat-German-shepherd")
    assert re.match(rb"# class activation map: German shepherd, 4\.\d %, score", text)
