"""Files are whole or not there, and CSV text is never a formula."""

import csv
import io
import os

import pytest

from cam.files import escape_formulas, replace_file, write_file


def test_a_file_is_replaced_in_one_step_and_nothing_else_stays(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"before")
    with replace_file(path) as part:
        part.write_bytes(b"after")
        assert path.read_bytes() == b"before" and part.parent == path.parent
    assert path.read_bytes() == b"after" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_what_fails_on_the_way_leaves_the_file_as_it_was(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_bytes(b"before")
    with pytest.raises(error), replace_file(path) as part:
        part.write_bytes(b"half")
        raise error
    assert path.read_bytes() == b"before" and list(tmp_path.iterdir()) == [path]


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    path = tmp_path / "a.txt"
    with replace_file(path) as one, replace_file(path) as other:
        one.write_bytes(b"one")
        other.write_bytes(b"other")
    assert path.read_bytes() == b"one" and list(tmp_path.iterdir()) == [path]


def test_a_durable_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    done, flush, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (done.append("flush"), flush(handle))[1])
    monkeypatch.setattr(os, "replace", lambda *paths: (done.append("replace"), replace(*paths))[1])
    write_file(tmp_path / "a", b"", durable=True)
    assert done == ["flush", "replace", "flush"]
    write_file(tmp_path / "b", b"")
    assert done[3:] == ["replace"]


def read_cells(text: str) -> list[str]:
    """Every cell that a spreadsheet may make of a text: by any separator, with quotes as CSV has them or kept."""
    found = []
    for line in text.splitlines():
        for separator in ",;\t|":
            found += [cell for row in csv.reader([line], delimiter=separator, skipinitialspace=True) for cell in row]
            found += line.split(separator)
    return [cell.strip(' "') for cell in found]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "＝", "＋", "－", "＠"])
@pytest.mark.parametrize(
    "before", ["", ",", ";", "\t", "|", "\r", "\n", ', "', ",  ", ',"""', ",\t\r", "\u2028", "\x00"]
)
def test_no_cell_of_a_text_is_a_formula(before, sign):
    text = escape_formulas(f"holiday{before}{sign}1+1,.jpg" if before else f"{sign}1+1")
    assert not [cell for cell in read_cells(text) if cell.startswith(sign)], text
    assert len(text.splitlines()) == 1
    assert io.StringIO(text, newline=None).read() == text


@pytest.mark.parametrize("text", ["", "tabby, 78 %, score -3.1", "a - b = c, d@e.org", "Küche 写真 🦀, (1).jpg"])
def test_other_text_stays_as_it_is(text):
    assert escape_formulas(text) == text
