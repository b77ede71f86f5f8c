"""The signed scale, and several maps on one scale."""

import numpy as np
import pytest

from cam.render import heat_layer, normalize_heat, signed_layer, signed_palette


def steps(layer) -> list[list[int]]:
    return np.asarray(layer).tolist()


def test_zero_is_the_middle_and_both_ends_are_the_largest_size():
    assert steps(signed_layer(np.array([[-4.0, 0.0], [2.0, 4.0]], np.float32))) == [[0, 128], [191, 255]]


def test_a_map_without_evidence_for_does_not_reach_the_upper_half():
    assert steps(signed_layer(np.array([[-1.0, -0.5]], np.float32))) == [[0, 64]]


def test_a_limit_puts_maps_on_one_scale_and_cuts_what_exceeds_it():
    assert steps(signed_layer(np.array([[-8.0, 1.0, 9.0]], np.float32), limit=4.0)) == [[0, 159, 255]]


def test_a_map_of_zeros_is_the_middle_everywhere():
    assert steps(signed_layer(np.zeros((2, 2), np.float32))) == [[128, 128], [128, 128]]


def test_the_layer_is_drawn_in_the_signed_palette():
    pixels = np.asarray(signed_layer(np.array([[-1.0, 1.0]], np.float32)).convert("RGB"))
    assert pixels[0, 0].tolist() == signed_palette()[0].tolist()
    assert pixels[0, 1].tolist() == signed_palette()[255].tolist()


def test_against_is_blue_for_is_yellow_and_nothing_is_dark():
    against, nothing, for_it = (signed_palette()[i].astype(int) for i in (0, 128, 255))
    assert against[2] > against[0]
    assert for_it[0] > for_it[2] and for_it[1] > for_it[2]
    assert nothing.sum() < min(against.sum(), for_it.sum()) / 2


@pytest.mark.parametrize("limit", [0.0, -1.0])
def test_a_limit_that_is_not_above_zero_is_refused(limit):
    with pytest.raises(ValueError, match="limit must be above 0"):
        signed_layer(np.ones((2, 2), np.float32), limit)


@pytest.mark.parametrize("bad", [np.ones(3), np.array([[np.nan, 0.0]]), np.array([[np.inf, 0.0]])])
def test_what_is_no_finite_heatmap_is_refused(bad):
    with pytest.raises(ValueError, match="finite heatmap"):
        signed_layer(bad)


def test_a_shared_maximum_scales_and_cuts():
    heatmap = np.array([[-2.0, 1.0], [2.0, 8.0]], np.float32)
    assert normalize_heat(heatmap, 4.0).tolist() == [[0.0, 0.25], [0.5, 1.0]]
    assert steps(heat_layer(heatmap, maximum=4.0)) == [[0, 64], [128, 255]]


@pytest.mark.parametrize("maximum", [0.0, -3.0])
def test_a_shared_maximum_without_evidence_is_calm(maximum):
    assert normalize_heat(np.array([[-5.0, -3.0]], np.float32), maximum).tolist() == [[0.0, 0.0]]
