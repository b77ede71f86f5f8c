"""The installed package is the whole product: its wheel, unpacked elsewhere, opens the page from any folder."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest
from support.page_server import free_port, watched_environment

import cam
from cam.settings import APP_FOLDER

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel; its build asks for nothing from outside."""
    folder = tmp_path_factory.mktemp("wheel")
    code = f"import hatchling.build; print(hatchling.build.build_wheel({str(folder)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return folder / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The folder in which it is unpacked."""
    folder = tmp_path_factory.mktemp("site-packages")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


@pytest.fixture
def environment(installed, tmp_path, monkeypatch) -> dict[str, str]:
    """The environment in which Python finds the package there; TensorFlow, which is not the point, never comes."""
    for name in [name for name in os.environ if name.startswith("CAM_MODEL")]:
        monkeypatch.delenv(name)
    found = watched_environment(
        tmp_path / "log", TENSORFLOW_GATE=str(tmp_path / "never"), STREAMLIT_SERVER_HEADLESS="true"
    )
    return {**found, "PYTHONPATH": os.pathsep.join((str(installed), found["PYTHONPATH"]))}


def test_the_wheel_has_all_files_of_the_package_and_the_page(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    listed = subprocess.run(["git", "ls-files", "cam", "sample_images"], cwd=ROOT, capture_output=True, text=True)
    tracked = set(listed.stdout.split()) or pytest.skip("needs the repository of git")
    expected = {name if name.startswith("cam/") else f"cam/bundle/{name}" for name in tracked if (ROOT / name).exists()}
    expected |= {"cam/bundle/streamlit_app.py", "cam/bundle/.streamlit/config.toml"}
    assert expected <= names
    assert {name for name in names if not name.startswith("cam/") and ".dist-info/" not in name} == set()
    assert not [name for name in names if "secrets" in name or "__pycache__" in name]


def test_it_depends_on_what_the_list_of_requirements_says(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (archive.read(name).decode() for name in archive.namelist() if name.endswith("/METADATA"))
    listed = re.findall(r"(?m)^[a-z][a-z0-9-]+", (ROOT / "requirements.txt").read_text())
    assert set(listed) <= set(re.findall(r"(?m)^Requires-Dist: ([a-z0-9-]+)[^;\n]*(?!.*extra)", metadata))
    assert f"\nVersion: {cam.__version__}\n" in metadata


def test_in_the_project_the_page_is_that_of_the_project():
    assert APP_FOLDER == ROOT


def test_the_page_opens_from_any_folder_with_its_samples_and_the_models_there(installed, environment, tmp_path):
    (folder := tmp_path / "lesson").mkdir()
    (folder / "models").mkdir()
    code = (
        "from cam.app.widgets.sample_gallery import list_samples; from cam.settings import library_options; "
        "print(len(list_samples()), library_options().models_folder)"
    )
    assert run("-c", code, cwd=folder, env=environment).split() == ["16", str(folder / "models")]
    assert run("-m", "cam", "--version", cwd=folder, env=environment) == f"classcam, version {cam.__version__}\n"
    port = free_port()
    command = [sys.executable, "-m", "cam", "page", "--port", str(port)]
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL) as server:
        try:
            # The configuration is that of the package: this computer alone is served.
            assert "</style>" in fetch(f"http://localhost:{port}/", server)
            with pytest.raises(OSError):
                socket.create_connection(("127.0.0.2", port), timeout=1)
        finally:
            server.terminate()
    assert server.returncode == 0


def run(*words: str, **options) -> str:
    """What Python prints."""
    return subprocess.run([sys.executable, *words], **options, capture_output=True, text=True, check=True).stdout


def fetch(url: str, server: subprocess.Popen) -> str:
    """What a browser gets, as soon as the server answers."""
    for _ in range(1200):
        assert server.poll() is None
        try:
            request = urllib.request.Request(url, headers={"Accept": "text/html"})
            return urllib.request.urlopen(request).read().decode()
        except urllib.error.URLError:
            time.sleep(0.05)
    raise AssertionError("the server does not answer")
