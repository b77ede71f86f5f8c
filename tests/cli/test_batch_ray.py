"""`python -m cam batch --engine ray`: the same table as by one process, whatever dies on the way."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner
from pyarrow import parquet
from support.batch_photos import SAMPLES, write_bad, write_good

import cam
from cam.__main__ import main
from cam.batch import ray_backend
from cam.batch.ray_backend import Cluster, ClusterError
from cam.cli import batch as module

ROOT = Path(cam.__file__).parents[1]
# The command, with parts small enough that there are several.
SMALL_PARTS = "import cam.batch.plan as plan; plan.PART = 8; from cam.__main__ import main; main()"
# As many cores for each pass as in this process, because sums in another order differ in the last digits.
ENVIRON = {**os.environ, "TF_NUM_INTRAOP_THREADS": str(os.cpu_count())}


@pytest.fixture
def local(monkeypatch, lite0, tmp_path):
    """A folder of photos -> the rows of the table that one process makes of it, and the folder it is in."""
    monkeypatch.setattr(module, "load_network", lambda name, many: lite0)
    monkeypatch.setattr(cam.batch.plan, "PART", 8)

    def call(photos: Path, *options: str) -> list[dict]:
        line = ["batch", str(photos), "-o", str(tmp_path / "local"), "--model", "efficientnet-lite0", *options]
        CliRunner().invoke(main, line)
        return rows(tmp_path / "local")

    return call


def rows(folder: Path) -> list[dict]:
    return parquet.read_table(folder / "results.parquet").drop_columns("seconds").to_pylist()


def started(photos: Path, out: Path, *options: object) -> subprocess.Popen:
    """The command by Ray, on its way, in a process of its own."""
    line = [photos, "-o", out, "--model", "efficientnet-lite0", "--engine", "ray", *options]
    command = [sys.executable, "-c", SMALL_PARTS, "batch", *map(str, line)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=ROOT, env=ENVIRON, text=True, **pipes)


def actors(process: subprocess.Popen) -> list[psutil.Process]:
    """Those of Ray's processes that hold the network and are busy with a part."""
    below = psutil.Process(process.pid).children(recursive=True)
    return [one for one in below if "ray::MapWorker" in " ".join(one.cmdline()) and one.status() != "zombie"]


def test_good_and_bad_photos_give_the_table_of_one_process(local, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    write_good(folder)
    write_bad(folder)
    expected = local(folder, "--save", "map")
    process = started(folder, tmp_path / "out", "--actors", 1, "--save", "map", "--json")
    printed, said = process.communicate()
    facts = json.loads(printed)
    assert (process.returncode, facts["photos"], facts["failed"], facts["done_now"]) == (1, 50, 20, 50), said
    # No word of Ray's, which has many.
    assert all(" of 50 photos, " in line for line in said.splitlines()), said
    assert rows(tmp_path / "out") == expected
    for name in (name for row in expected for name in row["pictures"] or ()):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "local" / name).read_bytes()


def test_an_actor_killed_at_work_loses_no_photo(local, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(96):
        os.symlink(SAMPLES[i % len(SAMPLES)], folder / f"{i:03d}.jpg")
    parts = tmp_path / "out" / "parts"
    process = started(folder, tmp_path / "out", "--actors", 2)
    while len(list(parts.glob("*.parquet"))) < 2 and process.poll() is None:
        time.sleep(0.01)
    first, _ = actors(process)
    first.kill()
    printed, said = process.communicate()
    assert process.returncode == 0 and printed.startswith("96 photos, 0 failed, "), said
    assert rows(tmp_path / "out") == local(folder)


@pytest.mark.parametrize(
    ("machines", "actors", "expected"),
    [
        ([2], None, Cluster(1, 2)),
        ([2], 2, Cluster(2, 1)),
        ([16, 16, 0], None, Cluster(8, 4)),
        ([16, 6], None, Cluster(5, 4)),
        ([3, 3], 3, Cluster(3, 1)),
    ],
)
def test_actors_share_the_cores(machines, actors, expected):
    assert ray_backend._shared_out(machines, actors) == expected


def test_more_actors_than_cores_are_refused():
    with pytest.raises(ClusterError, match=r"There are 4 cores, too few for 5 actors .* Ask for fewer by --actors\."):
        ray_backend._shared_out([2, 2], 5)


def call(*options: str):
    return CliRunner().invoke(main, ["batch", str(SAMPLES[0]), "--model", "efficientnet-lite0", *map(str, options)])


def test_without_ray_it_is_said_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    done = call("-o", tmp_path / "out", "--engine", "ray")
    assert done.exit_code == 1 and "Install it by: pip install -r requirements-ray.txt" in done.stderr


def test_ray_reports_to_nobody(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    with pytest.raises(ClusterError):
        ray_backend._imported()
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


@pytest.mark.parametrize(("address", "said"), [("127.0.0.1:9", "no answer in 0.1 seconds"), ("ray://h:1", "client")])
def test_a_cluster_that_is_not_there_is_said_soon(monkeypatch, address, said):
    monkeypatch.setattr(ray_backend, "_PATIENCE", 0.1)
    with pytest.raises(ClusterError, match=said):
        ray_backend._check_reachable(address)


def test_what_is_of_ray_only_is_refused_without_it(tmp_path):
    done = call("-o", tmp_path / "out", "--actors", 2)
    assert done.exit_code == 2 and "--address and --actors are for --engine ray." in done.stderr
