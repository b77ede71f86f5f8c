"""While a network loads: the page is there, says so, and goes on by itself."""

from concurrent.futures import Future

import pytest
from streamlit.delta_generator import DeltaGenerator
from support.app_page import LITE0, LITE2, class_of, engine, gallery, open_page, picture, works
from support.compare_parts import open_compare, titles

from cam.app.components import picture as picture_ui
from cam.models.registry import find_spec
from cam.server import model_store


class Loading(Future):
    """A future that is not done until it was waited for."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def exception(self, timeout=None):
        if not self.done():
            self.set_result(self.model)
        return super().exception(timeout)


@pytest.fixture
def still_loading(monkeypatch, fresh):
    """Networks that are asked for start to load again."""
    models = {name: model_store.request_model(name).result() for name in (LITE0, LITE2)}
    futures = {name: Loading(model) for name, model in models.items()}
    monkeypatch.setattr(model_store, "request_model", futures.__getitem__)


@pytest.fixture
def waits(monkeypatch) -> list[dict]:
    """What the page showed while it waited."""
    shown, show = [], picture_ui.show_waiting

    def record(photo, **texts):
        shown.append({"photo": photo.title, **texts})
        show(photo, **texts)

    monkeypatch.setattr(picture_ui, "show_waiting", record)
    return shown


def test_the_page_says_which_network_loads_and_then_shows_the_heat(still_loading, waits):
    at = open_page(photo="crab")
    assert [wait["photo"] for wait in waits] == ["Crab"]
    assert find_spec(LITE2).title in waits[0]["text"]
    assert works(at) and class_of(at) == engine("crab").top(1)[0].index


def test_nothing_of_the_waiting_stays_on_the_page(still_loading, waits):
    at = open_page()
    assert len(waits) == 1
    assert [element.key for element in at.get("bidi_component")] == ["picture_photo", "picture_heat"]
    assert not [text.value for text in at.markdown if "Loading" in text.value or "appear here" in text.value]


def test_a_network_that_is_loaded_does_not_wait(still_loading, waits):
    at = open_page()
    gallery(at).set_value("crab").run()
    assert len(waits) == 1


def test_another_network_waits_for_itself(still_loading, waits):
    at = open_page()
    at.selectbox(key="network").set_value(LITE0).run()
    assert len(waits) == 2
    assert find_spec(LITE2).title in waits[0]["text"] and find_spec(LITE0).title in waits[1]["text"]
    assert works(at)


def test_the_widgets_are_there_before_the_network_is(monkeypatch, still_loading):
    """The page is looked at in the middle of its run, when it starts to wait."""
    asked = []
    monkeypatch.setattr(picture_ui, "show_waiting", lambda *_, **__: asked.append(set(widgets())))
    open_page()
    assert asked and {"network", "sample", "opacity", "colors", "fit", "box", "threshold", "classes"} <= asked[0]


def widgets() -> list[str]:
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    ids = get_script_run_ctx().shared.widget_ids_this_run.snapshot()
    return [text.rsplit("-", 1)[-1] for text in ids]


def test_the_photo_is_shown_while_the_network_loads(monkeypatch, still_loading):
    order = []
    for name in ("show_photo", "show_waiting", "show_heat"):
        show = getattr(picture_ui, name)
        monkeypatch.setattr(picture_ui, name, lambda *a, _n=name, _s=show, **k: (order.append(_n), _s(*a, **k)))
    at = open_page()
    assert order == ["show_photo", "show_waiting", "show_heat"]
    assert picture(at, "photo")["uri"]


def test_methods_say_that_they_wait_for_the_network_with_gradients(monkeypatch, waits):
    """A converted network is without the Keras network, which knows the layers, until that is asked for them."""
    model = model_store.request_model(LITE2).result()
    layers, lines, asked, write = model.layers, [], [], DeltaGenerator.markdown

    def load(_) -> tuple[str, ...]:
        asked.append(([line for line in lines if "Loading" in line], [wait["title"] for wait in waits]))
        return layers

    monkeypatch.setattr(
        DeltaGenerator, "markdown", lambda self, body, **k: (lines.append(body), write(self, body, **k))
    )
    monkeypatch.setattr(type(model), "has_keras", property(lambda _: bool(asked)))
    monkeypatch.setattr(type(model), "layers", property(load))
    at = open_compare(compare="Methods")
    line = f"Loading {find_spec(LITE2).title} for gradients: a few seconds, once."
    assert asked == [([line], ["CAM", "Grad-CAM", "Grad-CAM++", "Eigen-CAM"])]
    assert titles(at) == asked[0][1] and not at.exception
    assert not [text.value for text in at.markdown if "Loading" in text.value]
    at.run()
    assert len(waits) == len(titles(at))
