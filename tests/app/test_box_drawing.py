"""What the browser sends as a box is only one when it is one."""

import pytest

from cam.app.components.box_drawing import check_box


@pytest.mark.parametrize("box", [[0, 0, 1, 1], (0.25, 0.5, 0.75, 0.625), [0.1, 0.1, 0.1000001, 1.0]])
def test_four_ordered_numbers_inside_the_photo_are_a_box(box):
    assert check_box(box) == tuple(box)


@pytest.mark.parametrize(
    "value",
    [None, "0011", 7, {}, [], [0, 0, 1], [0, 0, 1, 1, 1], [[0, 0], [1, 1], 0, 1], [0, 0, 1, "1"], [False, 0, True, 1]]
    + [[0, 0, float("nan"), 1], [0, 0, 1, float("inf")], [-0.01, 0, 1, 1], [0, 0, 1, 1.01], [0, 0, 0, 1], [0, 1, 1, 0]],
)
def test_anything_else_is_none(value):
    assert check_box(value) is None
