"""A photo of one's own: taken, or refused with a sentence and without losing what was there."""

import numpy as np
import pytest
from PIL import Image
from support.app_page import (
    DOG,
    class_of,
    decoded,
    engine,
    file_of,
    gallery,
    heat_pixels,
    open_page,
    picture,
    refusal,
    run_with_open,
    upload,
    works,
)

from cam.images.open import open_image
from cam.render import heat_layer


@pytest.fixture(scope="module")
def photo(noise_photo) -> bytes:
    return file_of(noise_photo(400, 300, 7), quality=90)


def refused() -> dict[str, bytes]:
    whole = file_of(Image.effect_noise((400, 300), 60).convert("RGB"))
    return {
        "text": b"this is not a photo at all\n" * 40,
        "empty file": b"",
        "cut off JPEG": whole[: len(whole) // 2],
        "8 x 8 pixels": file_of(Image.new("RGB", (8, 8)), "PNG"),
        "41 megapixels": file_of(Image.new("1", (8200, 5000)), "PNG"),
    }


REFUSED = refused()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_photo_is_explained_under_its_files_name(format, noise_photo):
    data = file_of(noise_photo(400, 300, 7), format)
    at = upload(open_page(), data, f"my photo.{format.lower()}")
    height, width, _ = heat_pixels(at).shape
    explanation = engine(data)
    assert works(at) and not at.error
    assert picture(at, "photo")["title"] == f"my photo.{format.lower()}"
    assert class_of(at) == explanation.top(1)[0].index
    expected = heat_layer(explanation.heatmap(class_of(at), size=(width, height)))
    np.testing.assert_array_equal(heat_pixels(at), np.asarray(expected.convert("RGB")))


def test_the_browser_gets_the_photo_that_was_uploaded(photo):
    shown = decoded(picture(upload(open_page(), photo), "photo")["uri"])
    difference = np.abs(np.asarray(shown, int) - np.asarray(open_image(photo), int))
    assert shown.size == (400, 300) and difference.mean() < 3


def test_an_upload_deselects_the_sample_and_leaves_the_link(photo):
    at = open_page(photo="crab", **{"class": "tabby"})
    upload(at, photo)
    assert gallery(at).value is None
    assert picture(at, "photo")["below"] == ""
    assert "class" not in at.query_params and at.query_params["photo"] == "own"


def test_choosing_a_class_of_an_upload_puts_nothing_into_the_link(photo):
    at = upload(open_page(), photo)
    at.selectbox(key="search").set_value(DOG).run()
    assert class_of(at) == DOG
    assert "class" not in at.query_params and at.query_params["photo"] == "own"


def test_an_upload_stays_until_another_photo_is_chosen(photo):
    at = upload(open_page(), photo, "kept.jpg")
    at.toggle(key="box").set_value(True).run()
    assert picture(at, "photo")["title"] == "kept.jpg"
    gallery(at).set_value("crab").run()
    assert (picture(at, "photo")["title"], at.query_params["photo"]) == ("Crab", "crab")


def test_the_sample_that_was_left_for_an_upload_can_be_chosen_again(photo):
    at = upload(open_page(), photo)
    gallery(at).set_value("dog_and_cat").run()
    assert works(at) and gallery(at).value == "dog_and_cat"


def test_a_second_upload_replaces_the_first(photo, noise_photo):
    at = upload(open_page(), photo, "first.jpg")
    upload(at, file_of(noise_photo(300, 400, 8)), "second.jpg")
    assert works(at)
    assert (picture(at, "photo")["title"], picture(at, "photo")["height"]) == ("second.jpg", 400)


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_a_file_that_is_no_photo_is_refused_with_the_reason_and_everything_stays(data):
    at = open_page(photo="two_jaguars")
    at.selectbox(key="search").set_value(DOG).run()
    before = picture(at, "photo"), picture(at, "heat")
    upload(at, data, "wrong.jpg")
    assert works(at)
    assert [error.value for error in at.error] == [refusal(data)]
    assert (picture(at, "photo"), picture(at, "heat")) == before
    assert (class_of(at), at.query_params["photo"]) == (DOG, "two_jaguars")


def test_the_reason_is_gone_after_the_next_interaction():
    at = upload(open_page(), REFUSED["text"])
    assert at.error
    at.radio(key="row").set_value(DOG).run()
    assert not at.error and class_of(at) == DOG


def test_a_photo_can_be_uploaded_after_one_was_refused(photo):
    at = upload(open_page(), REFUSED["text"])
    upload(at, photo, "good.jpg")
    assert works(at) and not at.error
    assert picture(at, "photo")["title"] == "good.jpg"


def test_the_camera_is_off_until_its_menu_is_opened():
    at = open_page()
    assert not at.camera_input
    assert len(run_with_open(at, "Use the camera").camera_input) == 1


def test_a_picture_of_the_camera_is_explained(photo):
    at = run_with_open(open_page(), "Use the camera")
    at.camera_input[0].set_value(("camera.jpg", photo, "image/jpeg"))
    run_with_open(at, "Use the camera")
    assert works(at)
    assert picture(at, "photo")["title"] == "Camera"
    assert class_of(at) == engine(photo).top(1)[0].index
    assert gallery(at).value is None


def test_a_rotated_photo_is_shown_and_explained_upright(noise_photo):
    image = noise_photo(400, 300, 7)
    exif = image.getexif()
    exif[0x0112] = 6
    at = upload(open_page(), file_of(image, exif=exif))
    pixels = np.asarray(decoded(picture(at, "photo")["uri"]), int)
    upright = np.asarray(image.transpose(Image.Transpose.ROTATE_270), int)
    assert pixels.shape == (400, 300, 3) and np.abs(pixels - upright).mean() < 6
    assert heat_pixels(at).shape[0] > heat_pixels(at).shape[1]


def test_a_large_photo_is_sent_to_the_browser_small(noise_photo):
    at = upload(open_page(), file_of(noise_photo(3000, 1000)))
    photo, heat = decoded(picture(at, "photo")["uri"]), decoded(picture(at, "heat")["heat"])
    assert max(photo.size) <= 1280 and max(heat.size) <= 640
    assert photo.width / photo.height == pytest.approx(3, rel=0.01)
    assert len(picture(at, "photo")["uri"]) < 1_000_000
