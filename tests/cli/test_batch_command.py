"""`python -m cam batch` on the embedded network: folders with photos of all kinds, killed and gone on with."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.batch_parts import read_rows
from support.batch_photos import SAMPLES, write_bad, write_good

import cam
import cam.batch.plan
from cam.__main__ import main
from cam.cli import batch as module

ROOT = Path(cam.__file__).parents[1]
THREADS = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS")
# The command, with parts small enough to be killed between two of them.
SMALL_PARTS = "import cam.batch.plan as plan; plan.PART = 4; from cam.__main__ import main; main()"

# The command, and then how many passes it lets run at once, and with how many threads of TensorFlow's each.
PASSES = """
import os
from cam.__main__ import main
main(standalone_mode=False)
from cam.backends.turns import default_passes
print(default_passes(), os.environ["TF_NUM_INTRAOP_THREADS"])
"""


@pytest.fixture
def loaded(monkeypatch, lite0):
    """The network that is loaded already stands in for the one that the command would load."""
    monkeypatch.setattr(module, "load_network", lambda name, many: lite0)
    monkeypatch.setattr(cam.batch.plan, "PART", 4)


def call(*arguments: object, stdin: bytes | None = None):
    line = ["batch", *map(str, arguments), "--model", "efficientnet-lite0"]
    result = CliRunner().invoke(main, line, input=stdin, prog_name="python -m cam")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def rows(folder: Path) -> list[dict]:
    return read_rows(folder / "results.parquet")


def test_good_and_bad_photos_of_all_kinds(loaded, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    write_good(folder)
    write_bad(folder)
    (folder / "notes.txt").write_text("no photo, and not called like one")
    done = call(folder, "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert done.stdout.splitlines()[-1].startswith("50 photos, 20 failed, ")
    assert done.stdout.rstrip().endswith(f"photos/s: {tmp_path / 'out' / 'results.parquet'}")
    table = rows(tmp_path / "out")
    assert [row["path"] for row in table] == sorted(str(path) for path in folder.iterdir() if path.name != "notes.txt")
    for row in table:
        good = Path(row["path"]).name.startswith("good")
        assert (row["error"] is None) == good == (row["classes"] is not None), row
    errors = {Path(row["path"]).name: row["error"] for row in table if row["error"]}
    for name, words in {
        "bad_cut.jpeg": "damaged or cut off",
        "bad_text.jpg": "not a photo that can be opened",
        "bad_huge.png": "at most 40 megapixels are accepted",
        "bad_tiny.png": "each side must have at least 16",
        "bad_large.jpg": "larger than 50 MB",
        "bad_folder.jpg": "it is a folder",
        "bad_link.jpg": "No such file",
        "bad_pipe.jpg": "no ordinary file",
    }.items():
        assert words in errors[name]


def test_a_photo_that_may_not_be_read_is_a_row(loaded, tmp_path, monkeypatch):
    (tmp_path / "a.jpg").write_bytes(SAMPLES[0].read_bytes())

    def refuse(path, mode):
        raise PermissionError(13, "Permission denied")

    # Root, as which tests may run, is refused nothing.
    monkeypatch.setattr(cam.batch.sources, "open", refuse, raising=False)
    assert call(tmp_path, "-o", tmp_path / "out").exit_code == 1
    assert rows(tmp_path / "out")[0]["error"] == f"The photo {tmp_path / 'a.jpg'} cannot be read: Permission denied."


def test_killed_in_the_middle_and_resumed_gives_the_same_table(loaded, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(60):
        os.symlink(SAMPLES[i % len(SAMPLES)], photos / f"{i:03d}.jpg")
    (photos / "031.jpg").unlink()
    (photos / "031.jpg").write_text("no photo")
    assert call(photos, "-o", tmp_path / "undisturbed").exit_code == 1
    out, parts = tmp_path / "out", tmp_path / "out" / "parts"
    command = [sys.executable, "-c", SMALL_PARTS, "batch", photos, "-o", out, "--model", "efficientnet-lite0"]
    # As many cores for each pass as in this process, because sums in another order differ in the last digits.
    environ = {**os.environ, "TF_NUM_INTRAOP_THREADS": str(os.cpu_count())}
    with subprocess.Popen(
        command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while len(list(parts.glob("*.parquet"))) < 3 and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL and not (out / "results.parquet").exists()
    kept = len(list(parts.glob("*.parquet")))
    assert 3 <= kept < 15
    assert "Go on with it by --resume" in call(photos, "-o", out).stderr
    done = call(photos, "-o", out, "--resume", "--json")
    facts = json.loads(done.stdout)
    assert (done.exit_code, facts["photos"], facts["failed"], facts["done_now"]) == (1, 60, 1, 60 - 4 * kept)
    assert rows(out) == rows(tmp_path / "undisturbed")
    assert sorted(path.name for path in out.iterdir()) == ["results.parquet", "run.json", "run.lock"]


def test_patterns_lists_and_limits(loaded, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    done = call("sample_images/k*.jpg", "-o", tmp_path / "glob")
    assert done.exit_code == 0 and "2 photos, 0 failed" in done.stdout
    assert [row["path"] for row in rows(tmp_path / "glob")] == [
        "sample_images/koala.jpg",
        "sample_images/komodo_dragon.jpg",
    ]
    done = call("-", "-o", tmp_path / "list", stdin=b"sample_images/koala.jpg\nno such file\n\n")
    assert done.exit_code == 1 and "2 photos, 1 failed" in done.stdout
    assert [row["error"] is None for row in rows(tmp_path / "list")] == [False, True]
    done = call("sample_images", "-o", tmp_path / "limit", "--limit", 1, "--top", 2, "--fit", "squash")
    assert done.exit_code == 0
    (row,) = rows(tmp_path / "limit")
    assert (row["path"], row["input_width"], row["input_height"]) == ("sample_images/astronaut.jpg", 224, 224)
    assert len(row["classes"]) == 2


def test_the_pictures_of_a_run_are_not_photos_of_it(loaded, tmp_path):
    (tmp_path / "a.jpg").write_bytes(SAMPLES[0].read_bytes())
    out = tmp_path / "explained"
    for resume in ((), ("--resume",)):
        done = call(tmp_path, "-o", out, "--recursive", "--save", "overlay", *resume)
        assert done.exit_code == 0 and "1 photo, 0 failed" in done.stdout
    assert [row["path"] for row in rows(out)] == [str(tmp_path / "a.jpg")] and (out / "overlays").is_dir()


def test_json_is_all_that_is_printed_and_piped_output_is_plain(loaded, tmp_path):
    done = call(SAMPLES[0], "-o", tmp_path / "out", "--json", "--save", "box, overlay")
    facts = json.loads(done.stdout)
    assert facts["photos"] == facts["done_now"] == 1 and facts["failed"] == 0 and facts["photos_per_second"] > 0
    assert facts["results"] == str(tmp_path / "out" / "results.parquet")
    assert done.stderr.startswith("1 of 1 photos, ") and "\x1b" not in done.stderr + done.stdout
    (row,) = rows(tmp_path / "out")
    assert row["pictures"] == ["overlays/0000000-astronaut.jpg", "boxes/0000000-astronaut.jpg"]
    done = call(SAMPLES[0], "-o", tmp_path / "out", "--save", "overlay,box", "--resume")
    assert (done.exit_code, done.stderr) == (0, "") and done.stdout.startswith("1 photo, 0 failed, done before: ")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("photos", 2, "Missing option '-o'"),
        ("-o out", 2, "Missing argument"),
        ("photos -o out --save heat", 2, "'heat' is none of overlay, map, box."),
        ("photos -o out --top 0", 2, "--top"),
        ("photos -o s3://bucket/out", 2, "it must be a folder on this machine"),
        ("nowhere -o out", 1, "Error: There is no folder or photo nowhere."),
        ("photos -o out", 1, "Error: There is no photo in photos."),
    ],
)
def test_what_is_asked_wrongly_is_said_before_anything_is_loaded(tmp_path, monkeypatch, arguments, code, said):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "load_network", None)
    (tmp_path / "photos").mkdir()
    done = call(*arguments.split())
    assert done.exit_code == code and said in done.stderr
    assert not (tmp_path / "out").exists()


def test_an_unknown_network_is_an_error_of_usage(tmp_path):
    done = CliRunner().invoke(main, ["batch", str(SAMPLES[0]), "-o", str(tmp_path), "--model", "resnet5"])
    assert done.exit_code == 2 and "There is no network 'resnet5'" in done.stderr


def test_ctrl_c_says_how_to_go_on(loaded, tmp_path, monkeypatch):
    def interrupt(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "run", interrupt)
    done = call(SAMPLES[0], "-o", tmp_path / "out")
    assert done.exit_code == 130 and "go on by the same command with --resume" in done.stderr


def test_each_core_has_a_pass_of_its_own(tmp_path):
    command = ["batch", str(SAMPLES[0]), "-o", str(tmp_path / "out"), "--model", "efficientnet-lite0"]
    # As many as the machine has, where no setting says otherwise.
    environment = {name: value for name, value in os.environ.items() if name not in ("CAM_PASSES", *THREADS)}
    done = subprocess.run(
        [sys.executable, "-c", PASSES, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == f"{os.cpu_count()} 1"
