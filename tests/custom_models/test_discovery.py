"""Finding own model files and giving them names; none is opened."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from cam.custom_models.discovery import CustomFile, CustomModel, list_custom_models, list_foreign
from cam.custom_models.sidecar import Sidecar
from cam.errors import ModelError


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_bytes(b"x")


def found(models: list[CustomModel]) -> dict[str, str]:
    return {model.name: model.source.path.name for model in models}


def test_model_files_of_a_folder_are_listed_by_name(folder):
    put(folder, "dogs.h5", "Cats.keras", "birds.hdf5", "notes.txt", "cats.json", "model.pt", "KERAS", "x.keras.bak")
    expected = {"own/birds": "birds.hdf5", "own/Cats": "Cats.keras", "own/dogs": "dogs.h5"}
    assert list(found(list_custom_models(folder)).items()) == list(expected.items())


def test_without_a_folder_there_are_none():
    assert list_custom_models(None) == []


def test_hidden_files_folders_and_links_to_elsewhere_are_passed_over(folder, tmp_path):
    put(folder, ".hidden.keras", "real.keras")
    put(tmp_path, "outside.keras")
    (folder / "inner.keras").mkdir()
    put(folder / "inner.keras", "deep.keras")
    (folder / "away.keras").symlink_to(tmp_path / "outside.keras")
    (folder / "up.keras").symlink_to(Path("..", "outside.keras"))
    (folder / "broken.keras").symlink_to(folder / "nothing.keras")
    (folder / "within.keras").symlink_to(folder / "real.keras")
    assert found(list_custom_models(folder)) == {"own/real": "real.keras", "own/within": "within.keras"}


def test_names_that_would_be_the_same_are_told_apart(folder, tmp_path):
    put(folder, "cats.keras", "cats.h5", "my model.keras", "my-model.keras", "Hunde & Katzen.keras", "???.keras")
    put(tmp_path, "cats.keras")
    names = found(list_custom_models(folder, [tmp_path / "cats.keras"]))
    assert names == {
        "own/model": "???.keras",
        "own/cats.h5": "cats.h5",
        "own/cats.keras": "cats.keras",
        "own/Hunde-Katzen": "Hunde & Katzen.keras",
        "own/my-model.keras": "my model.keras",
        "own/my-model.keras-2": "my-model.keras",
        "own/cats.keras-2": "cats.keras",
    }


def test_names_are_safe_in_links(folder):
    put(folder, "a?b#c@d%2F..keras", "ünï.keras", "..x.keras", "-.keras")
    for name in found(list_custom_models(folder)):
        assert name.startswith("own/")
        assert set(name[4:]) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


def test_files_named_one_by_one_come_last_and_once(folder, tmp_path):
    put(folder, "cats.keras")
    put(tmp_path, "a.h5")
    extra = [tmp_path / "missing.keras", folder / "cats.keras", tmp_path / "a.h5", tmp_path / "models" / ".." / "a.h5"]
    models = list_custom_models(folder, extra)
    assert list(found(models)) == ["own/cats", "own/missing", "own/a"]
    assert [model.source.find() is not None for model in models] == [True, False, True]


def test_a_folder_that_cannot_be_read_is_a_model_error(tmp_path):
    with pytest.raises(ModelError, match="CAM_MODELS must name a folder, and .*nothing' is not there"):
        list_custom_models(tmp_path / "nothing")


def test_a_sidecar_belongs_to_the_file_it_is_named_after(folder, tmp_path):
    put(folder, "cats.keras", "dogs.keras", "birds.keras")
    (folder / "cats.json").write_text('{"title": "Cats or dogs"}', "utf-8")
    (tmp_path / "secret.json").write_text('{"title": "Secret"}', "utf-8")
    (folder / "dogs.json").symlink_to(tmp_path / "secret.json")
    birds, cats, dogs = list_custom_models(folder)
    assert (cats.sidecar, cats.title) == (folder / "cats.json", "Cats or dogs")
    assert (birds.sidecar, birds.title, birds.read_sidecar()) == (None, "birds", Sidecar())
    assert (dogs.sidecar, dogs.title) == (None, "dogs")
    assert cats.source.sidecar_name == "cats.json"


def test_a_file_named_alone_has_its_sidecar_too(tmp_path):
    put(tmp_path, "cats.h5")
    (tmp_path / "cats.json").write_text('{"size": 96}', "utf-8")
    (model,) = list_custom_models(None, [tmp_path / "cats.h5"])
    assert model.read_sidecar() == Sidecar(size=96)


def test_a_broken_sidecar_does_not_stop_the_listing(folder):
    put(folder, "cats.keras", "cats.json", "dogs.keras")
    cats, dogs = list_custom_models(folder)
    assert (cats.title, dogs.title) == ("cats", "dogs")
    with pytest.raises(ModelError, match="cats.json is no JSON"):
        cats.read_sidecar()


def test_where_a_file_is(folder):
    (folder / "small.keras").write_bytes(bytes(3 * 1024))
    (folder / "large.keras").write_bytes(bytes(3 * 2**20))
    large, small = (model.source for model in list_custom_models(folder))
    assert (small.place, large.place) == ("3 kB in models/", "3 MB in models/")
    assert small.require() == small.find() == folder / "small.keras"


def test_a_file_that_is_not_there_says_so(folder):
    source = CustomFile(folder / "gone.keras")
    assert (source.find(), source.place) == (None, "not there")
    with pytest.raises(ModelError, match=r"There is no model file .*gone.keras. Expected one that model.save made"):
        source.require()


def test_a_folder_in_place_of_a_file_says_so(folder):
    with pytest.raises(ModelError, match="models cannot be opened: it is a folder, as a SavedModel is"):
        CustomFile(folder).require()


def test_listing_imports_neither_keras_nor_tensorflow():
    code = (
        "import sys, cam.custom_models.discovery; "
        "sys.exit(any(name in sys.modules for name in ('keras', 'tensorflow')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_is_no_model_of_keras_is_told(folder, tmp_path):
    put(folder, "cats.pt", "cats.tflite", "good.keras", "notes.txt", ".hidden.pt", "photos.zip")
    (folder / "pointer.h5").write_bytes(b"version https://git-lfs.github.com/spec/v1")
    (folder / "saved").mkdir()
    put(folder / "saved", "saved_model.pb")
    put(tmp_path, "outside.pt")
    (folder / "away.pt").symlink_to(tmp_path / "outside.pt")
    told = [text.split(" cannot be opened: ")[0] for text in list_foreign(folder)]
    assert told == ["cats.pt", "cats.tflite", "pointer.h5", "saved"]
    assert all(text.endswith(".") for text in list_foreign(folder))
    assert set(found(list_custom_models(folder))) == {"own/good", "own/pointer"}


LABELS = {
    "0 Cat\n1 Dog\n\n": ["Cat", "Dog"],
    "\ufeff0 가위\r\n1 바위\r\n2 보": ["가위", "바위", "보"],
    "0 No Entry\n1 Speed Limit": ["No Entry", "Speed Limit"],
    "Cat\n2 Dogs": ["Cat", "2 Dogs"],
    "": [],
}


@pytest.mark.parametrize("text", LABELS)
@pytest.mark.parametrize("name", ["keras_model.h5", "converted_keras.zip"])
def test_labels_are_read_beside_a_model_or_in_its_zip(tmp_path, text, name):
    if name.endswith(".zip"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("keras_model.h5", b"x")
            archive.writestr("labels.txt", text)
    else:
        (tmp_path / "labels.txt").write_bytes(text.encode())
    assert CustomFile(tmp_path / name).read_labels() == LABELS[text]
    put(tmp_path, "photos.zip")
    assert found(list_custom_models(tmp_path)) == ({f"own/{name[:-4]}": name} if name.endswith(".zip") else {})


def test_labels_elsewhere_are_not_read(folder, tmp_path):
    (tmp_path / "secret.txt").write_text("0 a")
    (folder / "labels.txt").symlink_to(tmp_path / "secret.txt")
    assert CustomFile(folder / "cats.h5").read_labels() == []


def test_a_description_by_keras_is_no_sidecar(folder):
    put(folder, "cats.h5")
    (folder / "cats.json").write_text('{"class_name": "Sequential", "config": []}')
    (cats,) = list_custom_models(folder)
    assert (cats.sidecar, cats.source.sidecar_name) == (None, "cats.h5.json")
    (folder / "cats.h5.json").write_text('{"title": "Cats"}')
    assert list_custom_models(folder)[0].title == "Cats"
