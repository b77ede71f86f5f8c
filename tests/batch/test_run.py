"""A run: its table says what `explain` says of each photo, and it can end anywhere and be gone on with."""

import json
import os
import threading
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from PIL import Image
from pyarrow import parquet
from support.batch_parts import list_files, read_rows, run_here

import cam
from cam.batch import output_folder
from cam.batch.output_folder import OutputError, open_output
from cam.batch.plan import Plan, Settings, digest_network
from cam.batch.run import run
from cam.batch.sources import find_photos
from cam.localization import Box
from cam.models.registry import spec_of


def test_a_row_says_what_explain_says(plan, tiny_model, tmp_path):
    summary = run_here(plan, tiny_model, tmp_path / "out")
    assert (summary.photos, summary.failed, summary.done) == (12, 1, 12)
    table = parquet.read_table(summary.results)
    assert all(seconds > 0 for seconds in table["seconds"].to_pylist())
    for path, row in zip(plan.photos, table.to_pylist(), strict=True):
        assert row["path"] == path
        if path.endswith("p07.png"):
            assert "not a photo" in row["error"] and {row[name] for name in ("width", "classes", "boxes")} == {None}
            continue
        explanation = tiny_model.explain(cam.open_image(path))
        best = explanation.top(2)
        assert row["error"] is None and (row["width"], row["height"]) == explanation.image_size
        assert (row["input_width"], row["input_height"]) == explanation.input_size
        assert [found["label"] for found in row["classes"]] == [wanted.label for wanted in best]
        for found, wanted in zip(row["classes"], best, strict=True):
            assert found["index"] == wanted.index
            assert found["score"] == pytest.approx(wanted.score, abs=1e-5)
            assert found["probability"] == pytest.approx(wanted.probability, abs=1e-5)
        expected = cam.boxes(explanation.heatmap(best[0].index))
        found = [Box(**{**box, "peak": pytest.approx(box["peak"], abs=1e-5)}) for box in row["boxes"]]
        assert [(b.left, b.top, b.right, b.bottom) for b in found] == [
            (b.left, b.top, b.right, b.bottom) for b in expected
        ]
        assert [box.peak for box in expected] == [box.peak for box in found]
    assert json.loads(table.schema.metadata[b"classcam"])["model"] == "tiny"
    assert list_files(tmp_path / "out") == {"results.parquet", "run.json", "run.lock"}


def test_a_photo_that_is_decoded_smaller_has_its_own_size_and_boxes(tiny_model, noise_photo, tmp_path):
    photo = noise_photo(2400, 3200)
    exif = Image.Exif()
    exif[0x0112] = 6
    photo.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "large.jpg", exif=exif)
    assert cam.open_image(tmp_path / "large.jpg").size == (1200, 1600)
    plan = Plan([str(tmp_path / "large.jpg")], Settings("tiny"))
    (row,) = read_rows(run_here(plan, tiny_model, tmp_path / "out").results)
    assert (row["width"], row["height"]) == (2400, 3200)
    explanation = tiny_model.explain(cam.open_image(tmp_path / "large.jpg"))
    expected = cam.boxes(explanation.heatmap(explanation.top(1)[0].index))
    doubled = [(2 * box.left, 2 * box.top, 2 * box.right, 2 * box.bottom) for box in expected]
    assert [(box["left"], box["top"], box["right"], box["bottom"]) for box in row["boxes"]] == doubled


def test_pictures_are_what_the_row_says_and_have_places_of_their_own(tiny_model, noise_photo, tmp_path, parts_of_four):
    names = ["a/cat.png", "b/cat.png", "b/cat.jpg", "b/" + "x" * 200 + ".png", "b/q?:é.png"]
    for i, name in enumerate(names):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        noise_photo(240, 160, seed=i).save(tmp_path / name)
    photos = find_photos([str(tmp_path / "a"), str(tmp_path / "b")])
    plan = Plan(photos, Settings("tiny", save=("overlay", "map", "box")))
    table = read_rows(run_here(plan, tiny_model, tmp_path / "out").results)
    named = [name for row in table for name in row["pictures"]]
    assert len(set(named)) == 15 and set(named) < list_files(tmp_path / "out")
    assert [name for name in named if "cat" in name][:3] == [
        "overlays/0000000-cat.jpg",
        "maps/0000000-cat.npy",
        "boxes/0000000-cat.jpg",
    ]
    for path, row in zip(photos, table, strict=True):
        overlay, cells, box = (tmp_path / "out" / name for name in row["pictures"])
        explanation, image = tiny_model.explain(cam.open_image(path)), cam.open_image(path)
        best = explanation.top(1)[0].index
        np.testing.assert_allclose(np.load(cells), explanation.class_map(best), atol=1e-5)
        heatmap = explanation.heatmap(best)
        wanted = cam.overlay(image, heatmap), cam.render.draw_boxes(image, cam.boxes(heatmap))
        for file, picture in zip((overlay, box), wanted, strict=True):
            difference = np.asarray(cam.open_image(file), float) - np.asarray(picture, float)
            assert np.abs(difference).mean() < 4


@pytest.fixture
def interrupted(plan, tiny_model, tmp_path, monkeypatch):
    """A function that runs the plan until some parts are stored and Ctrl-C is pressed."""

    def call(after: int) -> None:
        add = output_folder.OutputFolder.add_part

        def limited(self, number, table):
            if number == after:
                raise KeyboardInterrupt
            add(self, number, table)

        with monkeypatch.context() as patch:
            patch.setattr(output_folder.OutputFolder, "add_part", limited)
            with pytest.raises(KeyboardInterrupt):
                run_here(plan, tiny_model, tmp_path / "out")

    return call


@pytest.mark.parametrize("after", [0, 1, 2])
def test_interrupted_and_gone_on_with_gives_the_same_table(plan, tiny_model, tmp_path, expected, after, interrupted):
    interrupted(after)
    kept = {name for name in list_files(tmp_path / "out") if name.startswith("parts/")}
    assert kept == {f"parts/{number:08d}.parquet" for number in range(after)}
    passes = tiny_model.passes
    summary = run_here(plan, tiny_model, tmp_path / "out", resume=True)
    assert summary.done == 12 - 4 * after
    assert tiny_model.passes - passes == summary.done - (after < 2)
    assert read_rows(summary.results) == expected


def test_ctrl_c_while_photos_are_read_ends_all_threads(plan, tiny_model, tmp_path):
    def report(done, total):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_here(plan, tiny_model, tmp_path / "out", report=report)
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("batch-")]


def test_a_part_that_was_cut_off_is_done_again(plan, tiny_model, tmp_path, expected, interrupted):
    interrupted(2)
    first, second = sorted((tmp_path / "out" / "parts").glob("*.parquet"))[:2]
    first.write_bytes(first.read_bytes()[:-20])
    second.write_bytes(b"")
    summary = run_here(plan, tiny_model, tmp_path / "out", resume=True)
    assert summary.done == 12 and read_rows(summary.results) == expected


def test_a_finished_run_has_nothing_left_to_do_and_needs_no_network(plan, tiny_model, tmp_path, expected):
    run_here(plan, tiny_model, tmp_path / "out")
    (tmp_path / "out" / "parts").mkdir()
    (tmp_path / "out" / "parts" / "00000000.parquet").write_bytes(b"left by a run that ended just then")
    summary = run(plan, partial(pytest.fail, "the network was loaded"), tmp_path / "out", resume=True)
    assert (summary.photos, summary.failed, summary.done) == (12, 1, 0)
    assert read_rows(summary.results) == expected and not (tmp_path / "out" / "parts").exists()


def test_no_more_than_three_parts_are_held(plan, tiny_model, tmp_path, monkeypatch):
    read, written = [], []
    load = cam.batch.pipeline.load_photo
    monkeypatch.setattr(cam.batch.pipeline, "load_photo", lambda *args: (read.append(args[0]), load(*args))[1])
    many = replace(plan, photos=list(plan.photos) * 5)
    add = output_folder.OutputFolder.add_part
    held = []

    def count(self, number, table):
        held.append(len(read) - 4 * len(written))
        written.append(number)
        add(self, number, table)

    monkeypatch.setattr(output_folder.OutputFolder, "add_part", count)
    run_here(many, tiny_model, tmp_path / "out")
    assert written == list(range(15)) and max(held) <= 3 * 4


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"top": 3}, r"top: 2 there, 3 now"),
        ({"fit": "squash"}, r"fit: whole there, squash now"),
        ({"save": ("map",)}, r'save: \[\] there, \["map"\] now'),
        ({"model": "other"}, r"model: tiny there, other now"),
    ],
)
def test_other_settings_are_another_run(plan, tiny_model, tmp_path, change, said):
    run_here(plan, tiny_model, tmp_path / "out")
    other = replace(plan, settings=replace(plan.settings, **change))
    for resume in (True, False):
        with pytest.raises(
            OutputError, match=f"holds another run \\({said}\\). Use another folder, or delete this one"
        ):
            run_here(other, tiny_model, tmp_path / "out", resume=resume)


def test_other_photos_or_weights_are_another_run(plan, tiny_model, tmp_path):
    run_here(plan, tiny_model, tmp_path / "out")
    with pytest.raises(OutputError, match=r"another run \(photos: 12 there, 11 now; list: "):
        run_here(replace(plan, photos=plan.photos[:-1]), tiny_model, tmp_path / "out", resume=True)
    with pytest.raises(OutputError, match=r"another run \(weights:  there, trained ag.* now\)|another run \(weights: "):
        run_here(replace(plan, weights="trained again since"), tiny_model, tmp_path / "out", resume=True)


def test_the_same_run_is_not_begun_twice(plan, tiny_model, tmp_path):
    run_here(plan, tiny_model, tmp_path / "out")
    with pytest.raises(OutputError, match="holds this run already, finished or not. Go on with it by --resume"):
        run_here(plan, tiny_model, tmp_path / "out")


@pytest.mark.parametrize("name", ["results.parquet", "parts/x", "overlays/x"])
def test_what_is_of_no_known_run_is_left_alone(plan, tiny_model, tmp_path, name):
    path = tmp_path / "out" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"precious")
    for resume in (True, False):
        with pytest.raises(OutputError, match=f"has {name.split('/')[0]} in it, which is of no run"):
            run_here(plan, tiny_model, tmp_path / "out", resume=resume)
    assert path.read_bytes() == b"precious"


def test_a_record_that_is_none_is_said(plan, tmp_path):
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(OutputError, match="is not the record of a run"), open_output(tmp_path, plan, resume=True):
        pass


def test_where_the_command_is_called_from_makes_no_difference(photos, parts_of_four, tmp_path, monkeypatch):
    records = []
    for folder, source in ((tmp_path, "photos"), (photos, "."), (photos, str(photos))):
        monkeypatch.chdir(folder)
        records.append(Plan(find_photos([source]), Settings("tiny")).record)
    assert records[0] == records[1] == records[2]
    assert Plan(find_photos(["p0*.png"]), Settings("tiny")).record != records[0]


def test_two_runs_at_a_time_are_refused_and_a_dead_one_is_not_waited_for(plan, tiny_model, tmp_path):
    with open_output(tmp_path / "out", plan, resume=False):
        with pytest.raises(OutputError, match=r"Another run \(process \d+\) is writing to .*out\. Wait for its end"):
            run_here(plan, tiny_model, tmp_path / "out", resume=True)
    (tmp_path / "out" / "run.lock").write_text("1")
    assert run_here(plan, tiny_model, tmp_path / "out", resume=True).photos == 12


@pytest.mark.parametrize("when", ["a part", "the table", "a picture"])
def test_a_full_disk_is_said_and_leaves_nothing_by_halves(plan, tiny_model, tmp_path, monkeypatch, when):
    plan = replace(plan, settings=replace(plan.settings, save=("map",)))
    expected = read_rows(run_here(plan, tiny_model, tmp_path / "undisturbed").results)
    endings = {"a part": "1.parquet", "the table": "results.parquet", "a picture": "p05.npy"}
    replaced = os.replace

    def full(old, new):
        if str(new).endswith(endings[when]):
            raise OSError(28, "No space left on device", str(new))
        replaced(old, new)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(OutputError, match=r"The disk is full: .* Make room, and go on .* with --resume\."):
            run_here(plan, tiny_model, tmp_path / "out")
    left = list_files(tmp_path / "out")
    assert "results.parquet" not in left and not [name for name in left if name.endswith(".part")]
    assert read_rows(run_here(plan, tiny_model, tmp_path / "out", resume=True).results) == expected


def test_a_folder_that_cannot_be_made_or_written_is_said(plan, tiny_model, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"file/out cannot be written: Not a directory\. Choose another folder"):
        run_here(plan, tiny_model, tmp_path / "file" / "out")

    begin = os.open

    # Root, as which tests may run, is refused nothing.
    def refuse(path, *args, **options):
        if str(path).endswith(".lock"):
            raise PermissionError(13, "Permission denied", str(path))
        return begin(path, *args, **options)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OutputError, match=r"run\.lock cannot be written: Permission denied\. Choose another folder"):
        run_here(plan, tiny_model, tmp_path / "out")


def test_what_runs_the_network_tells_one_run_from_another_too(monkeypatch):
    found = set()
    for installed in (False, True):
        monkeypatch.setattr("cam.batch.plan.has_openvino", lambda installed=installed: installed)
        found |= {digest_network(name) for name in ("efficientnet-lite0", "efficientnet-lite2")}
    assert len(found) == 4


def test_a_network_that_openvino_never_runs_is_the_same_with_it_and_without(monkeypatch):
    spec = replace(spec_of("efficientnet-lite0"), exact=False)
    monkeypatch.setattr("cam.batch.plan.spec_of", lambda name, options: spec)
    found = set()
    for installed in (False, True):
        monkeypatch.setattr("cam.batch.plan.has_openvino", lambda installed=installed: installed)
        found.add(digest_network("efficientnet-lite0"))
    assert len(found) == 1
