"""Which photos are found, in which order, and how they are read."""

import os
import re
import sys
from types import SimpleNamespace

import fsspec
import pytest
from pyarrow import fs

from cam.batch import sources
from cam.batch.sources import SourceError, find_photos, parse_list, printable, read_photo
from cam.errors import ImageError


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Files of all kinds, seen from the folder they are in."""
    monkeypatch.chdir(tmp_path)
    for path in (
        "in/b.jpg",
        "in/A.PNG",
        "in/note.txt",
        "in/sub/c.heic",
        "in/sub/deep/d.webp",
        "in/x.jpg/e.jpg",
        "f.tif",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(path.encode())
    return tmp_path


@pytest.mark.parametrize(
    ("sources", "recursive", "expected"),
    [
        (["in"], False, ["in/A.PNG", "in/b.jpg", "in/x.jpg"]),
        (["in"], True, ["in/A.PNG", "in/b.jpg", "in/sub/c.heic", "in/sub/deep/d.webp", "in/x.jpg"]),
        (["in/*"], False, ["in/A.PNG", "in/b.jpg", "in/note.txt", "in/x.jpg"]),
        (["in/**/*.webp"], False, ["in/sub/deep/d.webp"]),
        (["in/note.txt", "f.tif", "in/*.jpg", "in/b.jpg"], False, ["f.tif", "in/b.jpg", "in/note.txt", "in/x.jpg"]),
        (["in/*.gif"], False, []),
    ],
)
def test_folders_patterns_and_files_give_sorted_paths_once(tree, sources, recursive, expected):
    assert find_photos(sources, recursive=recursive) == expected


def test_a_file_whose_name_looks_like_a_pattern_is_itself(tree):
    (tree / "a[1].jpg").touch()
    (tree / "a1.jpg").touch()
    assert find_photos(["a[1].jpg"]) == ["a[1].jpg"]


@pytest.mark.parametrize(
    ("sources", "recursive", "expected"),
    [
        (["in"], False, ["in/A.PNG", "in/b.jpg"]),
        (["in"], True, ["in/A.PNG", "in/b.jpg", "in/sub/c.heic", "in/sub/deep/d.webp", "in/x.jpg/e.jpg"]),
        (["in/*.jpg"], False, ["in/b.jpg"]),
        (["in/**/*.jpg"], False, ["in/b.jpg", "in/x.jpg/e.jpg"]),
        (["in/sub/*/*"], False, ["in/sub/deep/d.webp"]),
        (["in/note.txt"], False, ["in/note.txt"]),
    ],
)
def test_addresses_are_found_by_their_file_system(tree, sources, recursive, expected):
    start = f"file://{tree}/"
    found = find_photos([start + source for source in sources], recursive=recursive)
    assert found == [start + path for path in expected]
    assert [read_photo(path) for path in found] == [path.encode() for path in expected]


def test_addresses_of_any_kind_are_read_by_fsspec():
    memory = fsspec.filesystem("memory")
    for name in ("b.jpg", "note.txt", "deep/c.png"):
        memory.pipe(f"/bucket/photos/{name}", name.encode())
    start = "memory://bucket/photos"
    assert find_photos([start]) == [f"{start}/b.jpg"]
    assert find_photos([start], recursive=True) == [f"{start}/b.jpg", f"{start}/deep/c.png"]
    assert find_photos([f"{start}/*.txt"]) == [f"{start}/note.txt"]
    assert read_photo(f"{start}/deep/c.png") == b"deep/c.png"
    with pytest.raises(ImageError, match="The photo memory://bucket/photos/gone.jpg cannot be read: "):
        read_photo(f"{start}/gone.jpg")


@pytest.mark.parametrize("address", ["nosuch://bucket/photos", "s4://a/b.jpg"])
def test_an_address_of_no_known_kind_is_said(address):
    with pytest.raises(SourceError, match=f"{address} cannot be read: "):
        find_photos([address])
    with pytest.raises(ImageError, match=f"The photo {address} cannot be read: "):
        read_photo(address)


def test_a_package_that_is_missing_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "smbclient", None)
    with pytest.raises(SourceError, match="cannot be read: a package is missing that reads smb:// .*smb"):
        find_photos(["smb://server/photos"])


def test_what_fsspec_lacks_a_package_for_is_read_by_arrow(tree, monkeypatch):
    def refuse(address):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "url_to_fs", refuse)
    here = fs.SubTreeFileSystem(str(tree), fs.LocalFileSystem()), "in/"
    monkeypatch.setattr(sources, "arrow", SimpleNamespace(FileSystem=SimpleNamespace(from_uri=lambda uri: here)))
    sources._arrow_system.cache_clear()
    # The name of the container comes first in Azure's addresses, and is where Arrow's path begins.
    start = "abfs://container@account.net"
    assert find_photos([start]) == [f"{start}/A.PNG", f"{start}/b.jpg"]
    assert find_photos([f"{start}/*/c.*"]) == [f"{start}/sub/c.heic"]
    assert find_photos([f"{start}/note.txt"]) == [f"{start}/note.txt"]
    assert read_photo(f"{start}/b.jpg") == b"in/b.jpg"
    sources._arrow_system.cache_clear()


def test_what_is_not_there_is_said(tree):
    with pytest.raises(SourceError, match=r"^There is no folder or photo nowhere\.$"):
        find_photos(["in", "nowhere"])
    with pytest.raises(SourceError, match="file:///nowhere/at/all cannot be read"):
        find_photos(["file:///nowhere/at/all"])


def test_a_folder_that_cannot_be_read_is_said(tree, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(SourceError, match=r"^The folder in cannot be read: Permission denied\.$"):
        find_photos(["in"])


def test_lists_have_lines_or_zero_bytes():
    assert parse_list(b"b.jpg\r\na b.jpg\n\nb.jpg\n") == ["a b.jpg", "b.jpg"]
    assert parse_list(b"two\nlines.jpg\0a.jpg\0") == ["a.jpg", "two\nlines.jpg"]


def test_names_that_are_no_text_are_found_read_and_shown(tree):
    (name,) = parse_list(b"in/\xff.jpg")
    with open(b"in/\xff.jpg", "wb") as file:
        file.write(b"here")
    assert name in find_photos(["in"])
    assert read_photo(name) == b"here"
    assert printable(name) == "in/\\xff.jpg" and printable("Küche.jpg") == "Küche.jpg"


def test_what_cannot_be_read_says_why(tree):
    os.symlink("nowhere", "gone.jpg")
    os.symlink("loop.jpg", "loop.jpg")
    os.mkfifo("pipe.jpg")
    reasons = {
        "in": "it is a folder.",
        "pipe.jpg": "it is no ordinary file.",
        "gone.jpg": "No such file or directory.",
        "loop.jpg": "Too many levels of symbolic links.",
        "a\0b.jpg": "embedded null byte.",
        f"file://{tree}/gone.jpg": "",
    }
    for path, reason in reasons.items():
        with pytest.raises(ImageError, match=re.escape(f"The photo {path} cannot be read: {reason}")):
            read_photo(path)


def test_no_more_is_read_of_a_file_than_tells_that_it_is_too_large(tree):
    with open("large.jpg", "wb") as file:
        file.truncate(2000)
    for path in ("large.jpg", f"file://{tree}/large.jpg"):
        assert [len(read_photo(path, most)) for most in (1000, 2000, None)] == [1001, 2000, 2000]
