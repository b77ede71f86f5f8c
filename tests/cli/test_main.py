"""The command line as a whole."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import click
import pytest

import cam
from cam.__main__ import main
from cam.errors import ImageError

ROOT = Path(cam.__file__).parents[1]


def test_help_names_the_commands_and_what_they_do(run):
    done = run("--help")
    assert done.exit_code == 0
    assert "python -m cam [OPTIONS] COMMAND [ARGS]..." in done.stdout
    for name, command in main.commands.items():
        assert f"  {name} " in done.stdout and command.get_short_help_str(60).rstrip(".") in done.stdout
    assert {"models", "fetch"} <= set(main.commands)


def test_it_is_started_as_a_module():
    done = subprocess.run([sys.executable, "-m", "cam", "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: python -m cam [OPTIONS]")


def test_importing_it_and_listing_networks_imports_no_heavy_library():
    code = (
        "import sys; from cam.__main__ import main; main(['models'], standalone_mode=False); "
        "print({'tensorflow', 'keras', 'streamlit'} & {name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


@pytest.mark.parametrize("error", [ImageError("This is no photo."), ZeroDivisionError("a mistake")])
def test_what_a_user_can_cause_is_one_sentence_and_a_mistake_is_not_hidden(run, monkeypatch, error):
    @click.command()
    def fail() -> None:
        raise error

    monkeypatch.setitem(main.commands, "fail", fail)
    if isinstance(error, ZeroDivisionError):
        with pytest.raises(ZeroDivisionError):
            run("fail")
        return
    done = run("fail")
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", "Error: This is no photo.\n")


def test_the_version_is_that_of_the_package(run):
    assert run("--version").stdout == f"classcam, version {importlib.metadata.version('classcam')}\n"
