import os
from pathlib import Path

import pytest

import cam
from cam import settings
from cam.errors import SettingsError
from cam.settings import Settings, read_settings

ROOT = Path(cam.__file__).parent.parent


def test_the_defaults():
    folder = ROOT / "models"
    assert read_settings({}) == Settings(
        models=folder if folder.is_dir() else None, model_files=(), model_bytes=1024 * 2**20
    )


def test_the_default_folder_is_beside_the_app(tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "_PROJECT", tmp_path)
    assert read_settings({}).models is None
    (tmp_path / "models").mkdir()
    assert read_settings({}).models is None  # some other package's
    (tmp_path / "streamlit_app.py").touch()
    assert read_settings({}).models == tmp_path / "models"


def test_values_are_read_from_the_environment(tmp_path, monkeypatch):
    given = {"CAM_MODELS": str(tmp_path), "CAM_MODEL_MB": " 2 "}
    assert read_settings(given) == Settings(models=tmp_path, model_files=(), model_bytes=2 * 2**20)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert read_settings() == read_settings(given)


def test_an_empty_value_is_none():
    assert read_settings({"CAM_MODELS": "", "CAM_MODEL_MB": " "}) == read_settings({})


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_settings({"CAM_MODELS": "~"}).models == tmp_path


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "1 GB", "1e3", "1_024", "٣", "9" * 5000, "0x10"])
def test_a_wrong_limit_is_named(value):
    with pytest.raises(
        SettingsError, match="CAM_MODEL_MB must be a whole number of megabytes, 1 or more, not"
    ) as error:
        read_settings({"CAM_MODEL_MB": value})
    assert repr(value)[:20] in str(error.value)
    assert len(str(error.value)) < 200


def test_a_wrong_folder_is_named(tmp_path):
    (tmp_path / "file").touch()
    for name, problem in (("file", "is a file"), ("nothing", "is not there")):
        with pytest.raises(SettingsError, match=f"CAM_MODELS must name a folder, and .*{name}' {problem}"):
            read_settings({"CAM_MODELS": str(tmp_path / name)})


def test_models_are_named_one_by_one_with_the_separator_of_path_between_them():
    text = os.pathsep.join(["/a/cats.keras", "", "b.h5"])
    assert read_settings({"CAM_MODEL_FILES": text}).model_files == (Path("/a/cats.keras"), Path("b.h5"))
    assert read_settings({"CAM_MODEL_FILES": " "}).model_files == ()
