import json

import pytest

from cam.custom_models.sidecar import Sidecar, read_sidecar, sidecar_json
from cam.errors import ModelError

FULL = Sidecar("Katze oder Hund?", ("Katze", "Hund"), "0..1", 96)


def read(tmp_path, data: bytes | str) -> Sidecar:
    path = tmp_path / "cats.json"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_sidecar(path)


@pytest.mark.parametrize("sidecar", [FULL, Sidecar(), Sidecar(labels=("ä", "b")), Sidecar(size=16)], ids=repr)
def test_what_is_written_is_read_again(tmp_path, sidecar):
    assert read(tmp_path, sidecar_json(sidecar)) == sidecar


def test_the_text_is_for_people_too():
    assert sidecar_json(Sidecar(title="Käfer", size=96)) == '{\n  "title": "Käfer",\n  "size": 96\n}\n'
    assert sidecar_json(Sidecar()) == "{}\n"


def test_the_mark_of_windows_is_no_error(tmp_path):
    assert read(tmp_path, b"\xef\xbb\xbf" + sidecar_json(FULL).encode()) == FULL


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"lables": ["a", "b"]}, "has the key 'lables'. Known are 'title', 'labels', 'preprocessing' and 'size'."),
        ({"title": 5}, "'title' must be a text of 1 to 200 letters, not 5."),
        ({"title": " "}, "'title' must be"),
        ({"title": "a\nb"}, "'title' must be"),
        ({"title": None}, "'title' must be a text of 1 to 200 letters, not null."),
        ({"labels": "cat, dog"}, "'labels' must be a list of the classes' names, in the order of the model's outputs"),
        ({"labels": []}, "'labels' must be a list"),
        ({"labels": {"0": "cat"}}, "'labels' must be a list"),
        ({"labels": ["cat", 1]}, "class 1 is 1."),
        ({"labels": ["cat", ""]}, 'class 1 is "".'),
        ({"labels": ["cat", "dog", "Cat "]}, "each once; 'Cat ' is there twice."),
        ({"preprocessing": "imagenet"}, "'preprocessing' must be one of '0..255', '0..1', '-1..1', 'lite', 'standard'"),
        ({"preprocessing": ["0..1"]}, "'preprocessing' must be one of"),
        ({"size": "96"}, "'size' must be a whole number of pixels, 16 to 1024, not \"96\"."),
        ({"size": 96.0}, "'size' must be"),
        ({"size": True}, "'size' must be"),
        ({"size": 15}, "not 15."),
        ({"size": 1025}, "not 1025."),
        ([1, 2], "holds [1, 2] instead of an object"),
        (None, "holds null instead of an object"),
    ],
    ids=repr,
)
def test_the_text_names_the_key_and_what_is_expected(tmp_path, values, text):
    with pytest.raises(ModelError) as refusal:
        read(tmp_path, json.dumps(values))
    assert str(refusal.value).startswith("cats.json")
    assert text in str(refusal.value)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "is no JSON"),
        (b"{", "is no JSON"),
        (b'{"title": "\xe4"}', "is no JSON in UTF-8"),
        (b"[" * 100_000, "is no JSON"),
        (b" " * (2**20 + 1), "is longer than 1,048,576 bytes"),
    ],
    ids=["empty", "cut off", "Latin-1", "deep", "long"],
)
def test_what_is_no_json_is_refused(tmp_path, data, text):
    with pytest.raises(ModelError, match=text):
        read(tmp_path, data)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ModelError, match="cats.json cannot be read: No such file or directory."):
        read_sidecar(tmp_path / "cats.json")
