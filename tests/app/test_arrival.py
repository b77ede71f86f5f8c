"""The page as it opens: a sample is explained before anything is touched."""

import numpy as np
import pytest
from support.app_page import LITE2, NAMES, engine, gallery, open_page, picture, works

from cam.app.widgets.sample_gallery import DEFAULT, list_samples
from cam.formatting import format_percent


@pytest.fixture(scope="module")
def page():
    return open_page()


def test_the_page_opens_with_the_sample_explained_and_nothing_to_complain_about(page):
    assert works(page)
    assert [*page.error, *page.warning, *page.info] == []
    assert (gallery(page).value, page.selectbox(key="network").value) == (DEFAULT, LITE2)


def test_the_photo_stands_with_its_title_and_credit(page):
    sample, shown = list_samples()[DEFAULT], picture(page, "photo")
    assert (shown["title"], shown["below"]) == (sample.title, sample.credit)
    assert shown["uri"].startswith("data:image/jpeg;base64,")


def test_the_heat_is_of_the_top_class_and_says_its_probability(page):
    best, heat = engine(DEFAULT).top(1)[0], picture(page, "heat")
    assert heat["title"] == f"Evidence for {best.label}"
    assert heat["value"] == format_percent(best.probability)


def test_the_photo_is_sent_once_and_the_heat_takes_it_by_its_digest(page):
    photo, heat = picture(page, "photo"), picture(page, "heat")
    assert heat["uri"] is None
    assert (heat["id"], heat["width"], heat["height"]) == (photo["id"], photo["width"], photo["height"])


def test_the_list_is_the_five_best_classes_with_their_probabilities(page):
    best, row = engine(DEFAULT).top(5), page.radio(key="row")
    assert row.options == [prediction.label for prediction in best]
    assert list(row.proto.captions) == [format_percent(prediction.probability) for prediction in best]
    assert row.value == best[0].index


def test_the_bars_are_as_long_as_the_probabilities(page):
    sent = "".join(html.body for html in page.get("html"))
    for place, prediction in enumerate(engine(DEFAULT).top(5), 1):
        assert f"> div:nth-child({place}) {{ --share: {100 * prediction.probability:.2f}% }}" in sent


def test_the_status_says_what_the_network_was_given(page):
    explanation = engine(DEFAULT)
    (width, height), (rows, columns, _) = explanation.input_size, explanation.features.shape
    said = [text.value for text in page.markdown if "million parameters" in text.value]
    assert len(said) == 1
    assert f"{width} × {height} pixels" in said[0] and f"{columns} × {rows} cells" in said[0]


def test_every_class_can_be_searched_by_name(page):
    options = page.selectbox(key="search").options
    assert len(options) == 1000
    assert [text.split(", ")[0] for text in options] == list(NAMES)


@pytest.mark.parametrize(
    ("probability", "text"),
    [(1.0, "above 99.9 %"), (0.784, "78 %"), (0.0996, "10 %"), (0.0994, "9.9 %"), (0.0341, "3.4 %"), (0.001, "0.1 %")],
)
def test_a_probability_is_written_as_it_is_read_aloud(probability, text):
    assert format_percent(probability) == text


@pytest.mark.parametrize("probability", [0.0009999, 1e-9, 0.0, float(np.float32(1e-30))])
def test_a_tiny_probability_is_not_said_to_be_zero(probability):
    assert format_percent(probability) == "below 0.1 %"
