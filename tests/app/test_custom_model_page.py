"""One's own network on the page: the form for what was guessed, files that come and go, and hostile names."""

import json

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from support.app_page import LESSON, LITE0, LITE2, heat_pixels, open_lesson, open_page, picture, run_with_open, works
from support.compare_parts import open_compare, titles
from support.custom_networks import correct, save_flat, save_gap

import cam
from cam.app.widgets import custom_model_form, download_menu
from cam.app.widgets.sample_gallery import DEFAULT, list_samples
from cam.custom_models.sidecar import read_sidecar
from cam.models.registry import find_spec
from cam.render import heat_layer
from cam.server import model_store
from cam.settings import library_options

HOSTILE = "<b>x</b> ![a](http://x/y.png)"
# What a label or title would be read as, where it was not escaped.
READ = ("<b>x</b>", "![a](", "\n# heading", "$x$")


@pytest.fixture
def gap(own) -> str:
    """The name of a network for photos of any size, of which nothing was said."""
    save_gap(own, "gap")
    return "own/gap"


def status(at) -> str:
    return next(text.value for text in at.markdown if "pixels · maps" in text.value)


def labels_of(at) -> tuple[str, ...]:
    return at.session_state.class_names


def sidecar_of(monkeypatch, name: str) -> tuple[str, str]:
    """The name and the text of the file that the page offers for a network."""
    offered, button = [], custom_model_form.st.download_button
    with monkeypatch.context() as patch:
        patch.setattr(custom_model_form.st, "download_button", lambda *a, **k: (offered.append(a), button(*a, **k)))
        open_page(network=name)
    ((_, text, file, _),) = offered
    return file, text


def test_networks_of_ones_own_stand_after_the_embedded_ones_by_title(own):
    save_gap(own, "gap", title="Ours")
    save_flat(own, "flat")
    options = open_page().selectbox(key="network").options
    first = options.index(find_spec(LITE2).title)
    assert options[first + 3 : first + 5] == ["flat", "Ours"]


def test_the_form_shows_what_is_known_and_names_what_was_guessed(gap):
    at = open_page(network=gap)
    assert at.expander[0].label == (
        "gap. Guessed: the names of its classes, what its numbers stand for, its input size. Check them here"
    )
    assert at.text_area[0].value == "class 0\nclass 1\nclass 2"
    assert at.selectbox(key="own_preprocessing_own/gap").value == "0..1"
    assert at.number_input[0].value == 224


def test_a_network_that_is_not_ones_own_has_no_form(gap):
    assert not open_page().expander


def test_what_a_sidecar_says_is_not_called_a_guess(own):
    save_gap(own, "gap", labels=["a", "b", "c"], preprocessing="-1..1", size=64)
    at = open_page(network="own/gap")
    assert at.expander[0].label == "gap. What is known of it, to be corrected here"
    assert set(labels_of(at)) == {"a", "b", "c"} and at.number_input[0].value == 64


def test_a_correction_is_what_the_engine_says_with_these_numbers(gap, own):
    at = correct(open_page(network=gap), "red\ngreen\nblue", preprocessing="0..255", size=96)
    assert works(at) and not at.error and "Guessed" not in at.expander[0].label
    (own / "gap.json").write_text(
        json.dumps({"labels": ["red", "green", "blue"], "preprocessing": "0..255", "size": 96})
    )
    explanation = cam.load_model(gap, options=library_options()).explain(cam.open_image(list_samples()[DEFAULT].path))
    best = explanation.top(1)[0]
    assert picture(at, "heat")["title"] == f"Evidence for {best.label}"
    assert "sees {} × {} pixels".format(*explanation.input_size) in status(at)
    height, width, _ = heat_pixels(at).shape
    expected = heat_layer(explanation.heatmap(best.index, size=(width, height))).convert("RGB")
    np.testing.assert_array_equal(heat_pixels(at), np.asarray(expected))


def test_a_correction_is_for_this_session_on_all_its_pages_and_can_be_corrected_again(gap):
    at, other = correct(open_page(network=gap), "red\ngreen\nblue"), open_page(network=gap)
    at.selectbox(key="network").set_value(LITE0).run()
    at.selectbox(key="network").set_value(gap).run()
    assert labels_of(at) == ("red", "green", "blue")
    assert at.text_area[0].value == "red\ngreen\nblue"
    correct(at, "one\ntwo\nthree")
    assert labels_of(at) == ("one", "two", "three")
    assert labels_of(other.run()) == labels_of(open_page(network=gap)) == ("class 0", "class 1", "class 2")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("red\ngreen", "The network has 3 classes, but there are 2 names. Give one a line."),
        ("", "The network has 3 classes, but there are 0 names. Give one a line."),
        ("red\n\nRED\ngreen\n", "Two classes have the same name. Give each a name of its own."),
        (f"red\ngreen\n{'b' * 201}", "is no name: one has up to 200 letters, and no control characters."),
        ("red\ngreen\nbl\x07ue", "is no name: one has up to 200 letters, and no control characters."),
    ],
)
def test_names_that_cannot_be_used_are_said_and_nothing_is_lost(gap, typed, said):
    at = open_page(network=gap)
    before = picture(at, "heat")
    correct(at, typed)
    assert len(at.error) == 1 and at.error[0].value.endswith(said)
    assert works(at) and picture(at, "heat") == before
    assert at.text_area[0].value == typed
    correct(at, "red\ngreen\nblue")
    assert not at.error and labels_of(at) == ("red", "green", "blue")


def test_the_file_that_is_saved_says_what_the_page_uses_and_is_understood_beside_the_model(gap, own, monkeypatch):
    file, text = sidecar_of(monkeypatch, gap)
    assert file == "gap.json"
    (own / file).write_text(text, encoding="utf-8")
    said = read_sidecar(own / file)
    assert said == custom_model_form.Sidecar("gap", ("class 0", "class 1", "class 2"), "0..1", 224)
    # As a server that starts now.
    model_store._models.clear()
    assert "Guessed" not in open_page(network=gap).expander[0].label


def test_a_network_for_photos_smaller_than_any_form_allows_opens_and_its_file_is_understood(own, monkeypatch):
    save_gap(own, "small", side=8)
    at = open_page(network="own/small")
    assert works(at) and at.number_input[0].value == 8
    file, text = sidecar_of(monkeypatch, "own/small")
    (own / file).write_text(text)
    assert read_sidecar(own / file).size is None


def test_what_is_saved_of_a_network_is_named_without_its_folder_and_correction(gap, monkeypatch):
    names, button = [], download_menu._button
    monkeypatch.setattr(
        download_menu, "_button", lambda row, label, name, *rest: (names.append(name), button(row, label, name, *rest))
    )
    run_with_open(correct(open_page(network=gap), "a/b\nc:d\ne f"), "Save")
    assert names and all(name.startswith(f"{DEFAULT}-") and "-gap" in name for name in names)
    assert not [name for name in names if set(name) & set('/\\:*?"<>|@ ')]


def test_the_second_network_of_a_comparison_is_another_one_and_is_corrected_too(own):
    for name in ("one", "two"):
        save_gap(own, name)
    at = open_compare(network="own/one", compare="Networks", second="two")
    rows = {name: model_store.loaded_model(f"own/{name}").spec for name in ("one", "two")}
    at.session_state.corrections = {
        f"own/{name}": model_store.correct(row, labels=(f"{name} 0", "both", f"{name} 2")) for name, row in rows.items()
    }
    at.session_state.chosen = 1
    at.session_state.class_names = (rows["one"].labels[0], "both", rows["one"].labels[2])
    at.run()
    assert "one" not in at.selectbox(key="second").options
    assert titles(at) == ["one", "two"] and not [*at.exception, *at.warning]


def test_a_class_that_the_other_network_does_not_know_gives_way_to_its_best(own):
    save_gap(own, "gap", labels=["red", "tabby", "blue"])
    at = open_page(network="own/gap", **{"class": "tabby"})
    assert picture(at, "heat")["title"] == "Evidence for tabby"
    at.radio(key="row").set_value(2).run()
    at.selectbox(key="network").set_value(LITE2).run()
    assert picture(at, "heat")["title"] == "Evidence for Egyptian cat" and at.session_state.chosen is None


def test_a_class_stays_chosen_by_its_name_where_the_other_network_knows_it(own):
    save_gap(own, "gap", labels=["red", "tabby", "blue"])
    at = open_page(network=LITE2, **{"class": "tabby"})
    at.selectbox(key="network").set_value("own/gap").run()
    assert at.radio(key="row").value == 1 and picture(at, "heat")["title"] == "Evidence for tabby"
    at.selectbox(key="network").set_value(LITE2).run()
    assert works(at) and picture(at, "heat")["title"] == "Evidence for tabby"


def test_a_link_with_a_class_that_the_network_does_not_have_is_said(gap):
    at = open_page(network=gap, **{"class": "unicorn"})
    assert works(at) and len(at.error) == 1 and "unicorn" in at.error[0].value
    assert not at.run().error


def test_a_link_to_a_correction_is_no_network(gap):
    row = model_store.correct(model_store.loaded_model(gap).spec, labels=("a", "b", "c"))
    at = open_page(network=row.name)
    assert works(at) and "There is no network" in at.error[0].value
    assert at.selectbox(key="network").value == LITE2


@pytest.mark.parametrize("page", ["see", "inside", "compare", "cover", "guess"])
def test_a_network_whose_file_is_taken_away_is_said_and_another_one_is_shown(gap, own, page):
    at = open_page(network=gap) if page == "see" else open_lesson(page, network=gap, case="This photo")
    assert not at.exception and not at.error
    (own / "gap.keras").unlink()
    at.run()
    assert not at.exception
    assert [error.value for error in at.error] == [
        "The network 'own/gap' is not there any more. You see EfficientNet-Lite2."
    ]
    assert at.selectbox(key="network").value == LITE2
    assert not at.run().error and not at.exception


def test_a_folder_that_is_none_is_said_and_the_page_opens(server, monkeypatch, tmp_path):
    monkeypatch.setenv("CAM_MODELS", str(tmp_path / "nothing"))
    at = open_page()
    assert works(at) and "CAM_MODELS must name a folder" in at.warning[0].value


def test_a_folder_that_is_taken_away_leaves_the_other_networks(gap, own):
    at = open_page(network=gap)
    (own / "gap.keras").unlink()
    own.rmdir()
    at.run()
    assert works(at) and at.selectbox(key="network").value == LITE2
    assert "CAM_MODELS" in at.warning[0].value


def test_a_broken_model_leaves_the_correction_of_the_one_that_is_still_shown(gap, own):
    (own / "broken.keras").write_bytes(b"nothing")
    at = correct(open_page(network=gap), "red\ngreen\nblue")
    at.selectbox(key="network").set_value("own/broken").run()
    assert works(at) and "broken.keras cannot be opened" in at.warning[0].value
    assert at.warning[0].value.endswith("You still see gap.")
    assert labels_of(at) == ("red", "green", "blue")


def test_a_sidecar_that_is_mended_is_read_again(own):
    save_gap(own, "gap", labels=["only one"])
    at = open_page(network="own/gap")
    assert works(at) and "'labels' must name 3 classes" in at.warning[0].value
    (own / "gap.json").write_text('{"labels": ["a", "b", "c"]}')
    at.run()
    assert works(at) and not at.warning and labels_of(at) == ("a", "b", "c")


@pytest.fixture
def hostile(own) -> str:
    save_gap(own, "hostile", classes=2, title=HOSTILE, labels=[HOSTILE, "# heading $x$"], size=32, preprocessing="0..1")
    save_flat(own, "flat")
    return "own/hostile"


def unescaped(at: AppTest) -> list[str]:
    """What of the names is in a text that the browser reads as Markdown or HTML, as it was in the file."""
    texts = [part.value for kind in (at.markdown, at.warning, at.error, at.info, at.caption) for part in kind]
    texts += [option for radio in at.radio for option in radio.options]
    texts += [part.label for kind in (at.expander, at.button, at.selectbox, at.multiselect, at.radio) for part in kind]
    texts += [part.proto.help for part in at.selectbox]
    texts += [part.label for part in at.get("download_button")]
    bodies = "".join(part.proto.body for part in at.get("html"))
    return [name for name in READ if name in "\n".join(["", *texts])] + ["in HTML"] * ("<b>x</b>" in bodies)


@pytest.mark.parametrize("chosen", [HOSTILE, "# heading $x$"])
def test_names_from_a_file_are_never_read_as_markdown_or_html(hostile, chosen):
    link = {"network": hostile, "class": chosen}
    at = open_page(**link)
    assert works(at) and not at.error and unescaped(at) == []
    assert picture(at, "heat")["title"] == f"Evidence for {chosen}"
    for page in LESSON:
        at = open_lesson(page, case="This photo", **link)
        assert not at.exception and not at.error and unescaped(at) == [], page
    for view in ("Difference", "Methods", "Networks", "Whole and squashed"):
        at = open_compare(compare=view, **link)
        assert not at.exception and not at.error and unescaped(at) == [], view


def test_names_from_a_file_are_never_read_where_another_network_is_shown(hostile, own):
    at = open_page(network=hostile)
    (own / "broken.keras").write_bytes(b"nothing")
    at.run().selectbox(key="network").set_value("own/broken").run()
    assert len(at.warning) == 1 and "You still see" in at.warning[0].value and unescaped(at) == []


def test_the_test_of_names_would_notice_them():
    texts = f"st.markdown({HOSTILE!r})", "st.markdown('# heading $x$')", f"st.html({HOSTILE!r})"
    at = AppTest.from_string("\n".join(["import streamlit as st", *texts])).run()
    assert unescaped(at) == [*READ, "in HTML"]
