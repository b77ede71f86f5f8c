"""Who waits for the photos of others is told so, and nobody sees it afterwards."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from streamlit.delta_generator import DeltaGenerator
from support.app_page import LITE2, file_of, open_page, passes, picture, upload, works

from cam import sandbox, turns
from cam.app import queue_message
from cam.server import model_store
from cam.settings import read_settings


@pytest.fixture
def said(monkeypatch):
    """The sentences that were said, and an event that is set by the first."""
    sentences, event, markdown = [], threading.Event(), DeltaGenerator.markdown

    def recorded(self, body, *arguments, **options):
        if body == queue_message.WAITING:
            sentences.append(body)
            event.set()
        return markdown(self, body, *arguments, **options)

    monkeypatch.setattr(DeltaGenerator, "markdown", recorded)
    monkeypatch.setattr(turns, "PATIENCE", 0.01)
    return sentences, event


@contextlib.contextmanager
def every_turn():
    """Somebody else has all turns of the network inside the block."""
    turns = model_store.loaded_model(LITE2).backend.turns
    with contextlib.ExitStack() as stack:
        for _ in range(turns.free):
            stack.enter_context(turns)
        yield


def shown(at) -> list[str]:
    return [text.value for text in at.markdown if text.value == queue_message.WAITING]


def test_who_waits_is_told_and_the_sentence_goes_when_the_turn_comes(said, noise_photo):
    sentences, event = said
    data = file_of(noise_photo(300, 200, 41))
    at = open_page()
    passed = passes()
    with ThreadPoolExecutor(1) as pool:
        with every_turn():
            future = pool.submit(upload, at, data)
            assert event.wait(30)
            assert passes() == passed
        future.result(60)
    assert sentences
    assert passes() == passed + 1
    assert works(at) and shown(at) == []


def test_who_waits_for_a_photo_to_be_decoded_is_told_too(said, noise_photo):
    sentences, event = said
    data = file_of(noise_photo(300, 200, 43))
    at = open_page()
    decodes, _ = sandbox._lines(read_settings().decodes)
    with ThreadPoolExecutor(1) as pool:
        with contextlib.ExitStack() as stack:
            for _ in range(decodes.free):
                stack.enter_context(decodes)
            future = pool.submit(upload, at, data)
            assert event.wait(30)
        future.result(60)
    assert sentences and works(at) and shown(at) == []


def test_what_was_said_to_one_is_not_kept_for_who_brings_the_same_photo(said, noise_photo):
    sentences, event = said
    data = file_of(noise_photo(300, 200, 42))
    first, second = open_page(), open_page()
    with ThreadPoolExecutor(1) as pool:
        with every_turn():
            future = pool.submit(upload, first, data)
            assert event.wait(30)
        future.result(60)
    count = len(sentences)
    upload(second, data)
    assert works(second) and shown(second) == [] and len(sentences) == count
    assert picture(second, "heat") == picture(first, "heat")
