"""docs/train_digits.py, trained far too briefly: what it draws, measures and writes, and that it opens."""

import json
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("sklearn", reason="the tutorial takes its digits from scikit-learn")

import cam
from cam.custom_models.sidecar import read_sidecar
from docs import train_digits
from docs.train_digits import LABELS, SIDE, Digits, check, draw, ink_box, layer, shipped_digits

TEXT = (Path(train_digits.__file__).parent / "own_network.md").read_text(encoding="utf-8")


def test_no_digit_is_both_learned_and_held_out():
    known, held_out = shipped_digits()
    assert len(known.inks) + len(held_out.inks) == 1797
    assert (known.inks.min(), known.inks.max()) == (0, 1)
    assert set(held_out.classes) == set(range(10))
    seen = {ink.tobytes() for ink in known.inks}
    assert not any(ink.tobytes() in seen for ink in held_out.inks)


def test_ink_is_enlarged_to_its_square_and_boxed():
    ink = np.zeros((8, 8), np.float32)
    ink[2:6, 3:5] = 1
    drawn = layer(ink, (10, 20, 42, 52), SIDE)
    assert drawn.shape == (SIDE, SIDE)
    assert drawn[0:20].max() == drawn[52:].max() == drawn[:, :10].max() == drawn[:, 42:].max() == 0
    # Four pixels become 16 x 4 times as many; the edge, where ink passes 0.3, lies within one pixel of them.
    np.testing.assert_allclose(ink_box(drawn), (10 + 12, 20 + 8, 10 + 20, 20 + 24), atol=1)


def test_the_boxes_of_a_canvas_are_where_its_digits_are():
    """With digits that are all ink, what is in the boxes differs from all else by the contrast, 50 at least."""
    full = Digits(np.ones((4, 8, 8), np.float32), np.array([2, 3, 5, 7]))
    for seed in range(20):
        canvas = draw(np.random.default_rng(seed), full, pieces=0, count=2)
        inside = np.zeros((SIDE, SIDE), bool)
        for left, top, right, bottom in canvas.boxes:
            assert 28 <= right - left == bottom - top <= 48
            assert not inside[top:bottom, left:right].any()
            inside[top:bottom, left:right] = True
        grey = canvas.pixels.mean(axis=2)
        assert abs(grey[inside].mean() - grey[~inside].mean()) > 30
        assert len(set(canvas.classes)) == 2 and set(canvas.classes) <= {2, 3, 5, 7}


def test_pieces_lie_around_the_digit_and_never_on_it():
    held_out = shipped_digits()[1]
    with_pieces, without = (draw(np.random.default_rng(4), held_out, pieces=pieces) for pieces in (8, 0))
    assert with_pieces.boxes == without.boxes
    noise = 60  # more than two draws of the noise, of deviation 8, ever differ by
    changed = np.abs(with_pieces.pixels.astype(int) - without.pixels).max(axis=2) > noise
    left, top, right, bottom = without.boxes[0]
    assert changed.sum() > 100
    assert not changed[top:bottom, left:right].any()


def heat_at(x: int, y: int) -> np.ndarray:
    heat = np.zeros((SIDE, SIDE), np.float32)
    heat[y, x] = 1
    return heat


def test_what_is_measured_of_a_network_that_always_says_the_same():
    """It ranks the classes 0, 1, 2, ... and points at the middle: both are known of each canvas."""
    always = SimpleNamespace(rank=lambda index: 1 + index, heatmap=lambda index: heat_at(SIDE // 2, SIDE // 2))
    digits = shipped_digits()[1]
    measured = check(SimpleNamespace(explain=lambda photo: always), digits, 40, count=2)
    assert measured.shape == (80, 3)
    rng = np.random.default_rng(2)
    canvases = [draw(rng, digits, count=2) for _ in range(40)]
    named = [index < 2 for canvas in canvases for index in canvas.classes]
    middle = [max(a, b) <= SIDE // 2 < min(c, d) for canvas in canvases for a, b, c, d in canvas.boxes]
    np.testing.assert_array_equal(measured.T, [named, middle, middle])
    assert 0 < sum(named) < 80 and 0 < sum(middle) < 80


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """What the script writes after a few steps."""
    folder = tmp_path_factory.mktemp("tutorial") / "models"
    with warnings.catch_warnings():
        # Of Keras, which has TensorFlow's variables copied in NumPy's old way.
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        train_digits.main(["--folder", str(folder), "--steps", "3", "2", "--photos", "2"])
    return folder


@pytest.fixture(scope="module")
def model(folder):
    return cam.load_model(folder / "digits.keras")


def test_the_script_writes_a_network_that_opens_with_nothing_to_guess(folder, model):
    assert model.exact and model.spec.guessed == ()
    assert (model.spec.title, model.spec.size, model.spec.preprocessing) == ("Digits in clutter", SIDE, "0..1")
    assert model.labels.names == LABELS == tuple(json.loads((folder / "digits.json").read_text())["labels"])


@pytest.mark.parametrize("name", ["one_digit", "two_digits"])
def test_on_its_canvases_the_maps_add_up_to_what_keras_computes(folder, model, name):
    import keras

    photo = cam.open_image(folder / f"{name}.png")
    assert photo.size == (SIDE, SIDE)
    explanation = model.explain(photo)
    for index, label in enumerate(LABELS):
        score = explanation.class_map(label).mean() + explanation.bias[index]
        assert score == pytest.approx(explanation.scores[index], abs=1e-4)
    network = keras.models.load_model(folder / "digits.keras")
    expected = network(np.asarray(photo, np.float32)[np.newaxis] / 255, training=False)
    np.testing.assert_allclose(explanation.probabilities, expected[0], atol=1e-5)


def test_the_canvases_are_drawn_with_digits_that_are_held_out(folder):
    canvas = draw(np.random.default_rng(1), shipped_digits()[1], count=2)
    np.testing.assert_array_equal(Image.open(folder / "two_digits.png"), canvas.pixels)
    assert {LABELS[index] for index in canvas.classes} == {"four", "seven"}, "the text names them"


def test_the_sidecar_in_the_text_is_one(tmp_path):
    (tmp_path / "cats.json").write_text(TEXT.split("```json\n")[1].split("```")[0], encoding="utf-8")
    sidecar = read_sidecar(tmp_path / "cats.json")
    assert sidecar.labels and sidecar.title and sidecar.preprocessing and sidecar.size
