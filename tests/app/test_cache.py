"""What is kept of photos and results, under which key, and for how many of them."""

import base64
import hashlib
import io

import numpy as np
import pytest
import streamlit as st
from PIL import Image

from cam.app import cache
from cam.errors import ImageError
from cam.images.open import open_image
from cam.server import model_store


@pytest.fixture(autouse=True)
def server():
    """A server that has explained nothing."""
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


WHOLE, SQUASH = cache.ExplainOptions(), cache.ExplainOptions("squash")


def photo_record(image: Image.Image) -> cache.Photo:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return cache.make_photo(buffer.getvalue(), "Noise")


@pytest.fixture
def photo(noise_photo) -> cache.Photo:
    return photo_record(noise_photo(64, 48))


def test_the_digest_of_a_photo_is_the_sha256_of_its_bytes():
    """The first test vector of FIPS 180-2."""
    photo = cache.make_photo(b"abc", "A", sample="a")
    assert photo.digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert (photo.data, photo.title, photo.credit, photo.sample) == (b"abc", "A", "", "a")


def test_photos_are_equal_by_digest_and_words_and_never_print_their_bytes():
    assert cache.Photo(b"one", "d", "A") == cache.Photo(b"two", "d", "A")
    assert cache.make_photo(b"one", "A") != cache.make_photo(b"two", "A")
    assert "secret" not in repr(cache.make_photo(b"secret", "A"))


@pytest.mark.parametrize(
    ("size", "shown"), [((64, 48), (64, 48)), ((2560, 640), (1280, 320)), ((40, 2560), (20, 1280))]
)
def test_a_photo_is_shown_at_most_1280_pixels_long(size, shown, noise_photo):
    result = photo_record(noise_photo(*size))
    with Image.open(io.BytesIO(base64.b64decode(result.uri.partition(",")[2]))) as image:
        assert (image.format, image.size, result.size) == ("JPEG", shown, shown)


def test_a_file_that_is_no_photo_is_refused_each_time():
    for _ in range(2):
        with pytest.raises(ImageError, match="not a photo"):
            assert cache.make_photo(b"nothing", "Wrong").uri


def test_a_data_uri_holds_the_picture(noise_photo):
    image = noise_photo(9, 7)
    head, _, body = cache.encode_uri(image, "PNG").partition(",")
    assert head == "data:image/png;base64"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(body)))), np.asarray(image))


def test_a_digest_is_of_the_whole_file():
    data = np.random.default_rng(0).bytes(3_000_000)
    assert cache.make_photo(data, "A").digest == hashlib.sha256(data).hexdigest()
    assert cache.make_photo(data, "A").digest != cache.make_photo(data[:-1], "A").digest


@pytest.fixture
def tiny(monkeypatch, make_tiny):
    """The tiny network in the place of every network; fresh, so it counts its passes from 0."""
    model = make_tiny()
    monkeypatch.setattr("cam.model.load_model", lambda name, **_: model)
    monkeypatch.setattr(model_store, "_models", {})
    return model


def test_a_result_is_kept_by_photo_network_and_fit(tiny, photo):
    first = cache.explain(photo, "efficientnet-lite0", WHOLE)
    assert tiny.passes == 1
    assert cache.explain(photo, "efficientnet-lite0", WHOLE) is first
    assert tiny.passes == 1
    cache.explain(photo, "efficientnet-lite0", SQUASH)
    cache.explain(photo, "efficientnet-lite2", WHOLE)
    assert tiny.passes == 3


def test_the_same_bytes_under_another_title_are_the_same_photo(tiny, photo):
    first = cache.explain(photo, "efficientnet-lite0", WHOLE)
    other = cache.make_photo(photo.data, "Another title", credit="somebody")
    assert cache.explain(other, "efficientnet-lite0", WHOLE) is first
    assert other.uri is photo.uri
    assert tiny.passes == 1


def test_other_bytes_under_the_same_title_are_another_photo(tiny, photo, noise_photo):
    first = cache.explain(photo, "efficientnet-lite0", WHOLE)
    second = cache.explain(photo_record(noise_photo(64, 48, seed=1)), "efficientnet-lite0", WHOLE)
    assert tiny.passes == 2
    assert np.abs(first.scores - second.scores).max() > 0


def test_a_kept_result_is_what_the_network_says(tiny, photo, noise_photo):
    expected = tiny.explain(noise_photo(64, 48)).scores
    np.testing.assert_array_equal(cache.explain(photo, "efficientnet-lite0", WHOLE).scores, expected)


def test_the_oldest_result_goes_when_more_have_come_than_are_kept(tiny, noise_photo):
    def explain(seed):
        return cache.explain(photo_record(noise_photo(16, 16, seed=seed)), "efficientnet-lite0", WHOLE)

    for seed in range(cache.MAX_KEPT + 1):
        explain(seed)
    assert tiny.passes == cache.MAX_KEPT + 1
    explain(cache.MAX_KEPT)
    assert tiny.passes == cache.MAX_KEPT + 1
    explain(0)
    assert tiny.passes == cache.MAX_KEPT + 2


@pytest.fixture
def decodes(monkeypatch) -> list[int]:
    """The number of bytes of each photo that was decoded."""
    sizes = []
    monkeypatch.setattr(cache, "open_image", lambda data, **how: sizes.append(len(data)) or open_image(data, **how))
    return sizes


def test_a_photo_is_decoded_once_for_the_page_every_network_fit_and_method(tiny, photo, decodes):
    assert photo.uri
    for options in (WHOLE, SQUASH):
        cache.explain(photo, "efficientnet-lite0", options)
    cache.explain(photo, "efficientnet-lite2", cache.ExplainOptions(detail=True))
    cache.explain(photo, "efficientnet-lite0", cache.ExplainOptions(method="grad-cam"))
    assert photo.image.size == (64, 48)
    assert decodes == [len(photo.data)]


def test_only_the_last_photos_are_kept_decoded(decodes, noise_photo):
    photos = [photo_record(noise_photo(16, 16, seed=seed)) for seed in range(cache.MAX_OPENED + 1)]
    for photo in (*photos, *photos[1:]):
        assert photo.image
    assert len(decodes) == cache.MAX_OPENED + 1
    assert photos[0].image
    assert len(decodes) == cache.MAX_OPENED + 2


def test_a_photo_that_is_kept_decoded_has_a_bounded_number_of_pixels_and_its_shape(noise_photo):
    kept = photo_record(noise_photo(4000, 2000)).image
    assert kept.width * kept.height <= 1.001 * cache.MAX_PIXELS
    assert kept.width == pytest.approx(2 * kept.height, abs=1)
    exact = np.asarray(noise_photo(4000, 2000).resize(kept.size, Image.Resampling.BOX), int)
    assert np.abs(np.asarray(kept, int) - exact).max() <= 1


def test_showing_a_photo_leaves_what_is_kept_of_it_as_it_is(noise_photo):
    photo = photo_record(noise_photo(2000, 1000))
    assert photo.size == (1280, 640)
    np.testing.assert_array_equal(np.asarray(photo.image), np.asarray(noise_photo(2000, 1000)))
