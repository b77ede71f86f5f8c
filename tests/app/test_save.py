"""Saved files hold what is seen: the overlay in the photo's own size, and the numbers of the map."""

import io
import re

import numpy as np
import pytest
from PIL import Image
from support.app_page import DOG, LITE0, NAMES, engine, file_of, open_page, run_with_open, upload, works

import cam
from cam.app import cache
from cam.app.widgets import download_menu
from cam.app.widgets.sample_gallery import DEFAULT, list_samples
from cam.formatting import format_percent

FILES = ["Overlay, PNG", "Figure, PNG", "Figure, PDF", "Map, CSV", "Map, NPY"]


@pytest.fixture
def saved(monkeypatch):
    """Label of a button -> (name of the file, function that makes its bytes), as the page has them in its menu."""
    buttons, button = {}, download_menu._button

    def record(row, label, name, mime, make):
        buttons[label] = (name, make)
        button(row, label, name, mime, make)

    monkeypatch.setattr(download_menu, "_button", record)
    return buttons


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def numbers(text: str, pattern: str) -> list[float]:
    return [float(number) for number in re.search(pattern, text).groups()]


def test_the_menu_offers_its_files_when_it_is_opened_and_makes_none_before(saved):
    at = open_page()
    assert not saved and not at.get("download_button")
    run_with_open(at, "Save")
    assert works(at)
    assert [button.label for button in at.get("download_button")] == FILES
    assert all(button.proto.help for button in at.get("download_button"))
    assert list(saved) == FILES


def test_files_are_named_after_photo_class_and_network(saved):
    run_with_open(open_page(photo="crab", **{"class": "shoji screen / room divider"}), "Save")
    names = [name for name, _ in saved.values()]
    assert all(name.startswith("crab-shoji-screen---room-divider-efficientnet-lite2") for name in names)
    assert len(set(names)) == len(FILES)
    assert [name.rpartition(".")[2] for name in names] == ["png", "png", "pdf", "csv", "npy"]


def test_every_file_is_made_and_is_of_its_kind(saved):
    run_with_open(open_page(), "Save")
    made = {label: make() for label, (_, make) in saved.items()}
    assert made["Overlay, PNG"].startswith(b"\x89PNG\r\n") and made["Figure, PNG"].startswith(b"\x89PNG\r\n")
    assert made["Figure, PDF"].startswith(b"%PDF-") and b"%%EOF" in made["Figure, PDF"][-16:]
    assert made["Map, CSV"].startswith(b"# ") and made["Map, NPY"].startswith(b"\x93NUMPY")


def test_the_overlay_is_drawn_as_the_page_is_and_in_the_size_of_the_file(saved):
    link = {"photo": "chelsea_cat", "class": "tabby", "colors": "Viridis", "opacity": "35", "network": LITE0}
    run_with_open(open_page(**link, fit="Squashed to a square"), "Save")
    image = cam.open_image(list_samples()["chelsea_cat"].path)
    heatmap = engine("chelsea_cat", LITE0, "squash").heatmap("tabby")
    expected = cam.overlay(image, heatmap, colormap="viridis", opacity=0.35)
    np.testing.assert_array_equal(np.asarray(opened(saved["Overlay, PNG"][1]())), np.asarray(expected))


def test_the_overlay_of_a_large_upload_keeps_every_pixel(saved, noise_photo):
    data = file_of(noise_photo(3000, 2500), quality=85)
    run_with_open(upload(open_page(), data, "large.jpg"), "Save")
    name, make = saved["Overlay, PNG"]
    image, explanation = cam.open_image(data, draft=False), engine(data)
    assert explanation.image_size == (1500, 1250)
    heatmap = explanation.heatmap(explanation.top(1)[0].index, size=(3000, 2500))
    overlay = opened(make())
    assert overlay.size == (3000, 2500) and name.startswith("photo-")
    np.testing.assert_array_equal(np.asarray(overlay), np.asarray(cam.overlay(image, heatmap, opacity=0.6)))


def test_boxes_are_drawn_into_the_overlay_where_they_are_on_the_page(saved):
    run_with_open(open_page(photo="chelsea_cat"), "Save")
    plain = np.asarray(opened(saved["Overlay, PNG"][1]()))
    run_with_open(open_page(photo="chelsea_cat", box="true", threshold="50"), "Save")
    boxed = np.asarray(opened(saved["Overlay, PNG"][1]()))
    changed = (plain != boxed).any(axis=2)
    explanation = engine("chelsea_cat")
    boxes = cam.boxes(explanation.heatmap(explanation.top(1)[0].index), 0.5)
    (rows, columns) = np.nonzero(changed)
    assert (columns.min(), rows.min()) == (min(b.left for b in boxes), min(b.top for b in boxes))
    assert (columns.max() + 1, rows.max() + 1) == (max(b.right for b in boxes), max(b.bottom for b in boxes))
    assert set(np.unique(boxed[changed])) <= {0, 255}


def test_the_map_is_saved_to_the_last_bit():
    explanation = engine(DEFAULT)
    data = download_menu._map_npy(explanation, explanation.prediction(DOG))
    again = np.load(io.BytesIO(data), allow_pickle=False)
    assert again.dtype == np.float32
    np.testing.assert_array_equal(again, explanation.class_map(DOG))


def test_the_csv_holds_the_map_and_its_header_the_sum_that_gives_the_score():
    explanation = engine(DEFAULT)
    data = download_menu.map_csv(explanation, explanation.prediction(DOG), "any words")
    cells = np.loadtxt(io.BytesIO(data), delimiter=",")
    np.testing.assert_allclose(cells, explanation.class_map(DOG), rtol=1e-5)
    bias, score = numbers(data.decode(), r"bias (-?[\d.e-]+) = score (-?[\d.e-]+)")
    assert cells.mean() + bias == pytest.approx(score, abs=2e-5)
    assert score == pytest.approx(float(explanation.scores[DOG]), rel=1e-5)


@pytest.mark.parametrize(
    "title", ["Ünïcödé 写真 🦀.jpg", 'a,b "c" # d.jpg', "two\nlines.jpg", "price $5 $ % \\frac.jpg"]
)
def test_the_csv_can_be_read_whatever_the_photos_file_is_called(saved, title, noise_photo):
    data = file_of(noise_photo(200, 150))
    run_with_open(upload(open_page(), data, title), "Save")
    text = saved["Map, CSV"][1]()
    explanation = engine(data)
    cells = np.loadtxt(io.BytesIO(text), delimiter=",", encoding="utf-8")
    np.testing.assert_allclose(cells, explanation.class_map(explanation.top(1)[0].index), rtol=1e-5)


@pytest.mark.parametrize("title", ["holiday,=1+1,.jpg", "holiday;@SUM(A1)\t+cmd|' '!A0.jpg", 'x,"=1+1".jpg'])
def test_no_cell_of_the_csv_is_a_formula_whatever_the_photos_file_is_called(title):
    explanation = engine(DEFAULT)
    text = download_menu.map_csv(explanation, explanation.prediction(DOG), title).decode()
    head, cells = text.splitlines()[0], text.splitlines()[2:]
    assert not [cell for cell in re.split(r"[,;\t|]", head) if cell.strip(' "')[:1] in tuple("=+-@")], head
    # Numbers stay numbers, those below zero too.
    assert any(cell.startswith("-") or ",-" in cell for cell in cells) and "'" not in "".join(cells)


def test_the_words_about_the_map_name_class_probability_score_network_and_photo(saved):
    run_with_open(open_page(network=LITE0, photo="crab"), "Save")
    best = engine("crab", LITE0).top(1)[0]
    first = saved["Map, CSV"][1]().decode().splitlines()[0]
    for words in (
        best.label,
        format_percent(best.probability),
        f"score {best.score:.2f}",
        "EfficientNet-Lite0",
        "Crab",
    ):
        assert words in first


def test_the_save_menu_follows_the_class_that_is_chosen(saved):
    at = run_with_open(open_page(), "Save")
    at.radio(key="row").set_value(DOG)
    run_with_open(at, "Save")
    assert NAMES[DOG].replace(" ", "-") in saved["Map, NPY"][0]
    np.testing.assert_array_equal(np.load(io.BytesIO(saved["Map, NPY"][1]())), engine(DEFAULT).class_map(DOG))


@pytest.mark.parametrize("title", ["price $5 and $6.jpg", "$\\frac$.jpg", "a_b^c {}.jpg", "x" * 200 + ".jpg"])
def test_a_figure_can_be_saved_whatever_the_photos_file_is_called(title, noise_photo):
    photo = cache.make_photo(file_of(noise_photo(200, 150)), title)
    explanation = engine(photo.data)
    chosen = explanation.top(1)[0]
    data = download_menu._figure(
        photo, explanation, chosen, download_menu.View("inferno", 60, None), f"about {title}", "png"
    )
    assert opened(data).size[0] == 1800


def test_a_map_without_evidence_can_be_saved(saved):
    explanation = engine("espresso")
    barren = int((explanation.features @ explanation.weight).max(axis=(0, 1)).argmin())
    assert explanation.class_map(barren).max() < 0
    at = run_with_open(open_page(photo="espresso", box="true", **{"class": NAMES[barren]}), "Save")
    assert works(at)
    overlay = np.asarray(opened(saved["Overlay, PNG"][1]()), int)
    photo = np.asarray(cam.open_image(list_samples()["espresso"].path), int)
    assert np.abs(overlay - 0.4 * photo).max() <= 3
    assert opened(saved["Figure, PNG"][1]()).width == 1800
