"""`python -m cam explain` on the embedded network."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import cam
from cam.__main__ import main
from cam.cli import explain as module
from cam.formatting import format_percent, slugify

ROOT = Path(cam.__file__).parents[1]
CRAB, KOALA = (str(ROOT / "sample_images" / f"{name}.jpg") for name in ("crab", "koala"))
TABBY = 281


@pytest.fixture
def loaded(monkeypatch, lite0):
    """The network that is loaded already stands in for the one that the command would load."""
    monkeypatch.setattr(module, "loaded_network", lambda name: lite0)
    return lite0


def call(*arguments: object):
    result = CliRunner().invoke(main, ["explain", *map(str, arguments)], prog_name="python -m cam")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_the_ranked_classes_are_printed(loaded):
    done = call(CRAB, KOALA, "--top", 3)
    assert (done.exit_code, done.stderr) == (0, "") and "\x1b" not in done.stdout
    lines = iter(done.stdout.splitlines())
    for path in (CRAB, KOALA):
        explanation = loaded.explain(cam.open_image(path))
        width, height = explanation.image_size
        columns, rows = explanation.input_size
        assert next(lines) == f"{path}: {width} x {height}, seen by EfficientNet-Lite0 at {columns} x {rows}"
        for place, row in enumerate(explanation.top(3), 1):
            line = next(lines)
            assert line.split()[0] == str(place) and line.endswith(f"{row.label} ({row.index})")
            assert f"{row.score:.2f}" in line and format_percent(row.probability) in line
    assert next(lines, None) is None


def test_a_class_that_is_not_among_the_best_is_listed_with_its_place(loaded):
    rank = loaded.explain(cam.open_image(CRAB)).rank(TABBY)
    assert rank > 100
    for wanted in ("tabby", str(TABBY), "Tabby"):
        last = call(CRAB, "--class", wanted, "--top", 1).stdout.splitlines()[-1]
        assert last.split()[0] == str(rank) and last.endswith("tabby (281)")


def test_overlay_and_figure_are_written(loaded, tmp_path):
    done = call(KOALA, "--class", "tabby", "-o", tmp_path / "new")
    stem = tmp_path / "new" / "koala-tabby-efficientnet-lite0"
    assert f"overlay of tabby: {stem}.png" in done.stdout and f"figure of tabby: {stem}-figure.png" in done.stdout
    image = cam.open_image(KOALA)
    expected = cam.overlay(image, loaded.explain(image).heatmap(TABBY))
    with Image.open(f"{stem}.png") as written:
        np.testing.assert_array_equal(np.asarray(written), np.asarray(expected))
    with Image.open(f"{stem}-figure.png") as written:
        assert written.width == 1800 and np.asarray(written).std() > 20


def test_photos_of_one_name_do_not_overwrite_each_other(loaded, tmp_path, noise_photo):
    for i, folder in enumerate(("a", "b")):
        (tmp_path / folder).mkdir()
        noise_photo(80, 60, seed=i).save(tmp_path / folder / "x.png")
    call(tmp_path / "a" / "x.png", tmp_path / "b" / "x.png", "--class", "tabby", "-o", tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    stem = "x-tabby-efficientnet-lite0"
    assert names == [f"{stem}-2-figure.png", f"{stem}-2.png", f"{stem}-figure.png", f"{stem}.png"]
    assert (tmp_path / "out" / f"{stem}.png").read_bytes() != (tmp_path / "out" / f"{stem}-2.png").read_bytes()


def test_json_says_the_same_and_where_the_pictures_are(loaded, tmp_path):
    done = call(CRAB, "nowhere.jpg", "--json", "--top", 2, "--class", "tabby", "-o", tmp_path)
    crab, nowhere = json.loads(done.stdout)
    explanation = loaded.explain(cam.open_image(CRAB))
    assert crab["size"] == [1024, 576] and crab["input_size"] == list(explanation.input_size)
    assert (crab["model"], crab["method"]) == ("efficientnet-lite0", "cam")
    assert crab["classes"] == [pytest.approx(vars(row)) for row in explanation.top(2)]
    assert crab["class"] == pytest.approx(vars(explanation.prediction(TABBY)) | {"rank": explanation.rank(TABBY)})
    assert all(Path(path).is_file() for path in crab["pictures"].values()) and set(crab["pictures"]) == {
        "overlay",
        "figure",
    }
    assert set(nowhere) == {"path", "error"} and "No such file" in nowhere["error"]
    assert done.exit_code == 1


def test_a_bad_photo_is_one_sentence_and_the_others_go_on(loaded, tmp_path):
    (tmp_path / "bad.jpg").write_text("no photo")
    done = call(tmp_path / "bad.jpg", KOALA)
    assert done.exit_code == 1 and done.stdout.startswith(f"{KOALA}: ")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{tmp_path / 'bad.jpg'}: This file is not a photo that can be opened")


def test_fit_method_layer_and_detail_are_passed_on(loaded, tmp_path):
    squashed = json.loads(call(CRAB, "--fit", "squash", "--json").stdout)[0]
    assert squashed["input_size"] == [224, 224]
    finer = json.loads(call(CRAB, "--detail", "--json").stdout)[0]
    assert finer["input_size"] == list(loaded.explain(cam.open_image(CRAB), detail=True).input_size)
    layer = loaded.offered_layers[0]
    done = call(CRAB, "--method", "grad-cam", "--layer", layer, "--class", TABBY, "--json", "-o", tmp_path)
    (facts,) = json.loads(done.stdout)
    assert facts["method"] == "grad-cam" and done.stderr == ""
    image = cam.open_image(CRAB)
    heatmap = loaded.explain(image, method="grad-cam", layer=layer).heatmap(TABBY)
    with Image.open(facts["pictures"]["overlay"]) as written:
        difference = np.asarray(written, float) - np.asarray(cam.overlay(image, heatmap), float)
        assert np.abs(difference).max() <= 3


def test_a_method_of_many_passes_says_how_far_it_is(monkeypatch, tiny_model, noise_photo, tmp_path):
    monkeypatch.setattr(module, "loaded_network", lambda name: tiny_model)
    monkeypatch.setattr(module, "_FEW_PASSES", 2)
    noise_photo(40, 40).save(tmp_path / "a.png")
    done = call(tmp_path / "a.png", "--method", "score-cam", "-o", tmp_path)
    assert done.stderr.startswith("5 of 5 passes, ")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "Missing argument 'PHOTO...'"),
        ((CRAB, "--class", "crabb"), 2, "This network has no class 'crabb'. Near it: "),
        ((CRAB, "--class", "1000"), 2, "There is no class 1000: this network has the classes 0 to 999."),
        ((CRAB, "--model", "lite9"), 2, "There is no network 'lite9'"),
        ((CRAB, "--method", "magic"), 2, "--method"),
        ((CRAB, "--method", "grad-cam", "--layer", "nowhere"), 1, "There is no layer 'nowhere' with maps."),
    ],
)
def test_what_is_asked_wrongly_is_said(loaded, arguments, code, said):
    done = call(*arguments)
    assert done.exit_code == code and said in done.stderr and done.stdout == ""


def test_a_folder_that_cannot_be_written_is_said(loaded, tmp_path):
    (tmp_path / "file").touch()
    done = call(CRAB, "-o", tmp_path / "file" / "out")
    assert done.exit_code == 1 and "cannot be written: Not a directory." in done.stderr


def test_names_of_files_are_plain():
    assert slugify("a/b: c?", "black-and-tan coonhound", "x@1") == "a-b-c-black-and-tan-coonhound-x-1"
    assert slugify("Küche", "é") == "Küche-é"
    assert slugify("é" * 500, "y") == "é" * 100
