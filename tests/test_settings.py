import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import cam
from cam import settings
from cam.errors import SettingsError
from cam.models import registry
from cam.settings import Settings, library_options, read_settings

ROOT = Path(cam.__file__).parent.parent


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """Home, working folder and project, all empty."""
    for name in ("home", "work", "project"):
        (tmp_path / name / ".streamlit").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(settings, "APP_FOLDER", tmp_path / "project")
    return tmp_path


def write(places: Path, name: str, text: str) -> None:
    (places / name / ".streamlit" / "secrets.toml").write_text(text, "utf-8")


def test_the_defaults():
    assert (
        read_settings({})
        == Settings()
        == Settings(
            access_code=None,
            hosts=(),
            address=(),
            downloads=True,
            photo_mb=50,
            photo_megapixels=40,
            decodes=2,
            passes=None,
            kept_hours=1,
            kept_results=128,
            models=None,
            model_files=(),
            model_mb=1024,
            cache=None,
            log="off",
            metrics=False,
        )
    )


def test_the_table_of_the_documentation_is_that_of_the_settings():
    table = [line for line in (ROOT / "docs" / "settings.md").read_text("utf-8").splitlines() if line.startswith("|")]
    assert table == settings.format_table().splitlines(), "run: python -m cam.settings"
    assert len(table) == 2 + len(fields(Settings))


def test_the_default_upload_limits_agree():
    import tomllib

    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))
    assert config["server"]["maxUploadSize"] == read_settings({}).photo_mb


def test_values_are_read_from_the_environment(places, monkeypatch):
    given = {
        "CAM_ACCESS_CODE": " blue rhinoceros ",
        "CAM_HOSTS": "Cam.School.org, *.example.org 127.0.0.1,[::1]",
        "CAM_ADDRESS": "https://cam.school.org/ http://10.0.0.7:8501/cam",
        "CAM_DOWNLOADS": "No",
        "CAM_PHOTO_MB": "20",
        "CAM_PHOTO_MEGAPIXELS": "12",
        "CAM_DECODES": "1",
        "CAM_PASSES": "3",
        "CAM_KEPT_HOURS": "0.25",
        "CAM_KEPT_RESULTS": "16",
        "CAM_MODELS": str(places),
        "CAM_MODEL_FILES": os.pathsep.join(["/a/cats.keras", "", " b.h5"]),
        "CAM_MODEL_MB": " 2 ",
        "CAM_CACHE": "~/kept",
        "CAM_LOG": "JSON",
        "CAM_METRICS": "yes",
    }
    assert {f"CAM_{field.name.upper()}" for field in fields(Settings)} == set(given)
    assert read_settings(given) == Settings(
        access_code="blue rhinoceros",
        hosts=("cam.school.org", "*.example.org", "127.0.0.1", "[::1]"),
        address=("https://cam.school.org", "http://10.0.0.7:8501/cam"),
        downloads=False,
        photo_mb=20,
        photo_megapixels=12,
        decodes=1,
        passes=3,
        kept_hours=0.25,
        kept_results=16,
        models=places,
        model_files=(Path("/a/cats.keras"), Path("b.h5")),
        model_mb=2,
        cache=places / "home" / "kept",
        log="json",
        metrics=True,
    )
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert read_settings() == read_settings(given)


def test_an_empty_value_is_none():
    names = (f"CAM_{field.name.upper()}" for field in fields(Settings))
    assert read_settings(dict.fromkeys(names, " ")) == read_settings({})


def test_converted_networks_are_kept_where_caches_are(places):
    assert library_options(read_settings({})).cache_folder.relative_to(places / "home").name == "classcam"


WRONG = {
    "CAM_ACCESS_CODE": (["five5", "x" * 201, "rhino\tceros"], "6 to 200 letters"),
    "CAM_HOSTS": (["http://a.org", "a.org:80", "**", "a.*.org", "<b>", "a..b"], "names such as cam.school.org"),
    "CAM_ADDRESS": (
        ["cam.school.org", "ftp://a.org", "http://", "http://a:b:c", "http://a.org?x", "http://a.org/#x", "http://[a",
         "http://me@a.org", 'http://a.org/"><b>', "javascript://a", "http://a.org:0"],
        "an address like https://cam.school.org",
    ),
    "CAM_DOWNLOADS": (["maybe", "2"], "must be yes or no"),
    "CAM_METRICS": (["maybe"], "must be yes or no"),
    "CAM_LOG": (["loud"], "must be one of off, text, json"),
    "CAM_KEPT_HOURS": (["0", "-1", "nan", "inf", "1e3", "721", "1h", "1,5"], "a number of hours, such as 0.5"),
    "CAM_DECODES": (["0", "65", "two"], "a whole number from 1 to 64"),
    "CAM_PASSES": (["0", "٣"], "a whole number from 1 to 64"),
    "CAM_KEPT_RESULTS": (["0"], "a whole number from 1 to 100,000"),
    "CAM_PHOTO_MB": (["0", "1001"], "a whole number of megabytes from 1 to 1,000"),
    "CAM_PHOTO_MEGAPIXELS": (["0", "81", "12.5"], "a whole number of megapixels from 1 to 80"),
    "CAM_MODEL_MB": (
        ["0", "-1", "1.5", "1 GB", "1e3", "1_024", "٣", "9" * 5000, "0x10"], "a whole number of megabytes from 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, (values, _) in WRONG.items() for value in values])
def test_a_wrong_value_is_named(name, value):
    with pytest.raises(SettingsError) as caught:
        read_settings({name: value})
    text = str(caught.value)
    assert text.startswith(f"{name} must ") and WRONG[name][1] in text and text.endswith(".") and len(text) < 260
    # What is secret is in no message.
    assert (repr(value)[:20] in text) == (name != "CAM_ACCESS_CODE")


def test_a_wrong_folder_is_named_when_it_is_used(places):
    (places / "file").touch()
    for name, problem in (("file", "is a file"), ("nothing", "is not there")):
        options = library_options(read_settings({"CAM_MODELS": str(places / name)}))
        found = registry.custom_models_problem(options)
        assert "CAM_MODELS must name a folder, and" in found and f"{name}' {problem}" in found
    assert library_options(read_settings({"CAM_MODELS": "~"})).models_folder == places / "home"


def test_the_default_folder_of_models_is_beside_the_app_or_where_it_was_started(places, monkeypatch):
    project, beside, started_in = places / "project", places / "project" / "models", places / "work" / "models"
    monkeypatch.setattr(registry, "_PROJECT", project)

    def found():
        return library_options(read_settings({})).models_folder

    assert found() is None
    beside.mkdir()
    assert found() is None  # some other package's
    started_in.mkdir()
    assert found() == started_in
    (project / "streamlit_app.py").touch()
    assert found() == beside


def test_what_is_not_set_is_the_default_of_the_library(places):
    assert library_options(read_settings({})) == registry.LibraryOptions()


def test_the_file_is_looked_for_where_streamlit_looks_and_the_environment_goes_before(places):
    write(places, "home", 'CAM_PHOTO_MB = 1\nCAM_DECODES = 1\nCAM_PASSES = 1\n[auth]\nCAM_X = "another program\'s"')
    write(places, "work", "CAM_PHOTO_MB = 2\nCAM_DECODES = 2\nother = 5")
    write(places, "project", 'CAM_PHOTO_MB = "3"\nCAM_HOSTS = ["a.org", "b.org"]\nCAM_DOWNLOADS = false')
    found = read_settings({"CAM_DOWNLOADS": ""})
    assert (found.photo_mb, found.decodes, found.passes) == (3, 2, 1)
    assert (found.hosts, found.downloads) == (("a.org", "b.org"), False)
    assert read_settings({"CAM_PHOTO_MB": "4"}).photo_mb == 4
    write(places, "project", "CAM_PHOTO_MB = 30")
    assert read_settings({}).photo_mb == 30


def test_the_environment_goes_before_the_file_also_after_streamlit_has_copied_the_file_into_it(places, monkeypatch):
    write(places, "work", "CAM_PHOTO_MB = 2\nCAM_DECODES = 1")
    monkeypatch.setattr(settings, "_AT_START", {"CAM_PHOTO_MB": "4"})
    monkeypatch.setenv("CAM_PHOTO_MB", "2")
    monkeypatch.setenv("CAM_DECODES", "1")
    assert (read_settings().photo_mb, read_settings().decodes) == (4, 1)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("CAM_ACCESS_CODE = hunter2!", "secrets.toml is not TOML. Write a line such as"),
        ('CAM_ACESS_CODE = "hunter2!"', "There is no setting CAM_ACESS_CODE .*Did you mean CAM_ACCESS_CODE?"),
        ("[CAM_PHOTO_MB]\nx = 1", "CAM_PHOTO_MB must be text or a number, not a dict"),
        ("CAM_HOSTS = [1]", "CAM_HOSTS must be text or a number, not a list"),
        ("CAM_PHOTO_MB = 2.5", "CAM_PHOTO_MB must be a whole number of megabytes"),
        ("CAM_PHOTO_MB = true", "CAM_PHOTO_MB must be a whole number of megabytes.*not 'True'"),
    ],
)
def test_a_wrong_file_is_said_without_its_secrets(places, text, problem):
    write(places, "work", text)
    with pytest.raises(SettingsError, match=problem) as caught:
        read_settings({})
    assert "hunter2" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_said(places):
    (places / "work" / ".streamlit" / "secrets.toml").mkdir()
    with pytest.raises(SettingsError, match="secrets.toml cannot be read: Is a directory"):
        read_settings({})


def test_a_wrong_setting_ends_the_command_with_a_sentence_and_the_library_reads_none():
    code = """
import sys, cam
try:
    cam.open_image(b"GIF89a")
except cam.CamError as error:
    print(error)
assert "streamlit" not in sys.modules
"""
    environment = {**os.environ, "CAM_PHOTO_MB": "many", "PYTHONPATH": str(ROOT)}
    runs = [
        subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False)
        for arguments in (["-m", "cam", "models"], ["-c", code])
    ]
    sentence = "CAM_PHOTO_MB must be a whole number of megabytes from 1 to 1,000, not 'many'."
    assert (runs[0].returncode, runs[0].stdout, runs[0].stderr) == (1, "", f"Error: {sentence}\n")
    assert (runs[1].returncode, runs[1].stderr) == (0, "") and runs[1].stdout.startswith("This file is not a photo")
