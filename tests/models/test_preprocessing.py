import numpy as np
import pytest

from cam.models.preprocessing import PREPROCESSINGS

# Of one pixel, red 255, green 0, blue 51, by hand.
EXPECTED = {
    "0..255": [255.0, 0.0, 51.0],
    "0..1": [1.0, 0.0, 0.2],
    "-1..1": [1.0, -1.0, -0.6],
    "lite": [1.0, -127 / 128, -76 / 128],
    "standard": [(1 - 0.485) / 0.229, -0.456 / 0.224, (0.2 - 0.406) / 0.225],
    "caffe": [51 - 103.939, -116.779, 255 - 123.68],
}


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_pixel_becomes_what_the_networks_were_trained_on(name, dtype):
    pixels = np.array([[[255, 0, 51]]], dtype)
    got = PREPROCESSINGS[name].apply(pixels)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got[0, 0], EXPECTED[name], rtol=1e-6)
    assert pixels.tolist() == [[[255, 0, 51]]]


def test_each_one_is_known_by_its_name_and_tested():
    assert all(row.name == name for name, row in PREPROCESSINGS.items())
    assert set(PREPROCESSINGS) == set(EXPECTED)


def test_a_batch_is_the_same_as_its_photos():
    photos = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), np.uint8)
    for row in PREPROCESSINGS.values():
        np.testing.assert_array_equal(row.apply(photos)[1], row.apply(photos[1]))
