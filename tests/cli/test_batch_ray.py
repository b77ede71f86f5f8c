"""`python -m cam batch --engine ray`: the same table as by one process, whatever dies on the way."""

import json
import os
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from click.testing import CliRunner
from support.batch_parts import read_rows
from support.batch_photos import SAMPLES, write_bad, write_good

import cam
from cam.__main__ import main
from cam.batch import ray_backend
from cam.batch.ray_backend import ClusterError
from cam.cli import batch as module

ROOT = Path(cam.__file__).parents[1]
# The command, with parts small enough that there are several.
SMALL_PARTS = "import cam.batch.plan as plan; plan.PART = 8; from cam.__main__ import main; main()"
# As many cores for each pass as in this process, because sums in another order differ in the last digits.
ENVIRON = {**os.environ, "TF_NUM_INTRAOP_THREADS": str(os.cpu_count())}
HERE = ("127.0.0.1", "::1", "::ffff:127.0.0.1")


@pytest.fixture
def explain_here(monkeypatch, lite0, tmp_path):
    """A folder of photos -> the rows of the table that one process makes of it, and the folder it is in."""
    monkeypatch.setattr(module, "load_network", lambda name, many: lite0)
    monkeypatch.setattr(cam.batch.plan, "PART", 8)

    def call(photos: Path, *options: str) -> list[dict]:
        line = ["batch", str(photos), "-o", str(tmp_path / "here"), "--model", "efficientnet-lite0", *options]
        CliRunner().invoke(main, line)
        return read_rows(tmp_path / "here" / "results.parquet")

    return call


@dataclass
class RayRun:
    """A run by Ray, of which one actor was killed at work: what it read, wrote and printed, and what Ray did."""

    photos: Path
    out: Path
    temporary: Path
    code: int = -1
    printed: str = ""
    said: str = ""
    sockets: list[str] = field(default_factory=list)
    environs: list[dict[str, str]] = field(default_factory=list)
    modes: list[int] = field(default_factory=list)

    def observe(self, processes: list[psutil.Process]) -> None:
        for process in processes:
            self.sockets += [one.laddr.ip for one in process.net_connections("inet") if one.status == "LISTEN"]
            # Others overwrite theirs with the title that they give themselves.
            if process.name() in ("gcs_server", "raylet"):
                self.environs.append(process.environ())
        self.modes = [folder.stat().st_mode for folder in self.temporary.glob("classcam-*")]


@pytest.fixture(scope="module")
def ray_run(tmp_path_factory) -> Iterator[RayRun]:
    """One run for all tests, because Ray takes long to start."""
    folder = tmp_path_factory.mktemp("ray")
    (folder / "photos").mkdir()
    write_good(folder / "photos")
    write_bad(folder / "photos")
    for i in range(46):
        os.symlink(SAMPLES[i % len(SAMPLES)], folder / "photos" / f"link{i:03d}.jpg")
    # A short one, because sockets in it have long names.
    with tempfile.TemporaryDirectory(dir="/tmp") as temporary:
        made = RayRun(folder / "photos", folder / "out", Path(temporary))
        line = [made.photos, "-o", made.out, "--model", "efficientnet-lite0", "--engine", "ray", "--actors", "2"]
        command = [sys.executable, "-c", SMALL_PARTS, "batch", *map(str, line), "--save", "map", "--json"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        # Somebody else's settings, which would open Ray to all.
        environ = ENVIRON | {"TMPDIR": temporary, "RAY_AUTH_MODE": "disabled"}
        with subprocess.Popen(command, cwd=ROOT, env=environ, text=True, **pipes) as process:
            while len(list((made.out / "parts").glob("*.parquet"))) < 2 and process.poll() is None:
                time.sleep(0.01)
            below = psutil.Process(process.pid).children(recursive=True)
            made.observe([one for one in below if one.status() != "zombie"])
            next(one for one in below if "ray::_Explainer" in " ".join(one.cmdline())).kill()
            made.printed, made.said = process.communicate()
        made.code = process.returncode
        yield made


def test_the_table_is_that_of_one_process_though_an_actor_died(ray_run, explain_here, tmp_path):
    facts = json.loads(ray_run.printed)
    assert (ray_run.code, facts["photos"], facts["failed"], facts["done_now"]) == (1, 96, 20, 96), ray_run.said
    # No word of Ray's, which has many.
    assert all(" of 96 photos, " in line for line in ray_run.said.splitlines()), ray_run.said
    expected = explain_here(ray_run.photos, "--save", "map")
    assert read_rows(ray_run.out / "results.parquet") == expected
    for name in (name for row in expected for name in row["pictures"] or ()):
        assert (ray_run.out / name).read_bytes() == (tmp_path / "here" / name).read_bytes()


def test_ray_listens_on_this_machine_alone_and_asks_for_a_token_of_its_own(ray_run):
    assert len(ray_run.sockets) > 4 and set(ray_run.sockets) <= set(HERE)
    assert {environ["RAY_AUTH_MODE"] for environ in ray_run.environs} == {"token"}
    (token,) = {environ["RAY_AUTH_TOKEN"] for environ in ray_run.environs}
    assert len(token) == 64


def test_nobody_else_can_open_rays_files_and_none_stay(ray_run):
    assert [stat.S_IMODE(mode) for mode in ray_run.modes] == [0o700]
    assert list(ray_run.temporary.glob("classcam-*")) == []


@pytest.mark.parametrize(
    ("machines", "actors", "expected"),
    [
        ([2], None, (1, 2)),
        ([2], 2, (2, 1)),
        ([16, 16, 0], None, (8, 4)),
        ([16, 6], None, (5, 4)),
        ([3, 3], 3, (3, 1)),
    ],
)
def test_actors_share_the_cores(machines, actors, expected):
    assert ray_backend.share_cores(machines, actors) == expected


def test_more_actors_than_cores_are_refused():
    with pytest.raises(ClusterError, match=r"There are 4 cores, too few for 5 actors .* Ask for fewer by --actors\."):
        ray_backend.share_cores([2, 2], 5)


@pytest.fixture
def hand_out(monkeypatch):
    """`_hand_out` over actors, each given by its refusal to work, by None, or by ... for one that never starts."""
    answers: dict[object, object] = {}

    def method(answer):
        def remote(*args):
            answers[reference := object()] = answer(*args)
            return reference

        return SimpleNamespace(remote=remote)

    def actor(refusal):
        loading = SimpleNamespace(remote=object) if refusal is ... else method(lambda: refusal)
        return SimpleNamespace(get_refusal=loading, explain=method(lambda part: part))

    wait = SimpleNamespace(
        wait=lambda references: ([next(one for one in references if one in answers)], []), get=answers.__getitem__
    )
    monkeypatch.setitem(sys.modules, "ray", wait)
    return lambda refusals, parts: ray_backend._hand_out([actor(refusal) for refusal in refusals], parts)


@pytest.mark.parametrize("refusals", [[None], [None, None], [..., None], [None, ..., None]])
def test_every_part_is_handed_out_once_though_an_actor_never_starts(hand_out, refusals):
    assert sorted(hand_out(refusals, range(7))) == list(range(7))


def test_a_machine_that_refuses_ends_the_run(hand_out):
    with pytest.raises(ClusterError, match="^Other weights$"):
        list(hand_out(["Other weights"], range(7)))


def call(*options: str):
    return CliRunner().invoke(main, ["batch", str(SAMPLES[0]), "--model", "efficientnet-lite0", *map(str, options)])


def test_without_ray_it_is_said_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    done = call("-o", tmp_path / "out", "--engine", "ray")
    assert done.exit_code == 1 and "Install it by: pip install -r requirements-ray.txt" in done.stderr


@pytest.mark.parametrize("is_local", [True, False])
def test_ray_reports_to_nobody_and_asks_for_a_token(monkeypatch, is_local):
    monkeypatch.setitem(sys.modules, "ray", None)
    environ = {"RAY_USAGE_STATS_ENABLED": "1", "RAY_AUTH_MODE": "disabled", "RAY_AUTH_TOKEN": "known"}
    monkeypatch.setattr(os, "environ", environ)
    with pytest.raises(ClusterError):
        ray_backend._import_ray(is_local=is_local)
    assert (environ["RAY_USAGE_STATS_ENABLED"], environ["RAY_AUTH_MODE"]) == ("0", "token")
    # The token of a cluster that was there before is its own.
    assert (environ["RAY_AUTH_TOKEN"] == "known") != is_local


@pytest.mark.parametrize(("address", "said"), [("127.0.0.1:9", "no answer in 0.1 seconds"), ("ray://h:1", "client")])
def test_a_cluster_that_is_not_there_is_said_soon(monkeypatch, address, said):
    monkeypatch.setattr(ray_backend, "_PATIENCE", 0.1)
    with pytest.raises(ClusterError, match=said):
        ray_backend._check_reachable(address)


def test_what_is_of_ray_only_is_refused_without_it(tmp_path):
    done = call("-o", tmp_path / "out", "--actors", 2)
    assert done.exit_code == 2 and "--address and --actors are for --engine ray." in done.stderr
