"""The download of missing weights: its button, its progress, its end."""

import dataclasses
import hashlib
import os
import re
import threading

import pytest
import streamlit as st
from support.app_page import DOG, LITE2, RESNET50, class_of, everything_sent, open_page, passes, works

from cam.app.widgets import network_picker
from cam.errors import ModelError
from cam.models import registry
from cam.models.weights import KerasFile
from cam.server import model_store

NO_NETWORK = "The weights could not be downloaded: the network is not reached."


class Held:
    """A download that stops at 42 % until it is told how it ends."""

    def __init__(self):
        self.started, self.go = threading.Event(), threading.Event()
        self.calls = 0
        self.error = None

    def __call__(self, source, progress=None):
        self.calls += 1
        progress(0.42)
        self.started.set()
        assert self.go.wait(30)
        if self.error:
            raise self.error
        return source.path

    def end(self, error=None):
        """Let it end; it has ended when this returns."""
        self.error = error
        self.go.set()
        return model_store.find_download(RESNET50).end.exception(timeout=30)


@pytest.fixture
def held(monkeypatch):
    download = Held()
    monkeypatch.setattr(KerasFile, "download", lambda self, progress: download(self, progress))
    yield download
    download.go.set()


@pytest.fixture
def running(held):
    """A page on which the download was started."""
    at = open_page()
    at.button(key="download").click().run()
    assert held.started.wait(30)
    return at.run()


def test_the_button_says_which_network_and_how_many_megabytes():
    at = open_page()
    assert [button.key for button in at.button] == ["download"]
    assert "ResNet-50" in at.button[0].label and "98 MB" in at.button[0].label


def test_no_download_starts_by_itself(held):
    open_page(network=RESNET50).run()
    assert held.calls == 0 and model_store.find_download(RESNET50) is None


def test_a_running_download_shows_how_far_it_is_in_place_of_the_button(running):
    assert [bar.value for bar in running.progress] == [42]
    assert not running.button


def test_the_page_works_while_a_download_runs(running):
    running.radio(key="row").set_value(DOG).run()
    assert works(running) and class_of(running) == DOG
    running.selectbox(key="network").set_value(RESNET50).run()
    assert works(running) and len(running.progress) == 1


def test_another_session_sees_the_download_and_does_not_start_a_second(running, held):
    other = open_page()
    assert [bar.value for bar in other.progress] == [42]
    assert not other.button and held.calls == 1


def test_two_sessions_that_press_the_button_share_one_download(held):
    one, two = open_page(), open_page()
    one.button(key="download").click().run()
    assert held.started.wait(30)
    two.button(key="download").click().run()
    assert held.calls == 1
    assert len(two.progress) == 1


def test_a_failed_download_says_why_and_can_be_tried_again(running, held):
    held.end(ModelError(NO_NETWORK))
    running.run()
    assert works(running) and not running.progress
    assert [error.value for error in running.error] == [NO_NETWORK]
    held.go.clear()
    running.button(key="download").click().run()
    assert held.calls == 2
    assert not running.run().error and len(running.progress) == 1


def test_an_error_in_the_program_is_not_hidden_and_its_details_are_for_the_log(running, held, capfd):
    held.end(ZeroDivisionError("a mistake"))
    running.run()
    assert len(running.exception) == 1
    assert "a mistake" not in everything_sent(running) and "network_picker.py" not in everything_sent(running)
    assert "ZeroDivisionError: a mistake" in re.sub(r"\x1b\[[\d;]*m", "", "".join(capfd.readouterr()))


def test_a_download_that_ends_while_its_progress_is_drawn_draws_the_page_anew(running, held, monkeypatch):
    download = model_store.find_download(RESNET50)
    held.end(ModelError(NO_NETWORK))
    answers = iter([model_store.Download(share=0.9)])
    monkeypatch.setattr(network_picker.model_store, "find_download", lambda name: next(answers, download))
    running.run()
    assert works(running) and not running.progress
    assert [error.value for error in running.error] == [NO_NETWORK]


def test_a_download_that_arrives_while_its_progress_is_drawn_is_announced(running, held, monkeypatch):
    download = model_store.find_download(RESNET50)
    held.end()
    answers = iter([model_store.Download(share=0.9)])
    monkeypatch.setattr(network_picker.model_store, "find_download", lambda name: next(answers, download))
    running.run()
    assert works(running) and not running.error
    assert len(running.toast) == 1 and "ResNet-50" in running.toast[0].value
    assert not running.run().toast


@pytest.fixture
def stand_in(resnet50_home, monkeypatch):
    """A download that brings stand-in weights, which the registry's row takes for the real ones."""
    spec = registry.find_spec(RESNET50)
    file = resnet50_home / "models" / spec.source.path.name
    source = dataclasses.replace(spec.source, checksum=hashlib.md5(file.read_bytes()).hexdigest())
    rows = tuple(dataclasses.replace(spec, source=source) if row is spec else row for row in registry._SPECS)
    monkeypatch.setattr(registry, "_SPECS", rows)

    def download(self, progress):
        self.path.parent.mkdir(parents=True)
        os.link(file, self.path)
        return self.path

    monkeypatch.setattr(KerasFile, "download", download)
    yield
    # What ResNet-50 said must not be known to the tests in which it has no weights.
    st.cache_resource.clear()


def test_weights_that_arrive_are_used_by_every_session_that_wants_them(stand_in):
    wanting, other = open_page(network=RESNET50), open_page()
    assert wanting.warning and wanting.button
    wanting.button(key="download").click().run()
    model_store.find_download(RESNET50).end.result(timeout=30)
    wanting.run()
    assert works(wanting) and not [*wanting.warning, *wanting.error, *wanting.button, *wanting.progress]
    assert passes(RESNET50) == 1
    assert any("**ResNet-50**" in text.value for text in wanting.markdown)
    assert other.run().selectbox(key="network").value == LITE2 and not other.button
    assert open_page().selectbox(key="network").value == RESNET50
