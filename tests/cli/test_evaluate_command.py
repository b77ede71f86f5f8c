"""`cam evaluate` on a network that is drawn by hand: what is printed, what is written, and what is refused."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib.figure import Figure
from PIL import Image

from cam.cli import evaluate as module
from cam.evaluation.annotations import AnnotationError
from cam.explanation import Explanation
from cam.labels import Labels

LABELS = Labels(("red", "green", "blue"), ((), (), ()))


def explain(image: Image.Image, **options: object) -> Explanation:
    """Three feature maps, the mean red, green and blue of each 8 x 8 pixels, and that many classes."""
    features = np.asarray(image.resize((image.width // 8, image.height // 8), Image.Resampling.BOX), np.float32) / 255
    return Explanation(features, np.eye(3, dtype=np.float32), np.zeros(3, np.float32), LABELS, image.size, image.size)


@pytest.fixture
def loaded(monkeypatch):
    """What the command asked of the network in place of the real one."""
    asked = {}

    def asking(image, **options):
        asked.update(options)
        return explain(image)

    def network(name):
        asked["model"] = name
        return SimpleNamespace(spec=SimpleNamespace(name="hand"), method="cam", explain=asking)

    monkeypatch.setattr(module, "load_network", network)
    return asked


@pytest.fixture
def folder(tmp_path):
    """Four photos of red squares, of which the last is annotated beside its square, and their table."""
    rows = ["file,class_index,left,top,right,bottom"]
    for i in range(4):
        image = Image.new("RGB", (80, 80))
        image.paste("red", (8 * i, 24, 8 * i + 32, 56))
        image.save(tmp_path / f"{i}.png")
        rows.append(f"{i}.png,0,{8 * i if i < 3 else 70},{24 if i < 3 else 0},{8 * i + 32 if i < 3 else 80},{56}")
    (tmp_path / "boxes.csv").write_text("\n".join(rows))
    return tmp_path


def run(folder, *options):
    arguments = [str(folder), "--boxes", str(folder / "boxes.csv"), "--model", "resnet50", *options]
    return CliRunner().invoke(module.evaluate, arguments, catch_exceptions=False)


def test_the_table_has_every_number_and_the_classes(folder, loaded):
    result = run(folder)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "hand, cam, fit whole: 4 photos"
    assert next(line for line in lines if line.startswith("MaxBoxAcc ↑")).split()[2] == "75.0"
    assert next(line for line in lines if line.startswith("Pointing game ↑")).split()[3] == "75.0"
    assert sum("to" in line.split() for line in lines) == 14
    assert lines[-1].split()[:4] == ["red", "4", "100", "75"]
    assert loaded == {"model": "resnet50", "method": None, "fit": "whole", "detail": False}


def test_the_options_reach_the_network_and_the_heading(folder, loaded):
    result = run(folder, "--method", "grad-cam", "--fit", "squash", "--detail", "--no-faithfulness", "--limit", "2")
    assert loaded == {"model": "resnet50", "method": "grad-cam", "fit": "squash", "detail": True}
    assert result.stdout.splitlines()[0] == "hand, grad-cam, fit squash, finer detail: 2 photos"
    assert "Deletion" not in result.stdout and "MaxBoxAcc ↑                    100.0" in result.stdout


def test_json_is_all_that_stands_on_stdout(folder, loaded):
    read = json.loads(run(folder, "--json", "--no-faithfulness").stdout)
    assert read["photos"] == 4 and read["metrics"]["max_box_acc"]["value"] == 0.75
    assert read["settings"] == {"model": "hand", "method": "cam", "fit": "whole", "detail": False}


def test_numbers_plot_and_cases_are_written(folder, loaded, tmp_path):
    output = tmp_path / "new" / "folder"
    assert run(folder, "--no-faithfulness", "-o", str(output)).exit_code == 0
    assert json.loads((output / "evaluation.json").read_text())["metrics"]["pointing"]["value"] == 0.75
    with Image.open(output / "evaluation.png") as plot, Image.open(output / "cases.png") as sheet:
        assert plot.format == "PNG" and plot.width == 1800
        # Two groups of two photos, a row each, of six columns.
        assert sheet.format == "PNG" and sheet.width == 1530 and 650 < sheet.height < 800


def test_the_sheet_shows_the_best_first_and_the_worst_first(folder, loaded, monkeypatch):
    shown = []
    monkeypatch.setattr(module, "draw_contact_sheet", lambda groups: shown.extend(groups) or Figure())
    run(folder, "--no-faithfulness", "-o", str(folder / "out"))
    (_, best), (_, worst) = shown
    assert [case.caption[0] for case in best + worst] == ["red"] * 4
    assert worst[0].caption[1] == "IoU 0.00" and float(best[0].caption[1].split()[1]) > 0.7
    assert worst[0].truth == ((70, 0, 80, 56),)


def test_one_photo_is_shown_once(folder, loaded, monkeypatch):
    shown = []
    monkeypatch.setattr(module, "draw_contact_sheet", lambda groups: shown.extend(groups) or Figure())
    run(folder, "--no-faithfulness", "--limit", "1", "-o", str(folder / "out"))
    assert [len(cases) for _, cases in shown] == [1]


def test_many_classes_are_cut_in_the_middle():
    rows = [module.ClassResult(i, f"class {i}", 1, 1.0, 1.0, i / 30, 1.0) for i in range(30)]
    lines = module._format_classes(tuple(rows))
    assert len(lines) == 1 + 10 + 1 + 10
    assert lines[1].startswith("class 29") and lines[-1].startswith("class 0 ") and "10 more classes" in lines[11]


def test_a_table_that_does_not_fit_is_refused_before_the_network_is_loaded(folder, loaded):
    (folder / "2.png").unlink()
    with pytest.raises(AnnotationError, match="1 of the 4 photos"):
        run(folder)
    assert loaded == {}


def test_a_folder_that_cannot_be_made_is_an_error_before_the_work_begins(folder, loaded):
    (folder / "file").write_text("")
    result = run(folder, "-o", str(folder / "file" / "out"))
    assert result.exit_code == 1 and "cannot be written: Not a directory" in result.output
    assert loaded == {}


def test_help_needs_no_network():
    text = CliRunner().invoke(module.evaluate, ["--help"]).output
    assert "MaxBoxAccV2" in text and "--no-faithfulness" in text
