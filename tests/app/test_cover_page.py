"""The page "Cover it up": its numbers against the engine's, and one forward pass for each covered photo."""

import json
import re
from html import unescape

import numpy as np
import pyarrow.ipc
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest
from support.app_page import LITE0, LITE2, NAMES, decoded, engine, file_of, new_session, passes

from cam.analysis.occlusion import (
    FILLS,
    box_mask,
    cover,
    curve_area,
    deletion,
    hottest,
    insertion,
    random_heat,
    random_mask,
)
from cam.app import cache
from cam.app.pages.occlusion.page import format_short
from cam.app.pages.occlusion.passes import DRAWS
from cam.app.widgets.sample_gallery import list_samples
from cam.images.open import open_image, resized
from cam.server import model_store

SAMPLE = "german_shepherd"
DOG, MALINOIS = 235, 225
GREY, MEAN, BLUR = FILLS
BOX = (0.6, 0.1, 0.95, 0.5)


def open_cover(own: bytes | None = None, *, network: str = LITE0, box: tuple | None = None, **link: str) -> AppTest:
    """A new session that opens the page by a link, or with a photo, or a box on it, that was made before."""
    at = new_session("cover", own, network=network, **link)
    data = list_samples()[SAMPLE].path.read_bytes() if own is None else own
    if box is not None:
        at.session_state.cover_box = (cache.make_photo(data, "").digest, box)
    return at.run()


def html(at: AppTest, name: str) -> str:
    found = [row.proto.body for row in at.get("html") if f'class="{name}"' in row.proto.body]
    assert len(found) == 1
    return found[0]


def numbers(at: AppTest) -> list[str]:
    """Before, after, and at random."""
    return [unescape(text) for text in re.findall(r"<b>([^<]*)</b>", html(at, "cover-bars"))]


def best(at: AppTest) -> list[tuple[str, str]]:
    rows = re.findall(r"<span>([^<]*)</span><span>([^<]*)</span>", html(at, "cover-best"))
    return [(unescape(label), unescape(text)) for label, text in rows]


def layer(at: AppTest) -> np.ndarray:
    """uint8 (height, width, 4): what lies over the photo."""
    [found] = [row for row in at.get("bidi_component") if row.key == "picture_covered"]
    return np.asarray(decoded(json.loads(found.proto.json)[0]["heat"]))


class Expected:
    """What the page must say, worked out from the engine alone."""

    def __init__(self, data: bytes | str = SAMPLE, *, network: str = LITE0, index: int | None = None):
        data = list_samples()[data].path.read_bytes() if isinstance(data, str) else data
        self.model = model_store.request_model(network).result()
        self.whole = engine(data, network)
        self.index = self.whole.top(1)[0].index if index is None else index
        self.image = Image.fromarray(resized(open_image(data), self.whole.input_size))
        self.heat = self.whole.heatmap(self.index, size=self.image.size)
        self.cells = self.whole.features.shape[:2]

    def covered(self, hidden: np.ndarray, fill) -> float:
        return self.score(cover(self.image, hidden, fill))

    def score(self, image: Image.Image) -> float:
        return float(self.model.explain(image, fit="given").probabilities[self.index])

    def numbers(self, mask: np.ndarray, fill, keep: bool = False) -> list[str]:
        draws = [random_mask(self.image.size, self.cells, mask.mean(), seed) for seed in range(DRAWS)]
        assert {int(draw.sum()) for draw in draws} == {int(mask.sum())}
        others = [self.covered(~draw if keep else draw, fill) for draw in draws]
        before = float(self.whole.probabilities[self.index])
        return [format_short(value) for value in (before, self.covered(~mask if keep else mask, fill), np.mean(others))]


def choose(at: AppTest, key: str, value: object) -> AppTest:
    return at.button_group(key=key).set_value(value).run()


def test_the_page_opens_with_the_hottest_fifth_hidden_in_grey():
    at = open_cover()
    expected = Expected(index=DOG)
    assert not at.exception
    assert numbers(at) == expected.numbers(hottest(expected.heat, 0.2), GREY)
    words = html(at, "cover-bars")
    assert "Probability of German shepherd" in words and "Without the hottest 20\N{NO-BREAK SPACE}%" in words
    assert "As much hidden at random" in words
    assert f"mean of {DRAWS} draws" in words


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize(("share", "fill"), [(10, MEAN), (30, BLUR)])
def test_share_fill_and_deed_are_those_that_the_numbers_and_the_picture_have(keep, share, fill):
    at = open_cover()
    choose(at, "cover", "keep" if keep else "hide")
    choose(at, "cover_share", share)
    choose(at, "cover_fill", fill.name)
    expected = Expected(index=DOG)
    mask = hottest(expected.heat, share / 100)
    hidden = ~mask if keep else mask
    assert numbers(at) == expected.numbers(mask, fill, keep)
    drawn = layer(at)
    np.testing.assert_array_equal(drawn[..., 3] == 255, hidden)
    np.testing.assert_array_equal(drawn[..., 3] == 0, ~hidden)
    np.testing.assert_array_equal(drawn[hidden][:, :3], np.asarray(cover(expected.image, hidden, fill))[hidden])


def test_the_best_classes_are_those_of_the_covered_photo():
    at = open_cover()
    expected = Expected(index=DOG)
    covered = cover(expected.image, hottest(expected.heat, 0.2), GREY)
    rows = expected.model.explain(covered, fit="given").top(5)
    assert best(at) == [(row.label, format_short(row.probability)) for row in rows]


def test_a_box_by_hand_is_covered_and_compared_with_as_much_at_random():
    at = open_cover(box=BOX, cover_part="A box by hand")
    expected = Expected(index=DOG)
    mask = box_mask(expected.image.size, BOX)
    assert numbers(at) == expected.numbers(mask, GREY)
    np.testing.assert_array_equal(layer(at)[..., 3] == 255, mask)
    choose(at, "cover", "keep")
    assert numbers(at) == expected.numbers(mask, GREY, keep=True)
    assert "Only your box" in html(at, "cover-bars") and "As much kept at random" in html(at, "cover-bars")


def test_a_link_brings_the_box_and_the_page_writes_the_same_one():
    link = {"cover_part": "A box by hand", "cover_box": "0.6,0.1,0.95,0.5"}
    at = open_cover(**link)
    assert numbers(at) == numbers(open_cover(box=BOX, cover_part="A box by hand"))
    assert {key: at.query_params[key] for key in link} == link
    choose(at, "cover_part", "heat")
    assert "cover_box" not in at.query_params
    assert choose(at, "cover_part", "box").query_params["cover_box"] == link["cover_box"]


@pytest.mark.parametrize("wrong", ["", "box", "0.5", "0.9,0.1,0.2,0.5", "0,0,nan,1", "-1,0,1,1", "0,0,1,1,1"])
def test_a_link_with_what_is_no_box_covers_nothing(wrong):
    at = open_cover(cover_part="A box by hand", cover_box=wrong)
    assert not at.exception and len(numbers(at)) == 1
    assert not at.query_params.get("cover_box")


def test_without_a_box_nothing_is_covered_and_the_network_is_not_asked(fresh):
    open_cover()
    before = passes(LITE0)
    at = open_cover(cover_part="A box by hand")
    assert numbers(at) == [format_short(float(engine(SAMPLE, LITE0).probabilities[DOG]))]
    assert layer(at)[..., 3].max() == 0
    assert passes(LITE0) == before + 1  # the test's own


def test_a_box_of_another_photo_is_forgotten():
    at = open_cover(box=BOX, cover_part="A box by hand")
    at.selectbox(key="lesson_photo").set_value("koala").run()
    assert not at.exception
    assert len(numbers(at)) == 1
    assert "cover_box" not in at.query_params


def test_one_pass_a_covered_photo_and_none_for_what_was_seen_before(fresh):
    at = open_cover()
    seen = passes(LITE0)
    choose(at, "cover_share", 30)
    assert passes(LITE0) == (seen := seen + 1 + DRAWS)
    choose(at, "cover", "keep")
    assert passes(LITE0) == (seen := seen + 1 + DRAWS)
    for key, value in (("cover", "hide"), ("cover_share", 20), ("cover_share", 30)):
        choose(at, key, value)
    assert passes(LITE0) == seen
    # Another class has another heat, but what is hidden at random stays.
    at.selectbox(key="lesson_class").set_value(MALINOIS).run()
    assert passes(LITE0) == seen + 1


def test_another_session_asks_the_network_for_nothing_again(fresh):
    open_cover()
    seen = passes(LITE0)
    at = open_cover()
    assert len(numbers(at)) == 3
    assert passes(LITE0) == seen


def charts(at: AppTest) -> list[list[dict]]:
    """The rows of the charts' data."""
    sent = [row.proto.data.data for row in at.get("vega_lite_chart")]
    return [pyarrow.ipc.open_stream(table).read_all().to_pylist() for table in sent]


def test_the_curves_are_drawn_once_with_their_areas(fresh):
    at = open_cover()
    seen = passes(LITE0)
    assert charts(at) == []
    at.button(key="cover_draw").click().run()
    assert not at.exception
    # Two curves have the grey photo in common, two the blurred one and all four the whole one; the page opened with the
    # hottest fifth in grey and a random one.
    assert passes(LITE0) == seen + 84 - 1 - 1 - 3 - 2
    expected = Expected(index=DOG)
    random = random_heat(expected.image.size, expected.cells, 0)
    for chart, curve in zip(charts(at), (deletion, insertion), strict=True):
        lines = [list(curve(expected.score, expected.image, heat, steps=20)) for heat in (expected.heat, random)]
        assert [row["probability"] for row in chart] == pytest.approx(lines[0] + lines[1], abs=1e-6)
        names = list(dict.fromkeys(row["order"] for row in chart))
        areas = [curve_area(line) for line in lines]
        assert names == [f"Hottest first: area {areas[0]:.3f}", f"At random: area {areas[1]:.3f}"]
    # Without rows, which come a moment later, Vega would have no end of this axis and warn of it.
    specs = [json.loads(row.proto.spec) for row in at.get("vega_lite_chart")]
    assert [spec["encoding"]["x"]["scale"]["domain"] for spec in specs] == [[0, 1]] * 2
    seen = passes(LITE0)
    choose(at, "cover_fill", "grey")
    assert len(charts(at)) == 2
    assert passes(LITE0) == seen


def test_the_curve_starts_at_the_probability_of_the_whole_photo(noise_photo):
    # Seen at 10 x 9 cells, a shape that on its own would be seen at 9 x 9.
    data = file_of(noise_photo(559, 500), "PNG")
    expected = Expected(data)
    assert expected.image.size == (320, 288)
    assert next(deletion(expected.score, expected.image, expected.heat, steps=1)) == expected.whole.probabilities.max()
    at = open_cover(data)
    assert numbers(at) == expected.numbers(hottest(expected.heat, 0.2), GREY)


def test_a_class_without_evidence_says_so():
    explanation = engine("espresso", LITE2)
    maxima = (explanation.features @ explanation.weight).max(axis=(0, 1))
    barren = int(maxima.argmin())
    assert maxima[barren] <= 0
    at = open_cover(network=LITE2, **{"photo": "espresso", "class": NAMES[barren]})
    assert not at.exception
    assert any("No region is evidence for" in row.value for row in at.markdown)
    expected = Expected("espresso", network=LITE2, index=barren)
    assert numbers(at) == expected.numbers(hottest(expected.heat, 0.2), GREY)


@pytest.mark.parametrize("size", [(1600, 160), (160, 1600), (90, 90)])
def test_flat_photos_of_any_shape_are_covered(size):
    data = file_of(Image.new("RGB", size, (30, 90, 200)), "PNG")
    at = open_cover(data, cover_fill="Mean colour")
    assert not at.exception
    expected = Expected(data)
    # What is hidden had the mean colour already.
    assert numbers(at)[0] == numbers(at)[1] == numbers(at)[2]
    assert layer(at).shape[:2] == expected.heat.shape


def test_the_network_with_random_weights_is_covered_too():
    at = open_cover(network="efficientnet-lite2-random")
    assert not at.exception
    expected = Expected(network="efficientnet-lite2-random")
    assert numbers(at) == expected.numbers(hottest(expected.heat, 0.2), GREY)


@pytest.mark.parametrize("key", ["cover", "cover_part", "cover_share", "cover_fill"])
def test_a_link_with_an_empty_value_opens_with_the_first_choice(key):
    at = open_cover(**{key: ""})
    assert not at.exception
    assert "Without the hottest 20\N{NO-BREAK SPACE}%" in html(at, "cover-bars")


@pytest.mark.parametrize(("probability", "text"), [(0.2, "20 %"), (0.0001, "< 0.1 %"), (0.9999, "> 99.9 %")])
def test_a_number_is_short_and_in_one_piece(probability, text):
    assert format_short(probability) == text.replace(" ", "\N{NO-BREAK SPACE}")
