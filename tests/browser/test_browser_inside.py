"""Inside the map: cells that are pointed at or reached by arrow keys, and the sum that grows to the network's score."""

import re

import numpy as np
import pytest
from support.page_parts import expect, pixels, wait_for_heat, wait_until_idle

pytestmark = pytest.mark.browser

GRID = ".st-key-grid"
PARTIAL, WHOLE = ".st-key-picture_partial", ".st-key-picture_whole"
SHOWN = f"{GRID} .cell.shown"


@pytest.fixture
def inside(new_page):
    """The page as it opens from the first one; `sent` counts the messages that went to the server."""
    page = new_page()
    page.sent = 0

    def count(_) -> None:
        page.sent += 1

    page.on("websocket", lambda socket: socket.on("framesent", count))
    page.goto("/")
    wait_for_heat(page)
    page.get_by_role("link", name="Inside the map").first.click()
    expect(page.locator(f"{PARTIAL} img.heat")).to_be_visible()
    expect(page.locator(SHOWN)).to_have_count(1)
    wait_until_idle(page)
    return page


def shown(page) -> tuple[str, str]:
    """The place and the value of the cell that is taken apart."""
    return tuple(page.locator(f"{GRID} .{name}").inner_text() for name in ("place", "value"))


def place(page) -> list[int]:
    """Its row and column."""
    return [int(number) for number in re.findall(r"\d+", shown(page)[0])]


def equation(page) -> dict[str, str]:
    """The numbers of the equation by their names."""
    terms = page.locator(".inside-equation span").all_inner_texts()
    return {name: number for number, name in (term.split("\n") for term in terms if "\n" in term)}


def test_pointing_at_a_cell_takes_it_apart_without_the_server(inside):
    first, sent = shown(inside), inside.sent
    seen = set()
    for index in (0, 20, 41):
        cell = inside.get_by_role("gridcell").nth(index)
        cell.hover()
        expect(inside.locator(SHOWN)).to_have_count(1)
        assert "{}: {}".format(*shown(inside)) == cell.get_attribute("aria-label")
        seen.add(inside.locator(f"{GRID} table").inner_text())
    assert len(seen) == 3
    inside.locator("h1").hover()
    assert shown(inside) == first
    assert inside.sent == sent


def test_arrow_keys_move_from_cell_to_cell_and_stop_at_the_edges(inside):
    sent = inside.sent
    rows, columns = inside.locator(f"{GRID} .row").count(), inside.locator(f"{GRID} .row").first.locator("*").count()
    inside.locator(f"{GRID} [tabindex='0']").focus()
    row, column = place(inside)
    for key, step in {"ArrowRight": (0, 1), "ArrowDown": (1, 0), "ArrowLeft": (0, -1), "ArrowUp": (-1, 0)}.items():
        inside.keyboard.press(key)
        row, column = row + step[0], column + step[1]
        assert place(inside) == [row, column]
    for key, expected in {"Home": [row, 1], "ArrowLeft": [row, 1], "End": [row, columns]}.items():
        inside.keyboard.press(key)
        assert place(inside) == expected
    for _ in range(rows + 1):
        inside.keyboard.press("ArrowDown")
    assert place(inside) == [rows, columns]
    assert inside.locator(f"{GRID} .cell:focus").get_attribute("aria-label") == "{}: {}".format(*shown(inside))
    assert inside.locator(f"{GRID} [tabindex='0']").count() == 1
    assert inside.sent == sent


def test_the_cells_lie_over_the_photo_and_fill_it(inside):
    photo = inside.locator(f"{GRID} .frame img")
    assert photo.get_attribute("src").startswith("data:image/jpeg")
    frame = inside.locator(f"{GRID} .frame").bounding_box()
    boxes = [cell.bounding_box() for cell in inside.get_by_role("gridcell").all()]
    area = sum(box["width"] * box["height"] for box in boxes)
    assert area == pytest.approx(frame["width"] * frame["height"], rel=0.01)
    assert max(box["x"] + box["width"] for box in boxes) == pytest.approx(frame["x"] + frame["width"], abs=1)


def test_the_cells_are_as_large_as_the_photo_beside_them(inside):
    photo, cells = (inside.locator(f"{part} .frame").bounding_box() for part in (".st-key-picture_photo", GRID))
    assert [photo[side] for side in ("y", "width", "height")] == pytest.approx(
        [cells[side] for side in ("y", "width", "height")], abs=1
    )


def test_on_a_phone_each_calculation_of_the_table_is_as_wide_as_the_page(inside):
    inside.set_viewport_size({"width": 375, "height": 812})
    inside.wait_for_function("document.documentElement.scrollWidth <= 375")
    cells = inside.locator(".st-key-inside [data-testid=stMarkdownContainer] td:last-child").all()
    assert len(cells) == 2
    assert min(cell.bounding_box()["width"] for cell in cells) > 300


def test_the_slider_adds_feature_maps_until_map_and_score_are_the_networks_own(inside):
    slider = inside.locator(".st-key-inside_maps input")
    own = equation(inside)["the network's own score"]
    slider.press("Home")
    expect(inside.locator(f"{PARTIAL} .value")).to_have_text(re.compile("^0 of"))
    wait_until_idle(inside)
    numbers = equation(inside)
    assert float(numbers["mean of the map so far"]) == 0
    assert numbers["score so far"] == numbers["bias"]
    none = pixels(inside.locator(f"{PARTIAL} img.heat")).reshape(-1, 3)
    assert len(np.unique(none, axis=0)) == 1
    slider.press("End")
    expect(inside.locator(".inside-equation")).not_to_contain_text("so far")
    expect(inside.locator(f"{PARTIAL} .value")).to_have_text(re.compile(r"^([\d,]+) of \1$"))
    wait_until_idle(inside)
    numbers = equation(inside)
    assert numbers["score"] == numbers["the network's own score"]
    assert numbers["score"].startswith(own[:-1])
    partial, whole = (pixels(inside.locator(f"{name} img.heat")).astype(int) for name in (PARTIAL, WHOLE))
    assert np.abs(partial - whole).max() <= 8
    assert len(np.unique(partial.reshape(-1, 3), axis=0)) > 20
    inside.wait_for_url(re.compile(r"[?&]inside_maps=\d{4}\b"))
