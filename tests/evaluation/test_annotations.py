"""Tables of boxes: what is read from good ones, and the sentence about bad ones."""

import pytest
from PIL import Image

from cam.errors import CamError
from cam.evaluation.annotations import AnnotationError, check_fit, read_annotations

HEADER = "file,class_index,left,top,right,bottom"


@pytest.fixture
def read(tmp_path):
    """A function from the text of a table to what is read from it, beside the photos a.png and b.png."""
    for name in ("a.png", "b.png"):
        Image.new("RGB", (40, 30)).save(tmp_path / name)

    def reading(text: str | bytes):
        table = tmp_path / "boxes.csv"
        table.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_annotations(tmp_path, table)

    return reading


def test_the_rows_of_a_photo_become_its_boxes(read, tmp_path):
    first, second = read(f"{HEADER}\na.png,3,0,1.5,20,30\nb.png,0,1,2,3,4\na.png,3,5,6,7,8\n")
    assert first.path == tmp_path / "a.png" and first.file == "a.png" and first.class_index == 3
    assert first.boxes == ((0, 1.5, 20, 30), (5, 6, 7, 8))
    assert first.truth.tolist() == [[0, 1.5, 20, 30], [5, 6, 7, 8]]
    assert second.boxes == ((1, 2, 3, 4),)


def test_columns_may_stand_in_any_order_beside_others_and_after_excels_mark(read):
    text = "\ufeffnote,bottom,right,top,left,class_index,file\nx,30,20,1,0,3,a.png\n"
    assert [(photo.class_index, photo.boxes) for photo in read(text)] == [(3, ((0, 1, 20, 30),))]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("file,class_index,left,top,right\na.png,0,0,0,1\n", "has no column bottom: its first line says file, class"),
        ("file;class_index\n", "no column file and no column class_index and no column left"),
        ("", "its first line says nothing"),
        (f"{HEADER}\n", "has no rows below its first line"),
        (f"{HEADER}\n,0,0,0,1,1\n", "line 2: the name of the photo is missing"),
        (f"{HEADER}\na.png,0,0,0,1,1\na.png,cat,0,0,1,1\n", "line 3: class_index is 'cat'; a whole number"),
        (f"{HEADER}\na.png,-1,0,0,1,1\n", "line 2: class_index is '-1'"),
        (f"{HEADER}\na.png,1.0,0,0,1,1\n", "line 2: class_index is '1.0'"),
        (f"{HEADER}\na.png\n", "line 2: class_index is None"),
        (f"{HEADER}\na.png,0,0,wide,1,1\n", "line 2: top is 'wide'; a number of pixels"),
        (f"{HEADER}\na.png,0,0,0,1,nan\n", "line 2: bottom is 'nan'"),
        (f"{HEADER}\na.png,0,0,0,inf,1\n", "line 2: right is 'inf'"),
        (f"{HEADER}\na.png,0,0,0,1\n", "line 2: bottom is None"),
        (f"{HEADER}\na.png,0,9,0,5,1\n", "line 2: the box 9, 0, 5, 1 is empty"),
        (f"{HEADER}\na.png,0,0,3,5,3\n", "line 2: the box 0, 3, 5, 3 is empty"),
        (f"{HEADER}\na.png,0,-1,0,5,3\n", "starts outside the photo"),
        (f"{HEADER}\na.png,0,0,0,1,1\na.png,2,0,0,1,1\n", "line 3: a.png is of class 2 here and of class 0 above"),
        (f"{HEADER}\nc.png,0,0,0,1,1\na.png,0,0,0,1,1\n", "1 of the 2 photos in .* are not in .*: c.png. Give"),
        (f"{HEADER}\n" + "".join(f"{i}.png,0,0,0,1,1\n" for i in range(5)), "0.png, 1.png, 2.png and 2 more. Give"),
        (b"\xff\xfe\x00\x01", "is not a table in CSV and UTF-8"),
    ],
)
def test_what_is_wrong_with_a_table_is_said_in_a_sentence(read, text, sentence):
    with pytest.raises(AnnotationError, match=sentence):
        read(text)


def test_a_table_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CamError, match=r"nothing\.csv cannot be read: No such file"):
        read_annotations(tmp_path, tmp_path / "nothing.csv")


def test_boxes_must_end_in_the_photo_and_classes_in_the_network(read):
    (photo,) = read(f"{HEADER}\na.png,3,0,0,40.9,30\n")
    check_fit(photo, (40, 30), 4)
    with pytest.raises(AnnotationError, match=r"a.png is 39 x 30 pixels, but its boxes reach to 40\.9, 30"):
        check_fit(photo, (39, 30), 4)
    with pytest.raises(AnnotationError, match="a.png is 40 x 29 pixels"):
        check_fit(photo, (40, 29), 4)
    with pytest.raises(AnnotationError, match="a.png is of class 3, but the network has the classes 0 to 2"):
        check_fit(photo, (40, 30), 3)
