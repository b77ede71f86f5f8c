"""The colour scales against matplotlib, their published ends, and the colour science of lightness."""

import matplotlib
import numpy as np
import pytest

from cam.render import COLORMAPS, heat_layer, palette

NAMES = [row.name for row in COLORMAPS]
UNIFORM = [row.name for row in COLORMAPS if row.uniform]
# Known first and last colours.
ENDS = {
    "inferno": ("#000004", "#fcffa4"),
    "magma": ("#000004", "#fcfdbf"),
    "viridis": ("#440154", "#fde725"),
    "cividis": ("#00224e", "#fee838"),
    "jet": ("#000080", "#800000"),
}
# Linear RGB as seen without the medium cones: Machado, Oliveira and Fernandes 2009, deuteranomaly of severity 1.0.
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)


def linear(colours: np.ndarray) -> np.ndarray:
    """sRGB 0..255 -> linear RGB 0..1 (IEC 61966-2-1)."""
    values = colours / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lightness(linear_rgb: np.ndarray) -> np.ndarray:
    """Linear RGB (n, 3) -> CIELAB L* 0..100 (n,)."""
    luminance = linear_rgb @ [0.2126, 0.7152, 0.0722]
    return np.where(luminance > (6 / 29) ** 3, 116 * np.cbrt(luminance) - 16, luminance * (29 / 3) ** 3)


def bend(levels: np.ndarray) -> float:
    """How far lightness strays from a straight line between its ends, in L*."""
    return np.abs(levels - np.linspace(levels[0], levels[-1], len(levels))).max()


def assert_rises(levels: np.ndarray) -> None:
    """Single steps may stand still or fall by the rounding to 8 bits, less than 0.03; every four steps rise."""
    assert np.diff(levels).min() > -0.03
    assert (levels[4:] - levels[:-4]).min() > 0.3


@pytest.mark.parametrize("name", NAMES)
def test_a_palette_is_matplotlib_s(name):
    expected = matplotlib.colormaps[name](np.linspace(0, 1, 256))[:, :3] * 255
    np.testing.assert_allclose(palette(name), expected, rtol=0, atol=1)


@pytest.mark.parametrize("name", NAMES)
def test_a_palette_runs_between_its_known_colours(name):
    ends = [[int(code[i : i + 2], 16) for i in (1, 3, 5)] for code in ENDS[name]]
    np.testing.assert_allclose(palette(name)[[0, -1]].astype(int), ends, rtol=0, atol=1)


def test_a_palette_cannot_be_changed_for_the_next_caller():
    with pytest.raises(ValueError, match="read-only"):
        palette("inferno")[0] = 0


@pytest.mark.parametrize("name", ["hot", "", "Inferno", None])
def test_an_unknown_colour_scale_is_refused_with_the_known_ones(name):
    with pytest.raises(ValueError, match="must be one of inferno, magma, viridis, cividis, jet"):
        palette(name)


def test_the_default_scale_is_a_uniform_one():
    heatmap = np.arange(256, dtype=np.float32).reshape(16, 16)
    layer = np.asarray(heat_layer(heatmap).convert("RGB")).reshape(256, 3)
    assert any(np.array_equal(layer, palette(name)) for name in UNIFORM)


def test_lightness_is_the_one_of_known_greys():
    """Mid-grey 119 has the L* 50 that painters call middle, black 0 and white 100."""
    greys = np.array([[0, 0, 0], [119, 119, 119], [255, 255, 255]])
    np.testing.assert_allclose(lightness(linear(greys)), [0, 50.03, 100], atol=0.01)


@pytest.mark.parametrize("name", UNIFORM)
def test_a_uniform_scale_gets_lighter_in_equal_steps(name):
    levels = lightness(linear(palette(name)))
    assert_rises(levels)
    assert bend(levels) < 6


def test_jet_does_not_get_lighter_in_equal_steps_and_is_not_called_uniform():
    levels = lightness(linear(palette("jet")))
    assert levels.argmax() in range(90, 180)
    assert levels[-1] < levels.max() - 50
    assert bend(levels) > 50
    assert "jet" not in UNIFORM


@pytest.mark.parametrize("name", UNIFORM)
def test_a_uniform_scale_gets_lighter_for_a_deuteranope(name):
    seen = np.clip(linear(palette(name)) @ DEUTERANOPIA.T, 0, 1)
    levels = lightness(seen)
    assert_rises(levels)
    assert levels[-1] - levels[0] > 60
