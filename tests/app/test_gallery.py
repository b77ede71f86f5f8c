"""The gallery: every sample can be chosen and is explained."""

import pytest
from PIL import Image
from support.app_page import class_of, engine, gallery, heat_pixels, open_page, picture, works

from cam.app.widgets.sample_gallery import FOLDER, list_samples, make_thumbnail

SAMPLES = list_samples()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_explained_and_stands_with_title_and_credit(name):
    at = open_page()
    gallery(at).set_value(name).run()
    photo, best = picture(at, "photo"), engine(name).top(1)[0]
    assert works(at) and not at.error
    assert (photo["title"], photo["below"]) == (SAMPLES[name].title, SAMPLES[name].credit)
    assert gallery(at).value == name
    assert (class_of(at), at.query_params["photo"]) == (best.index, name)


@pytest.mark.parametrize("name", ["giraffes", "two_jaguars"])
def test_photo_and_heat_have_the_shape_of_the_file(name):
    at = open_page(photo=name)
    with Image.open(SAMPLES[name].path) as image:
        shape = image.width / image.height
    height, width, _ = heat_pixels(at).shape
    assert picture(at, "photo")["width"] / picture(at, "photo")["height"] == pytest.approx(shape, rel=0.01)
    assert width / height == pytest.approx(shape, rel=0.01)


def test_every_photo_of_the_folder_is_in_the_gallery_with_a_credit():
    assert {sample.path for sample in SAMPLES.values()} == set(FOLDER.glob("*.jpg"))
    assert len(SAMPLES) == 16
    assert all(sample.title and len(sample.credit) > 5 for sample in SAMPLES.values())


def test_credits_are_words_and_a_collage_names_the_photos_it_is_made_of():
    assert SAMPLES["dog_and_cat"].credit == "Collage of the photos German shepherd and Chelsea cat, CC0"
    assert {"German shepherd", "Chelsea cat"} < {sample.title for sample in SAMPLES.values()}
    assert SAMPLES["polar_bear"].credit == "Author unknown, Public domain"
    assert not [sample.credit for sample in SAMPLES.values() if "_" in sample.credit or ".jpg" in sample.credit]


def test_the_gallery_has_each_samples_own_thumbnail_in_its_place():
    styles = next(html.body for html in open_page().get("html") if "--picture: url(" in html.body)
    for place, name in enumerate(SAMPLES, 1):
        assert f"> div:nth-child({place}) {{ --picture: url({make_thumbnail(name)}) }}" in styles
    assert len({make_thumbnail(name) for name in SAMPLES}) == 16


def test_going_through_the_gallery_in_one_session_never_mixes_two_photos():
    at, digests = open_page(), set()
    for name in ("crab", "koala", "hens", "crab"):
        gallery(at).set_value(name).run()
        assert works(at) and picture(at, "photo")["title"] == SAMPLES[name].title
        digests.add(picture(at, "heat")["id"])
    assert len(digests) == 3
