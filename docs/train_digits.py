"""Train a small network that finds a handwritten digit among pieces of digits; docs/own_network.md tells about it.

Run, from the project's folder: .venv/bin/python -m docs.train_digits
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from keras import layers
from PIL import Image
from sklearn.datasets import load_digits

import cam
from cam.custom_models.sidecar import Sidecar, sidecar_json

LABELS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SIDE = 96
# Lessons one after the other, (side of the canvas in pixels, pieces of digits on it): on large canvases alone the
# network learns nothing for minutes, because most of what is averaged is not the digit.
LESSONS = ((56, 2), (SIDE, 8))
SIZES = (28, 48)  # smallest and largest side in pixels of a digit
TRAINING = 1437  # digits to learn from; the last 360 are held out
BATCH = 32
LEARNING_RATE = 3e-3
_INK = 0.3

Box = tuple[int, int, int, int]


class Digits(NamedTuple):
    """Handwritten digits: float32 (n, 8, 8), ink from 0 to 1; and their classes, int (n,)."""

    inks: np.ndarray
    classes: np.ndarray


class Canvas(NamedTuple):
    """RGB uint8 (side, side, 3), and of each whole digit the class and the box of its ink, right, bottom exclusive."""

    pixels: np.ndarray
    classes: tuple[int, ...]
    boxes: tuple[Box, ...]


def shipped_digits() -> tuple[Digits, Digits]:
    """The 1,797 digits that scikit-learn ships: those to learn from, and those held out."""
    numbers, classes = load_digits(return_X_y=True)
    inks = numbers.reshape(-1, 8, 8).astype(np.float32) / 16
    return Digits(inks[:TRAINING], classes[:TRAINING]), Digits(inks[TRAINING:], classes[TRAINING:])


def draw(rng: np.random.Generator, digits: Digits, *, side: int = SIDE, pieces: int = 8, count: int = 1) -> Canvas:
    """A canvas of clouds and noise with `count` digits of different classes; pieces of digits lie around them."""
    color, contrast = rng.uniform(90, 165, 3), rng.choice((-1, 1)) * rng.uniform(50, 110)
    clouds = Image.fromarray(np.clip(rng.normal(color, 18, (5, 5, 3)), 0, 255).astype(np.uint8))
    pixels = np.asarray(clouds.resize((side, side), Image.Resampling.BICUBIC), np.float32)
    squares = free_squares(rng, side, count)
    chosen = [np.flatnonzero(digits.classes == c) for c in rng.choice(np.unique(digits.classes), count, replace=False)]
    chosen = [int(rng.choice(indices)) for indices in chosen]
    inks = [layer(digits.inks[i], square, side) for i, square in zip(chosen, squares, strict=True)]
    for _ in range(pieces):
        square = random_square(rng, side, 0.5)
        row, column = rng.integers(0, 5, 2)
        piece = digits.inks[rng.integers(len(digits.inks)), row : row + 4, column : column + 4]
        if not any(overlap(square, other) for other in squares):
            pixels = pixels + contrast * layer(piece, square, side)[..., np.newaxis]
    pixels = pixels + contrast * sum(inks)[..., np.newaxis] + rng.normal(0, 8, pixels.shape)
    classes = tuple(int(digits.classes[i]) for i in chosen)
    return Canvas(np.clip(pixels, 0, 255).astype(np.uint8), classes, tuple(map(ink_box, inks)))


def random_square(rng: np.random.Generator, side: int, share: float = 1.0) -> Box:
    """A square somewhere on the canvas, of a digit's size times `share`."""
    size = int(rng.integers(SIZES[0], SIZES[1] + 1) * share)
    left, top = map(int, rng.integers(0, side - size + 1, 2))
    return left, top, left + size, top + size


def free_squares(rng: np.random.Generator, side: int, count: int) -> list[Box]:
    """So many squares that do not overlap; drawn all anew until they do not."""
    while True:
        squares = [random_square(rng, side) for _ in range(count)]
        if not any(overlap(a, b) for i, a in enumerate(squares) for b in squares[:i]):
            return squares


def overlap(a: Box, b: Box) -> bool:
    """Whether two boxes share a pixel."""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def layer(ink: np.ndarray, square: Box, side: int) -> np.ndarray:
    """float32 (side, side), 0 to 1: ink enlarged to a square of an otherwise empty canvas."""
    left, top, right, bottom = square
    enlarged = Image.fromarray(ink).resize((right - left, bottom - top), Image.Resampling.BICUBIC)
    return np.pad(np.clip(enlarged, 0, 1), ((top, side - bottom), (left, side - right)))


def ink_box(ink: np.ndarray) -> Box:
    """The box around the ink of a layer."""
    rows, columns = (np.flatnonzero((ink > _INK).any(axis)) for axis in (1, 0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def build() -> keras.Model:
    """Seven convolutions, global average pooling and one dense layer, for photos of any size; input 0 to 1."""
    photo = x = keras.Input((None, None, 3))
    for width, stride in ((16, 2), (24, 1), (32, 2), (48, 1), (64, 2), (96, 1), (96, 1)):
        x = layers.Conv2D(width, 3, strides=stride, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(photo, layers.Dense(len(LABELS), activation="softmax")(x))


def batches(digits: Digits, side: int, pieces: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """float32 (32, side, side, 3), 0 to 1, and classes (32,), without end: no canvas comes twice."""
    rng = np.random.default_rng(1)
    while True:
        canvases = [draw(rng, digits, side=side, pieces=pieces) for _ in range(BATCH)]
        pixels = np.stack([canvas.pixels for canvas in canvases]).astype(np.float32) / 255
        yield pixels, np.array([canvas.classes[0] for canvas in canvases])


def train(network: keras.Model, digits: Digits, steps: Sequence[int]) -> None:
    """Give the network its lessons, each of so many batches."""
    for (side, pieces), count in zip(LESSONS, steps, strict=True):
        rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, count)
        network.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
        network.fit(batches(digits, side, pieces), steps_per_epoch=count, shuffle=False, verbose=2)


def save(network: keras.Model, digits: Digits, folder: Path) -> Path:
    """Write the network, the file beside it that says what it does not, and two canvases; the network's path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "digits.keras"
    network.save(path)
    sidecar = Sidecar(title="Digits in clutter", labels=LABELS, preprocessing="0..1", size=SIDE)
    path.with_suffix(".json").write_text(sidecar_json(sidecar), encoding="utf-8")
    for name, count in (("one_digit", 1), ("two_digits", 2)):
        canvas = draw(np.random.default_rng(1), digits, count=count)
        Image.fromarray(canvas.pixels).save(folder / f"{name}.png")
    return path


def check(model: cam.Model, digits: Digits, photos: int, *, count: int = 1) -> np.ndarray:
    """bool (photos * count, 3), a row a digit: named, pointed at, and in the middle of the canvas.

    A digit is named if it is among the `count` best classes, and pointed at if the highest place of its map lies in its
    box; whether the middle of the canvas does tells how much of that is chance.
    """
    rng = np.random.default_rng(2)
    found = []
    for _ in range(photos):
        canvas = draw(rng, digits, count=count)
        explanation = model.explain(Image.fromarray(canvas.pixels))
        for index, box in zip(canvas.classes, canvas.boxes, strict=True):
            heatmap = explanation.heatmap(index)
            y, x = np.unravel_index(heatmap.argmax(), heatmap.shape)
            middle = SIDE // 2
            found.append((explanation.rank(index) <= count, inside(x, y, box), inside(middle, middle, box)))
    return np.array(found)


def inside(x: int, y: int, box: Box) -> bool:
    """Whether a pixel lies in a box."""
    return bool(box[0] <= x < box[2] and box[1] <= y < box[3])


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, save, open, and measure on digits that the network has not seen."""
    parser = argparse.ArgumentParser(description="Train a network that finds a digit among pieces of digits.")
    parser.add_argument("--folder", type=Path, default=Path("models"), help="where to write it (default: models)")
    parser.add_argument(
        "--steps", type=int, nargs=2, default=(400, 600), help="batches of 32 canvases, small and large"
    )
    parser.add_argument("--photos", type=int, default=500, help="canvases to measure on (default: 500)")
    settings = parser.parse_args(arguments)
    start = time.perf_counter()
    keras.utils.set_random_seed(0)
    known, held_out = shipped_digits()
    network = build()
    train(network, known, settings.steps)
    path = save(network, held_out, settings.folder)
    print(f"Trained in {time.perf_counter() - start:.0f} s and saved as {path}")
    model = cam.load_model(path)
    print(f"On {settings.photos} new canvases each, with digits that were held out:")
    for count, what in ((1, "one digit "), (2, "two digits")):
        named, pointed, middle = 100 * check(model, held_out, settings.photos, count=count).mean(axis=0)
        print(f"  {what}  named {named:.1f} %  highest place of the map on the digit {pointed:.1f} %  ", end="")
        print(f"(middle of the canvas {middle:.1f} %)")


if __name__ == "__main__":
    main()
