"""An annotated set run through a network that is drawn by hand: what each photo gives, and the set's numbers."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from cam.errors import ImageError
from cam.evaluation.annotations import Annotated, AnnotationError
from cam.evaluation.plots import draw_evaluation
from cam.evaluation.results import METRICS, make_record
from cam.evaluation.run import evaluate, working_size
from cam.explanation import Explanation
from cam.labels import Labels

LABELS = Labels(("red", "green", "blue"), ((), (), ()))
# Cells of the hand-made network's map: 8 x 8 pixels of the photo.
CELL = 8


def explain(image: Image.Image) -> Explanation:
    """A network whose three feature maps are the mean red, green and blue of each cell, and that many classes."""
    grid = (image.width // CELL, image.height // CELL)
    features = np.asarray(image.resize(grid, Image.Resampling.BOX), np.float32) / 255
    return Explanation(features, np.eye(3, dtype=np.float32), np.zeros(3, np.float32), LABELS, image.size, image.size)


def painted(size: tuple[int, int], color: str, box: tuple[int, int, int, int]) -> Image.Image:
    image = Image.new("RGB", size)
    image.paste(color, box)
    return image


@pytest.fixture
def photo(tmp_path):
    """A function that saves a picture and annotates it."""

    def save(name: str, image: Image.Image, index: int, *boxes: tuple[float, ...]) -> Annotated:
        image.save(tmp_path / name)
        return Annotated(tmp_path / name, name, index, boxes)

    return save


SQUARE = (16, 24, 48, 56)


@pytest.fixture
def red(photo):
    """Of class red: a red square of 32 pixels where the annotation says."""
    return photo("red.png", painted((80, 80), "red", SQUARE), 0, SQUARE)


@pytest.fixture
def wrong(photo):
    """Of class red, but green where its box is, and with a fainter and smaller red spot in the opposite corner."""
    image = painted((80, 80), (0, 255, 0), (0, 0, 24, 24))
    image.paste((128, 0, 0), (64, 64, 80, 80))
    return photo("wrong.png", image, 0, (0, 0, 24, 24))


@pytest.fixture
def blue(photo):
    """Of class blue, the whole photo, which is all blue: even heat."""
    return photo("blue.png", Image.new("RGB", (80, 80), (0, 0, 255)), 2, (0, 0, 80, 80))


def test_a_photo_that_is_right_in_every_way(red):
    (result,) = evaluate([red], explain).results
    assert (result.label, result.rank, result.predicted_label, result.size) == ("red", 1, "red", (80, 80))
    assert result.pointed
    assert SQUARE[0] <= result.point[0] < SQUARE[2] and SQUARE[1] <= result.point[1] < SQUARE[3]
    # Between the centres of a red and a black cell the heat falls to 0 on 8 pixels: half of it is at the square's edge.
    assert result.sweep.boxes[127].tolist() == list(SQUARE)
    assert result.sweep.largest[127] == 1
    # 20 % is reached 0.3 of a cell, 2 pixels and a part, beyond.
    assert result.fixed_box == (14, 22, 50, 58)
    assert result.fixed_fit == pytest.approx(32**2 / 36**2)
    assert result.probability == pytest.approx(np.exp(0.16) / (np.exp(0.16) + 2))


def test_a_photo_that_is_wrong_in_every_way(wrong):
    (result,) = evaluate([wrong], explain).results
    assert (result.rank, result.predicted, result.predicted_label) == (2, 1, "green")
    assert not result.pointed and result.point[0] > 64 and result.point[1] > 64
    assert result.fixed_fit == 0 and result.sweep.largest[20:].max() == 0


def test_the_numbers_of_a_set_are_those_of_its_photos(red, wrong, blue):
    found = evaluate([red, wrong, blue], explain)
    numbers = {row.metric.name: row.value for row in found.summary}
    assert numbers["top1"] == pytest.approx(2 / 3) and numbers["top5"] == 1
    # Even heat has no box above its lowest value, and the whole photo at 20 % of its maximum.
    assert numbers["max_box_acc"] == pytest.approx(1 / 3) and numbers["max_box_acc_v2"] == pytest.approx(1 / 3)
    assert numbers["error_top1"] == numbers["error_known"] == pytest.approx(1 / 3)
    assert numbers["pointing"] == pytest.approx(2 / 3)
    assert found.largest.shape == found.center.shape == (3, 255)


def test_the_centre_box_stands_beside_the_heat(red, wrong, blue):
    numbers = {row.metric.name: row.value for row in evaluate([red, wrong, blue], explain).summary}
    # The centred box of 40 pixels fits the square, with an IoU of 896 / 1728, and only those from 57 the whole photo.
    assert numbers["max_box_acc_center"] == pytest.approx(1 / 3)
    assert evaluate([blue], explain).summary[3].value == 1


def test_every_interval_holds_its_value(red, wrong, blue):
    for row in evaluate([red, wrong, blue], explain).summary:
        assert 0 <= row.low <= row.value + 1e-6 and row.value - 1e-6 <= row.high <= 1


def test_the_last_rows_need_faithfulness(red):
    names = [row.metric.name for row in evaluate([red], explain).summary]
    assert names == [metric.name for metric in METRICS if not metric.faithful]
    with_it = evaluate([red], explain, probabilities=lambda image: np.ones(3) / 3, steps=2)
    assert [row.metric.name for row in with_it.summary] == [metric.name for metric in METRICS]


def test_faithfulness_is_measured_on_what_is_hidden_and_shown(photo):
    """A checkerboard of red on the left half; the network's probability of red is the share of pure red pixels.

    The heat of the half is even, so its rows are hidden one by one; blurred, no pixel is pure.
    """
    pixels = np.zeros((32, 64, 3), np.uint8)
    pixels[:, :32, 0] = 255 * (np.indices((32, 32)).sum(axis=0) % 2)
    annotated = photo("board.png", Image.fromarray(pixels), 0, (0, 0, 32, 32))
    asked = []

    def probabilities(image):
        asked.append(image)
        red = (np.asarray(image) == (255, 0, 0)).all(axis=2).mean()
        return np.array([red, 0.0, 1 - red])

    def half(index, *, size):
        heat = np.full(size[::-1], -1.0, np.float32)
        heat[:, : size[0] // 2] = 2
        return heat

    true = explain(Image.fromarray(pixels))
    told = {name: getattr(true, name) for name in ("labels", "top", "prediction", "rank")}
    explanation = SimpleNamespace(**told, heatmap=half)
    (result,) = evaluate([annotated], lambda image: explanation, probabilities=probabilities, steps=4).results
    faithful = result.faithfulness
    assert faithful.before == 0.25 and faithful.after == 0.25
    assert faithful.deletion == pytest.approx((0.25 / 2 + 0.125) / 4)  # 0.25, 0.125, 0, 0, 0
    assert faithful.insertion == pytest.approx((0.125 + 0.25 + 0.25 + 0.25 / 2) / 4)  # 0, 0.125, 0.25, 0.25, 0.25
    assert len(asked) == 2 * 4 + 3


def test_faithfulness_is_about_the_class_that_the_network_names(wrong):
    def probabilities(image):
        return np.array([0.0, np.asarray(image)[..., 1].mean() / 255, 1.0])

    (result,) = evaluate([wrong], explain, probabilities=probabilities, steps=2).results
    assert result.faithfulness.before == pytest.approx(24**2 / 80**2)
    # Its heat is level over the green square but for its rim, so most of the green is still there.
    assert 0.6 < result.faithfulness.after / result.faithfulness.before < 1


@pytest.mark.parametrize(
    ("size", "expected"),
    [((227, 227), (227, 227)), ((512, 100), (512, 100)), ((1024, 512), (512, 256)), ((3, 9000), (1, 512))],
)
def test_large_photos_are_measured_smaller_in_the_same_shape(size, expected):
    assert working_size(size) == expected


def test_boxes_and_points_of_a_large_photo_are_in_its_own_pixels(photo):
    square = (256, 128, 512, 384)
    large = photo("large.png", painted((1024, 512), "red", square), 0, square)
    (result,) = evaluate([large], explain).results
    assert result.sweep.boxes[127].tolist() == list(square)
    assert result.sweep.largest[127] == 1 and result.fixed_fit > 0.9
    assert result.pointed and square[0] <= result.point[0] < square[2]


def test_jpegs_are_measured_with_every_pixel(photo):
    large = photo("large.jpg", painted((2400, 2400), "red", (0, 0, 800, 800)), 0, (0, 0, 800, 800))
    assert evaluate([large], explain).results[0].size == (2400, 2400)


def test_progress_is_told_after_every_photo(red, wrong):
    told = []
    evaluate([red, wrong], explain, report=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]


def test_the_work_ends_where_the_report_says(red, wrong):
    asked = []

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate([red, wrong], lambda image: asked.append(image) or explain(image), report=stop)
    assert len(asked) == 1


def test_a_photo_that_cannot_be_opened_is_named(tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"no photo")
    with pytest.raises(ImageError, match="bad.jpg: This file is not a photo"):
        evaluate([Annotated(tmp_path / "bad.jpg", "bad.jpg", 0, ((0, 0, 1, 1),))], explain)


def test_boxes_of_other_pixels_and_unknown_classes_are_refused(photo):
    image = Image.new("RGB", (80, 80))
    with pytest.raises(AnnotationError, match="x.png is 80 x 80 pixels, but its boxes reach to 400, 300"):
        evaluate([photo("x.png", image, 0, (0, 0, 400, 300))], explain)
    with pytest.raises(AnnotationError, match="x.png is of class 3, but the network has the classes 0 to 2"):
        evaluate([photo("x.png", image, 3, (0, 0, 40, 30))], explain)


def test_classes_are_told_apart(red, wrong, blue):
    found = evaluate([red, wrong, blue], explain)
    rows = [(row.index, row.label, row.photos, row.top1, row.found, row.pointing) for row in found.classes]
    assert rows == [(0, "red", 2, 0.5, 0.5, 0.5), (2, "blue", 1, 1.0, 0.0, 1.0)]
    assert found.classes[0].mean_iou == pytest.approx(found.fits[:2].mean())


def test_photos_are_ranked_by_the_iou_of_their_box_at_the_sets_threshold(red, wrong, blue):
    found = evaluate([blue, wrong, red], explain)
    assert [result.photo.file for result in found.sort_by_fit()][0] == "red.png"
    assert found.accuracy(found.largest)[found.level] == pytest.approx(1 / 3)
    assert found.box(found.results[2]) == tuple(found.results[2].sweep.boxes[found.level])
    assert found.box(found.results[0]) == (0, 0, 0, 0)


def test_the_record_is_json_and_holds_every_photo(red, wrong):
    found = evaluate([red, wrong], explain, probabilities=lambda image: np.array([0.5, 0.2, 0.3]), steps=2)
    read = json.loads(json.dumps(make_record(found, {"model": "hand"}), allow_nan=False))
    assert read["settings"] == {"model": "hand"} and read["photos"] == 2
    assert read["metrics"]["top1"] == {"title": "Top-1 accuracy", "value": 0.5, "low": 0.0, "high": 1.0}
    assert [(row["file"], row["rank"], row["truth"]) for row in read["results"]] == [
        ("red.png", 1, [list(SQUARE)]),
        ("wrong.png", 2, [[0, 0, 24, 24]]),
    ]
    assert read["results"][0]["faithfulness"]["deletion"] == pytest.approx(0.5)
    assert read["results"][0]["fit"] == pytest.approx(float(found.fits[0]))
    assert max(read["curve"]["box_accuracy"]) == read["metrics"]["max_box_acc"]["value"]
    assert read["curve"]["threshold"][found.level] == read["box_threshold"]
    assert [row["label"] for row in read["classes"]] == ["red"]


def test_the_plot_shows_the_curve_and_every_number(red, wrong, blue):
    found = evaluate([red, wrong, blue], explain)
    drawing = draw_evaluation(found, "A network, $5")
    drawing.canvas.draw()
    curve, summary = drawing.axes
    assert drawing.get_suptitle() == "A network, $5"
    np.testing.assert_allclose(curve.lines[0].get_ydata(), 100 * found.accuracy(found.largest))
    np.testing.assert_allclose(curve.lines[2].get_ydata(), 100 * found.accuracy(found.center))
    np.testing.assert_allclose(summary.lines[0].get_xdata()[::-1], [100 * row.value for row in found.summary])
    names = [label.get_text() for label in summary.get_yticklabels()][::-1]
    assert names[0] == "Top-1 accuracy ↑" and names[6] == "Localization error, top-1 ↓"
    assert curve.get_legend().get_texts()[0].get_text().startswith("heat: 33.3 % at ")
