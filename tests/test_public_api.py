"""The public names, and that looking at them does not start TensorFlow."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import cam
import cam.errors
import cam.explanation
import cam.images.open
import cam.labels
import cam.localization
import cam.models.registry
import cam.render

LAZY = {"ExplainOptions", "Model", "load_model"}
HOMES = {
    "Attribution": cam.explanation,
    "Box": cam.localization,
    "CamError": cam.errors,
    "Explanation": cam.explanation,
    "ImageError": cam.errors,
    "LabelError": cam.errors,
    "Labels": cam.labels,
    "ModelError": cam.errors,
    "ModelSpec": cam.models.registry,
    "Prediction": cam.explanation,
    "boxes": cam.localization,
    "list_models": cam.models.registry,
    "open_image": cam.images.open,
    "overlay": cam.render,
}


def modules_after(code: str) -> set[str]:
    """The top-level modules that a fresh Python has imported after running some code."""
    code += "; import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    root = Path(cam.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("code", ["import cam", "import cam; [spec.available for spec in cam.list_models()]"])
def test_importing_cam_and_listing_networks_starts_no_heavy_library(code):
    modules = modules_after(code)
    assert "cam" in modules
    assert not modules & {"tensorflow", "keras", "streamlit", "torch", "jax"}


def test_the_public_names_are_exactly_these():
    assert cam.__all__ == sorted(cam.__all__)
    assert set(cam.__all__) == set(HOMES) | LAZY


@pytest.mark.parametrize("name", HOMES)
def test_a_public_name_is_the_one_of_its_module(name):
    assert getattr(cam, name) is getattr(HOMES[name], name)


def test_completion_lists_the_public_names_and_the_version():
    assert set(dir(cam)) == {*cam.__all__, "__version__"}
    project = tomllib.loads((Path(cam.__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "cam.__version__"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", cam.__version__)


def test_an_unknown_name_is_an_attribute_error_that_says_it():
    with pytest.raises(AttributeError, match="'cam' has no attribute 'grad_cam'"):
        cam.grad_cam  # noqa: B018


@pytest.mark.parametrize("error", [cam.ImageError, cam.LabelError, cam.ModelError])
def test_every_error_a_user_can_cause_is_a_cam_error(error):
    assert issubclass(error, cam.CamError)
    assert str(error("The text, verbatim.")) == "The text, verbatim."
