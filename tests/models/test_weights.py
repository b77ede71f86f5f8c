"""Wheels and the Keras cache; downloads come from a server on this machine."""

import dataclasses
import hashlib
import os
import socket
import sys
from collections.abc import Callable
from contextlib import closing
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import h5py
import numpy as np
import pytest
from support.loopback import serving

from cam.errors import ModelError
from cam.models import weights
from cam.models.registry import find_spec
from cam.models.weights import KerasFile, Wheel, keras_home

CONTENT = bytes(range(256)) * 4096  # 1 MiB, four chunks
MD5 = hashlib.md5(CONTENT).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    """Answers with what is right, wrong, cut off or missing, by the folder asked for."""

    def do_GET(self) -> None:
        kind = self.path.split("/")[1]
        self.send_response(404 if kind == "missing" else 200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        body = {"wrong": bytes(len(CONTENT)), "cut": CONTENT[: len(CONTENT) // 2]}.get(kind, CONTENT)
        self.wfile.write(body)

    def log_message(self, *args) -> None:
        pass


@pytest.fixture(scope="module")
def server():
    with serving(_Handler) as running:
        yield f"http://127.0.0.1:{running.server_port}"


@pytest.fixture
def home(monkeypatch, tmp_path) -> Path:
    """An empty KERAS_HOME, and no proxy between here and the server."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path


@pytest.fixture
def served(server, home) -> Callable[[str], KerasFile]:
    """A kind of answer -> the file that is asked for there."""
    return lambda kind: KerasFile(f"{server}/{kind}/net.h5", MD5, len(CONTENT))


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_download_is_whole_and_reports_its_progress_up_to_one(served, home):
    shares = []
    path = served("right").download(shares.append)
    assert path == home / "models" / "net.h5"
    assert path.read_bytes() == CONTENT
    assert files(home) == ["models/net.h5"]
    assert shares == sorted(shares) and shares[-1] == 1.0
    assert 0.25 in shares and 0.5 in shares
    assert served("right").require() == served("right").find() == path


def test_a_file_that_is_right_is_not_fetched_again(served, home):
    served("right").download()
    shares = []
    assert served("missing").download(shares.append) == home / "models" / "net.h5"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("wrong", "what arrived is not the expected file"),
        ("cut", "the network is not reached or was lost on the way"),
        ("missing", "could not be downloaded"),
    ],
)
def test_a_failed_download_leaves_nothing_and_says_why(served, home, kind, reason):
    file = served(kind)
    with pytest.raises(ModelError, match=reason):
        file.download()
    assert files(home) == []
    assert file.find() is None


def test_a_failed_download_leaves_the_file_that_was_there(served, home):
    file = served("cut")
    file.path.parent.mkdir()
    file.path.write_bytes(b"old")
    with pytest.raises(ModelError):
        file.download()
    assert files(home) == ["models/net.h5"]
    assert file.path.read_bytes() == b"old"


def test_without_a_network_the_error_says_what_to_fetch_and_where_to_put_it(home):
    with closing(socket.socket()) as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    url = f"http://127.0.0.1:{port}/net.h5"
    with pytest.raises(ModelError) as caught:
        KerasFile(url, MD5, len(CONTENT)).download()
    assert f"fetch {url} elsewhere and save it as {home / 'models' / 'net.h5'}" in str(caught.value)
    assert "embedded networks work now" in str(caught.value)
    assert not any(hint in caught.value.on_page for hint in (str(home), "http"))
    assert files(home) == []


@pytest.mark.parametrize("damage", [CONTENT[:-1], b"", CONTENT[:-1] + b"\0"], ids=["cut", "empty", "changed"])
def test_a_damaged_file_is_refused_and_a_download_replaces_it(served, damage):
    file = served("right")
    file.path.parent.mkdir()
    file.path.write_bytes(damage)
    with pytest.raises(ModelError, match="damaged or cut off"):
        file.require()
    file.download()
    assert file.require().read_bytes() == CONTENT


def test_a_download_that_is_stopped_leaves_nothing(served, home):
    """Ctrl-C ends a program wherever it is, here between two parts of the file."""

    def stop(share: float) -> None:
        assert files(home)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        served("right").download(stop)
    assert files(home) == []


def test_a_file_may_be_read_by_whom_the_system_lets_read_files(served):
    """All pupils of a computer room, where KERAS_HOME is a shared folder."""
    old = os.umask(0o022)
    try:
        assert served("right").download().stat().st_mode & 0o777 == 0o644
    finally:
        os.umask(old)


def test_a_checksum_may_be_a_sha256(server, home):
    right = KerasFile(f"{server}/right/net.h5", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
    assert right.download() == right.require() and right.is_whole()
    wrong = KerasFile(f"{server}/right/other.h5", "0" * 64, len(CONTENT))
    with pytest.raises(ModelError, match="what arrived is not the expected file"):
        wrong.download()
    assert files(home) == ["models/net.h5"]


def test_a_file_has_the_name_that_keras_gives_it_in_the_cache(server, home):
    file = KerasFile(f"{server}/right/NET-small.h5", MD5, len(CONTENT), file="net_small.h5")
    assert file.download() == home / "models" / "net_small.h5" == file.find()
    assert files(home) == ["models/net_small.h5"]


@pytest.fixture
def layers(tmp_path) -> bytes:
    """A small weights file of Keras."""
    path = tmp_path / "written.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"dense"]
        file["dense/kernel"] = np.arange(4096, dtype=np.float32)
    content = path.read_bytes()
    path.unlink()
    return content


def test_without_a_checksum_a_file_must_be_whole_and_list_layers(home, layers, tmp_path):
    file = KerasFile("http://127.0.0.1/net.h5", None, len(layers))
    file.path.parent.mkdir()
    file.path.write_bytes(layers)
    assert file.require() == file.path and file.is_whole()
    with h5py.File(file.path, "w") as other:
        other["photos"] = np.zeros(3)
    for content in (layers[:-100], b"<html>Sign in to the school's network</html>", b"", file.path.read_bytes()):
        file.path.write_bytes(content)
        assert not file.is_whole()
        with pytest.raises(ModelError, match="damaged or cut off"):
            file.require()


def test_without_a_checksum_what_arrives_is_looked_at_before_it_takes_its_place(served, home, layers):
    file = dataclasses.replace(served("right"), checksum=None)
    with pytest.raises(ModelError, match="what arrived is not the expected file"):
        file.download()
    assert files(home) == []


def test_without_a_published_checksum_the_first_one_is_recorded_and_must_stay(served, home, layers, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "CONTENT", layers)
    file = KerasFile(served("right").url, None, len(layers))
    assert file.download() == file.require()
    assert files(home) == ["models/net.h5", "models/net.h5.sha256"]
    recorded = (home / "models" / "net.h5.sha256").read_text()
    assert recorded == f"{hashlib.sha256(layers).hexdigest()}  net.h5\n"
    # As whole as before, with another number in it.
    changed = bytearray(layers)
    changed[layers.rindex(np.float32(4095).tobytes())] ^= 1
    file.path.write_bytes(changed)
    with h5py.File(file.path) as found:
        assert found.attrs["layer_names"] is not None
    assert not file.is_whole()
    with pytest.raises(ModelError, match="damaged or cut off"):
        file.require()
    file.download()
    assert file.require().read_bytes() == layers


def test_a_keras_home_that_another_user_made_is_refused(home, monkeypatch, tmp_path):
    shared = tmp_path / "shared" / ".keras"
    (shared / "models").mkdir(parents=True)
    (shared / "models" / "net.h5").write_bytes(CONTENT)
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setattr(weights, "_SHARED_HOME", shared)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    file = KerasFile("http://127.0.0.1/net.h5", MD5, len(CONTENT))
    assert file.require() == shared / "models" / "net.h5"
    monkeypatch.setattr(os, "getuid", lambda: shared.stat().st_uid + 1)
    assert file.find() is None and not file.is_whole()
    for use in (file.require, file.download):
        with pytest.raises(ModelError, match=r"belongs to another user of this machine.* Set KERAS_HOME"):
            use()


def test_a_missing_file_is_described_by_size_name_and_folder(home):
    file = KerasFile("http://127.0.0.1/folder/net.h5", MD5, 98 * 2**20)
    with pytest.raises(ModelError, match=r"\(98 MB\) are not on this machine") as caught:
        file.require()
    assert f"put net.h5 into {home / 'models'}" in str(caught.value)
    assert "download them on the page or with python -m cam fetch" in str(caught.value)
    assert caught.value.on_page == "The weights (98 MB) are not on this computer yet."
    assert file.place == "not on this machine (98 MB download)"


def test_a_folder_that_is_a_file_is_reported(served, home):
    (home / "models").write_text("in the way")
    with pytest.raises(ModelError, match=r"the file cannot be written \((Not a directory|File exists)\)"):
        served("right").download()


def test_a_folder_that_may_not_be_written_is_reported_with_the_reason(served, monkeypatch):
    """Simulated, as the superuser may write everywhere."""

    def refuse(path, **options):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(ModelError, match=r"the file cannot be written \(.*Permission denied.*\)"):
        served("right").download()


def test_a_full_disk_is_reported_with_the_reason_and_leaves_nothing(served, home, monkeypatch):
    def refuse(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(ModelError, match=r"the file cannot be written \(No space left on device\)"):
        served("right").download()
    assert files(home) == []


def test_the_cache_is_where_keras_has_it(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_HOME")
    assert keras_home() == tmp_path / ".keras"
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "other"))
    assert keras_home() == tmp_path / "other"
    name = "resnet50_weights_tf_dim_ordering_tf_kernels.h5"
    assert find_spec("resnet50").source.path == tmp_path / "other" / "models" / name


@pytest.fixture
def package(monkeypatch, tmp_path) -> Wheel:
    """A package with weights on the search path, of which the code must not run."""
    folder = tmp_path / "fake_weights_package"
    (folder / "models").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('the package was imported')")
    (folder / "models" / "net.pth").write_bytes(b"weights")
    monkeypatch.syspath_prepend(tmp_path)
    return Wheel(package="fake_weights_package", path="models/net.pth", project="fake-weights")


def test_the_file_of_an_installed_package_is_found_without_importing_it(package):
    assert package.find() == package.require()
    assert package.require().read_bytes() == b"weights"
    assert "fake_weights_package" not in sys.modules
    assert package.is_whole() and package.download() == package.find()
    assert package.size == len(b"weights")
    assert package.place == "0 MB in the package fake-weights"


@pytest.mark.parametrize(
    "wheel",
    [Wheel("no_such_package_here", "net.pth", "no-such"), Wheel("fake_weights_package", "models/other.pth", "no-such")],
    ids=["package", "file"],
)
def test_a_missing_package_or_file_says_what_to_install(package, wheel):
    assert wheel.find() is None and wheel.size is None and not wheel.is_whole()
    assert wheel.place == "not installed"
    for get in (wheel.require, wheel.download):
        with pytest.raises(ModelError, match="pip install no-such$"):
            get()


def test_a_module_that_is_no_package_has_no_weights():
    assert Wheel("contextlib", "net.pth", "no-such").find() is None
